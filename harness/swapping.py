"""The test of two strategies over the same prompts: swap their texts, prompt by prompt, and see whether it matters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_CHUNK = 2**17  # swapped prompts in memory at once
_TIES = 1e-7  # relative: rounding must not part what is equal


def swap_p(sums_a: Floats, sums_b: Floats, product: bool, swaps: int, seed: int) -> float:
    """The two-sided p-value of two ratios, or two products of 1 - ratio, being equal.

    Each random swap exchanges the two sides' summands within about half of the prompts; the difference is made again
    and divided by its standard error, made again too. p is the share of swaps whose |t| is no smaller than that of the
    sides as they are, (count + 1) / (swaps + 1).

    If the two sides of a prompt are exchangeable, as those of one strategy under two seeds, the test is exact: any
    number of prompts, any distribution. If only the numbers are equal it is right for many prompts, and thanks to the
    division (Chung and Romano, 2013, "Exact and asymptotically robust permutation tests"); see experiments/statistics.

    Args:
        sums_a: [clusters, 2 j] summands of one side by cluster: numerators and denominators in turn.
        sums_b: [clusters, 2 j] of the other, in the same order.
        product: the number is the product over j of 1 - ratio j; else the only ratio.
        swaps: how many.
        seed: of the swaps; equal seeds swap the same clusters in every call.
    """
    test = _Test.of(sums_a, sums_b, product)
    observed = test(np.ones((1, len(sums_a))))[0]
    found = np.concatenate([test(signs) for signs in _signs(len(sums_a), swaps, seed)])
    # What has no value, as where all that counts has come to one side, is taken for as far apart.
    return (int(np.sum(~(found < observed * (1 - _TIES)))) + 1) / (swaps + 1)


@dataclass(frozen=True)
class _Test:
    """What |t| needs, as sums over clusters of parts that no swap moves and parts whose sign it turns."""

    fixed: Floats  # [2 j] sums of both sides together
    turned: Floats  # [clusters, 2 j] one side minus the other
    moments: Floats  # [pairs] sums of the products of two columns of (one side, other side), both ways together
    turned_moments: Floats  # [clusters, pairs] one way minus the other
    centre: Floats  # [j] the ratios of both sides together
    product: bool

    @classmethod
    def of(cls, a: Floats, b: Floats, product: bool) -> _Test:
        both = a.sum(axis=0) + b.sum(axis=0)
        centre = both[::2] / both[1::2]
        # Numerators minus what the common ratio makes of the denominators: no swap moves that ratio, and small
        # differences are not lost in large numbers.
        a, b = (np.stack([s[:, ::2] - centre * s[:, 1::2], s[:, 1::2]], axis=2).reshape(s.shape) for s in (a, b))
        one, other = np.concatenate([a, b], axis=1), np.concatenate([b, a], axis=1)
        here, there = _products(one), _products(other)
        return cls((a + b).sum(axis=0), a - b, (here + there).sum(axis=0), here - there, centre, product)

    def __call__(self, signs: Floats) -> Floats:
        """[swaps] |difference / its standard error|, from [swaps, clusters] 1 and, where swapped, -1."""
        turned = signs @ self.turned
        value_a, slope_a = self._linear((self.fixed + turned) / 2)
        value_b, slope_b = self._linear((self.fixed - turned) / 2)
        slope = np.concatenate([slope_a, -slope_b], axis=1)
        parts = _products(slope) * (self.moments + signs @ self.turned_moments) / 2
        crossed = slope.shape[1]  # the squares come first
        largest = parts[:, :crossed].sum(axis=1)
        variance = largest + 2 * parts[:, crossed:].sum(axis=1)
        difference = np.abs(value_a - value_b)
        # What rounding alone makes: a difference where there is none, a variance where all clusters differ alike.
        equal = difference <= 1e-9 * np.sqrt(largest)
        with np.errstate(invalid="ignore", divide="ignore"):
            t = np.where(variance > 1e-12 * largest, difference / np.sqrt(np.maximum(variance, 0)), np.inf)
        return np.where(equal, 0.0, np.where(np.isnan(difference), np.nan, t))

    def _linear(self, sums: Floats) -> tuple[Floats, Floats]:
        """([swaps] the number, [swaps, 2 j] what it moves by with each of the sums), from [swaps, 2 j] sums.

        A ratio is given less the common one. The standard error is that of the linearised number: the root of the sum
        over clusters of the square of what each adds.
        """
        with np.errstate(invalid="ignore", divide="ignore"):
            ratios = sums[:, ::2] / sums[:, 1::2]
            value, by_ratio = ratios[:, 0], np.ones_like(ratios)
            if self.product:
                rest = 1 - self.centre - ratios
                alone = np.eye(rest.shape[1], dtype=bool)
                value, by_ratio = rest.prod(axis=1), -np.where(alone, 1.0, rest[:, None, :]).prod(axis=2)
            slope = by_ratio / sums[:, 1::2]
            return value, np.stack([slope, -slope * ratios], axis=2).reshape(sums.shape)


def _products(columns: Floats) -> Floats:
    """[rows, pairs] the squares of the columns, then the products of any two of them."""
    i, j = np.triu_indices(columns.shape[1], 1)
    return np.concatenate([columns**2, columns[:, i] * columns[:, j]], axis=1)


def _signs(clusters: int, swaps: int, seed: int) -> Iterator[Floats]:
    """Chunks [some, clusters] of 1 and -1; they depend on nothing else."""
    rng = np.random.default_rng(seed)
    rows, words = max(1, _CHUNK // clusters), -(-clusters // 64)
    for start in range(0, swaps, rows):
        bits = rng.integers(2**64, size=(min(rows, swaps - start), words), dtype=np.uint64)
        ones = np.unpackbits(bits.astype("<u8").view(np.uint8), axis=1)[:, :clusters]
        yield 1 - 2 * ones.astype(np.float64)
