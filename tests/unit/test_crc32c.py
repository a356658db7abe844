"""CRC-32C against the examples of RFC 3720 and against the textbook's loop over bits."""

from __future__ import annotations

import random

import numpy as np
import pytest

from harness.models.crc32c import WIDTH, crc32c, masked


def textbook(data: bytes) -> int:
    """One bit after the other; the polynomial is written from its highest power on, as in the RFC."""
    state = 0xFFFFFFFF
    for byte in data:
        for bit in range(8):
            high = (state >> 31) ^ (byte >> bit & 1)
            state = (state << 1 & 0xFFFFFFFF) ^ (0x1EDC6F41 if high else 0)
    return int(f"{state ^ 0xFFFFFFFF:032b}"[::-1], 2)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", 0),
        (b"123456789", 0xE3069283),
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
    ],
)
def test_published_checksums(data: bytes, expected: int) -> None:
    assert crc32c(data) == expected


ROW = 4 * WIDTH


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 4095, ROW - 1, ROW, ROW + 1, 2 * ROW, 2 * ROW + 3])
def test_any_length_is_the_textbooks(size: int) -> None:
    data = random.Random(size).randbytes(size)
    assert crc32c(data) == crc32c(np.frombuffer(data, np.uint8)) == textbook(data)


def test_any_changed_bit_changes_it() -> None:
    data = bytearray(random.Random(0).randbytes(ROW + 7))
    whole = crc32c(bytes(data))
    for place in (0, 3, 6, 7, 4000, ROW, ROW + 6):
        for bit in range(8):
            data[place] ^= 1 << bit
            assert crc32c(bytes(data)) != whole
            data[place] ^= 1 << bit


def test_what_is_stored_is_masked() -> None:
    assert masked(0) == 0xA282EAD8
    assert masked(0xE3069283) == (((0xE3069283 >> 15) | (0xE3069283 << 17 & 0xFFFFFFFF)) + 0xA282EAD8) % 2**32
