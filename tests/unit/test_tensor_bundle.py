"""Checkpoints that TensorFlow wrote: read bit for bit as by TensorFlow, or refused by the name of the file."""

from __future__ import annotations

import lzma
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.errors import InputError
from harness.models.crc32c import crc32c, masked
from harness.models.sstable import FOOTER, MAGIC
from harness.models.tensor_bundle import DTYPES, Bundle, open_bundle
from tests.data.tensorflow import write


def expected(folder: Path) -> dict[str, NDArray[Any]]:
    """What TensorFlow's reader finds in a checkpoint."""
    with np.load(folder / "expected.npz") as arrays:
        return {name.replace(".", "/"): arrays[name] for name in arrays.files}


def compare(folder: Path) -> Bundle:
    """Read all that TensorFlow has read, and compare the bits."""
    bundle, values = open_bundle(folder / write.PREFIX), expected(folder)
    assert {name for name, entry in bundle.entries.items() if entry.dtype in DTYPES.values()} == set(values)
    for name, value in values.items():
        found = bundle.read(name)
        assert (found.dtype, found.shape, found.tobytes()) == (value.dtype, value.shape, value.tobytes()), name
    return bundle


def test_every_dtype_and_shape_is_what_tensorflow_reads() -> None:
    bundle = compare(write.HERE / "kinds")
    assert {bundle.entries[name].dtype for name in write.kinds()} == set(DTYPES.values())
    for name, (dtype, shape) in write.kinds().items():  # and what it was given
        bits = write.bits(name, shape, dtype)
        found = bundle.read(name)
        raw = (found.view(np.uint32) >> 16).astype(np.uint16) if dtype == "bfloat16" else found
        assert raw.tobytes() == bits.tobytes(), name


def test_several_data_files() -> None:
    bundle = compare(write.HERE / "shards")
    assert bundle.shards == 3
    assert {entry.shard for entry in bundle.entries.values()} == {0, 1, 2}


def test_an_index_of_several_blocks(tmp_path: Path) -> None:
    prefix = Path(shutil.copytree(write.HERE / "many", tmp_path / "many")) / write.PREFIX
    prefix.with_suffix(".ckpt.index").write_bytes(lzma.decompress(prefix.with_suffix(".ckpt.index.xz").read_bytes()))
    bundle = open_bundle(prefix)
    assert {name: int(bundle.read(name)) for name in bundle.entries} == {
        name: i % 5 for i, name in enumerate(write.many())
    }


def test_a_partitioned_variable_is_refused() -> None:
    bundle = open_bundle(write.HERE / "partitioned" / write.PREFIX)
    assert set(bundle.entries) == {"whole", "parts"}  # the parts have entries too, under names of no variable
    assert bundle.read("whole").tobytes() == write.uniform("whole", (2,)).tobytes()
    with pytest.raises(InputError, match=r"model\.ckpt\.index: 'parts' is a partitioned variable"):
        bundle.read("parts")


def test_other_kinds_and_names_are_refused() -> None:
    bundle = open_bundle(write.HERE / "kinds" / write.PREFIX)
    with pytest.raises(InputError, match=r"model\.ckpt\.index: 'text' is of TensorFlow's type 7"):
        bundle.read("text")
    with pytest.raises(InputError, match=r"model\.ckpt\.index: has no variable 'model/wte'"):
        bundle.read("model/wte")


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """A copy of a checkpoint with three data files that a test may break."""
    return Path(shutil.copytree(write.HERE / "shards", tmp_path / "shards")) / write.PREFIX


def test_a_missing_data_file_is_named(shards: Path) -> None:
    (shards.parent / "model.ckpt.data-00001-of-00003").unlink()
    bundle = open_bundle(shards)
    bundle.read("v3")
    with pytest.raises(InputError, match=r"model\.ckpt\.data-00001-of-00003: cannot be read \(No such file"):
        bundle.check("v4")


def test_a_cut_is_seen_without_reading(shards: Path) -> None:
    file = shards.parent / "model.ckpt.data-00002-of-00003"
    size = file.stat().st_size
    file.write_bytes(file.read_bytes()[:-1])
    bundle = open_bundle(shards)
    bundle.check("v5")
    with pytest.raises(InputError, match=rf"00002-of-00003: is cut off: it has {size - 1} bytes, 'v8' ends at {size};"):
        bundle.check("v8")


def test_no_changed_byte_is_overlooked(shards: Path) -> None:
    values = expected(shards.parent)
    for shard in range(3):
        bundle = open_bundle(shards)
        file = bundle.file(shard)
        whole = file.read_bytes()
        for place in range(0, len(whole), 5):
            file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
            name = next(
                n for n, e in bundle.entries.items() if e.shard == shard and e.offset <= place < e.offset + e.size
            )
            with pytest.raises(InputError, match=rf"^{file}: is damaged: the checksum of '{name}' is another"):
                bundle.read(name)
        file.write_bytes(whole)
        assert all(bundle.read(name).tobytes() == value.tobytes() for name, value in values.items())


def table(file: Path, entries: dict[bytes, bytes]) -> Path:
    """Write a table of one block, without shared beginnings, and return the checkpoint's prefix."""

    def closed(block: bytes) -> bytes:
        return block + b"\0" + masked(crc32c(block + b"\0")).to_bytes(4, "little")

    def block(items: dict[bytes, bytes]) -> bytes:
        body = b"".join(bytes([0, len(k), len(v)]) + k + v for k, v in items.items())
        return body + bytes(4) + (1).to_bytes(4, "little")

    data, empty = block(entries), block({})
    handle = bytes([0, len(data)])
    index = block({b"\xff": handle})
    starts = (len(data) + 5, len(data) + 5 + len(empty) + 5)
    footer = bytes([starts[0], len(empty), starts[1], len(index)]).ljust(FOOTER - len(MAGIC), b"\0") + MAGIC
    file.write_bytes(closed(data) + closed(empty) + closed(index) + footer)
    return file.with_suffix("")


HEADER = b"\x08\x01\x1a\x02\x08\x01"  # one data file, little-endian, producer 1
FLOATS = b"\x08\x01\x12\x04\x12\x02\x08\x02\x28\x08"  # float32 [2] in 8 bytes of file 0, with a checksum of 0


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({}, "is a table, but no index"),
        ({b"x": FLOATS}, "is a table, but no index"),
        ({b"": b"\x0a\x01"}, "is a table, but no index"),  # a message that is cut off
        ({b"": b"\x0a\x00"}, "is a table, but no index"),  # a message for a number
        ({b"": b"\x1b"}, "is a table, but no index"),  # a kind of field that there is not
        ({b"": HEADER, b"x": b"\x10\x01"}, "is a table, but no index"),  # a number for a message
        ({b"": HEADER, b"\xff": FLOATS}, "is a table, but no index"),
        ({b"": b"\x08\x01\x10\x01"}, "was written on a big-endian machine"),
        ({b"": b"\x08\x01\x1a\x02\x10\x02"}, "needs a reader of version 2; this is one of version 1"),
    ],
)
def test_indices_of_other_kinds_are_refused(tmp_path: Path, entries: dict[bytes, bytes], message: str) -> None:
    with pytest.raises(InputError, match=rf"x\.index: {message}"):
        open_bundle(table(tmp_path / "x.index", entries))


@pytest.mark.parametrize(
    "entry",
    [
        FLOATS[:-1] + b"\x07",  # bytes that do not hold the shape
        FLOATS + b"\x18\x01",  # in file 1 of one
        b"\x08\x01\x12\x0d\x12\x0b\x08" + b"\xff" * 9 + b"\x01" + b"\x28\x08",  # a dimension of -1
    ],
)
def test_entries_that_do_not_hold_together_are_refused(tmp_path: Path, entry: bytes) -> None:
    bundle = open_bundle(table(tmp_path / "x.index", {b"": HEADER, b"v": entry}))
    with pytest.raises(InputError, match=r"x\.index: what it says of 'v' does not hold together"):
        bundle.read("v")


def test_the_table_above_is_one(tmp_path: Path) -> None:
    values = np.array([1, -2], "<f4")
    entry = FLOATS + b"\x35" + masked(crc32c(values.tobytes())).to_bytes(4, "little")
    prefix = table(tmp_path / "x.index", {b"": HEADER, b"v": entry})
    (tmp_path / "x.data-00000-of-00001").write_bytes(values.tobytes())
    assert open_bundle(prefix).read("v").tolist() == [1, -2]


def test_what_tensorflow_writes_here_and_now(tmp_path: Path) -> None:
    tf = pytest.importorskip("tensorflow", reason="compares with TensorFlow itself: pip install tensorflow")
    write.main(tmp_path)
    sizes = (100_003, 300_000)  # larger than a row of checksums
    write.save(tf, tmp_path / "big", {f"v/{size}": write.bits(str(size), (size,), "float32") for size in sizes})
    for name in ("kinds", "shards", "big"):
        compare(tmp_path / name)
