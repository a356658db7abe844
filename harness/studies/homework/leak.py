"""Whether what comes later moves what was said earlier, in a network that should read from left to right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.models.gpt2_numpy import GPT2, Array

ROUNDING = {"float32": 1e-4, "float64": 1e-9}
"""What another order of summation may move a logit by, as a share of the largest."""

INSIDE = 0.75
"""Where in a text a token is replaced that is not the last."""


@dataclass(frozen=True)
class Leak:
    """How far logits at the places before a change move, over some texts."""

    replaced: float  # the most that one moves where the last token is another one
    replaced_argmax: float  # share of these places whose likeliest token is then another one
    inside: float  # where a token within the text is another one
    inside_argmax: float
    appended: float  # where more tokens follow
    appended_argmax: float
    allowed: float  # what rounding may make of it

    @property
    def causal(self) -> bool:
        """Whether nothing that comes later was seen."""
        return max(self.replaced, self.inside, self.appended) <= self.allowed


def leak(gpt2: GPT2, texts: Sequence[Sequence[int]], more: int = 4) -> Leak:
    """Run each text whole, with another last token, another one within, and its first tokens once more after its end.

    Args:
        gpt2: the network.
        texts: of at least two tokens.
        more: how many tokens follow.
    """
    found = []
    largest = 0.0
    for text in texts:
        logits = _logits(gpt2, text)
        longer = _logits(gpt2, [*text, *text[:more]])
        largest = max(largest, float(np.abs(logits).max()))
        for place in (len(text) - 1, max(1, int(INSIDE * len(text)))):
            other = _logits(gpt2, [*text[:place], (text[place] + 1) % gpt2.vocab, *text[place + 1 :]])
            found.append((logits[:place], other[:place]))
        found.append((logits, longer[: len(text)]))
    moved = [float(np.abs(a - b).max()) for a, b in found]
    differ = [a.argmax(-1) != b.argmax(-1) for a, b in found]
    most = [max(moved[kind::3]) for kind in range(3)]
    share = [float(np.concatenate(differ[kind::3]).mean()) for kind in range(3)]
    return Leak(
        replaced=most[0],
        replaced_argmax=share[0],
        inside=most[1],
        inside_argmax=share[1],
        appended=most[2],
        appended_argmax=share[2],
        allowed=ROUNDING[str(gpt2.dtype)] * largest,
    )


def _logits(gpt2: GPT2, tokens: Sequence[int]) -> Array:
    return gpt2.logits(gpt2.states(np.array([tokens], np.int64))[0])  # [tokens, V]
