"""TensorFlow's checkpoints of format V2 ("tensor bundles"), without TensorFlow: PREFIX.index and PREFIX.data-*.

The index is a table (`harness.models.sstable`) from a variable's name to a BundleEntryProto, and from the empty name
to the BundleHeaderProto (tensorflow/core/protobuf/tensor_bundle.proto). Of the two messages, and of the shapes in them,
the few fields that are needed are parsed here. The data files hold the values, little-endian, variable after variable.

Every byte that is used is checked against the CRC-32C that TensorFlow wrote: the index when it is opened, a variable's
values when they are read. That takes about a second per gigabyte (`harness.models.crc32c`), and cannot be turned off.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import InputError
from harness.models.crc32c import crc32c, masked
from harness.models.sstable import Cursor, read_table

VERSION = 1  # of the format; TensorFlow has written no other
DTYPES = {
    1: "float32",
    2: "float64",
    3: "int32",
    4: "uint8",
    5: "int16",
    6: "int8",
    8: "complex64",
    9: "int64",
    10: "bool",
    14: "bfloat16",
    17: "uint16",
    18: "complex128",
    19: "float16",
    22: "uint32",
    23: "uint64",
}
"""TensorFlow's numbers (types.proto) of what is read here. Strings and quantised numbers are not."""

Message = Mapping[int, list[int | bytes]]  # of protobuf: each field's values by its number


@dataclass(frozen=True, slots=True)
class Entry:
    """What the index says of a variable."""

    dtype: str  # "float32"; "type 7" of what is not read
    shape: tuple[int, ...]
    shard: int  # which data file
    offset: int  # bytes into it
    size: int  # bytes
    checksum: int  # CRC-32C of the bytes, masked
    sliced: bool  # saved in several parts, under other names


@dataclass(frozen=True, slots=True)
class Bundle:
    """An open checkpoint: the index in memory, the values on disk."""

    index: Path
    shards: int  # how many data files there are
    entries: Mapping[str, Entry]

    def file(self, shard: int) -> Path:
        """A data file, by its number."""
        return self.index.with_suffix(f".data-{shard:05d}-of-{self.shards:05d}")

    def check(self, name: str) -> Entry:
        """What the index says of a variable that can be read, as far as that shows without reading it.

        Raises:
            InputError: there is no such variable, its kind is not read, or its file is missing or too short.
        """
        if name not in self.entries:
            raise InputError(f"{self.index}: has no variable {name!r}")
        entry = self.entries[name]
        if entry.sliced:
            raise InputError(
                f"{self.index}: {name!r} is a partitioned variable, saved in parts; save it whole to read it here"
            )
        if entry.dtype not in DTYPES.values():
            raise InputError(f"{self.index}: {name!r} is of TensorFlow's {entry.dtype}, which is not read here")
        if entry.size != math.prod(entry.shape) * _stored(entry).itemsize or entry.shard >= self.shards:
            raise InputError(f"{self.index}: what it says of {name!r} does not hold together; download it again")
        file = self.file(entry.shard)
        try:
            there = file.stat().st_size
        except OSError as error:
            raise InputError(f"{file}: cannot be read ({error.strerror}); the index needs it") from None
        if there < entry.offset + entry.size:
            raise InputError(
                f"{file}: is cut off: it has {there} bytes, {name!r} ends at {entry.offset + entry.size}; "
                "copy or download it again"
            )
        return entry

    def read(self, name: str) -> NDArray[Any]:
        """A variable's values; bfloat16 as float32, which holds them exactly.

        Raises:
            InputError: as `check`; or its file cannot be read, or has changed since TensorFlow wrote it.
        """
        entry = self.check(name)
        file = self.file(entry.shard)
        try:
            octets = np.fromfile(file, np.uint8, entry.size, offset=entry.offset)
        except OSError as error:
            raise InputError(f"{file}: cannot be read ({error.strerror})") from None
        if masked(crc32c(octets)) != entry.checksum:
            raise InputError(f"{file}: is damaged: the checksum of {name!r} is another; copy or download it again")
        values = octets.view(_stored(entry))
        if entry.dtype == "bfloat16":
            values = (values.astype(np.uint32) << 16).view(np.float32)
        return values.astype(values.dtype.newbyteorder("="), copy=False).reshape(entry.shape)


def open_bundle(prefix: Path) -> Bundle:
    """Read the index of a checkpoint.

    Args:
        prefix: what the names of its files begin with, as TensorFlow calls a checkpoint: "models/124M/model.ckpt".

    Raises:
        InputError: PREFIX.index cannot be read, is damaged, or of another format.
    """
    index = prefix.with_name(f"{prefix.name}.index")
    table = read_table(index)
    try:
        header = _message(table.pop(b""))
        entries = {key.decode(): _entry(value) for key, value in table.items() if not key.startswith(b"\0")}
        shards, big_endian, version = _int(header, 1), _int(header, 2), _int(_nested(header, 3), 2)
    except (KeyError, ValueError):  # no header; names that are no UTF-8; messages that are none, or of another kind
        raise InputError(f"{index}: is a table, but no index of a TensorFlow checkpoint") from None
    if big_endian:
        raise InputError(f"{index}: was written on a big-endian machine; only little-endian checkpoints are read")
    if version > VERSION:
        raise InputError(f"{index}: needs a reader of version {version}; this is one of version {VERSION}")
    return Bundle(index, shards, entries)


def _entry(data: bytes) -> Entry:
    """A BundleEntryProto."""
    entry = _message(data)
    shape = _nested(entry, 2)
    return Entry(
        dtype=DTYPES.get(_int(entry, 1), f"type {_int(entry, 1)}"),
        shape=tuple(_int(_message(dimension), 1) for dimension in shape.get(2, [])),
        shard=_int(entry, 3),
        offset=_int(entry, 4),
        size=_int(entry, 5),
        checksum=_int(entry, 6),
        sliced=7 in entry,
    )


def _stored(entry: Entry) -> np.dtype[Any]:
    """How the values lie in the file."""
    return np.dtype("uint16" if entry.dtype == "bfloat16" else entry.dtype).newbyteorder("<")


def _message(data: int | bytes) -> Message:
    """The fields of a protobuf message."""
    if isinstance(data, int):
        raise ValueError("a number stands where a message should")
    fields: dict[int, list[int | bytes]] = {}
    for number, value in _fields(Cursor(data)):
        fields.setdefault(number, []).append(value)
    return fields


def _fields(cursor: Cursor) -> Iterator[tuple[int, int | bytes]]:
    """Number and value of each field (protobuf.dev, "Encoding")."""
    while cursor:
        number, kind = divmod(cursor.varint(), 8)
        if kind == 0:
            yield number, cursor.varint()
        elif kind == 2:
            yield number, cursor.take(cursor.varint())
        elif kind in (1, 5):
            yield number, int.from_bytes(cursor.take(8 if kind == 1 else 4), "little")
        else:
            raise ValueError(f"no field of protobuf is of kind {kind}")


def _int(message: Message, number: int) -> int:
    """A field that is a number; a field that is not written is 0."""
    value = message.get(number, [0])[-1]
    if not isinstance(value, int):
        raise ValueError("a message stands where a number should")
    return value


def _nested(message: Message, number: int) -> Message:
    """A field that is a message; one that is not written is empty."""
    return _message(message.get(number, [b""])[-1])
