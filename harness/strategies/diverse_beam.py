"""Diverse beam search: groups of beams, each pushed away from what the groups before it have just said."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from harness.errors import InputError
from harness.knobs import NonNegative, Positive, PositiveCount, checked
from harness.strategies.base import Finished, Prefill, Step, Strategy, View
from harness.strategies.beam import Beam, EarlyStopping, LengthPenalty, State, beam


@dataclass(frozen=True)
class _Pushed(Beam):
    """Beam search whose extensions lose `push` for each token."""

    push: Tensor  # [requests, vocab]

    def logprobs(self, view: View) -> Tensor:
        rows = len(view.node) // len(self.push)
        return super().logprobs(view) - self.push.repeat_interleave(rows, 0)


@dataclass(frozen=True)
class DiverseBeam(Strategy[tuple[State, ...]]):
    """Diverse beam search (Vijayakumar et al., 2018, algorithm 1) with their Hamming diversity, as transformers had it.

    At each step the groups move one after another. A token loses diversity_penalty for every time that the groups
    before have chosen it at this step, and what it lost stays in the score of the hypothesis. Every group is a beam
    search (`harness.strategies.beam`) of num_beams / num_beam_groups beams; the best hypothesis of all groups is
    returned, an earlier group's among equals.
    """

    inner: Beam  # of each group
    num_beam_groups: int
    diversity_penalty: float

    @property
    def width(self) -> int:  # type: ignore[override]
        """A row per running hypothesis; those of a group are neighbours."""
        return self.num_beam_groups * self.inner.num_beams

    def start(self, prefill: Prefill) -> tuple[State, ...]:
        """Every group at its beginning."""
        return tuple(self.inner.start(prefill) for _ in range(self.num_beam_groups))

    def step(self, view: View, state: tuple[State, ...]) -> tuple[Step, tuple[State, ...]]:
        """One step of each group, the later ones knowing what the earlier have chosen."""
        requests, beams = len(view.limit), self.inner.num_beams
        said = torch.zeros(requests, view.nodes.vocab, dtype=view.nodes.peak.dtype, device=view.node.device)
        tokens, parents, states, done = [], [], [], []
        for group, (rows, part) in enumerate(zip(self._groups(view), state, strict=True)):
            own = replace(
                view,
                node=view.node[rows],
                history=view.history[rows],
                uniform=view.uniform[rows],
                values=view.values[rows],
            )
            pushed = self.inner
            if group and self.diversity_penalty:
                knobs = (pushed.num_beams, pushed.length_penalty, pushed.early_stopping, pushed.transform)
                pushed = _Pushed(*knobs, self.diversity_penalty * said)
            move, after = pushed.step(own, part)
            assert move.parents is not None
            assert move.done is not None
            chosen = move.tokens.view(requests, beams)
            said = said.scatter_add(1, chosen, torch.ones_like(said[:, :1]).expand_as(chosen))
            tokens.append(chosen)
            parents.append(rows[move.parents].view(requests, beams))
            states.append(after)
            done.append(move.done)
        together = Step(torch.cat(tokens, 1).flatten(), torch.cat(parents, 1).flatten(), torch.stack(done).all(0))
        return together, tuple(states)

    def finish(self, history: Tensor, values: Tensor, state: tuple[State, ...], request: int) -> Finished:
        """The best of the groups' best."""
        beams = self.inner.num_beams
        ends = [
            self.inner.finish(history[i * beams :], values[i * beams :], part, request) for i, part in enumerate(state)
        ]
        return max(ends, key=lambda end: -torch.inf if end.score is None else end.score)

    def _groups(self, view: View) -> Iterator[Tensor]:
        """[requests * beams] the rows of each group."""
        beams = self.inner.num_beams
        first = torch.arange(0, len(view.node), self.width, device=view.node.device)[:, None]
        within = torch.arange(beams, device=view.node.device)
        for group in range(self.num_beam_groups):
            yield (first + group * beams + within).flatten()


@checked
def diverse_beam(
    *,
    num_beams: PositiveCount = 4,
    num_beam_groups: PositiveCount = 2,
    diversity_penalty: NonNegative = 0.5,
    length_penalty: LengthPenalty = 1.0,
    early_stopping: EarlyStopping = False,
    repetition_penalty: Positive = 1.0,
) -> DiverseBeam:
    """Search with groups of beams that avoid each other's tokens.

    Source: Vijayakumar et al. (2018), algorithm 1, Hamming diversity.
    Oracle: a loop written from the paper; one group, or penalty 0, is beam search, which equals transformers'.

    Args:
        num_beams: of all groups together; a multiple of num_beam_groups.
        num_beam_groups: groups; 1 is beam search.
        diversity_penalty: what a token loses for every time that an earlier group has chosen it at this step, in nats.
        length_penalty: see `beam`.
        early_stopping: see `beam`; for each group by itself.
        repetition_penalty: see `beam`.

    Raises:
        InputError: the beams cannot be divided among the groups.
    """
    if num_beams % num_beam_groups:
        raise InputError(
            f"strategy.num_beam_groups={num_beam_groups}: must divide strategy.num_beams={num_beams}, "
            "so that all groups have as many"
        )
    inner = beam(
        num_beams=num_beams // num_beam_groups,
        length_penalty=length_penalty,
        early_stopping=early_stopping,
        repetition_penalty=repetition_penalty,
    )
    return DiverseBeam(inner, num_beam_groups, diversity_penalty)
