"""Whatever happens to the files of a store: no wrong entry, and nothing raised but one sentence."""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import InputError
from harness.store import look_into, open_store, sqlite
from harness.store.examine import examine
from tests.stores import entries_of, whole

COUNT = 40
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # where nobody waits for a disk


@cache
def files() -> dict[int, bytes]:
    """Stores in SQLite files with pages of several sizes: the small ones make trees of several levels."""
    made = {}
    with TemporaryDirectory(dir=MEMORY) as folder, pytest.MonkeyPatch.context() as patch:
        for page in (512, 4096, 16384):
            patch.setattr(sqlite, "_PAGE", page)
            path = Path(folder) / f"{page}.sqlite"
            for first in range(0, COUNT, 20):
                store = open_store(path)
                store.put(entries_of(range(first, first + 20)))
                store.close()
            made[page] = path.read_bytes()
            assert int.from_bytes(made[page][16:18], "big") == page
    return made


@st.composite
def blows(draw: st.DrawFn) -> list[tuple[str, float, int]]:
    """What is done to a file, where (0: its begin, 1: its end), and a number that says how."""
    kind = st.sampled_from(["bit", "head", "zeros", "noise", "swap", "cut"])
    return draw(
        st.lists(st.tuples(kind, st.floats(0, 1, exclude_max=True), st.integers(0, 2**16 - 1)), min_size=1, max_size=4)
    )


def struck(data: bytes, page: int, blows: list[tuple[str, float, int]]) -> bytes:
    hit = bytearray(data)
    for kind, share, number in blows:
        place = int(share * len(hit))
        start = place // page * page
        if kind == "cut":
            del hit[place:]
        elif kind == "bit" and hit:
            hit[place] ^= 1 << number % 8
        elif kind == "head" and hit:  # of a page, where most can go wrong
            hit[min(start + number % 64, len(hit) - 1)] = number >> 8
        elif kind == "zeros":
            hit[start : start + page] = bytes(len(hit[start : start + page]))
        elif kind == "noise":
            hit[place : place + 20] = number.to_bytes(2, "big") * (len(hit[place : place + 20]) // 2)
        elif kind == "swap":
            other = number % (len(hit) // page + 1) * page
            if start + page <= len(hit) and other + page <= len(hit):
                hit[start : start + page], hit[other : other + page] = (
                    hit[other : other + page],
                    hit[start : start + page],
                )
    return bytes(hit)


def use(path: Path) -> None:
    """Look at a store, read all of it, write what is lost, and read again; nothing that is read is wrong."""
    with suppress(InputError):
        looking = look_into(path)
        examine(looking)
        looking.close()
    with suppress(InputError):
        store = open_store(path)
        try:
            there = whole(store, range(COUNT + 5))
            assert there <= set(range(COUNT))
            store.put(entries_of(range(COUNT + 5)))
            whole(store, range(COUNT + 5))
        finally:
            store.close()


@given(page=st.sampled_from([512, 4096, 16384]), hits=blows(), journal=st.none() | st.binary(max_size=600))
@settings(max_examples=80)
def test_a_damaged_file(page: int, hits: list[tuple[str, float, int]], journal: bytes | None) -> None:
    with TemporaryDirectory(dir=MEMORY) as folder:
        path = Path(folder) / "s.sqlite"
        path.write_bytes(struck(files()[page], page, hits))
        if journal is not None:
            (path.parent / "s.sqlite-journal").write_bytes(journal)
        use(path)


@given(data=st.data(), times=st.integers(1, 5))
@settings(max_examples=20)
def test_a_damaged_folder(data: st.DataObject, times: int) -> None:
    with TemporaryDirectory(dir=MEMORY) as folder:
        path = Path(folder) / "s"
        open_store(path).put(entries_of(range(COUNT)))
        kept = sorted(file for file in path.rglob("*") if file.is_file())
        for _ in range(times):
            file = data.draw(st.sampled_from(kept))
            blow = data.draw(blows() | st.sampled_from(["gone", "folder"]))
            if not file.is_file():
                continue
            if isinstance(blow, list):
                file.write_bytes(struck(file.read_bytes(), 64, blow))
            else:
                file.unlink()
                if blow == "folder":
                    file.mkdir()
        use(path)


def test_every_page_and_every_byte_of_a_head() -> None:
    """What chance might leave out: each page zeroed, and each byte of the head of the file turned over."""
    small, large = files()[512], files()[4096]
    changed = [large[:place] + bytes(4096) + large[place + 4096 :] for place in range(0, len(large), 4096)]
    changed += [small[:place] + bytes([small[place] ^ 255]) + small[place + 1 :] for place in range(100)]
    for data in changed:
        with TemporaryDirectory(dir=MEMORY) as folder:
            path = Path(folder) / "s.sqlite"
            path.write_bytes(data)
            use(path)
