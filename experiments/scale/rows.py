"""One measurement in a fresh process: a step of decoding with so many rows, or the memory that rows take.

python -m experiments.scale.rows '{"task": "step", "model": "pocket-s", "rows": 32}'
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import harness  # noqa: F401  (before torch: it sets how OpenMP waits)

# isort: split
from experiments.speed.memory import resident, settled

PROMPT, STEPS = 16, 24  # tokens


def child(order: dict[str, Any]) -> dict[str, Any]:
    """Carry an order out in a fresh process of one thread."""
    command = [sys.executable, "-m", "experiments.scale.rows", json.dumps(order)]
    root = Path(__file__).resolve().parents[2]
    out = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=root).stdout
    answer: dict[str, Any] = json.loads(out.strip().splitlines()[-1])
    print(json.dumps(answer), file=sys.stderr)
    return answer


def load(order: dict[str, Any]) -> Any:
    """A pocket model, or one of GPT-2's family with random weights, of the sizes given; it never ends a text."""
    if "model" in order:
        from harness.loaders import load_model

        model: Any = load_model(order["model"], device="cpu")
    else:
        from experiments.speed.subject import Subject
        from experiments.speed.workload import Setting

        model = Subject(Setting(threads=1, **order["sizes"])).model
    model.eos = frozenset()
    return model


def texts(model: Any, rows: int, length: int) -> list[tuple[int, ...]]:
    """Random tokens."""
    import numpy as np

    return [tuple(text) for text in np.random.default_rng(0).integers(1, model.vocab, (rows, length)).tolist()]


def step(order: dict[str, Any]) -> dict[str, Any]:
    """Decode by top-p, of as many values as there are to be groups; the median of the seconds of a step.

    Seconds of the processor: there is one thread, so these are all, and others on the machine disturb them little.
    """
    import numpy as np

    from harness.engine import Request, decode
    from harness.loaders import load_strategy
    from harness.prompts import Prompt

    model, rows, groups = load(order), order["rows"], order.get("groups", 1)
    strategies = [load_strategy("top_p", top_p=0.9 + 0.001 * i) for i in range(groups)]
    asked = [
        Request(Prompt(f"{i:06d}", ""), text, strategies[i % groups], STEPS)
        for i, text in enumerate(texts(model, rows, PROMPT))
    ]
    times: list[float] = []
    for _ in decode(model, asked, max_rows=rows, watch=lambda done, left: times.append(time.process_time())):
        pass
    seconds = np.diff(times)[1:-1]  # the first warms up, in the last nothing is extended
    return order | {"seconds": float(np.median(seconds)), "quartiles": np.quantile(seconds, [0.25, 0.75]).tolist()}


def memory(order: dict[str, Any]) -> dict[str, Any]:
    """MiB that a cache of so many rows and columns adds, and that a decode of them adds at its peak."""
    from harness.allocator import give_back
    from harness.engine import Request, decode
    from harness.loaders import load_strategy
    from harness.prompts import Prompt

    model, rows, columns = load(order), order["rows"], order["columns"]
    given = texts(model, rows, columns)
    model.prefill(given[:1])
    give_back()
    before = settled()
    output, cache = model.prefill(given)
    del output
    give_back()
    held = settled() - before
    del cache
    give_back()
    before, strategy = settled(), load_strategy("top_p")
    short = [text[: columns - STEPS] for text in given]
    asked = [Request(Prompt(f"{i:06d}", ""), text, strategy, STEPS) for i, text in enumerate(short)]
    for _ in decode(model, asked, max_rows=rows):
        pass
    return order | {
        "cache": held,
        "decode": resident() - before,
        "token_bytes": model.token_bytes,
        "vocab": model.vocab,
    }


def machine(order: dict[str, Any]) -> dict[str, Any]:
    """Bytes a second that one thread reads from a matrix of so many bytes, and its products a second."""
    import torch

    torch.set_num_threads(1)
    width = 1024
    matrix, vector = torch.randn(order["bytes"] // 4 // width, width), torch.randn(width)
    read = order["bytes"] / _fastest(lambda: matrix @ vector)
    one, other = torch.randn(256, width), torch.randn(width, width)
    return order | {"bandwidth": read, "flops": 2 * 256 * width**2 / _fastest(lambda: one @ other)}


def _fastest(act: Any, times: int = 30) -> float:
    """Seconds of the processor, the median."""
    found = []
    for _ in range(times):
        start = time.process_time()
        act()
        found.append(time.process_time() - start)
    return sorted(found)[times // 2]


TASKS = {"step": step, "memory": memory, "machine": machine}

if __name__ == "__main__":
    import torch

    torch.set_num_threads(1)
    given = json.loads(sys.argv[1])
    print(json.dumps(TASKS[given["task"]](given)))
