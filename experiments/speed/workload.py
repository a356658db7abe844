"""What is decoded: the prompts, the cells of a sweep, and each cell in the words of every contender."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from harness.configs import options


@dataclass(frozen=True)
class Setting:
    """The model's shape, the sizes of the workload and where it runs. The defaults are those of the README."""

    layers: int = 12
    width: int = 768
    heads: int = 12
    vocab: int = 50257
    activation: str = "gelu_new"
    flat: bool = False  # True: the logits as a fresh model makes them; False: scaled to `entropy`
    entropy: float = 4.0  # nats, mean over the prompts at temperature 1; GPT-2 on English text has 3 to 4
    dtype: str = "float32"
    device: str = "cpu"
    threads: int = 2
    prompts: int = 32
    lengths: tuple[int, int] = (16, 48)  # of the prompts, both ends included
    tokens: int = 64
    batch: int = 32  # of the contenders that take one
    max_rows: int = 512  # of the harness
    seed: int = 0


TINY = Setting(layers=2, width=64, heads=2, vocab=997, prompts=4, lengths=(4, 9), tokens=8, max_rows=64)


@dataclass(frozen=True, eq=False)
class Cell:
    """One strategy with one seed: what people run as one job."""

    name: str
    option: str  # of conf/strategy
    knobs: Mapping[str, Any] = field(default_factory=dict)  # their names are those of transformers
    seed: int = 0

    @property
    def draws(self) -> bool:
        """Whether the cell samples; temperature 0 is greedy."""
        return self.option not in ("greedy", "beam", "repetition_penalty") and self.knobs.get("temperature") != 0

    def generate(self) -> dict[str, Any]:
        """The arguments of `transformers.generate`."""
        if not self.draws:
            return {"do_sample": False} | {k: v for k, v in self.knobs.items() if k != "temperature"}
        return {"do_sample": True, "temperature": 1.0, "top_k": 0, "top_p": 1.0} | dict(self.knobs)

    def translator(self) -> dict[str, Any] | None:
        """The arguments of CTranslate2's `generate_batch`; None: it has no such strategy."""
        names = {
            "num_beams": "beam_size",
            "temperature": "sampling_temperature",
            "top_k": "sampling_topk",
            "top_p": "sampling_topp",
            "repetition_penalty": "repetition_penalty",
        }
        if not names.keys() >= self.knobs.keys():
            return None
        if not self.draws:
            return {"sampling_topk": 1} | {names[k]: v for k, v in self.knobs.items() if k != "temperature"}
        return {"sampling_topk": 0} | {names[k]: v for k, v in self.knobs.items()}


def eight() -> list[Cell]:
    """The eight strategies, or those of them that the harness has."""
    cells = [
        Cell("greedy", "greedy"),
        Cell("τ 0.7", "temperature", {"temperature": 0.7}),
        Cell("top-k 50", "top_k", {"top_k": 50}),
        Cell("top-p 0.9", "top_p", {"top_p": 0.9}),
        Cell("typical 0.9", "typical", {"typical_p": 0.9}),
        Cell("repetition 1.2", "repetition_penalty", {"repetition_penalty": 1.2}),
        Cell("τ 0.8, top-p 0.9", "top_p", {"temperature": 0.8, "top_p": 0.9}),
        Cell("beam 4", "beam", {"num_beams": 4}),
    ]
    there = options("strategy")
    return [cell for cell in cells if cell.option in there]


def grid(temperatures: int = 12, seeds: Sequence[int] = (0, 1)) -> list[Cell]:
    """Temperatures evenly from 0 to 2, each with every seed."""
    return [
        Cell(f"τ {t:.2f} seed {seed}", "temperature", {"temperature": round(float(t), 4)}, seed)
        for seed in seeds
        for t in np.linspace(0, 2, temperatures)
    ]


@dataclass(frozen=True, eq=False)
class Work:
    """Cells × prompts × tokens: one sweep, or the part of it that a slow contender runs."""

    cells: Sequence[Cell]
    prompts: Sequence[tuple[int, ...]]
    tokens: int

    @property
    def generated(self) -> int:
        """How many tokens its continuations have; none ends early."""
        return len(self.cells) * len(self.prompts) * self.tokens

    def part(self, prompts: int | None, names: Sequence[str] | None) -> Work:
        """The first prompts (None: all) under the cells of these names (None: all)."""
        cells = self.cells if names is None else [c for c in self.cells if c.name in names]
        return replace(self, cells=cells, prompts=self.prompts[:prompts])


def prompts(setting: Setting, count: int | None = None) -> list[tuple[int, ...]]:
    """Random token ids, the same for the same seed; lengths go evenly through the range, in a random order."""
    rng = np.random.default_rng(setting.seed)
    count = setting.prompts if count is None else count
    lengths = np.linspace(*setting.lengths, count).round().astype(int)
    return [tuple(rng.integers(0, setting.vocab, n).tolist()) for n in rng.permutation(lengths)]
