"""The blocks inside the page, unpacked again."""

from __future__ import annotations

import json
import zlib
from base64 import b64decode
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from harness.metrics.loops import Loop
from harness.report.page import pack
from harness.report.page.texts import Entry, Text, Values, entries
from harness.results import read_sweep
from tests import sweeps


def text(values: Values, written: str = "") -> Text:
    known = np.ones(len(values), dtype=np.int64)
    return Text(1, 2, written, "length", len(values), None, known, values, values / 2, np.floor(values), known > 0)


def unpacked(block: dict[str, str]) -> tuple[Any, Any]:
    """What a browser makes of a block: the texts, and [5, tokens] codes."""
    texts, numbers = (zlib.decompress(b64decode(block[part])) for part in ("texts", "numbers"))
    planes = np.frombuffer(numbers, dtype=np.uint8).reshape(5, 2, -1).astype(np.int64)
    return json.loads(texts), planes[:, 0] * 256 + planes[:, 1]


def values(codes: Any, top: float) -> Values:
    return np.where(
        codes == pack.UNKNOWN, np.nan, np.where(codes == pack.INFINITE, np.inf, top * (codes / pack.LEVELS) ** 2)
    )


@given(arrays.arrays(np.float64, st.integers(0, 20), elements=st.floats(0, 40) | st.just(np.inf) | st.just(np.nan)))
def test_numbers_come_back_nearly(given: Values) -> None:
    told = [Entry("p", [text(given)])]
    tops = pack.largest(told)
    _, codes = unpacked(pack.block(told, tops))
    back = values(codes[1], tops[0])
    assert np.isnan(back).tolist() == np.isnan(given).tolist()
    assert np.isinf(back).tolist() == np.isinf(given).tolist()
    finite = np.isfinite(given)
    # Half a step of the square root, in nats.
    assert (np.abs(back[finite] - given[finite]) <= np.sqrt(given[finite] * tops[0]) / pack.LEVELS + 1e-6).all()
    ranks = np.where(np.isinf(given), pack.INFINITE, np.floor(given))
    assert codes[3][~np.isnan(given)].tolist() == ranks[~np.isnan(given)].tolist()


def test_ranks_beyond_16_bits_are_the_largest_there_is() -> None:
    told = [Entry("p", [text(np.array([65533.0, 65534.0, 128_000.0]))])]
    _, codes = unpacked(pack.block(told, (1.0, 1.0)))
    assert codes[3].tolist() == [65533, pack.INFINITE, pack.INFINITE]


def test_texts_come_back_as_they_are() -> None:
    nasty = "</script><b>\u2028\x00\u202e😀\ud800"
    looping = Text(0, 0, nasty, "eos", 4, Loop(1, 2, 3), *[np.zeros(0)] * 5)  # type: ignore[arg-type]
    rows, codes = unpacked(pack.block([Entry(nasty, [text(np.ones(2)), looping])], (1.0, 1.0)))
    assert rows == [[nasty, [[1, 2, "", "length", 2, 2], [0, 0, nasty, "eos", 4, 0, 1, 2, 3]]]]
    assert codes.shape == (5, 2)


@pytest.mark.parametrize("nasty", ["</script><script>alert(1)</script>", "<!-- <script>", "&lt;\u2028", "\ud800"])
def test_json_in_a_script_element_ends_where_it_should(nasty: str) -> None:
    class Reader(HTMLParser):
        inside = ""
        tags = 0

        def handle_starttag(self, tag: str, attrs: object) -> None:
            self.tags += 1

        def handle_data(self, data: str) -> None:
            self.inside += data

    reader = Reader()
    written = f'<script type="application/json">{pack.embed({nasty: [nasty]})}</script>'
    reader.feed(written)
    assert written.encode()  # UTF-8 can hold it
    assert reader.tags == 1
    assert json.loads(reader.inside) == {nasty: [nasty]}


def test_chunks_keep_all_prompts_in_order() -> None:
    told = [Entry(str(i), [text(np.ones(30))]) for i in range(7)]
    made = pack.chunks(told, tokens=60)
    assert [[entry.prompt for entry in part] for part in made] == [["0", "1"], ["2", "3"], ["4", "5"], ["6"]]
    assert pack.chunks([]) == []


def test_a_text_of_128_tokens_takes_less_than_a_kilobyte(tmp_path: Path) -> None:
    """So that 10 strategies x 1,000 texts stay far below 15 MB."""
    sweep = read_sweep(sweeps.sweep(tmp_path, sweeps.SIX, prompts=40, new=128))
    told = entries(sweep)
    blocks = [pack.block(part, pack.largest(told)) for part in pack.chunks(told)]
    size = sum(len(part) for block in blocks for part in block.values())
    assert size / sum(len(entry.texts) for entry in told) < 1000
