"""Strategies for tests of other processes: greedy, and they note in a file what they start, raise, or end the process.

They are built from nodes, as a user's own are: `factory: tests.noting.Noting`.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch

from harness.errors import InputError
from harness.strategies.base import Prefill, Step, Strategy, View


@dataclass(frozen=True)
class Noting(Strategy[None]):
    file: str | None = None  # gets a line for every request that begins: the process, and the prompt's tokens
    pause: float = 0.0  # seconds a step
    raises: str | None = None  # a message
    refuses: str | None = None  # a message, of an InputError
    once: int | None = (
        None  # the process is killed in the middle of a text, once so many requests have begun: the first
    )
    deadly: int | None = None  # the process is killed by a prompt that ends with this token

    def start(self, prefill: Prefill) -> None:
        prompts = [[token for token in row if token >= 0] for row in prefill.history.tolist()]
        if self.file is not None:
            with Path(self.file).open("a") as stream:
                stream.writelines(f"{os.getpid()} {' '.join(map(str, tokens))}\n" for tokens in prompts)
        if self.deadly is not None and any(tokens[-1] == self.deadly for tokens in prompts):
            os.kill(os.getpid(), signal.SIGKILL)

    def step(self, view: View, state: None) -> tuple[Step, None]:
        time.sleep(self.pause)
        if self.raises is not None and view.step == 1:
            raise ZeroDivisionError(self.raises)
        if (
            self.file is not None
            and self.once is not None
            and view.step == 3
            and len(started(Path(self.file))) >= self.once
        ):
            with suppress(FileExistsError), open(f"{self.file}.killed", "x"):
                os.kill(os.getpid(), signal.SIGKILL)
        if self.refuses is not None:
            raise InputError(self.refuses)
        return Step(torch.argmax(view.logits, 1)), None


def started(file: Path) -> list[tuple[int, tuple[int, ...]]]:
    """Who began what: process and prompt."""
    lines = file.read_text().splitlines() if file.exists() else []
    return [(int(line.split()[0]), tuple(map(int, line.split()[1:]))) for line in lines]
