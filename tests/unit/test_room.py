"""Whether the disk has room."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from harness import room
from harness.errors import InputError
from harness.generations import write_rows
from harness.room import check_disk
from harness.store import Stored, open_store
from harness.strategies.base import VALUES


def test_too_little_room_is_said_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=10 * room.TEXT + 640 * room.TOKEN))
    check_disk({"the results folder": tmp_path / "not" / "there" / "yet"}, 10, 640)
    with pytest.raises(InputError, match=r"^store .*there/yet: the disk has .* MB left; 10 generations"):
        check_disk({"store": tmp_path / "there" / "yet"}, 10, 641)


def test_the_estimate_is_no_less_than_what_is_written(tmp_path: Path) -> None:
    count, tokens, text = 300, 64, "word " * 64
    random = np.random.default_rng(0)
    values = random.normal(size=(tokens, len(VALUES))).astype(np.float32)
    ids = random.integers(0, 50_000, tokens)
    store = open_store(tmp_path / "s.sqlite")
    store.put({i.to_bytes(32, "big"): Stored(tuple(ids.tolist()), values + i, "length", 1.0) for i in range(count)})
    store.close()
    row = {
        "prompt_id": "0" * 16,
        "prompt": text,
        "strategy": "top_p",
        "seed": 0,
        "text": text,
        "tokens": ids,
        "ends": np.arange(tokens),
        "finish": "length",
        "score": 1.0,
    }
    columns = {name: values[:, i] for i, name in enumerate(VALUES)}
    write_rows(tmp_path, ({**row, "sample": i, **{k: v + i for k, v in columns.items()}} for i in range(count)))
    written = sum(path.stat().st_size for path in tmp_path.iterdir())
    assert 0.5 * written < count * room.TEXT + count * tokens * room.TOKEN
    assert written < count * room.TEXT + count * tokens * room.TOKEN
