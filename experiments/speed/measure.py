"""Time every contender on the same work, interleaved, and check what each of them made."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from experiments.speed.contender import Contender, Lap
from experiments.speed.workload import Work

WARM_UP = 3  # tokens


@dataclass(frozen=True, eq=False)
class Run:
    """One contender's work in one repetition."""

    key: str
    repetition: int
    work: Work
    laps: list[Lap]

    def records(self) -> list[dict[str, Any]]:
        """One per lap, ready for JSON: contender, repetition, lap, seconds, tokens."""
        tokens = self.work.generated // len(self.laps)
        return [
            {
                "contender": self.key,
                "repetition": self.repetition,
                "lap": x.name,
                "seconds": x.seconds,
                "tokens": tokens,
            }
            for x in self.laps
        ]


def interleave(contenders: Sequence[Contender], work: Work, repetitions: int) -> list[Run]:
    """Every contender once per repetition, after a short warm-up; who begins moves on by one each time.

    The order of the contenders is that of the first repetition, where the bare passes come after the sweep that they
    repeat; later ones repeat the sweep that ran last.
    """
    for contender in contenders:
        part = contender.part(work)
        contender.run(Work(part.cells, part.prompts, min(WARM_UP, work.tokens)))
    runs = []
    for repetition in range(repetitions):
        turn = repetition % len(contenders)
        for contender in [*contenders[turn:], *contenders[:turn]]:
            gc.collect()
            run = Run(contender.key, repetition, contender.part(work), contender.run(contender.part(work)))
            if not contender.bare:
                complete(run, contender.title)
            runs.append(run)
            seconds = sum(lap.seconds for lap in run.laps)
            rate = f"{run.work.generated / seconds:8.1f} tokens/s"
            print(f"  {repetition + 1}/{repetitions}  {contender.title:28s} {seconds:8.2f} s {rate}", file=sys.stderr)
    return runs


def complete(run: Run, title: str) -> None:
    """Raise AssertionError unless every text has all its tokens: whoever stops early would look fast."""
    lengths = [len(text) for lap in run.laps for text in lap.texts]
    expected = len(run.work.cells) * len(run.work.prompts)
    assert len(lengths) == expected, f"{title}: made {len(lengths)} texts of {expected}"
    assert set(lengths) == {run.work.tokens}, f"{title}: made texts of {sorted(set(lengths))} tokens"


def texts(run: Run) -> dict[str, list[list[int]]]:
    """The continuations of each cell, in the order of the prompts."""
    made = [list(text) for lap in run.laps for text in lap.texts]
    count = len(run.work.prompts)
    return {cell.name: made[i * count : (i + 1) * count] for i, cell in enumerate(run.work.cells)}


def agreement(runs: Sequence[Run], against: str = "c") -> dict[str, dict[str, str]]:
    """Cell -> contender -> "equal texts/texts" against one contender, for the cells that draw nothing."""
    last = {run.key: texts(run) for run in runs if run.laps[0].texts}
    fixed = [cell.name for run in runs if run.key == against for cell in run.work.cells if not cell.draws]
    return {
        name: {
            key: f"{sum(map(list.__eq__, made[name], last[against][name]))}/{len(made[name])}"
            for key, made in last.items()
            if key != against and name in made
        }
        for name in dict.fromkeys(fixed)
    }
