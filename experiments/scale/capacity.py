"""What the process that drives a sweep can take: generations a second through each thing that it does with one.

python -m experiments.scale.capacity     writes measured/capacity.json and measured/capacity.md

Generations of 250 tokens, decoded here by top-p with GPT-2's shape and random weights, so that their tokens and values
do not compress better than those of real ones; their texts are made by the tokenizer of pocket-l.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

import harness  # noqa: F401  (before torch: it sets how OpenMP waits)

# isort: split
import torch

from experiments.scale.rows import load, texts
from experiments.scale.tables import markdown
from experiments.speed.environment import environment
from harness.atomic import write_json, write_text
from harness.cluster.base import Recipe
from harness.engine import Generation, Request, decode
from harness.generations import write_rows
from harness.identity import keys, traits
from harness.journal import Journal
from harness.loaders import load_model, load_strategy
from harness.prompts import Prompt
from harness.store import Stored, open_store
from harness.texts import row

HERE = Path(__file__).resolve().parent
TOKENS, PROMPT = 250, 32


def generations(count: int) -> list[Generation]:
    """So many real ones, all of full length."""
    model = load({"sizes": {}})
    strategy = load_strategy("top_p")
    asked = [
        Request(Prompt(f"{i:06d}", "Once upon a time " * 6), text, strategy, TOKENS)
        for i, text in enumerate(texts(model, count, PROMPT))
    ]
    return list(decode(model, asked))


def timed(count: int, act: Callable[[], object]) -> dict[str, float]:
    """Seconds for each of `count`, by the clock and of the processor."""
    clock, cpu = time.perf_counter(), time.process_time()
    act()
    return {"clock": (time.perf_counter() - clock) / count, "cpu": (time.process_time() - cpu) / count}


def key(number: int) -> bytes:
    """A key as good as any."""
    return blake2b(str(number).encode(), digest_size=32).digest()


def through_store(name: str, made: Sequence[Generation], count: int, folder: Path) -> dict[str, Any]:
    """Into a journal and out of it again, a thousand at a time."""
    entries = [Stored(g.tokens, g.values, g.finish, g.score) for g in made]
    with Journal(open_store(folder / name)) as journal:

        def add() -> None:
            for i in range(count):
                journal.add(key(i), entries[i % len(entries)])
            journal.flush()

        put = timed(count, add)
        parts = [[key(i) for i in range(at, min(at + 1000, count))] for at in range(0, count, 1000)]
        got = timed(count, lambda: [journal.get(part) for part in parts])
        size = journal.store.size()
    blocks = sum(path.stat().st_blocks * 512 for path in [folder / name, *(folder / name).rglob("*")])
    return {"put": put, "get": got, "bytes": size / count / TOKENS, "blocks": blocks / count / TOKENS}


def through_rows(made: Sequence[Generation], count: int, folder: Path) -> dict[str, Any]:
    """A generation to a row with its text and where each token ends, and to generations.parquet."""
    model = load_model("pocket-l", device="cpu")
    small = [Generation(g.request, tuple(t % model.vocab for t in g.tokens), g.values, g.finish, g.score) for g in made]
    rows = [row(g, "top_p", model) for g in small]
    found: dict[str, Any] = {
        "row": timed(count, lambda: [row(small[i % len(small)], "top_p", model) for i in range(count)])
    }
    measured = ("logprob", "strategy_logprob", "entropy", "kept_mass", "gap")
    others = [  # no two alike: parquet writes equal numbers once
        given | {"tokens": made[i % len(made)].tokens} | {name: given[name] * (1 + 1e-5 * i) for name in measured}
        for i in range(count)
        for given in [rows[i % len(rows)]]
    ]
    found["parquet"] = timed(count, lambda: write_rows(folder, others))
    return found | {"bytes": (folder / "generations.parquet").stat().st_size / count / TOKENS}


def through_keys(count: int) -> dict[str, float]:
    """The key of a request."""
    model, strategy = load_model("pocket-l", device="cpu"), load_strategy("top_p")
    recipe = Recipe({"factory": "harness.models.pocket.pocket"}, {"factory": "harness.engine.fast"}, {strategy: {}})
    given = texts(model, count, PROMPT)
    asked = [Request(Prompt(f"{i:06d}", ""), text, strategy, TOKENS) for i, text in enumerate(given)]
    about = traits(model)
    keys(recipe, {}, model, about, asked[:1])
    return timed(count, lambda: keys(recipe, {}, model, about, asked))


def through_ray(made: Sequence[Generation], count: int, workers: int = 1) -> dict[str, float]:
    """From workers that have them ready to this process, as `harness.cluster.pool` takes them."""
    import ray

    from harness.cluster.pool import Pool
    from harness.cluster.sent import packed, unpacked

    class Ready:
        """A worker that decodes in no time."""

        def __init__(self, sent: Sequence[Any]) -> None:
            self._sent = sent

        def prepare(self, *_: object) -> dict[str, Any]:
            return {"node": ""}

        def decode(self, first: int) -> Iterator[Any]:
            for i in range(count // 4):
                yield self._sent[(first + i) % len(self._sent)]

    root = str(HERE.parents[1])
    ray.init(
        address="local",
        num_cpus=workers,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="error",
        runtime_env={"env_vars": {"PYTHONPATH": root}},
    )
    try:
        sent, actor = [packed(i, g) for i, g in enumerate(made)], ray.remote(Ready)
        pool, recipe = Pool(lambda: actor.options(num_cpus=1).remote(sent)), Recipe({}, {}, {})
        pool.prepare(recipe, bits=False)

        def take() -> None:
            def send(worker: Any, first: int) -> Any:
                return worker.decode.options(num_returns="streaming").remote(first)

            for _, each in pool.run(recipe, range(4), workers, send, lambda *_: [], bits=False, tick=None):
                unpacked(each, made[0].request)

        found = timed(count // 4 * 4, take)
        pool.close()
    finally:
        ray.shutdown()
    return found


def measure(count: int) -> dict[str, Any]:
    """Everything; `count` generations through what is fast, fewer through what is not."""
    load = os.getloadavg()
    made = generations(16)
    with tempfile.TemporaryDirectory(dir=HERE.parents[1] / "results") as place:
        folder = Path(place)
        return {
            "load": load,
            "sqlite": through_store("store.sqlite", made, count, folder),
            "folder": through_store("store", made, count // 4, folder),
            "rows": through_rows(made, count // 4, folder),
            "keys": through_keys(count),
            "ray": through_ray(made, count // 2),
        }


def table(found: dict[str, Any]) -> str:
    """Milliseconds, and generations a second of one driver."""
    named = {
        "key of a request": found["keys"],
        "into a store, SQLite": found["sqlite"]["put"],
        "out of it": found["sqlite"]["get"],
        "into a store, folder": found["folder"]["put"],
        "out of it ": found["folder"]["get"],
        "row: text, ends of tokens": found["rows"]["row"],
        "into generations.parquet": found["rows"]["parquet"],
        "from a Ray worker": found["ray"],
    }
    rows = [
        [name, f"{1e3 * each['cpu']:.3f}", f"{1e3 * each['clock']:.3f}", f"{1 / max(each.values()):,.0f}"]
        for name, each in named.items()
    ]
    sizes = [[name, f"{found[name]['bytes']:.1f}", f"{found[name]['blocks']:.1f}"] for name in ("sqlite", "folder")]
    sizes.append(["generations.parquet", f"{found['rows']['bytes']:.1f}", ""])
    return "\n".join(
        [
            markdown(["a generation of 250 tokens", "of the processor, ms", "by the clock, ms", "a second"], rows),
            markdown(["", "bytes a token", "of the disk"], sizes),
        ]
    )


def main() -> None:
    """Measure, and write it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=8000)
    parser.add_argument("--keep", type=Path, default=HERE / "measured", help="for what was measured")
    given = parser.parse_args()
    torch.set_num_threads(1)
    found = measure(given.count)
    write_json(given.keep / "capacity.json", {"environment": environment("cpu", 1)} | found)
    write_text(given.keep / "capacity.md", table(found))
    print(table(found))


if __name__ == "__main__":
    main()
