"""The requests of a world in parts that one worker decodes at a time, as plain data."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.requests import Request
    from harness.strategies.base import Strategy

PIECES = 4
"""Shards per worker, where nobody says how many prompts one has: enough that no worker waits long for the last, few
enough that a batch seldom runs empty."""


@dataclass(frozen=True)
class Line:
    """A request, as numbers."""

    number: int  # its place among all requests
    prompt: int  # its place among the shard's
    strategy: int  # its place among the recipe's
    max_new_tokens: int
    seed: int
    sample: int


@dataclass(frozen=True)
class Shard:
    """Prompts, and all requests of them: so that equal prefills and equal rows are shared."""

    prompts: tuple[tuple[str, str, tuple[int, ...]], ...]  # id, text, tokens; no two with the same tokens and id
    lines: tuple[Line, ...]
    lost: int = 0  # how often a worker was lost over it without a generation of it

    @property
    def texts(self) -> int:
        """How many prompts it has that differ in their tokens."""
        return len({tokens for _, _, tokens in self.prompts})

    def requests(self, strategies: Sequence[Strategy[Any]]) -> dict[int, Request]:
        """Its requests by their number, for who has built the recipe's strategies."""
        from harness.prompts import Prompt
        from harness.requests import Request

        prompts = [Prompt(id, text) for id, text, _ in self.prompts]
        return {
            line.number: Request(
                prompts[line.prompt],
                self.prompts[line.prompt][2],
                strategies[line.strategy],
                line.max_new_tokens,
                line.seed,
                line.sample,
            )
            for line in self.lines
        }


def split(requests: Sequence[Request], strategies: Mapping[Strategy[Any], object], prompts: int) -> list[Shard]:
    """Shards of so many distinct prompts, the last of what is left: every request once, those of a prompt together.

    The longest come first: texts of similar length are decoded together, and what is left to the end is short.

    Args:
        requests: of one world; their numbers are their places.
        strategies: of all of them, in the order by which a shard names them.
        prompts: of a shard; two with the same tokens count once.
    """
    place = {strategy: i for i, strategy in enumerate(strategies)}
    same: dict[tuple[int, ...], list[int]] = {}
    for number, request in enumerate(requests):
        same.setdefault(request.tokens, []).append(number)
    longest = {tokens: max(len(tokens) + requests[n].max_new_tokens for n in own) for tokens, own in same.items()}
    order = sorted(same, key=lambda tokens: -longest[tokens])
    chunks = [order[i : i + prompts] for i in range(0, len(order), prompts)]
    return [_shard([n for tokens in chunk for n in same[tokens]], requests, place) for chunk in chunks]


def prompts_each(requests: Sequence[Request], workers: int) -> int:
    """Distinct prompts of a shard, so that every worker gets `PIECES` shards, or each prompt is one."""
    distinct = len({r.tokens for r in requests})
    return max(1, -(-distinct // (workers * PIECES)))


def rest(shard: Shard, ended: Collection[int]) -> list[Shard]:
    """What is to be done again when a worker was lost: the requests that have not come back, in two halves.

    So a prompt that kills workers is soon alone; only then is it counted how often it did. With more than one prompt
    any of them may have been it, or none.

    Args:
        shard: that the worker had.
        ended: the numbers of the requests that have come back.
    """
    left = [line for line in shard.lines if line.number not in ended]
    if not left:
        return []
    texts = list(dict.fromkeys(shard.prompts[line.prompt][2] for line in left))
    if len(texts) == 1:
        return [Shard(shard.prompts, tuple(left), 0 if len(left) < len(shard.lines) else shard.lost + 1)]
    first = set(texts[: len(texts) // 2])
    halves = [[line for line in left if (shard.prompts[line.prompt][2] in first) is side] for side in (True, False)]
    return [_packed(shard, half) for half in halves]


def _packed(shard: Shard, lines: Sequence[Line]) -> Shard:
    """A shard of some lines of another, with their prompts alone."""
    kept = {old: new for new, old in enumerate(dict.fromkeys(line.prompt for line in lines))}
    moved = [
        Line(line.number, kept[line.prompt], line.strategy, line.max_new_tokens, line.seed, line.sample)
        for line in lines
    ]
    return Shard(tuple(shard.prompts[old] for old in kept), tuple(moved))


def _shard(numbers: Sequence[int], requests: Sequence[Request], place: Mapping[Strategy[Any], int]) -> Shard:
    prompts: dict[tuple[str, str, tuple[int, ...]], int] = {}
    lines = []
    for number in numbers:
        r = requests[number]
        prompt = prompts.setdefault((r.prompt.id, r.prompt.text, r.tokens), len(prompts))
        lines.append(Line(number, prompt, place[r.strategy], r.max_new_tokens, r.seed, r.sample))
    return Shard(tuple(prompts), tuple(lines))
