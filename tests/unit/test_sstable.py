"""Tables that TensorFlow wrote: every key is read, and no damage is overlooked."""

from __future__ import annotations

import lzma
from pathlib import Path

import pytest

from harness.errors import InputError
from harness.models.crc32c import crc32c, masked
from harness.models.sstable import FOOTER, Cursor, read_table
from tests.data.tensorflow import write

INDEX = write.HERE / "kinds" / f"{write.PREFIX}.index"


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """A copy that a test may break."""
    copy = tmp_path / INDEX.name
    copy.write_bytes(INDEX.read_bytes())
    return copy


def test_every_key_of_several_blocks_is_read_in_order(tmp_path: Path) -> None:
    file = tmp_path / "many.index"
    file.write_bytes(lzma.decompress((write.HERE / "many" / f"{write.PREFIX}.index.xz").read_bytes()))
    assert file.stat().st_size > 2 * 2**18  # three blocks: TensorFlow's have 256 KiB
    assert list(read_table(file)) == [b"", *sorted(name.encode() for name in write.many())]


def refused(file: Path) -> bool:
    """Whether a file is refused, in a sentence that names it; if not, nothing of it may have changed."""
    try:
        found = read_table(file)
    except InputError as error:
        return str(error).startswith(f"{file}: is ") and "\n" not in str(error)
    assert found == read_table(INDEX)
    return False


def test_no_changed_byte_is_overlooked(index: Path) -> None:
    whole = INDEX.read_bytes()
    caught = 0
    for place in range(len(whole)):
        index.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        caught += refused(index)
    assert len(whole) - FOOTER <= caught < len(whole)  # the footer is padded with bytes that mean nothing


def test_no_cut_is_overlooked(index: Path) -> None:
    whole = INDEX.read_bytes()
    for size in range(len(whole)):
        index.write_bytes(whole[:size])
        with pytest.raises(InputError, match=rf"^{index}: is cut off, or no index"):
            read_table(index)
    for gap in range(0, len(whole) - FOOTER, 7):  # what is left has a footer that points elsewhere
        index.write_bytes(whole[:gap] + whole[gap + 7 :])
        with pytest.raises(InputError, match=rf"^{index}: is "):
            read_table(index)


def test_a_compressed_block_is_refused(index: Path) -> None:
    whole = bytearray(INDEX.read_bytes())
    handle = Cursor(bytes(whole[-FOOTER:]))
    _, _, offset, size = (handle.varint() for _ in range(4))
    whole[offset + size] = 1  # Snappy
    checksum = masked(crc32c(bytes(whole[offset : offset + size + 1])))
    whole[offset + size + 1 : offset + size + 5] = checksum.to_bytes(4, "little")
    index.write_bytes(whole)
    with pytest.raises(InputError, match=rf"the block at {offset} is compressed, by method 1"):
        read_table(index)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.index: cannot be read \(No such file"):
        read_table(tmp_path / "nowhere.index")


def test_numbers_of_variable_length() -> None:
    assert Cursor(bytes([0x96, 0x01])).varint() == 150  # the example of protobuf's documentation
    assert Cursor(b"\xff" * 9 + b"\x01").varint() == 2**64 - 1
    for broken in (b"", b"\x80", b"\xff" * 10 + b"\x01"):
        with pytest.raises(ValueError, match=r"a number has more|a record goes beyond"):
            Cursor(broken).varint()
