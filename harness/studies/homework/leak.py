"""Whether what comes later moves what was said earlier, in a network that should read from left to right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.models.gpt2_numpy import GPT2, Array

ROUNDING = {"float32": 1e-4, "float64": 1e-9}
"""What another order of summation may move a logit by, as a share of the largest."""


@dataclass(frozen=True)
class Leak:
    """How far logits at the places before a change move, over some texts."""

    replaced: float  # the most that one moves where the last token is another one
    replaced_argmax: float  # share of these places whose likeliest token is then another one
    appended: float  # where more tokens follow
    appended_argmax: float
    allowed: float  # what rounding may make of it

    @property
    def causal(self) -> bool:
        """Whether nothing that comes later was seen."""
        return max(self.replaced, self.appended) <= self.allowed


def leak(gpt2: GPT2, texts: Sequence[Sequence[int]], more: int = 4) -> Leak:
    """Run each text whole, with another last token, and with its first tokens once more after its end.

    Args:
        gpt2: the network.
        texts: of at least two tokens.
        more: how many tokens follow.
    """
    found = []
    largest = 0.0
    for text in texts:
        before = len(text) - 1
        logits = _logits(gpt2, text)
        other = _logits(gpt2, [*text[:-1], (text[-1] + 1) % gpt2.vocab])
        longer = _logits(gpt2, [*text, *text[:more]])
        largest = max(largest, float(np.abs(logits).max()))
        found.append((logits[:before], other[:before]))
        found.append((logits, longer[: len(text)]))
    moved = [float(np.abs(a - b).max()) for a, b in found]
    differ = [a.argmax(-1) != b.argmax(-1) for a, b in found]
    return Leak(
        max(moved[::2]),
        float(np.concatenate(differ[::2]).mean()),
        max(moved[1::2]),
        float(np.concatenate(differ[1::2]).mean()),
        ROUNDING[str(gpt2.dtype)] * largest,
    )


def _logits(gpt2: GPT2, tokens: Sequence[int]) -> Array:
    return gpt2.logits(gpt2.states(np.array([tokens], np.int64))[0])  # [tokens, V]
