"""Made-up entries that a number fixes, and processes that write them; light, as such processes start often."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness.errors import InputError
from harness.store import Store, Stored, check_store, open_store

if TYPE_CHECKING:
    from harness.requests import Finish

ROOT = Path(__file__).parents[1]


def key_of(number: int) -> bytes:
    return blake2b(str(number).encode(), digest_size=32).digest()


def entry_of(number: int) -> Stored:
    """0 to 39 tokens; what a number gives is always the same."""
    rng = np.random.default_rng(number)
    count = int(rng.integers(0, 40))
    values = rng.normal(size=(count, 7)).astype(np.float32)
    values[:, 1] = np.nan
    tokens = tuple(rng.integers(0, 50_000, count).tolist())
    finishes: tuple[Finish, ...] = ("eos", "length", "context")
    return Stored(tokens, values, finishes[number % 3], None if number % 2 else number / 7)


def entries_of(numbers: Iterable[int]) -> dict[bytes, Stored]:
    return {key_of(n): entry_of(n) for n in numbers}


def same(a: Stored, b: Stored) -> bool:
    """Whether two entries are the same to the bit."""
    scores = [None if each.score is None else np.float64(each.score).tobytes() for each in (a, b)]
    shapes = [(each.tokens, each.finish, each.values.dtype, each.values.shape) for each in (a, b)]
    return scores[0] == scores[1] and shapes[0] == shapes[1] and a.values.tobytes() == b.values.tobytes()


def whole(store: Store, numbers: Iterable[int]) -> set[int]:
    """Which of the numbers a store has; each is what was put."""
    keys = {key_of(n): n for n in numbers}
    found = store.get(keys)
    for key, entry in found.items():
        assert same(entry, entry_of(keys[key]))
    return {keys[key] for key in found}


def start(call: str, *arguments: object) -> subprocess.Popen[str]:
    """Call a function of this module in a process of its own, with its arguments as texts."""
    code = f"import sys; from tests import stores; stores.{call}(*sys.argv[1:])"
    given = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(given, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def write(path: str, first: str, last: str) -> None:
    """Put the entries of the numbers from first to last, nine at a time, and read some of others in between."""
    numbers = list(range(int(first), int(last)))
    random.Random(first).shuffle(numbers)
    store = open_store(path)
    for place in range(0, len(numbers), 9):
        store.put(entries_of(numbers[place : place + 9]))
        whole(store, range(place, place + 30))
    assert store.broken == 0
    store.close()


def kill_writers(path: str, times: str, seed: str) -> None:
    """Start writers one after another and kill each with SIGKILL in its second put or a few later.

    After each the store is whole. Prints how many entries there are in the end.
    """
    rng = random.Random(seed)
    open_store(path).close()
    for turn in range(int(times)):
        numbers = range(1000 * turn, 1000 * turn + 1000)
        end, begun = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                store = open_store(path)
                for first in numbers[::10]:
                    os.write(begun, b".")
                    store.put(entries_of(range(first, first + 10)))
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(0)
        os.close(begun)
        os.read(end, 1)
        began = time.monotonic()
        os.read(end, 1)
        time.sleep(rng.uniform(0, 3) * min(time.monotonic() - began, 0.05))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(end)
        store = open_store(path)
        there = whole(store, numbers)
        assert store.broken == 0
        if path.endswith(".sqlite"):  # there a put is all or none
            assert len(there) % 10 == 0
        store.close()
    store = open_store(path)
    assert len(whole(store, range(1000 * int(times)))) == len(store)
    print(len(store))


def open_as_another(path: str) -> None:
    """Check and open a store as somebody who is not root, for whom no file is read-only; print what is said."""
    if os.geteuid() == 0:
        os.setuid(65534)
    for call in (check_store, open_store):
        try:
            call(path)
        except InputError as error:
            print(error)
