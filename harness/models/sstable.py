"""Sorted string tables, the key-value files of LevelDB and of TensorFlow's checkpoint indices: read whole.

After LevelDB's documentation (doc/table_format.md). A table is data blocks, an index block that says where they are,
and a footer of 48 bytes that says where the index is. After every block come its compression and its masked CRC-32C.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from harness.errors import InputError
from harness.models.crc32c import crc32c, masked

FOOTER, TRAILER = 48, 5  # bytes
MAGIC = bytes.fromhex("57fb808b247547db")  # the last 8 bytes of every table


class Cursor:
    """A position in bytes that moves on as they are read; `ValueError` where they end too soon."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def __bool__(self) -> bool:
        return self.at < len(self.data)

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        part = self.data[self.at : self.at + count]
        if len(part) != count:
            raise ValueError("a record goes beyond its end")
        self.at += count
        return part

    def varint(self) -> int:
        """The next number of variable length: seven bits a byte, the lowest first; the eighth is off in the last."""
        value = 0
        for shift in range(0, 70, 7):
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
        raise ValueError("a number has more than ten bytes")


def read_table(file: Path) -> dict[bytes, bytes]:
    """All keys of a table, in their order, with their values.

    Every block's checksum is compared. Compressed blocks are refused: TensorFlow writes its indices without.

    Raises:
        InputError: the file cannot be read, is cut off, changed, compressed, or no such table.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror})") from None
    if len(data) < FOOTER or not data.endswith(MAGIC):
        raise InputError(f"{file}: is cut off, or no index of a TensorFlow checkpoint; copy or download it again")
    try:
        handles = Cursor(data[-FOOTER:])
        _block(data, handles)  # properties of the table; TensorFlow writes none
        return {
            key: value
            for _, handle in _entries(_block(data, handles))
            for key, value in _entries(_block(data, Cursor(handle)))
        }
    except ValueError as error:
        raise InputError(f"{file}: is damaged ({error}); copy or download it again") from None


def _block(data: bytes, handle: Cursor) -> bytes:
    """The block whose offset and size are next in `handle`."""
    offset, size = handle.varint(), handle.varint()
    block = data[offset : offset + size + TRAILER]
    if len(block) != size + TRAILER:
        raise ValueError(f"{len(data)} bytes cannot hold a block of {size} at {offset}")
    if masked(crc32c(block[:-4])) != int.from_bytes(block[-4:], "little"):
        raise ValueError(f"the checksum of the block at {offset} is another")
    if block[size]:
        raise ValueError(f"the block at {offset} is compressed, by method {block[size]}")
    return block[:size]


def _entries(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values. A key is written without what it shares with the one before; at a restart it shares nothing.

    Restarts, whose offsets end the block, serve a binary search; who reads everything needs only their count.
    """
    restarts = int.from_bytes(block[-4:], "little")
    end = len(block) - 4 * (restarts + 1)
    if end < 0:
        raise ValueError(f"a block of {len(block)} bytes cannot have {restarts} restarts")
    cursor, key = Cursor(block[:end]), b""
    while cursor:
        shared, own, size = cursor.varint(), cursor.varint(), cursor.varint()
        if shared > len(key):
            raise ValueError("a key shares more than the key before it has")
        key = key[:shared] + cursor.take(own)
        yield key, cursor.take(size)
