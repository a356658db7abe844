"""Which texts of a prompt come to which side: all the ways that a permutation test chooses from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Arrangements:
    """The ways to share the texts of each cluster out between two sides that keep their numbers of texts.

    Where both sides have as many texts there are two: as it is, and swapped. Elsewhere all texts stand in a ring,
    ordered by what they add, and the places of one side are turned: as many ways as texts, and of one text against
    several all that there are. Either is a group, which is what makes the test exact; the ring is chosen over all
    subsets because its ways can be listed. No order of the texts matters.
    """

    total: Floats  # [clusters, k] both sides together
    # way -> (the clusters that have it, [these, k] one side minus the other); way 0, of all clusters: as it is
    apart: tuple[tuple[Ints, Floats], ...]
    ways: Ints  # [clusters] how many

    @classmethod
    def of(cls, a: Floats, cluster_a: Ints, b: Floats, cluster_b: Ints) -> Arrangements:
        """From [texts, k] of each side and the cluster of each text, counted from 0, all of which both sides have."""
        n = int(max(cluster_a.max(), cluster_b.max())) + 1
        size_a, size_b = np.bincount(cluster_a, minlength=n), np.bincount(cluster_b, minlength=n)
        sums = np.zeros((2, n, a.shape[1]))
        np.add.at(sums[0], cluster_a, a)
        np.add.at(sums[1], cluster_b, b)
        even = size_a == size_b
        ways = np.where(even, 2, size_a + size_b)
        total, start = sums[0] + sums[1], sums[0] - sums[1]
        apart = np.zeros((int(ways.max()), n, a.shape[1]))
        apart[0] = start
        apart[1, even] = -start[even]
        if not even.all():
            texts, cluster = np.concatenate([a, b]), np.concatenate([cluster_a, cluster_b])
            sign = np.repeat([1.0, -1.0], [len(a), len(b)])
            order = np.lexsort((*texts.T, cluster))
            first = np.concatenate([[0], np.cumsum(size_a + size_b)])
            for size in np.unique(ways[~even]):
                rows = np.flatnonzero(~even & (ways == size))
                place = order[first[rows][:, None] + np.arange(size)]
                for way in range(1, size):
                    apart[way, rows] = np.einsum("ct,ctk->ck", np.roll(sign[place], way, axis=1), texts[place])
        has = [np.flatnonzero(ways > way) for way in range(len(apart))]
        return cls(total, tuple((rows, each[rows]) for rows, each in zip(has, apart, strict=True)), ways)

    @property
    def mirrored(self) -> bool:
        """Whether both sides have as many texts of every cluster: then each can only be swapped, or all at once."""
        return bool((self.ways == 2).all())

    def chance(self) -> float:
        """The chance of the arrangement as it is: what no p-value can be below; twice that if its mirror is one too."""
        start = self.apart[0][1]
        same = np.ones(len(start))
        for rows, apart in self.apart[1:]:
            near = 1e-9 * (np.abs(start[rows]) + np.abs(self.total[rows]))
            same[rows] += (np.abs(apart - start[rows]) <= near).all(axis=1)
        return min(1.0, float(np.exp(np.log(same / self.ways).sum())) * (2 if self.mirrored else 1))

    def drawn(self, draws: int, seed: int, rows: int) -> Iterator[NDArray[np.integer]]:
        """Chunks [at most `rows`, clusters] of ways, each as likely; they depend on the numbers of ways alone."""
        rng, n = np.random.default_rng(seed), len(self.ways)
        for start in range(0, draws, rows):
            size = min(rows, draws - start)
            if self.mirrored:
                bits = rng.integers(2**64, size=(size, -(-n // 64)), dtype=np.uint64)
                yield np.unpackbits(bits.astype("<u8").view(np.uint8), axis=1)[:, :n]
            else:
                wide = rng.integers(2**32, size=(size, n), dtype=np.uint32).astype(np.uint64)
                yield (wide * self.ways.astype(np.uint64) >> np.uint64(32)).astype(np.uint16)
