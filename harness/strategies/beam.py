"""Beam search: keep the num_beams likeliest partial continuations, and return the best finished one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from harness.knobs import Count, Positive, PositiveCount, checked
from harness.strategies.base import Finished, Prefill, Step, Strategy, View
from harness.strategies.edits import Biases, Phrases, edits
from harness.strategies.hypotheses import Hypotheses, continuations
from harness.strategies.order import ordered
from harness.transforms import Transform, chain
from harness.transforms.phrases import Phrase

EarlyStopping = bool | Literal["never"]
# Within these bounds the scores of texts of up to 2,000 tokens stay inside the range of float32.
LengthPenalty = Annotated[float, Field(ge=-10, le=10, allow_inf_nan=False)]


@dataclass(frozen=True, slots=True)
class State:
    """Where the search of every request stands. The running hypotheses themselves are the rows."""

    scores: Tensor  # [requests, beams] sum of log-probabilities, best first; -inf: the row is a copy to be ignored
    finished: Hypotheses
    done: Tensor  # [requests] bool; what is finished by then stays as it is


@dataclass(frozen=True)
class Beam(Strategy[State]):
    """Beam search (Sutskever et al., 2014, section 3.2; Freitag & Al-Onaizan, 2017) as transformers does it.

    Every step looks at the num_beams * max(2, 1 + n_eos) best one-token extensions of the running hypotheses, so that
    num_beams of them can always run on. One that ends in eos is finished if it is among the first num_beams, and
    forgotten if not. At the length limit the first num_beams are finished as they are. Which of several exactly equal
    extensions are looked at is up to `torch.topk`.

    A finished hypothesis is ranked by sum of log-probabilities / generated tokens ** length_penalty, the closing eos
    counted and the prompt not. Wu et al. (2016, section 7) divide by ((5 + length) / 6) ** alpha instead, and add a
    coverage term: their alpha is not this length_penalty.

    It differs from transformers where a request has fewer than num_beams extensions with any probability: there,
    placeholders with a score of -1e9 can take the place of finished hypotheses; here they never do.
    """

    num_beams: int
    length_penalty: float
    early_stopping: EarlyStopping
    transform: Transform

    @property
    def width(self) -> int:  # type: ignore[override]
        """A row per running hypothesis."""
        return self.num_beams

    def start(self, prefill: Prefill) -> State:
        """The rows start equal, so only the first one counts."""
        requests, device = len(prefill.history), prefill.history.device
        scores = torch.full((requests, self.num_beams), -torch.inf, device=device)
        scores[:, 0] = 0.0
        none = Hypotheses.none(requests, self.num_beams, device)
        return State(scores, none, torch.zeros(requests, dtype=torch.bool, device=device))

    def step(self, view: View, state: State) -> tuple[Step, State]:
        """Extend the running hypotheses, and set aside those that finish."""
        beams, requests = self.num_beams, len(state.scores)
        scores, parents, tokens = self.extensions(view, state.scores, choices(view) * beams)
        rows = torch.arange(0, requests * beams, beams, device=parents.device)[:, None] + parents
        ended = torch.zeros_like(tokens, dtype=torch.bool)
        for eos in view.eos:
            ended |= tokens == eos

        length = torch.full_like(view.limit, view.step + 1)
        last = length >= view.limit
        finishes = (ended | last[:, None])[:, :beams] & ~state.done[:, None]
        ranks = self.normalised(scores[:, :beams], length).masked_fill(~finishes, -torch.inf)
        finished = state.finished
        if finishes.any():  # rare, and the values of their last tokens take another pass over the logits
            finished = finished.add(ranks, *continuations(view, rows[:, :beams], tokens[:, :beams]))

        running, order = (
            s[:, :beams] for s in scores.masked_fill(ended, -torch.inf).sort(descending=True, stable=True)
        )
        rows, tokens = rows.gather(1, order), tokens.gather(1, order)
        optimistic = self.early_stopping == "never" and self.length_penalty > 0
        hope = self.normalised(running[:, :1], view.limit if optimistic else length)[:, 0]
        done = state.done | last | ~(hope > finished.worst)
        if self.early_stopping is True or beams == 1:  # one beam is greedy search, which stops at its first eos
            done = done | (finished.worst > -torch.inf)
        return Step(tokens.flatten(), rows.flatten(), done), State(running, finished, done)

    def finish(self, history: Tensor, values: Tensor, state: State, request: int) -> Finished:
        """The best finished hypothesis; the best running one if there is none."""
        best = state.finished.tokens[request, 0]
        if state.finished.scores[request, 0] == -torch.inf:
            return Finished(history[0], values[0])
        written = best >= 0
        score = float(state.finished.scores[request, 0])
        return Finished(best[written], state.finished.values[request, 0][written], score)

    def extensions(self, view: View, scores: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
        """The extensions that a step considers, in the order in which they may finish.

        Args:
            view: of the step.
            scores: [requests, beams] of the running hypotheses.
            count: how many extensions to take.

        Returns:
            [requests, count] each: their scores, which hypothesis they extend, and by which token.
        """
        plain = type(self).logprobs is Beam.logprobs and type(self).candidates is Beam.candidates
        if plain and self.transform == chain() and (count <= view.nodes.first or view.nodes.first == view.nodes.vocab):
            # The best `count` extensions of all hypotheses are among the best `count` of each.
            likeliest = view.nodes.prefix
            tokens = likeliest.tokens[view.node, :count].view(*scores.shape, -1)
            logprobs = view.nodes.logprob(view.node[:, None], tokens.flatten(0, 1)).view_as(tokens)
            best = (logprobs + scores[..., None]).flatten(1).topk(count)
            return best.values, best.indices // tokens.shape[2], tokens.flatten(1).gather(1, best.indices)
        total = self.logprobs(view).view(*scores.shape, -1) + scores[..., None]
        chosen, flat = self.candidates(total.flatten(1), count, view)
        return chosen, flat // view.nodes.vocab, flat % view.nodes.vocab

    def logprobs(self, view: View) -> Tensor:
        """[rows, vocab] what a token adds to a hypothesis. The transform acts on log-probabilities, not on logits."""
        return self.transform(view.logits.log_softmax(-1), view)

    def candidates(self, total: Tensor, count: int, view: View) -> tuple[Tensor, Tensor]:
        """The best of all extensions, or the drawn ones, in the order in which they may finish.

        Args:
            total: [requests, beams * vocab] score of every extension.
            count: how many to take.
            view: of the step.

        Returns:
            Their scores and their indices into `total`, [requests, count] each.
        """
        best = total.topk(count)
        return best.values, best.indices

    def normalised(self, scores: Tensor, length: Tensor) -> Tensor:
        """[requests, n] scores / [requests] lengths ** length_penalty."""
        return scores / (length.double() ** self.length_penalty).to(scores.dtype)[:, None]


def choices(view: View) -> int:
    """How many tokens a hypothesis needs at least, for one of them not to be an eos; transformers' least is 2."""
    return min(max(2, 1 + len(view.eos)), view.nodes.vocab)


@checked
def beam(
    *,
    num_beams: PositiveCount = 4,
    length_penalty: LengthPenalty = 1.0,
    early_stopping: EarlyStopping = False,
    logit_bias: Biases = None,
    repetition_penalty: Positive = 1.0,
    no_repeat_ngram_size: Count = 0,
    banned: Phrases = None,
    min_new_tokens: Count = 0,
    forced: Phrase | None = None,
    forced_eos: bool = False,
) -> Beam:
    """Search for a likely continuation.

    Source: Freitag & Al-Onaizan (2017); finished hypotheses as in transformers.
    Oracle: `generate` of transformers, token for token; all continuations of a table model, enumerated.

    Args:
        num_beams: how many hypotheses run at once; 1 is greedy.
        length_penalty: exponent of the length that a finished hypothesis is divided by: 0 ranks by the plain sum, 1 by
            the mean log-probability; larger favours longer texts, and negative shorter ones. From -10 to 10: beyond,
            the scores of long texts would all be 0 or -inf, and tie.
        early_stopping: when a request with num_beams finished hypotheses stops. True: at once. False: when the best
            running one would not beat the worst of them if it ended now. "never": when it could not at any length, even
            if it lost no more probability.
        logit_bias: this and what follows are as in `sample`, but on log-probabilities, not logits, as in transformers.
        repetition_penalty: 1 is off.
        no_repeat_ngram_size: 0 is off.
        banned: texts, token ids or lists of token ids.
        min_new_tokens: 0 is off.
        forced: costs a hypothesis nothing.
        forced_eos: costs a hypothesis nothing.
    """
    stages = edits(
        logit_bias=logit_bias,
        repetition_penalty=repetition_penalty,
        no_repeat_ngram_size=no_repeat_ngram_size,
        banned=banned,
        min_new_tokens=min_new_tokens,
        forced=forced,
        forced_eos=forced_eos,
    )
    return Beam(num_beams, length_penalty, early_stopping, ordered(stages, "transformers"))
