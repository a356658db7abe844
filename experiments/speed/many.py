"""Memory against the number of requests: many of them, streamed to disk as a run does."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from experiments.speed.memory import child, resident, settled
from experiments.speed.workload import Setting, prompts

MODEL = "pocket-s"


def compare(counts: list[int], max_rows: int, threads: int) -> list[dict[str, Any]]:
    """`stream` for each number of requests, each in a fresh process."""
    return [child({"task": "many", "requests": n, "max_rows": max_rows, "threads": threads}) for n in counts]


def stream(requests: int, max_rows: int, threads: int) -> dict[str, Any]:
    """Decode so many prompts of 4 to 24 tokens by top-p to 16 to 32 tokens, and write them to a temporary folder.

    Returns:
        requests, max_rows, seconds, tokens; in MiB: resident memory when all requests are listed (`loaded`), the peak
        up to the last generation (`decoding`) and up to the merged file (`peak`), and `path`: the memory of the moment
        after each tenth of the requests. `written`: rows of the file.
    """
    import pyarrow.parquet as pq
    import torch

    from harness.engine import Request, decode
    from harness.faults import completed
    from harness.generations import write_rows
    from harness.loaders import load_model, load_strategy
    from harness.prompts import Prompt
    from harness.texts import row

    torch.set_num_threads(threads)
    model, strategy = load_model(MODEL, device="cpu"), load_strategy("top_p")
    texts = prompts(Setting(vocab=model.vocab, lengths=(4, 24)), requests)
    listed = [Request(Prompt(f"{i:06d}", ""), tokens, strategy, 16 + i % 17) for i, tokens in enumerate(texts)]
    loaded, path, tokens, start = settled(), [], 0, time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:

        def rows() -> Iterator[dict[str, Any]]:
            nonlocal tokens
            for done, generation in enumerate(completed(decode(model, listed, max_rows=max_rows)), 1):
                yield row(generation, "top_p", model)
                tokens += len(generation.tokens)
                if done % max(1, requests // 10) == 0:
                    path.append(resident("VmRSS"))

        write_rows(Path(folder), rows())
        decoding = resident()
        written = pq.ParquetFile(Path(folder) / "generations.parquet").metadata.num_rows
    return {
        "requests": requests,
        "max_rows": max_rows,
        "seconds": time.perf_counter() - start,
        "tokens": tokens,
        "loaded": loaded,
        "decoding": decoding,
        "peak": resident(),
        "path": path,
        "written": written,
    }
