"""Where sampling leaves greedy: the first token that differs, under the draws that all temperatures share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, zip_longest

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness import stats
from harness.draws import uniforms
from harness.results import JobResult
from harness.stats import Interval

Key = tuple[str, int, int]  # prompt, seed, sample: what fixes the draws of a text


@dataclass(frozen=True, eq=False)
class Partings:
    """Texts at one temperature beside those of greedy."""

    tau: float
    places: Mapping[Key, float]  # the first token that differs, counted from 1; inf: none does

    @classmethod
    def of(cls, tau: float, jobs: Sequence[JobResult], greedy: JobResult) -> Partings:
        """Of the jobs at a temperature, which may differ in their seeds."""
        followed = dict(zip(greedy.generations["prompt_id"], greedy.generations["tokens"], strict=True))
        frame = pd.concat([job.generations for job in jobs], ignore_index=True)
        columns = [frame[name].tolist() for name in ("prompt_id", "seed", "sample", "tokens")]
        rows = zip(*columns, strict=True)
        return cls(tau, {(p, seed, sample): first_difference(t, followed[p]) for p, seed, sample, t in rows})

    def median(self) -> tuple[float, Interval]:
        """Of the first token that differs, and its 95% interval over prompts; inf where most texts never part."""
        items = self._items()
        last = float(np.max(items[np.isfinite(items)], initial=0.0))
        # Intervals are made of finite numbers: one that is much larger than any place stands for infinity.
        finite = np.where(np.isinf(items), 1e6 * (1 + last), items)
        interval = stats.bootstrap(finite[:, None], self._prompts(), "median")
        low, high = (np.inf if end > last else end for end in (interval.low, interval.high))
        return float(np.median(items)), Interval(low, high, interval.method)

    def quartiles(self) -> tuple[float, float]:
        """Of the first token that differs; inf where so many texts never part."""
        low, high = np.quantile(self._items(), [0.25, 0.75], method="inverted_cdf").tolist()
        return low, high

    def together(self) -> tuple[float, Interval]:
        """The share of texts that are greedy's to their end, and its 95% interval over prompts."""
        never = np.isinf(self._items())
        summands = np.stack([never.astype(np.float64), np.ones(len(never))], axis=1)
        return float(never.mean()), stats.bootstrap(summands, self._prompts(), "share")

    def at_once(self) -> float:
        """The share of texts whose first token differs."""
        return float((self._items() == 1).mean())

    def _items(self) -> NDArray[np.float64]:
        return np.array(list(self.places.values()))

    def _prompts(self) -> list[str]:
        """The prompt of each text: what is resampled."""
        return [prompt for prompt, _, _ in self.places]


def first_difference(one: Iterable[int], other: Iterable[int]) -> float:
    """The first place, counted from 1, at which two texts differ; inf if they are equal."""
    pairs = enumerate(zip_longest(map(int, one), map(int, other)), 1)
    return float(next((place for place, (a, b) in pairs if a != b), np.inf))


def misjudged(partings: Partings, distance: Mapping[str, float], slack: float) -> int:
    """How many texts part at their first token, or do not, though their draw says otherwise.

    A draw goes through the distribution sorted by falling probability, so greedy's token is taken where the draw is
    below its probability, 1 - `distance`, and no other token is.

    Args:
        partings: at a temperature.
        distance: by prompt the total variation to greedy at the first token, at that temperature.
        slack: draws that are so near to the edge are not judged: rounding decides them.
    """
    wrong = 0
    for (prompt, seed, sample), place in partings.places.items():
        kept = 1 - distance[prompt]
        draw = float(uniforms(seed, prompt, sample, 1)[0])
        wrong += int(abs(draw - kept) > slack and (draw >= kept) != (place == 1))
    return wrong


def rising(partings: Sequence[Partings]) -> int:
    """How many texts follow greedy for longer than at the next lower temperature, though they have the same draws."""
    ordered = sorted(partings, key=lambda each: each.tau)
    return sum(
        place > before.places.get(key, np.inf)
        for before, after in pairwise(ordered)
        for key, place in after.places.items()
    )
