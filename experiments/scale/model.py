"""The model of time and memory against measurements on this machine, one thread.

python -m experiments.scale.model     writes measured/model.json and measured/model.md

What a step costs around its products is fitted to networks too narrow to multiply much; the processor's bandwidth and
products a second are measured with bare matrices. Neither has seen the models whose steps are then predicted.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

import harness  # noqa: F401  (before torch: it sets how OpenMP waits)

# isort: split
from experiments.scale.roofline import Around, Device
from experiments.scale.rows import PROMPT, STEPS, child
from experiments.scale.shapes import Shape, shape_of
from experiments.scale.tables import markdown
from experiments.speed.environment import environment
from harness.atomic import write_json, write_text
from harness.memory import LOGITS, SLACK

HERE = Path(__file__).resolve().parent
NARROW = [
    {"layers": layers, "width": 64, "heads": 2, "vocab": vocab} for layers, vocab in product((1, 13), (4096, 50257))
]
GPT2: dict[str, Any] = {"sizes": {}}
SUBJECTS: dict[str, dict[str, Any]] = {
    "pocket-s": {"model": "pocket-s"},
    "pocket-l": {"model": "pocket-l"},
    "GPT-2's shape": GPT2,
}
ROWS = {"pocket-s": (1, 8, 32, 128, 512), "pocket-l": (1, 8, 32, 128, 512), "GPT-2's shape": (1, 8, 32, 128)}
HELD = {"pocket-s": (512, 128), "pocket-l": (256, 128), "GPT-2's shape": (64, 128)}  # rows and columns of a full cache


def shapes() -> dict[str, Shape]:
    """Of the subjects."""
    from transformers import AutoConfig, GPT2Config

    folder = HERE.parents[1] / "harness" / "models"
    found = {
        name: shape_of(name, AutoConfig.from_pretrained(folder / name, trust_remote_code=False))
        for name in ("pocket-s", "pocket-l")
    }
    return found | {"GPT-2's shape": shape_of("GPT-2's shape", GPT2Config())}


def narrow(sizes: Mapping[str, int]) -> Shape:
    """Of a network to fit to."""
    from transformers import GPT2Config

    config = GPT2Config(
        n_layer=sizes["layers"],
        n_embd=sizes["width"],
        n_head=sizes["heads"],
        vocab_size=sizes["vocab"],
        bos_token_id=None,
        eos_token_id=None,
    )
    return shape_of("narrow", config)


def fitted(cases: Sequence[tuple[Shape, int, int, float]], device: Device) -> Around:
    """What explains best, in parts of each, what steps of some shapes and rows take beyond the roofline.

    Args:
        cases: shape, rows, groups, seconds of a step.
        device: that they were measured on.
    """
    rest = [seconds - device.step(shape, rows, COLUMNS) for shape, rows, _, seconds in cases]
    known = [[1, shape.layers, groups, rows, rows * shape.vocab] for shape, rows, groups, _ in cases]
    weights = np.array([1 / seconds for *_, seconds in cases])
    found, *_ = np.linalg.lstsq(np.array(known) * weights[:, None], np.array(rest) * weights, rcond=None)
    return Around(*(max(0.0, float(x)) for x in found))


COLUMNS = PROMPT + STEPS / 2
"""What rows attend to in the median step."""


def measure() -> dict[str, Any]:
    """Everything, each in a process of its own."""
    load = os.getloadavg()
    machines = {name: child({"task": "machine", "bytes": 4 * shape.multiplied}) for name, shape in shapes().items()}
    fits = [
        child({"task": "step", "sizes": sizes, "rows": rows, "groups": groups})
        for sizes in NARROW
        for rows, groups in ((1, 1), (128, 1), (128, 16))
    ]
    steps = [
        child({"task": "step", **SUBJECTS[name], "rows": rows}) | {"name": name}
        for name in SUBJECTS
        for rows in ROWS[name]
    ]
    held = [
        child({"task": "memory", **SUBJECTS[name], "rows": rows, "columns": columns}) | {"name": name}
        for name, (rows, columns) in HELD.items()
    ]
    return {"load": load, "machines": machines, "fits": fits, "steps": steps, "memory": held}


def device_of(measured: Mapping[str, Any], name: str) -> Device:
    """This processor, as it reads the weights of one subject."""
    flops = max(each["flops"] for each in measured["machines"].values())
    return Device("one thread", measured["machines"][name]["bandwidth"], flops, 4)


def around_of(measured: Mapping[str, Any]) -> Around:
    """What is fitted to the narrow networks; the little that they read, they read from a cache."""
    cases = [(narrow(each["sizes"]), each["rows"], each["groups"], each["seconds"]) for each in measured["fits"]]
    return fitted(cases, device_of(measured, "pocket-s"))


def tables(measured: Mapping[str, Any]) -> str:
    """Predicted and measured."""
    known, around = shapes(), around_of(measured)
    time = []
    for each in measured["steps"]:
        shape, rows = known[each["name"]], each["rows"]
        device = device_of(measured, each["name"])
        products = device.step(shape, rows, COLUMNS)
        predicted = products + around.seconds(shape, rows)
        time.append(
            [
                f"{shape.name}, {rows}",
                f"{1e3 * products:.2f}",
                f"{1e3 * predicted:.2f}",
                f"{1e3 * each['seconds']:.2f}",
                f"{predicted / each['seconds'] - 1:+.0%}",
                f"{rows / each['seconds']:,.0f}",
            ]
        )
    memory = []
    for each in measured["memory"]:
        shape, (rows, columns) = known[each["name"]], HELD[each["name"]]
        cache = rows * (columns + SLACK) * shape.token_bytes(4) / 2**20
        reserved = cache + rows * shape.vocab * LOGITS / 2**20
        memory.append(
            [
                f"{shape.name}, {rows} × {columns}",
                f"{shape.token_bytes(4):,}",
                f"{each['token_bytes']:,}",
                f"{cache:,.0f}",
                f"{each['cache']:,}",
                f"{each['cache'] / cache - 1:+.0%}",
                f"{reserved:,.0f}",
                f"{each['decode']:,}",
            ]
        )
    machines = [
        [name, f"{each['bytes'] / 1e6:,.1f}", f"{each['bandwidth'] / 1e9:.1f}", f"{each['flops'] / 1e9:.0f}"]
        for name, each in measured["machines"].items()
    ]
    fit = {name: f"{1e6 * value:.4g} µs" for name, value in asdict(around).items()}
    return "\n".join(
        [
            markdown(["weights of", "MB", "read, GB/s", "products, GFLOP/s"], machines),
            f"Around the products: {', '.join(f'{value} a {name}' for name, value in fit.items())} (of a row).\n",
            markdown(["a step of, rows", "roofline, ms", "predicted, ms", "measured, ms", "error", "tokens/s"], time),
            markdown(
                [
                    "a cache of, rows × columns",
                    "formula, bytes a token",
                    "`token_bytes`",
                    "predicted, MiB",
                    "measured, MiB",
                    "error",
                    "reserved for decoding, MiB",
                    "measured, MiB ",
                ],
                memory,
            ),
        ]
    )


def main() -> None:
    """Measure, and write it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", type=Path, default=HERE / "measured", help="for what was measured")
    given = parser.parse_args()
    measured = measure()
    write_json(given.keep / "model.json", {"environment": environment("cpu", 1)} | measured)
    write_text(given.keep / "model.md", tables(measured))
    print(tables(measured))


if __name__ == "__main__":
    main()
