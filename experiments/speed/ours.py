"""The harness: job by job, and as one sweep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from experiments.speed.contender import Lap, Stopwatch
from experiments.speed.limit import Passes, recorded
from experiments.speed.subject import Subject
from experiments.speed.workload import Cell, Work
from harness.engine import Request, decode
from harness.faults import completed
from harness.loaders import load_strategy
from harness.models.huggingface import HuggingFaceModel
from harness.prompts import Prompt
from harness.strategies.base import VALUES, Strategy


@dataclass
class Harness:
    """The engine on one model. Strategies are built once per set of knobs, as a run does, so that seeds share them."""

    subject: Subject
    plain: bool = False  # whether the network stays as transformers has it
    passes: Passes = field(default_factory=Passes)  # of the last sweep
    entropy: dict[str, float] = field(default_factory=dict)  # of the model along the last sweep's texts, by cell
    _strategies: dict[tuple[Any, ...], Strategy[Any]] = field(default_factory=dict)

    @property
    def model(self) -> HuggingFaceModel:
        """What it decodes with."""
        return self.subject.plain if self.plain else self.subject.model

    def one_by_one(self, work: Work) -> list[Lap]:
        """A decode per cell."""
        return [self._decode([cell], work, cell.name) for cell in work.cells]

    def sweep(self, work: Work) -> list[Lap]:
        """All cells in one decode; leaves what the model was asked for in `passes`."""
        with recorded(self.model) as passes:
            lap = self._decode(work.cells, work, "sweep")
        self.passes = passes
        return [lap]

    def asked(self, work: Work) -> int:
        """Rows that would be extended if every row were: the first token of a text needs the prefill alone."""
        return sum(self.strategy(c).width for c in work.cells) * len(work.prompts) * (work.tokens - 1)

    def strategy(self, cell: Cell) -> Strategy[Any]:
        """The cell's strategy; the same object for the same knobs."""
        key = (cell.option, *sorted(cell.knobs.items()))
        if key not in self._strategies:
            self._strategies[key] = load_strategy(cell.option, **cell.knobs)
        return self._strategies[key]

    def _decode(self, cells: Sequence[Cell], work: Work, name: str) -> Lap:
        known = [Prompt(f"{i:04d}", " ".join(map(str, tokens))) for i, tokens in enumerate(work.prompts)]
        requests = [
            Request(prompt, tokens, self.strategy(cell), work.tokens, cell.seed)
            for cell in cells
            for prompt, tokens in zip(known, work.prompts, strict=True)
        ]
        model, max_rows = self.model, self.subject.setting.max_rows
        with Stopwatch(model.device) as watch:
            found = {g.request: g for g in completed(decode(model, requests, max_rows=max_rows))}
        column = VALUES.index("entropy")
        for i, cell in enumerate(cells):
            some = [found[r].values[:, column] for r in requests[i * len(known) : (i + 1) * len(known)]]
            self.entropy[cell.name] = float(np.mean(np.concatenate(some)))
        return Lap(name, watch.seconds, [list(found[r].tokens) for r in requests])
