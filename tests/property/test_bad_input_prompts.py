"""Prompt files that hold anything but prompts: one sentence that names the file, before a model is loaded."""

from __future__ import annotations

import gzip
import io
import json
import tempfile
import zipfile
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from harness import __main__ as cli
from tests import command_line

PHASES = (Phase.explicit, Phase.reuse, Phase.generate)  # what fails is small: shrinking it would take minutes
GOOD = [{"prompt": "Once upon a time", "reference": " there was a fox."}, {"prompt": "The old king"}]
File = tuple[str, bytes]  # its suffix, and what is in it

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
NO_TEXT = JSON.filter(lambda value: not isinstance(value, str))
NAMES = st.text(min_size=1, max_size=8).filter(lambda name: name not in ("prompt", "reference"))


def lines(*records: Any) -> bytes:
    return "".join(json.dumps(record) + "\n" for record in (*GOOD, *records)).encode()


def table(columns: dict[str, Any]) -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.table(columns), stream)
    return stream.getvalue()


def zipped(content: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("prompts.jsonl", content)
    return stream.getvalue()


WHOLE = lines()
PARQUET = table({"prompt": ["Once upon a time", "The old king"]})


def text_files(content: bytes) -> st.SearchStrategy[File]:
    return st.tuples(st.sampled_from([".txt", ".jsonl", ".csv"]), st.just(content))


KINDS: dict[str, st.SearchStrategy[File]] = {
    "empty": st.tuples(st.sampled_from([".txt", ".jsonl", ".csv", ".parquet"]), st.just(b"")),
    "blank": st.tuples(
        st.sampled_from([".txt", ".jsonl"]), st.text(" \t\n\r\v\f\u2003", min_size=1, max_size=9).map(str.encode)
    ),
    "only a header": st.just((".csv", b"prompt,reference\r\n")),
    "no UTF-8": st.builds(
        lambda suffix, at, wrong: (suffix, WHOLE[:at] + wrong + WHOLE[at:]),
        st.sampled_from([".txt", ".jsonl", ".csv"]),
        st.integers(0, len(WHOLE)),
        st.sampled_from([b"\xff", b"\xc3(", b"\xed\xa0\x80", b"\xf0\x9f", b"\x80"]),
    ),
    "UTF-16": st.sampled_from(["utf-16", "utf-16-le"]).map(lambda code: (".jsonl", WHOLE.decode().encode(code))),
    "JSON cut off": st.integers(1, len(json.dumps(GOOD[0])) - 1).map(
        lambda end: (".jsonl", WHOLE + json.dumps(GOOD[0]).encode()[:end])
    ),
    "no object": JSON.filter(lambda value: not isinstance(value, dict)).map(lambda value: (".jsonl", lines(value))),
    "no text": NO_TEXT.map(lambda value: (".jsonl", lines({"prompt": value}))),
    "reference no text": NO_TEXT.filter(lambda value: value is not None).map(
        lambda value: (".jsonl", lines({"prompt": "a", "reference": value}))
    ),
    "another field": st.dictionaries(NAMES, JSON, max_size=3).map(lambda record: (".jsonl", lines(record))),
    "half of a surrogate pair": st.builds(
        lambda field, half: (".jsonl", lines({"prompt": "a", field: f"b{half}"})),
        st.sampled_from(["prompt", "reference"]),
        st.integers(0xD800, 0xDFFF).map(chr),
    ),
    "nested too deep": st.sampled_from(["[", '{"prompt":']).map(lambda one: (".jsonl", (one * 100_000).encode())),
    "a number too long": st.integers(4301, 9000).map(lambda n: (".jsonl", b'{"prompt": ' + b"9" * n + b"}")),
    "compressed": st.one_of(text_files(gzip.compress(WHOLE, mtime=0)), text_files(zipped(WHOLE)), text_files(PARQUET)),
    "rows of other lengths": st.lists(st.sampled_from("ab"), min_size=3, max_size=5).map(
        lambda row: (".csv", b"prompt,reference\na,b\n" + ",".join(row).encode() + b"\n")
    ),
    "a quote left open": st.text("ab\n,", max_size=9).map(lambda rest: (".csv", f'prompt\n"{rest}'.encode())),
    "another header": NAMES.filter(lambda name: name.isalnum() and name.isascii()).map(
        lambda name: (".csv", f"{name}\na\n".encode())
    ),
    "parquet cut off": st.integers(0, len(PARQUET) - 1).map(lambda end: (".parquet", PARQUET[:end])),
    "parquet of another kind": st.builds(
        lambda name, column: (".parquet", table({name: column})),
        st.just("prompt"),
        st.sampled_from([[1, 2], [["a"], ["b"]], [b"a", b"\xff"], [None, "a"], [True, False]]),
    ),
    "parquet of other columns": NAMES.map(lambda name: (".parquet", table({name: ["a"]}))),
    "parquet bytes changed": st.builds(
        lambda at, by: (".parquet", PARQUET[:at] + bytes([PARQUET[at] ^ by]) + PARQUET[at + 1 :]),
        st.integers(len(PARQUET) - 8, len(PARQUET) - 1),  # the footer's length and the magic number
        st.integers(1, 255),
    ),
}


def refuse(*_: object, **__: object) -> None:
    raise AssertionError("a model was loaded")


def ended(folder: Path, *arguments: str) -> str:
    """The sentence that the command ends with; the folder is as it was."""
    before = command_line.contents(folder)
    with patch("harness.models.checkpoint.from_directory", refuse):
        end = command_line.run(cli.main, *arguments, folder=folder)
    message = end.message()
    assert {k: v for k, v in command_line.contents(folder).items() if k != "results"} == before
    return message


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_holds_no_prompts_is_named(kind: str) -> None:
    @settings(max_examples=2, phases=PHASES)
    @given(KINDS[kind])
    def ends(file: File) -> None:
        with tempfile.TemporaryDirectory() as place:
            path = Path(place, f"mine{file[0]}")
            path.write_bytes(file[1])
            assert path.name in ended(Path(place), "prompts=file", f"prompts.path={path.name}")

    ends()
