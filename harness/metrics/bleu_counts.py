"""What BLEU counts when every text of a corpus is scored against all the others, in time linear in the corpus.

The clip of an n-gram g in text i is min(c_i(g), the largest c_j(g) of another text j). The largest count of another
text is the largest of all, or for its holder the second largest: two entries of g are enough for all texts. Without a
group of texts only what rests on a text of that group changes, so two more entries of g are enough for all groups.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Matches:
    """Of one n: how many n-grams of each text are matched by the other texts, each as often as one of them has it."""

    whole: Ints  # [texts]
    # [texts, groups] fewer where the texts of a group are no references; not meant for the texts of the group itself
    lost: Ints


def matches(grams: Ints, texts: Ints, group: Ints) -> Matches:
    """Count the matches of one n.

    Args:
        grams: [n-grams] each n-gram of the corpus, equal numbers where the n-grams are equal, from 0.
        texts: [n-grams] the text that it stands in.
        group: [texts] the group of each text, from 0.
    """
    entries = _Entries.of(grams, texts, len(group))
    its_group = group[entries.text]
    index = np.arange(len(entries.text))
    first = np.flatnonzero(np.diff(entries.gram, prepend=-1))  # the entry of each n-gram with the largest count
    segment = np.repeat(np.arange(len(first)), np.diff(first, append=len(index)))
    top = first[segment]
    holder = np.where(index == top, top + 1, top)  # whose count is the largest of another text
    clip = np.minimum(entries.count, entries.count[holder])

    # The holder of the largest count of another text, once the group of `holder` is gone. An entry of that same group
    # would be gone with it, so each entry changes with one group at most, and nobody reads what is found for its own.
    u, v = _first_two(its_group != its_group[top], segment, len(first))
    w, _ = _first_two((its_group != its_group[top + 1]) & (index != top), segment, len(first))
    after = np.where(index == top, w[segment], np.where(index == u[segment], v[segment], u[segment]))
    left = np.where(after >= 0, np.minimum(entries.count, entries.count[after]), 0)

    width = int(group.max(initial=-1)) + 1
    whole = np.bincount(entries.text, clip, minlength=len(group))
    cells = np.bincount(entries.text * width + its_group[holder], clip - left, minlength=len(group) * width)
    return Matches(whole.astype(np.int64), cells.astype(np.int64).reshape(len(group), width))


def closest(lengths: Ints) -> Ints:
    """[texts] the length of another text that is closest to each text's own, the shorter of two; at least two texts."""
    order = np.argsort(lengths, kind="stable")
    ranked = lengths[order]
    far = int(ranked[-1]) * 2 + 1  # further than any length is from another
    below = np.concatenate([[-far], ranked[:-1]])
    above = np.concatenate([ranked[1:], [ranked[-1] + far]])
    found = np.empty_like(lengths)
    found[order] = np.where(ranked - below <= above - ranked, below, above)
    return found


@dataclass(frozen=True)
class _Entries:
    """How often each n-gram stands in each text, for the n-grams of two texts or more; largest counts first."""

    gram: Ints
    text: Ints
    count: Ints

    @classmethod
    def of(cls, grams: Ints, texts: Ints, width: int) -> _Entries:
        """Count them: `width` is the number of texts."""
        keys = np.sort(grams * width + texts)
        starts = np.flatnonzero(np.diff(keys, prepend=-1))
        count = np.diff(starts, append=len(keys))
        gram, text = np.divmod(keys[starts], width)
        shared = np.bincount(gram)[gram] > 1  # the others match nothing, whichever texts are left out
        gram, text, count = gram[shared], text[shared], count[shared]
        order = np.lexsort((-count, gram))
        return cls(gram[order], text[order], count[order])


def _first_two(mask: NDArray[np.bool_], segment: Ints, segments: int) -> tuple[Ints, Ints]:
    """([segments] the first entry of each that `mask` allows, [segments] the second); -1 where there is none."""
    allowed = np.flatnonzero(mask)
    its_segment = segment[allowed]
    new = np.diff(its_segment, prepend=-1) > 0
    second_is_here = np.concatenate([[False], new[:-1]])[: len(new)] & ~new
    first, second = np.full(segments, -1), np.full(segments, -1)
    first[its_segment[new]] = allowed[new]
    second[its_segment[second_is_here]] = allowed[second_is_here]
    return first, second
