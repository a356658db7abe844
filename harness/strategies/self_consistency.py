"""Self-consistency: sample several answers and take the majority's."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from harness.errors import InputError
from harness.knobs import PositiveCount, checked
from harness.strategies.candidates import Candidates, sampler_of

NUMBER = r"(?<!\d)-?\d+(?:,\d{3})*(?:\.\d+)?"


@dataclass(frozen=True)
class SelfConsistency(Candidates):
    """Choose the first candidate that gives the most frequent answer; among equally frequent ones the earliest."""

    answer: str = ""

    def choose(self, texts: Sequence[Sequence[int]], values: Sequence[Tensor]) -> tuple[int, float]:
        """The majority's first; its share of those that give an answer at all. The first if none does."""
        assert self.decode is not None
        answers = [answer_of(self.decode(t), self.answer) for t in texts]
        given = Counter(a for a in answers if a is not None)
        if not given:
            return 0, 0.0
        (winner, votes), *_ = given.most_common(1)
        return answers.index(winner), votes / given.total()


def answer_of(text: str, pattern: str) -> str | None:
    """The last match of a pattern in a text, its first group if it has one.

    Case, spaces, commas within numbers and a final stop do not count.
    """
    matches = list(re.finditer(pattern, text))
    if not matches:
        return None
    found = matches[-1]
    shown = re.sub(r"(?<=\d),(?=\d)", "", (found.group(1) if found.re.groups else found.group()) or "")
    return " ".join(shown.split()).rstrip(".").casefold() or None


@checked
def self_consistency(
    *, candidates: dict[str, Any], num_candidates: PositiveCount = 16, answer: str = NUMBER
) -> SelfConsistency:
    r"""Sample `num_candidates` continuations, read an answer out of each, and keep one of the majority's.

    Source: Wang et al. (2023), section 2, unweighted majority vote.
    Oracle: votes counted by hand over candidates sampled by hand.

    Args:
        candidates: the strategy that samples them, as a node of its own.
        num_candidates: how many; each is a row.
        answer: a regular expression; its last match in a text is the answer (its group, if it has one): by default the
            last number; `(?s)^.*$` is the whole text, for short answers.

    Raises:
        InputError: the candidates' strategy is a search, or deterministic; `answer` is no regular expression.
    """
    try:
        re.compile(answer)
    except re.error as error:
        raise InputError(f"strategy.answer={answer!r}: no regular expression ({error})") from None
    return SelfConsistency(sampler_of(candidates), num_candidates, answer=answer)
