"""One step of decoding, on a terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from harness.inspect.outcome import Outcome
from harness.inspect.step import Step
from harness.report.escape import visible

_ASCII = str.maketrans({"␣": "_", "⇥": ">", "↵": "|", "∅": "-", "⟨": "<", "⟩": ">", "…": ".", "·": "-", "–": "-"})
_PIECE = 24  # characters that a token gets in a table before it is cut


def print_step(step: Step, outcomes: Sequence[Outcome], top: int, console: Console | None = None) -> None:
    """Print the prompt's tokens, the likeliest next ones, and what each strategy makes of them.

    Args:
        step: what the model says.
        outcomes: what strategies make of it.
        top: how many of the likeliest tokens to list.
        console: where to; None: the standard output, plain where that is no terminal.
    """
    _Printer(step, console or Console(highlight=False)).print(outcomes, top)


class _Printer:
    def __init__(self, step: Step, console: Console) -> None:
        self.step, self.console = step, console

    def print(self, outcomes: Sequence[Outcome], top: int) -> None:
        ranked = self.step.logprobs.sort(descending=True, stable=True)
        first = ranked.indices[:top].tolist()
        length = len(self.step.tokens)
        self._line(f"prompt: {length} {'token' if length == 1 else 'tokens'} of {self.step.model.name}", "bold")
        self._prompt()
        self._line("")
        self._line(f"next token: the likeliest of {self.step.nodes.vocab:,}", "bold")
        self.console.print(self._next(first))
        probabilities = self.step.logprobs.exp()
        entropy = float(torch.special.entr(probabilities).sum())
        self._line(
            f"entropy {entropy:.3f} nats (as much as {math.exp(entropy):,.1f} equally likely tokens have); "
            f"gap between the first two {float(self.step.nodes.gap):.3f} nats",
            "dim",
        )
        self._line("")
        self._line("what strategies make of it", "bold")
        for grid in self._fitting([each for each in outcomes if each.distribution], first):
            self.console.print(grid)
        self._line(
            "kept: tokens still possible, and their probability under the model; cut: the rest of it; "
            "entropy in nats, after; – forbidden",
            "dim",
        )
        for each in outcomes:
            if not each.distribution:
                self._search(each, top)

    def _prompt(self) -> None:
        """The prompt's pieces, with their ids below."""
        above, below, used = "", "", 0
        for piece, token in zip(self.step.pieces(self.step.tokens), map(str, self.step.tokens), strict=True):
            piece = self._plain(piece)
            width = max(cell_len(piece), len(token)) + 2
            if used and used + width > self.console.width:
                self._two(above, below)
                above, below, used = "", "", 0
            above += piece + " " * (width - cell_len(piece))
            below += token.ljust(width)
            used += width
        self._two(above, below)

    def _two(self, above: str, below: str) -> None:
        self.console.print(Text(above.rstrip(), "cyan"))
        self.console.print(Text(below.rstrip(), "dim"))

    def _next(self, tokens: Sequence[int]) -> Table:
        """The table of the likeliest tokens, without its lesser columns where they do not fit."""
        probabilities = self.step.logprobs[list(tokens)].exp()
        columns = {
            "rank": list(map(str, range(1, len(tokens) + 1))),
            "token": list(map(self._short, self.step.pieces(tokens))),
            "id": list(map(str, tokens)),
            "logit": [f"{logit:.3f}" for logit in self.step.nodes.logits[0, list(tokens)].tolist()],
            "probability": list(map(number, probabilities.tolist())),
            "sum": list(map(number, probabilities.cumsum(0).tolist())),
        }
        for lesser in ("", "id", "sum", "logit"):
            columns.pop(lesser, None)
            grid = _grid()
            for name in columns:
                grid.add_column(name, justify="left" if name == "token" else "right", no_wrap=True, overflow="crop")
            for row in zip(*columns.values(), strict=True):
                grid.add_row(*(Text(self._plain(cell)) for cell in row))
            if self._width(grid) <= self.console.width:
                break
        return grid

    def _fitting(self, outcomes: Sequence[Outcome], tokens: Sequence[int]) -> Iterator[Table]:
        """A column per strategy, in as many tables as the width asks for."""
        left = list(outcomes)
        while left:
            count = len(left)
            while count > 1 and self._width(self._compared(left[:count], tokens)) > self.console.width:
                count -= 1
            yield self._compared(left[:count], tokens)
            left = left[count:]

    def _width(self, grid: Table) -> int:
        return Measurement.get(self.console, self.console.options.update(max_width=10_000), grid).maximum

    def _compared(self, outcomes: Sequence[Outcome], tokens: Sequence[int]) -> Table:
        grid = _grid()
        grid.add_column("", no_wrap=True, overflow="crop")
        for each in outcomes:
            grid.add_column(
                Text("\n".join(map(self._plain, each.label))), justify="right", no_wrap=True, overflow="crop"
            )
        found = [each.distribution for each in outcomes if each.distribution]
        grid.add_row("kept", *(f"{int(d.kept.sum()):,}" for d in found))
        grid.add_row("kept mass", *(number(d.mass) for d in found))
        grid.add_row("cut mass", *(number(d.cut) for d in found))
        grid.add_row("entropy", *(f"{d.entropy:.3f}" for d in found), end_section=True)
        for token, piece in zip(tokens, self.step.pieces(tokens), strict=True):
            cells = [number(float(d.probabilities[token])) if d.kept[token] else "–" for d in found]
            styles = ["" if d.kept[token] else "dim" for d in found]
            shown = (Text(self._plain(c), style) for c, style in zip(cells, styles, strict=True))
            grid.add_row(Text(self._plain(self._short(piece))), *shown)
        return grid

    def _search(self, outcome: Outcome, top: int) -> None:
        """What a search does instead: the tokens of its rows, with the model's log-probability of each."""
        tokens = outcome.rows[:top]
        logprobs = self.step.logprobs[list(tokens)].tolist()
        ends = ", ".join(f"{p} {x:.2f}" for p, x in zip(self.step.pieces(tokens), logprobs, strict=True))
        more = f", and {len(outcome.rows) - top} more" if len(outcome.rows) > top else ""
        name, *knobs = outcome.label
        self._line(
            f"{name}({', '.join(knobs)}): " if knobs else f"{name}: ",
            "bold",
            "a search, with no distribution of its own; its rows go on with (token, log-probability"
            f"{', drawn with seed 0' if outcome.drawn else ''}): {ends}{more}",
        )

    def _line(self, text: str, style: str = "", more: str = "") -> None:
        self.console.print(Text.assemble((self._plain(text), style), self._plain(more)))

    def _plain(self, text: str) -> str:
        """What the console's encoding has of a text; nothing of it moves the cursor."""
        text = visible(text)
        if self.console.encoding.lower().startswith("utf"):
            return text
        return text.translate(_ASCII).encode(self.console.encoding, "replace").decode(self.console.encoding)

    @staticmethod
    def _short(piece: str) -> str:
        return piece if len(piece) <= _PIECE else piece[: _PIECE - 1] + "…"


def _grid() -> Table:
    return Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)


def number(probability: float) -> str:
    """A probability in six characters or so; what would be shown as 0 or 1 and is not keeps its digits."""
    if 0 < abs(probability) < 5e-5:
        return f"{probability:.0e}"
    return f"{probability:.4f}"
