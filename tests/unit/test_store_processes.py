"""Several processes at one store, and processes that are killed."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from harness.store import open_store
from tests.stores import start, whole


@pytest.mark.parametrize("name", ["s.sqlite", "s"])
def test_eight_processes_write_one_store_at_once(tmp_path: Path, name: str) -> None:
    path = tmp_path / name  # which the eight make too
    writers = [start("write", path, 20 * number, 20 * number + 60) for number in range(8)]
    said = [writer.communicate(timeout=120)[0] for writer in writers]
    assert [writer.returncode for writer in writers] == [0] * 8, said
    assert said == [""] * 8
    store = open_store(path)
    assert whole(store, range(300)) == set(range(200))
    assert (len(store), store.broken) == (200, 0)
    store.close()
    if path.is_file():
        plain = sqlite3.connect(path)
        assert plain.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        plain.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills processes that it forks")
@pytest.mark.parametrize("name", ["s.sqlite", "s"])
def test_a_writer_that_is_killed_leaves_whole_entries(tmp_path: Path, name: str) -> None:
    killer = start("kill_writers", tmp_path / name, 20, name)
    (said, _) = killer.communicate(timeout=120)
    assert killer.returncode == 0, said
    assert int(said) >= 200  # each has put ten
