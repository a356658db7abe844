"""What stands beside a MAUVE."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.metrics.base import Corpus
from harness.metrics.pairing import Pair, smallest

STEADY = 1_000  # texts from which on the bias and the noise of the histograms stop dominating
FEW = 200  # texts below which the interval can be too narrow: coverage of 90% at 100 (`experiments/mauve`)
UNEQUAL = 0.05  # relative difference in mean length from which on it is noted


def notes_on(p: Corpus, q: Corpus, pairs: Sequence[Pair], found: NDArray[np.float64]) -> tuple[str, ...]:
    """What a reader has to know before believing MAUVE.

    Args:
        p: the references.
        q: the generations.
        pairs: which of them were compared.
        found: [clustering seeds, pairs] MAUVE of each.
    """
    notes = []
    if smallest(pairs) < STEADY:
        notes.append(f"below {STEADY:,} texts MAUVE is optimistic and noisy")
    if smallest(pairs) < FEW:
        notes.append(f"below {FEW} texts its interval may hold the true number only nine times in ten")
    unit, references, generations = _lengths(p, q)
    if abs(generations - references) > UNEQUAL * max(generations, references):
        notes.append(f"MAUVE sees lengths too: {generations:.1f} {unit} on average, {references:.1f} in the references")
    if empty := sum(not text for side in (p, q) for text in side.texts):
        notes.append(f"{empty} empty texts are counted")
    if left := len(q.texts) - sum(len(pair.q) for pair in pairs):
        notes.append(f"{left} texts are left out: other prompts have fewer samples")
    if found.shape[1] > 1:
        samples = found.mean(axis=0)
        spread = f"{samples.min():.3f} to {samples.max():.3f}, sd {samples.std(ddof=1):.3f}"
        notes.append(f"{len(samples)} samples per prompt give {spread}")
    seeds = found.mean(axis=1)
    if len(seeds) > 1:
        notes.append(f"clustering seeds give {seeds.min():.3f} to {seeds.max():.3f}")
    else:
        notes.append("one clustering seed: the interval leaves its noise out")
    return tuple(notes)


def _lengths(p: Corpus, q: Corpus) -> tuple[str, float, float]:
    """The unit, the mean length of the references and of the generations; words where texts have no tokens."""
    sides: list[Sequence[Sequence[Any]]]
    unit, sides = "words", [[text.split() for text in side.texts] for side in (p, q)]
    if p.tokens is not None and q.tokens is not None:
        unit, sides = "tokens", [p.tokens, q.tokens]
    references, generations = (float(np.mean([len(text) for text in side])) for side in sides)
    return unit, references, generations
