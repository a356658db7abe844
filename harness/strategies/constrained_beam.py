"""Constrained beam search: likely text in which given phrases appear."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import torch
from torch import Tensor

from harness.errors import InputError
from harness.knobs import PositiveCount, checked
from harness.strategies.base import Finished, Prefill, Step, Strategy, View
from harness.strategies.beam import LengthPenalty, choices
from harness.strategies.hypotheses import Hypotheses, continuations
from harness.strategies.phrase_progress import Wanted
from harness.transforms.phrases import Phrase, readings

if TYPE_CHECKING:
    from harness.models.base import LanguageModel


@dataclass(frozen=True, slots=True)
class State:
    """Where the search of every request stands. The running hypotheses themselves are the rows."""

    scores: Tensor  # [requests, beams] sum of log-probabilities; -inf: the row is a copy to be ignored
    place: Tensor  # [requests, beams, phrases] how many tokens of each phrase have been said
    finished: Hypotheses
    done: Tensor  # [requests]


@dataclass(frozen=True)
class ConstrainedBeam(Strategy[State]):
    """Constrained beam search (Hokamp & Liu, 2017) with the allocation of Post & Vilar (2018), round robin.

    Beside the likeliest extensions a step looks at every hypothesis's likeliest one, and at those that go on with a
    phrase or begin one. Extensions that have said equally many tokens of the phrases form a bank; the best of every
    bank go on, those of the fullest bank first, then the second best, until there are num_beams. A text may end in eos
    only when all has been said. At the length limit those that have said all are finished; if there are none, the
    request ends with the hypothesis that has said most. A phrase that a hypothesis has said once is never asked again.
    """

    num_beams: int
    length_penalty: float
    phrases: tuple[Phrase, ...]
    tokens: tuple[tuple[int, ...], ...] = ()

    @property
    def width(self) -> int:  # type: ignore[override]
        """A row per running hypothesis."""
        return self.num_beams

    def tokenized(self, model: LanguageModel) -> Self:
        """The phrases as the model says them within a sentence: after a space, if they do not begin with one."""
        tokens = tuple(readings(p, model, "strategy.phrases")[-1] for p in self.phrases)
        for phrase, said in zip(self.phrases, tokens, strict=True):
            if ends := model.eos & set(said):
                raise InputError(
                    f"strategy.phrases={phrase!r}: has token {min(ends)}, which ends a text of {model.name}"
                )
        return replace(self, tokens=tokens)

    def start(self, prefill: Prefill) -> State:
        """The rows start equal, so only the first one counts."""
        shape, device = (len(prefill.history), self.num_beams), prefill.history.device
        scores = torch.full(shape, -torch.inf, device=device)
        scores[:, 0] = 0.0
        place = torch.zeros(*shape, len(self.tokens), dtype=torch.int64, device=device)
        none = Hypotheses.none(*shape, device)
        return State(scores, place, none, torch.zeros(shape[0], dtype=torch.bool, device=device))

    def step(self, view: View, state: State) -> tuple[Step, State]:
        """Extend the running hypotheses, and set aside those that have said all and end."""
        beams, vocab, requests = self.num_beams, view.nodes.vocab, len(state.scores)
        wanted = Wanted.of(self.tokens, view.node.device)
        eos = torch.tensor(sorted(view.eos), dtype=torch.int64, device=view.node.device)
        logprobs = view.logits.log_softmax(-1).view(requests, beams, vocab)
        total = logprobs + state.scores[..., None]
        total = total.index_fill(2, eos, -torch.inf).where(~wanted.complete(state.place)[..., None], total)
        flat = self._extensions(view, total, wanted, state.place)
        scores = total.flatten(1).gather(1, flat)
        again = torch.zeros_like(flat, dtype=torch.bool)
        again[:, 1:] = flat[:, 1:] == flat[:, :-1]
        scores, order = scores.masked_fill(again, -torch.inf).sort(descending=True, stable=True)
        flat = flat.gather(1, order)
        parents, tokens = flat // vocab, flat % vocab
        place = wanted.after(state.place.take_along_dim(parents[..., None], 1), tokens)
        rows = torch.arange(0, requests * beams, beams, device=flat.device)[:, None] + parents

        length = torch.full_like(view.limit, view.step + 1)
        last, ended = length >= view.limit, torch.isin(tokens, eos)
        finishes = (ended | last[:, None]) & wanted.complete(place) & (scores > -torch.inf) & ~state.done[:, None]
        finishes &= _rank(scores, place.sum(-1)) < beams
        finished = state.finished
        if finishes.any():
            ranks = self._normalised(scores, length).masked_fill(~finishes, -torch.inf)
            best = ranks.topk(min(beams, ranks.shape[1])).indices
            given = continuations(view, rows.gather(1, best), tokens.gather(1, best))
            finished = finished.add(ranks.gather(1, best), *given)

        turn = _turns(scores.masked_fill(ended, -torch.inf), place.sum(-1))[:, :beams]
        running = scores.masked_fill(ended, -torch.inf).gather(1, turn)
        hope = self._normalised(running.amax(1, keepdim=True), length)[:, 0]
        done = state.done | last | ~(hope > finished.worst)
        place = place.take_along_dim(turn[..., None], 1)
        step = Step(tokens.gather(1, turn).flatten(), rows.gather(1, turn).flatten(), done)
        return step, State(running, place, finished, done)

    def _extensions(self, view: View, total: Tensor, wanted: Wanted, place: Tensor) -> Tensor:
        """[requests, n] sorted indices into [beams * vocab] of the extensions to look at; some are there twice."""
        beams, vocab = self.num_beams, view.nodes.vocab
        start = torch.arange(0, beams * vocab, vocab, device=total.device)
        own = total.argmax(-1) + start
        asked = wanted.next(place)
        asked = torch.where(asked >= 0, asked + start[:, None], own[..., None])
        likeliest = total.flatten(1).topk(choices(view) * beams).indices
        return torch.cat([likeliest, own, asked.flatten(1)], 1).sort(1).values

    def _normalised(self, scores: Tensor, length: Tensor) -> Tensor:
        return scores / (length.double() ** self.length_penalty).to(scores.dtype)[:, None]

    def finish(self, history: Tensor, values: Tensor, state: State, request: int) -> Finished:
        """The best that has said all; if there is none, the running one that has said most, without a score."""
        if state.finished.scores[request, 0] > -torch.inf:
            best = state.finished.tokens[request, 0]
            score = float(state.finished.scores[request, 0])
            return Finished(best[best >= 0], state.finished.values[request, 0][best >= 0], score)
        scores, said = state.scores[request], state.place[request].sum(-1)
        most = said == said[scores > -torch.inf].max()
        row = int(scores.where(most, -torch.inf).argmax())
        return Finished(history[row], values[row])


def _rank(scores: Tensor, bank: Tensor) -> Tensor:
    """[requests, n] falling scores and their banks -> how many possible ones of the same bank come before each."""
    same = (bank[:, :, None] == bank[:, None]) & (scores > -torch.inf)[:, None]
    return same.tril(-1).sum(-1)


def _turns(scores: Tensor, bank: Tensor) -> Tensor:
    """[requests, n] falling scores and their banks -> the order in which they go on; what is -inf comes last."""
    key = _rank(scores, bank) * (int(bank.max()) + 1) + (bank.max() - bank)
    return key.masked_fill(scores == -torch.inf, torch.iinfo(key.dtype).max).argsort(dim=1, stable=True)


@checked
def constrained_beam(
    *,
    phrases: tuple[Phrase, ...] = (),
    num_beams: PositiveCount = 8,
    length_penalty: LengthPenalty = 1.0,
) -> ConstrainedBeam:
    """Search for likely text in which every phrase appears.

    Source: Hokamp & Liu (2017); Post & Vilar (2018), section 3, for the banks.
    Oracle: all continuations of a table model, enumerated; without phrases it is beam search.

    Args:
        phrases: texts, token ids, or lists of token ids; a text that does not begin with a space gets one.
        num_beams: how many hypotheses run at once; a few more than tokens in all phrases, so that each bank has room.
        length_penalty: see `beam`.
    """
    return ConstrainedBeam(num_beams, length_penalty, phrases)
