"""An entry of a store: to bytes and back, and whatever is no entry is found."""

from __future__ import annotations

import struct
import zlib
from hashlib import blake2b

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from harness.requests import Finish
from harness.store.base import Stored
from harness.store.entry import pack, unpack
from tests.stores import entry_of, key_of, same

KEY = key_of(0)


@st.composite
def entries(draw: st.DrawFn) -> Stored:
    tokens = draw(st.lists(st.integers(-(2**31), 2**31 - 1), max_size=20))
    shape = (len(tokens), draw(st.integers(0, 9)))
    bits = draw(arrays(np.uint32, shape))  # every float32 there is: infinities, and NaN with any payload
    finishes: list[Finish] = ["eos", "length", "context"]
    finish = draw(st.sampled_from(finishes))
    return Stored(tuple(tokens), bits.view(np.float32), finish, draw(st.none() | st.floats()))


@given(entries(), st.binary(min_size=32, max_size=32))
def test_an_entry_comes_back_to_the_bit(entry: Stored, key: bytes) -> None:
    back = unpack(key, pack(key, entry))
    assert back is not None
    assert same(back, entry)
    assert back.values.flags.writeable
    assert back.values.flags.c_contiguous


def test_the_form_is_as_its_description_says() -> None:
    entry = Stored((5, -1), np.array([[1.5, np.nan], [-0.0, np.inf]], np.float32), "length", 2.5)
    data = pack(KEY, entry)
    assert data[:16] == blake2b(KEY + data[16:], digest_size=16).digest()
    assert struct.unpack("<BB?HId", data[16:33]) == (1, 1, True, 2, 2, 2.5)
    planes = zlib.decompress(data[33:])
    numbers = b"".join(bytes(planes[place + 6 * plane] for plane in range(4)) for place in range(6))
    assert struct.unpack("<2i", numbers[:8]) == (5, -1)
    assert np.array_equal(struct.unpack("<4f", numbers[8:]), [1.5, -0.0, np.nan, np.inf], equal_nan=True)  # by column


@given(entries(), st.binary(min_size=32, max_size=32))
def test_under_another_key_it_is_none(entry: Stored, key: bytes) -> None:
    assert (unpack(key, pack(KEY, entry)) is None) == (key != KEY)


def test_every_flipped_bit_and_every_cut_is_found() -> None:
    data = pack(KEY, entry_of(4))
    assert unpack(KEY, data) is not None
    for place in range(len(data)):
        for bit in range(8):
            assert unpack(KEY, data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :]) is None
        assert unpack(KEY, data[:place]) is None
    assert unpack(KEY, data + b"\0") is None


@pytest.mark.parametrize("data", [None, 3, "text", b"", bytes(16), bytes(33), bytes(1000)])
def test_what_is_no_entry_is_none(data: object) -> None:
    assert unpack(KEY, data) is None


def signed(version: int, finish: int, columns: int, tokens: int, body: bytes) -> bytes:
    """What somebody may make who knows how the checksum is made."""
    content = struct.pack("<BB?HId", version, finish, False, columns, tokens, 0.0) + body
    return blake2b(KEY + content, digest_size=16).digest() + content


def test_a_checksum_is_not_taken_for_a_signature() -> None:
    fitting = zlib.compress(bytes(8))
    assert unpack(KEY, signed(1, 0, 1, 1, fitting)) is not None
    assert unpack(KEY, signed(2, 0, 1, 1, fitting)) is None  # another version
    assert unpack(KEY, signed(1, 3, 1, 1, fitting)) is None  # an end that there is not
    assert unpack(KEY, signed(1, 0, 2, 1, fitting)) is None  # too few numbers
    assert unpack(KEY, signed(1, 0, 1, 1, b"no zlib")) is None
    assert unpack(KEY, signed(1, 0, 1, 1, zlib.compress(bytes(10**8)))) is None  # too many; not even unpacked
    assert unpack(KEY, signed(1, 0, 65535, 2**32 - 1, fitting)) is None


NONE = np.zeros((0, 7), np.float32)


@pytest.mark.parametrize(
    ("key", "entry", "says"),
    [
        (KEY, Stored((), NONE, "failed", None), "ended as 'failed' is not stored: allowed: eos, length, context"),
        (KEY[1:], Stored((), NONE, "eos", None), "a key is 32 bytes, not 31"),
        (KEY, Stored((1,), NONE, "eos", None), "of 1$"),
        (KEY, Stored((), NONE.astype(np.float64), "eos", None), "float64"),
        (KEY, Stored((2**31,), np.zeros((1, 7), np.float32), "eos", None), "int32"),
    ],
)
def test_what_is_no_generation_is_not_packed(key: bytes, entry: Stored, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        pack(key, entry)
