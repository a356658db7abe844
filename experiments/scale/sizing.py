"""A sweep of a billion tokens on 8 and on 64 GPUs: calculated from what was measured here, and from published figures.

python -m experiments.scale.sizing     reads measured/*.json, writes measured/sizing.md; a second

Nobody has run any of it. The products of a step are a roofline of the GPU; what is around them is what it costs the
processor here, which a GPU has to wait for where it is the longer.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import harness  # noqa: F401  (before torch: it sets how OpenMP waits)

# isort: split
from experiments.scale.model import around_of
from experiments.scale.roofline import GPUS, Around, Device
from experiments.scale.shapes import Shape, gpt2_xl, llama_8b
from experiments.scale.tables import markdown
from harness.atomic import write_text
from harness.memory import LOGITS

HERE = Path(__file__).resolve().parent
PASSES = 2 * LOGITS
"""Bytes moved for each logit of a row by what draws from it: as many as are held, written and read once. A guess."""


@dataclass(frozen=True)
class Asked:
    """What is to be decoded."""

    strategies: int = 20
    prompts: int = 5000
    samples: int = 40
    tokens: int = 250
    prompt: int = 50  # tokens of one

    @property
    def generations(self) -> int:
        """Of all."""
        return self.strategies * self.prompts * self.samples


@dataclass(frozen=True)
class Step:
    """One step of a full batch on one GPU."""

    rows: int
    device: float  # seconds that the GPU works
    host: float  # seconds that the processor prepares it

    @property
    def tokens(self) -> float:
        """A second, if the two do not overlap: a step waits for its tokens."""
        return self.rows / (self.device + self.host)


def step(gpu: Device, shape: Shape, around: Around, asked: Asked, strategies: int) -> Step:
    """A step in which rows of so many strategies run together.

    Requests of a prompt follow each other strategy by strategy; a quarter of the rows is replaced at a time. So there
    is a group for every `samples` rows, one more for each of the four parts, and no fewer than there are strategies
    beside each other in one part.
    """
    rows = gpu.rows(shape, asked.prompt + asked.tokens)
    groups = 4 if strategies == 1 else round(rows / asked.samples) + 4
    columns = asked.prompt + asked.tokens / 2
    drawn = rows * shape.vocab * PASSES / gpu.bandwidth
    host = around.step + around.layer * shape.layers + around.group * groups
    return Step(rows, gpu.step(shape, rows, columns) + drawn, host)


def gpus(around: Around, asked: Asked) -> str:
    """Rows, milliseconds of a step, tokens a second of one GPU; hours on 8 and 64."""
    rows = []
    for shape in (gpt2_xl(), llama_8b()):
        for gpu in GPUS:
            for strategies in (asked.strategies, 1):
                one = step(gpu, shape, around, asked, strategies)
                hours = asked.generations * asked.tokens / one.tokens / 3600
                rows.append(
                    [
                        f"{shape.name}, {gpu.name}, {'all together' if strategies > 1 else 'one at a time'}",
                        f"{shape.token_bytes(gpu.size):,}",
                        f"{one.rows:,}",
                        f"{1e3 * one.device:.1f}",
                        f"{1e3 * one.host:.1f}",
                        f"{one.tokens:,.0f}",
                        f"{hours / 8:.2f}",
                        f"{hours / 64:.2f}",
                        f"{8 * one.tokens / asked.tokens:,.0f}",
                        f"{64 * one.tokens / asked.tokens:,.0f}",
                    ]
                )
    heads = ["model, GPU, strategies", "KV bytes a token", "rows", "GPU, ms a step", "host, ms a step"]
    heads += ["tokens/s of a GPU", "hours on 8", "on 64", "generations/s of 8", "of 64"]
    return markdown(heads, rows)


def driver(capacity: Mapping[str, Any], long: Mapping[str, Any], asked: Asked) -> str:
    """What one driver needs for all generations, from what it needs for one here, and for one of a sweep's."""
    each = {
        "keys": capacity["keys"]["cpu"],
        "from Ray workers": capacity["ray"]["cpu"],
        "into the store, SQLite": capacity["sqlite"]["put"]["cpu"],
        "out of it, for the files": capacity["sqlite"]["get"]["cpu"],
        "rows with their texts": capacity["rows"]["row"]["cpu"],
        "generations.parquet": capacity["rows"]["parquet"]["cpu"],
    }
    each |= {
        "measuring, without MAUVE": long["measure"] * asked.tokens,
        "report": long["report"] * asked.tokens,
    }
    rows = [
        [name, f"{1e3 * seconds:.2f}", f"{1 / seconds:,.0f}", f"{seconds * asked.generations / 3600:.2f}"]
        for name, seconds in each.items()
    ]
    while_decoding = each["from Ray workers"] + each["into the store, SQLite"]
    rows.append(
        [
            "**while decoding**",
            f"{1e3 * while_decoding:.2f}",
            f"{1 / while_decoding:,.0f}",
            f"{while_decoding * asked.generations / 3600:.2f}",
        ]
    )
    total = sum(each.values())
    rows.append(["**all**", f"{1e3 * total:.2f}", f"{1 / total:,.0f}", f"{total * asked.generations / 3600:.2f}"])
    return markdown(["a generation of 250 tokens, one thread", "ms", "a second", "hours for all"], rows)


def disk(capacity: Mapping[str, Any], long: Mapping[str, Any], asked: Asked) -> str:
    """Bytes of all generations."""
    tokens = asked.generations * asked.tokens
    each = {
        "store, SQLite": capacity["sqlite"]["bytes"],
        "store, folder": capacity["folder"]["blocks"],
        "generations.parquet": capacity["rows"]["bytes"],
        "items and evidence": long["items.parquet"] + long["evidence.parquet"],
        "report.html": long["report.html"],
        "memory of the driver, begin": long["begin, memory"],
        "memory of the driver, report": long["report, memory"],
    }
    rows = [[name, f"{size:.1f}", f"{size * tokens / 1e9:,.0f}"] for name, size in each.items()]
    return markdown(["", "bytes a token", "GB for all"], rows)


def more(runs: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """What the larger of two runs has more than the smaller, by token: seconds of phases, bytes of files and memory."""
    small, large = (run for run in runs if run["run"] == "reused")  # no rows of a batch in its memory
    tokens = large["tokens"] - small["tokens"]
    phases = list(zip(small["phases"], large["phases"], strict=True))
    found = {a["phase"]: (b["cpu"] - a["cpu"]) / tokens for a, b in phases}
    found |= {f"{a['phase']}, memory": (b["resident"] - a["resident"]) * 2**20 / tokens for a, b in phases}
    return found | {kind: (size - small["bytes"][kind]) / tokens for kind, size in large["bytes"].items()}


def main() -> None:
    """Calculate, and write it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", type=Path, default=HERE / "measured", help="where what was measured lies")
    keep = parser.parse_args().keep
    model, capacity, sweep = (json.loads((keep / f"{n}.json").read_text()) for n in ("model", "capacity", "long"))
    asked, long = Asked(), more(sweep["runs"])
    text = "\n".join([gpus(around_of(model), asked), driver(capacity, long, asked), disk(capacity, long, asked)])
    write_text(keep / "sizing.md", text)
    print(text)


if __name__ == "__main__":
    main()
