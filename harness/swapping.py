"""The test of two strategies over the same prompts: exchange their texts, prompt by prompt, and see if it matters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.arrangements import Arrangements
from harness.tails import tail_p

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_ROWS = 2**11  # swaps worked on at once: as many numbers of one kind stay in a processor's first cache
_CHUNK = 2**20  # rearranged prompts in memory at once
RARE = 10  # fewer swaps than this that are as extreme say too little
_MORE = 5 * 10**7  # ways to share out prompts times swaps, up to which there are ten times as many swaps then
LEAST = 1e-9  # no model of a tail is worth more digits
_FAR = LEAST / 1000  # with a p-value below it in the tail, and no swap as extreme, more swaps would change no digit
_TIES = 1e-7  # relative: rounding must not part what is equal


def swap_p(
    stats_a: Floats, cluster_a: Ints, stats_b: Floats, cluster_b: Ints, product: bool, swaps: int, seed: int
) -> float:
    """The two-sided p-value of two ratios, or two products of 1 - ratio, being equal.

    Each random swap rearranges the texts of every prompt (`harness.arrangements`); the difference is made again and
    divided by its standard error, made again too. p is the share of swaps whose |t| is no smaller than that of the
    sides as they are, (count + 1) / (swaps + 1). Where the count is below 10 there are ten times as many swaps, if
    the corpus is small enough; if it still is, p is what the tail of the swaps seems to be (`harness.tails`), though no
    less than the chance of the very arrangement that was found, nor than 1e-9, and no more than was counted. So tables
    of any number of tests can be corrected. Where no swap at all is as extreme and the tail of the first ones says less
    than 1e-12, there are no more of them: p is that bound then, which they would have to miss a thousandfold to move.
    (Of 105 such p-values of normal to lognormal texts, 10,000 swaps each, more of them would have changed none; of 429
    with 2,000 swaps each two, to less than 1e-7.)

    If the texts of a prompt are exchangeable, as those of one strategy under several seeds, the test is exact: any
    number of prompts and of texts on either side, any distribution. If only the numbers are equal it is right for many
    prompts, and thanks to the division (Chung and Romano, 2013, "Exact and asymptotically robust permutation tests");
    see experiments/statistics.

    Args:
        stats_a: [texts, 2 j] summands of one side by text: numerators and denominators in turn.
        cluster_a: [texts] the cluster of each, from 0.
        stats_b: [other texts, 2 j] of the other, in the same order.
        cluster_b: [other texts] the cluster of each; both sides have the same clusters.
        product: the number is the product over j of 1 - ratio j; else the only ratio.
        swaps: how many.
        seed: of the swaps; equal seeds rearrange clusters of equal numbers of texts alike in every call.
    """
    both = stats_a.sum(axis=0) + stats_b.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        centre = both[::2] / both[1::2]
    # Numerators minus what the common ratio makes of the denominators: no swap moves that ratio, and small differences
    # are not lost in large numbers.
    a, b = (
        np.stack([s[:, ::2] - centre * s[:, 1::2], s[:, 1::2]], axis=2).reshape(s.shape) for s in (stats_a, stats_b)
    )
    ways = Arrangements.of(a, cluster_a, b, cluster_b)
    test = _Test.of(ways, centre, product)
    observed = test(test.start[:, None])[0]
    if not observed > 0:
        return 1.0
    least = observed * (1 - _TIES)

    def made(more: int, seed: int) -> Floats:
        found = np.concatenate([test(sums) for sums in test.swapped(ways, more, seed)])
        found[np.isnan(found)] = np.inf  # without a value, as where all that counts is on one side: as far apart
        return found

    found = made(swaps, seed)
    count = int(np.sum(found >= least))
    modelled = tail_p(found, observed, len(ways.total) - 1) if count == 0 else 1.0
    if count < RARE and 10 * swaps * ways.ways.sum() <= _MORE and not modelled < _FAR:
        found = np.concatenate([found, made(9 * swaps, seed + swaps)])
        count = int(np.sum(found >= least))
    counted = (count + 1) / (len(found) + 1)
    if count >= RARE:
        return counted
    if not modelled < _FAR:
        modelled = tail_p(found, observed, len(ways.total) - 1)
    return counted if np.isnan(modelled) else min(counted, max(modelled, ways.chance(), LEAST))


@dataclass(frozen=True)
class _Test:
    """What |t| needs, as sums over clusters: of one side minus the other (d), of both (t), and of their products.

    Swaps are the last axis of every array: numpy then runs along them, instead of along two or six columns.
    """

    total: Floats  # [2 j] sums of t, which no swap moves
    squares: Floats  # [2 j, 2 j] sums of t t'
    start: Floats  # [columns] sums of d, of t d' and, if a swap can move them, of the upper half of d d', as they are
    own: Floats | None  # [2 j, 2 j] sums of d d' that no swap moves
    moves: tuple[tuple[Ints, Floats], ...]  # way from 1 -> (clusters that have it, [these, used] what it adds)
    used: Ints  # columns that anything moves
    centre: Floats  # [j] the ratios of both sides together
    product: bool

    @classmethod
    def of(cls, ways: Arrangements, centre: Floats, product: bool) -> _Test:
        first = ways.apart[0][1]
        fixed = ways.mirrored  # d d' is that of -d

        def columns(apart: Floats, total: Floats) -> Floats:
            i, j = np.triu_indices(apart.shape[1])
            crossed = (total[:, :, None] * apart[:, None, :]).reshape(len(apart), -1)
            return np.concatenate([apart, crossed, *([] if fixed else [apart[:, i] * apart[:, j]])], axis=1)

        base = columns(first, ways.total)
        moves = [(rows, columns(apart, ways.total[rows]) - base[rows]) for rows, apart in ways.apart[1:]]
        used = np.flatnonzero(np.any([delta.any(axis=0) for _, delta in moves], axis=0)) if moves else np.zeros(0, int)
        return cls(
            ways.total.sum(axis=0),
            ways.total.T @ ways.total,
            base.sum(axis=0),
            first.T @ first if fixed else None,
            tuple((rows, np.ascontiguousarray(delta[:, used])) for rows, delta in moves),
            used,
            centre,
            product,
        )

    def swapped(self, ways: Arrangements, swaps: int, seed: int) -> Iterator[Floats]:
        """Chunks [columns, some] of the sums that random swaps make."""
        for chosen in ways.drawn(swaps, seed, max(1, min(_ROWS, _CHUNK // len(ways.total)))):
            moved = np.zeros((len(chosen), len(self.used)))
            for way, (rows, delta) in enumerate(self.moves, start=1):
                some = chosen if len(rows) == chosen.shape[1] else chosen[:, rows]
                moved += (some == way).astype(np.float64) @ delta
            sums = np.repeat(self.start[:, None], len(chosen), axis=1)
            sums[self.used] += moved.T
            yield sums

    def __call__(self, sums: Floats) -> Floats:
        """[swaps] |difference / its standard error|, from [columns, swaps] sums."""
        k = len(self.total)
        apart, crossed = sums[:k], sums[k : k + k * k].reshape(k, k, -1)
        own = _mirrored(sums[k + k * k :], k) if self.own is None else self.own[:, :, None]
        with np.errstate(invalid="ignore", divide="ignore"):
            value_a, slope_a = self._linear((self.total[:, None] + apart) / 2)
            value_b, slope_b = self._linear((self.total[:, None] - apart) / 2)
            # What a cluster adds to the difference: (less . t + more . d) / 2.
            less, more = slope_a - slope_b, slope_a + slope_b
            variance = (
                np.einsum("is,is->s", less, self.squares @ less)
                + np.einsum("is,ijs,js->s", more, own, more)
                + 2 * np.einsum("is,ijs,js->s", less, crossed, more)
            ) / 4
            # The same sums of squares, column by column: nothing of them cancels.
            both = np.diagonal(self.squares)[:, None] + np.einsum("iis->is", own)
            largest = (
                np.einsum("is,is->s", less**2 + more**2, np.broadcast_to(both, less.shape)) / 8
                + np.einsum("is,iis,is->s", less, crossed, more) / 2
            )
            difference = np.abs(value_a - value_b)
            # What rounding alone makes: a difference where there is none, a variance where all clusters differ alike.
            t = np.where(variance > 1e-12 * largest, difference / np.sqrt(np.maximum(variance, 0)), np.inf)
            equal = difference <= 1e-9 * np.sqrt(largest)
        return np.where(equal, 0.0, np.where(np.isnan(difference), np.nan, t))

    def _linear(self, sums: Floats) -> tuple[Floats, Floats]:
        """([swaps] the number, [2 j, swaps] what it moves by with each of the sums), from [2 j, swaps] sums.

        A ratio is given less the common one. The standard error is that of the linearised number: the root of the sum
        over clusters of the square of what each adds.
        """
        ratios = sums[::2] / sums[1::2]
        slope = np.empty_like(sums)
        if self.product:
            rest = 1 - self.centre[:, None] - ratios
            alone = np.eye(len(rest), dtype=bool)[:, :, None]
            value, slope[::2] = rest.prod(axis=0), -np.where(alone, 1.0, rest).prod(axis=1) / sums[1::2]
        else:
            value, slope[::2] = ratios[0], 1 / sums[1::2]
        slope[1::2] = -slope[::2] * ratios
        return value, slope


def _mirrored(half: Floats, k: int) -> Floats:
    """[k (k + 1) / 2, swaps] the upper halves of symmetric matrices -> [k, k, swaps]."""
    i, j = np.triu_indices(k)
    whole = np.empty((k, k, half.shape[1]))
    whole[i, j] = whole[j, i] = half
    return whole
