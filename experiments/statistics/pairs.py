"""Two strategies over the same prompts whose numbers are equal: the same source twice, or sources of equal numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from experiments.statistics.worlds import mean
from harness.stats import Combine

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Pair:
    """Two sides, of one text a prompt unless it says otherwise; `draw` makes the shared prompts, then both sides."""

    name: str
    combine: Combine
    draw: Callable[[Generator, int], tuple[Floats, Floats]]  # each [prompts, k]
    difference: float = 0.0  # the true one
    samples: tuple[int, int] = (1, 1)  # texts of each prompt on either side, those of a prompt in a row

    def prompts(self, n: int) -> tuple[list[int], list[int]]:
        """The prompt of each text of either side, of n prompts."""
        one, other = (np.repeat(np.arange(n), k).tolist() for k in self.samples)
        return one, other


def twice(name: str, combine: Combine, side: Callable[[Generator, Floats], Floats]) -> Pair:
    """One strategy twice: `side` makes texts from [prompts] what the prompts are like, standard normal."""

    def draw(rng: Generator, n: int) -> tuple[Floats, Floats]:
        prompts = rng.normal(size=n)
        return side(rng, prompts), side(rng, prompts)

    return Pair(name, combine, draw)


def uneven(name: str, combine: Combine, side: Callable[[Generator, Floats], Floats], several: int) -> Pair:
    """One strategy twice: one text a prompt, as greedy has, against several."""

    def draw(rng: Generator, n: int) -> tuple[Floats, Floats]:
        prompts = rng.normal(size=n)
        return side(rng, prompts), side(rng, np.repeat(prompts, several))

    return Pair(f"{name}, 1 text against {several}", combine, draw, samples=(1, several))


def holds(rng: Generator, chance: Floats) -> Floats:
    """Texts that loop with their own chance each."""
    return mean((rng.random(len(chance)) < chance).astype(np.float64))


def rate(prompts: Floats, p: float) -> Floats:
    """[prompts] chances of mean p, exponential in what the prompts are like."""
    return np.minimum(1.0, p * np.exp(prompts - 0.5))


def micro(rng: Generator, prompts: Floats) -> Floats:
    """About a fifth of 5 to 127 tokens."""
    lengths = rng.integers(5, 128, len(prompts))
    return np.stack([rng.binomial(lengths, rate(prompts, 0.2)), lengths], axis=1).astype(np.float64)


def surprise(rng: Generator, prompts: Floats) -> Floats:
    """Nats and tokens; texts of 5 to 127 tokens."""
    lengths = rng.integers(5, 128, len(prompts)).astype(np.float64)
    nats = np.exp(1 + 0.2 * prompts + 0.2 * rng.normal(size=len(prompts)))
    return np.stack([nats * lengths, lengths], axis=1)


def repeated(rng: Generator, prompts: Floats) -> Floats:
    """Repeated n-grams and n-grams of three sizes."""
    lengths = rng.integers(5, 128, len(prompts))
    share = np.minimum(1, rate(prompts, 0.1) * rng.beta(0.5, 0.5, len(prompts)) * 2)
    pairs = [(rng.binomial(lengths - j, share * less), lengths - j) for j, less in enumerate((1.0, 0.7, 0.5))]
    return np.stack([column for pair in pairs for column in pair], axis=1).astype(np.float64)


def lengths_apart(rng: Generator, n: int) -> tuple[Floats, Floats]:
    """A fifth of the tokens on both sides; texts of 100 to 127 tokens, all alike, against 2 to 127, all unlike."""
    sides = []
    for least, alike in ((100, 20), (2, 1)):
        lengths = rng.integers(least, 128, n)
        sides.append(np.stack([rng.binomial(lengths, rng.beta(alike, 4 * alike, n)), lengths], axis=1))
    return sides[0].astype(np.float64), sides[1].astype(np.float64)


def skew_apart(rng: Generator, n: int) -> tuple[Floats, Floats]:
    """Both of mean 1; one side's items exponential, the other's all near 1."""
    return mean(rng.exponential(size=n)), mean(1 + 0.1 * rng.normal(size=n))


def median_apart(rng: Generator, n: int) -> tuple[Floats, Floats]:
    """Both of median 0; one side three times as wide."""
    return rng.normal(size=(n, 1)), rng.normal(size=(n, 1)) / 3


def shares_apart(rng: Generator, n: int) -> tuple[Floats, Floats]:
    """Shares of 0.1 and 0.02."""
    prompts = rng.random(n)
    return holds(rng, 0.2 * prompts), holds(rng, 0.04 * prompts)


SAME = (
    twice("mean, normal", "ratio", lambda rng, x: mean(x + rng.normal(size=len(x)))),
    twice("mean, lognormal", "ratio", lambda rng, x: mean(np.exp(0.7 * (x + rng.normal(size=len(x)))))),
    twice("mean, nineteen in twenty are 0", "ratio", lambda rng, x: mean(
        (rng.random(len(x)) < rate(x, 0.05)) * rng.beta(1, 3, len(x)))),
    twice("share of 0.02", "share", lambda rng, x: holds(rng, rate(x, 0.02))),
    twice("share of 0.1", "share", lambda rng, x: holds(rng, rate(x, 0.1))),
    twice("ratio, random lengths", "ratio", micro),
    twice("exp-ratio (perplexity)", "exp-ratio", surprise),
    twice("complements (diversity)", "complements", repeated),
    twice("median, lognormal", "median", lambda rng, x: np.exp(x + rng.normal(size=len(x)))[:, None]),
)  # fmt: skip
APART = (
    Pair("ratio, other lengths", "ratio", lengths_apart),
    Pair("mean, exponential against near 1", "ratio", skew_apart),
    Pair("median, three times as wide", "median", median_apart),
)
_KINDS: tuple[tuple[str, Combine, Callable[[Generator, Floats], Floats]], ...] = (
    ("share of 0.05", "share", lambda rng, x: holds(rng, rate(x, 0.05))),
    ("mean, nineteen in twenty are 0", "ratio", lambda rng, x: mean(
        (rng.random(len(x)) < rate(x, 0.05)) * rng.beta(1, 3, len(x)))),
    ("complements (diversity)", "complements", repeated),
)  # fmt: skip
UNEVEN = tuple(uneven(*kind, several) for several in (3, 10) for kind in _KINDS)
MOVED = (Pair("share of 0.1 against 0.02", "share", shares_apart, 0.08),)


def many(rng: Generator, n: int, strategies: int) -> list[tuple[Combine, list[Floats]]]:
    """Ten measures of the texts of identical strategies: how each combines, and what each strategy's texts add to it.

    A measure sees the prompt, something that all measures of a text share, and noise of its own; of the variance they
    make up 1/4, 1/2 and 1/4. So measures of one text correlate by 0.75, and strategies, which share prompts, by 0.25.
    """
    prompts = rng.normal(size=(n, 1))
    seen = [prompts + 2**0.5 * rng.normal(size=(n, 1)) + rng.normal(size=(n, 10)) for _ in range(strategies)]
    lengths = [rng.integers(20, 128, n).astype(np.float64) for _ in range(strategies)]
    return [
        (combine, [f(x[:, i], length) for x, length in zip(seen, lengths, strict=True)])
        for i, (combine, f) in enumerate(_TEN)
    ]


def _per_token(rate: Floats, lengths: Floats) -> Floats:
    return np.stack([rate * lengths, lengths], axis=1)


_TEN: tuple[tuple[Combine, Callable[[Floats, Floats], Floats]], ...] = (
    ("ratio", lambda x, _: mean(x)),
    ("ratio", lambda x, _: mean(np.exp(0.5 * x))),
    ("ratio", lambda x, _: mean(np.maximum(0, x - 2))),  # four in five are 0
    ("share", lambda x, _: mean((x > 4).astype(np.float64))),  # 0.023
    ("share", lambda x, _: mean((x > 2.5).astype(np.float64))),  # 0.11
    ("ratio", lambda x, lengths: _per_token(1 / (1 + np.exp(2 - x)), lengths)),
    ("exp-ratio", lambda x, lengths: _per_token(np.exp(1 + 0.2 * x), lengths)),
    ("complements", lambda x, lengths: np.concatenate(
        [_per_token(less / (10 + np.exp(-x)), lengths) for less in (1.0, 0.7, 0.5)], axis=1)),
    ("median", lambda x, _: np.exp(x)[:, None]),
    ("median", lambda x, _: x[:, None]),
)  # fmt: skip
