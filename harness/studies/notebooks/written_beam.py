"""Beam search as one would write it on paper: one prompt, plain lists, every candidate kept to be looked at.

`harness.strategies.beam` is the same search for many prompts at once; the two are compared wherever this one is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from harness.models.base import LanguageModel

Fate = Literal["runs on", "finished", "dropped"]
NextLogprobs = Callable[[list[list[int]]], Tensor]
"""Token lists -> [n, vocab] log-probabilities of what comes next."""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A continuation that is being written, or is finished."""

    tokens: tuple[int, ...]
    total: float  # sum of log-probabilities

    @property
    def mean(self) -> float:
        """What finished hypotheses are ranked by: the sum divided by the tokens, a closing eos included."""
        return self.total / max(1, len(self.tokens))


@dataclass(frozen=True, slots=True)
class Candidate:
    """A running hypothesis with one more token."""

    parent: int  # which of the running ones, from 0
    logprob: float  # of the new token
    extended: Hypothesis
    fate: Fate


@dataclass(frozen=True)
class Written:
    """A search, step by step."""

    steps: tuple[tuple[Candidate, ...], ...]  # the candidates that each step looked at, best first
    finished: tuple[Hypothesis, ...]  # best mean first

    @property
    def best(self) -> Hypothesis:
        """What the search returns."""
        return self.finished[0]


def write_out(
    next_logprobs: NextLogprobs, prompt: Sequence[int], beams: int, steps: int, eos: Collection[int] = ()
) -> Written:
    """Search for a likely continuation, `beams` hypotheses at a time.

    Each step extends every running hypothesis by every token and looks at the best of all these, so many that `beams`
    of them can run on even if every eos is among them. It ends at `steps` tokens, or when the best running hypothesis
    has a lower mean than the worst of `beams` finished ones.
    """
    running, finished, seen = [Hypothesis((), 0.0)], list[Hypothesis](), list[tuple[Candidate, ...]]()
    for step in range(1, steps + 1):
        logprobs = next_logprobs([[*prompt, *each.tokens] for each in running]).double()
        looked_at = beams * max(2, 1 + len(eos))
        likeliest = logprobs.topk(min(looked_at, logprobs.shape[1]))
        extensions = [
            (h, logprob, Hypothesis((*running[h].tokens, token), running[h].total + logprob))
            for h in range(len(running))
            for token, logprob in zip(likeliest.indices[h].tolist(), likeliest.values[h].tolist(), strict=True)
        ]
        extensions = sorted(extensions, key=lambda each: -each[2].total)[:looked_at]
        candidates, kept = list[Candidate](), list[Hypothesis]()
        for place, (parent, logprob, extended) in enumerate(extensions):
            fate: Fate = "dropped"
            if extended.tokens[-1] in eos or step == steps:
                if place < beams:
                    fate = "finished"
                    finished.append(extended)
            elif len(kept) < beams:
                fate = "runs on"
                kept.append(extended)
            candidates.append(Candidate(parent, logprob, extended, fate))
        seen.append(tuple(candidates))
        finished = sorted(finished, key=lambda each: -each.mean)[:beams]
        running = kept
        if not running or (len(finished) == beams and (beams == 1 or running[0].mean <= finished[-1].mean)):
            break
    return Written(tuple(seen), tuple(finished))


def of_model(model: LanguageModel) -> NextLogprobs:
    """What a model says after whole texts, each run anew: no cache, nothing shared."""

    def next_logprobs(texts: list[list[int]]) -> Tensor:
        logits, _ = model.forward(texts, [range(len(text) - 1, len(text)) for text in texts])
        return torch.as_tensor(logits).double().log_softmax(-1).cpu()

    return next_logprobs
