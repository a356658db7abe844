from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from harness.errors import InputError
from harness.prompts import Prompt
from harness.prompts.files import files


def write(path: Path, content: str, encoding: str = "utf-8") -> str:
    path.write_bytes(content.encode(encoding))
    return str(path)


def texts(prompts: list[Prompt]) -> list[str]:
    return [p.text for p in prompts]


def refused(*parts: str, **arguments: Any) -> None:
    """`files` refuses the arguments, and its message holds all the parts."""
    with pytest.raises(InputError) as caught:
        files(**arguments)
    for part in parts:
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)


ROWS = [
    {"prompt": "Once upon a time", "reference": " there was a king."},
    {"prompt": 'Fünf "Bäche", — 五', "reference": "\nzwei\r\nZeilen"},
    {"prompt": "NA", "reference": "null"},  # what pandas would read as missing
    {"prompt": "007", "reference": " 1e5 "},  # what pandas would read as numbers
]


def save(kind: str, folder: Path, rows: list[dict[str, str]]) -> str:
    """Rows as a file of a kind, written by somebody else's code."""
    path, table = folder / f"tales.{kind}", pd.DataFrame(rows)
    if kind == "csv":
        table.to_csv(path, index=False)
    elif kind == "jsonl":
        table.to_json(path, orient="records", lines=True)
    else:
        table.to_parquet(path)
    return str(path)


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_a_table_comes_back_as_it_was_written(kind: str, tmp_path: Path) -> None:
    prompts = files(save(kind, tmp_path, ROWS))
    assert [{"prompt": p.text, "reference": p.reference} for p in prompts] == ROWS


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_columns_can_be_named(kind: str, tmp_path: Path) -> None:
    path = save(kind, tmp_path, [{"id": "1", "question": "Why?", "answer": " So."}])
    assert files(path, column="question", reference_column="answer")[0].reference == " So."
    assert files(path, column="question")[0].reference is None
    refused(path, "'prompt'", "there are: id, question, answer", path=path)
    refused(path, "'referense'", "id, question, answer", path=path, column="question", reference_column="referense")


def test_txt_gives_a_prompt_a_line_exactly_as_it_stands(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", "  Once \n\n \t\nFünf\u2028Bäche\x0bund\u0085so\nlast, without end")
    assert texts(files(path)) == ["  Once ", "Fünf\u2028Bäche\x0bund\u0085so", "last, without end"]


@pytest.mark.parametrize("kind", ["txt", "jsonl", "csv"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_byte_order_marks_and_line_ends_are_no_part_of_a_prompt(
    kind: str, encoding: str, end: str, tmp_path: Path
) -> None:
    lines = {
        "txt": ["Über allen", "Gipfeln"],
        "jsonl": ['{"prompt": "Über allen"}', '{"prompt": "Gipfeln"}'],
        "csv": ["prompt", "Über allen", "Gipfeln"],
    }[kind]
    path = write(tmp_path / f"a.{kind}", end.join(lines) + end, encoding)
    assert texts(files(path)) == ["Über allen", "Gipfeln"]


def test_csv_fields_may_hold_line_breaks_commas_and_quotes(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", 'prompt,n\n"one\n two, ""three""",1\n\nfour,2\n"",3\n')
    assert texts(files(path)) == ['one\n two, "three"', "four", ""]


def test_csv_errors_name_the_line_where_the_row_begins(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", 'prompt,n\n"one\ntwo",1\n"three\nfour",2,3\n')
    refused(f"{path}, line 4", "3 fields", "header 2", path=path)
    path = write(tmp_path / "b.csv", 'prompt,n\n"one\ntwo",1\n"three\nfour')
    refused(f"{path}, line 4", "not csv", path=path)
    long = "word " * 50_000
    assert texts(files(write(tmp_path / "c.csv", f"prompt\n{long}\n"))) == [long]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ('{"prompt": "b"', "is not JSON"),
        ("plain text", "is not JSON"),
        ('"b"', "must be an object"),
        ('{"text": "b"}', "no column 'prompt'; there are: text"),
        ('{"prompt": 5}', "column 'prompt' is 5 (int), and must be text"),
        ('{"prompt": ["b"]}', "column 'prompt' is ['b'] (list)"),
        ('{"prompt": null}', "column 'prompt' is empty (null)"),
        ('{"prompt": "b", "reference": 1.5}', "column 'reference' is 1.5 (float)"),
        pytest.param('{"prompt": "b", "n": ' + "9" * 5000 + "}", "holds a number of too many digits", id="digits"),
        pytest.param("[" * 100_000, "is nested too deep", id="lists"),
        pytest.param('{"prompt": ' * 100_000, "is nested too deep", id="objects"),
    ],
)
def test_jsonl_errors_name_file_line_and_column(line: str, complaint: str, tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", f'{{"prompt": "a"}}\n\n{line}\n{{"prompt": "c"}}\n')
    refused(f"{path}, line 3: ", complaint, path=path)


def test_parquet_errors_name_the_row(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pd.DataFrame({"prompt": ["a", None]}).to_parquet(path)
    refused(f"{path}, row 2: ", "'prompt'", "null", path=str(path))
    pd.DataFrame({"prompt": [1, 2]}).to_parquet(path)
    refused(f"{path}, row 1: ", "1 (int)", path=str(path))
    path.write_text("not parquet")
    refused(str(path), "is not parquet", path=str(path))


def test_missing_and_empty_references_are_none(tmp_path: Path) -> None:
    lines = [{"prompt": "a", "reference": None}, {"prompt": "b", "reference": ""}, {"prompt": "c"}]
    path = write(tmp_path / "a.jsonl", "\n".join(map(json.dumps, lines)))
    assert [p.reference for p in files(path)] == [None, None, None]


@pytest.mark.parametrize("kind", ["txt", "jsonl", "csv", "parquet"])
def test_an_empty_file_is_named(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{kind}"
    if kind == "parquet":
        pd.DataFrame({"prompt": pd.Series([], dtype="str")}).to_parquet(path)
    else:
        path.write_text({"txt": "\n \n", "jsonl": "", "csv": "prompt\n"}[kind])
    refused(str(path), "empty", path=str(path))


def test_a_path_that_leads_nowhere_is_named(tmp_path: Path) -> None:
    refused("prompts.path='/nowhere/a.txt'", "no such file", path="/nowhere/a.txt")
    refused(".txt", "a.docx", path=write(tmp_path / "a.docx", "x"))
    refused("no file in this folder ends in .csv, .jsonl, .parquet or .txt", path=str(tmp_path))
    refused("no file matches", path=str(tmp_path / "*.jsonl"))
    refused("a.docx must end in", path=str(tmp_path / "*"))
    refused("not a path", path="Once upon a time " * 50)
    refused("not a path", path="~no-such-user-here/a.txt")
    refused("prompts.path is not set", path=None)


def test_text_in_another_encoding_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", "Über", "latin-1")
    refused(path, "UTF-8", "0xdc", path=path)


def test_folders_and_globs_are_read_by_name(tmp_path: Path) -> None:
    write(tmp_path / "b.txt", "second")
    write(tmp_path / "a.JSONL", '{"prompt": "first"}')
    write(tmp_path / "README.md", "no prompts")
    (tmp_path / "deep").mkdir()
    write(tmp_path / "deep" / "c[1].txt", "third")
    assert texts(files(str(tmp_path))) == ["first", "second"]
    assert texts(files(str(tmp_path / "*.txt"))) == ["second"]
    assert texts(files(str(tmp_path / "**" / "*.txt"))) == ["second", "third"]
    assert texts(files(str(tmp_path / "deep" / "c[1].txt"))) == ["third"]


def test_limit_stops_reading_and_keeps_the_ids(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", '{"prompt": "a"}\n{"prompt": "b"}\n{"prompt": "a"}\n{broken\n')
    some = files(path, limit=2)
    assert texts(some) == ["a", "b"]
    assert files(path, limit=3)[:2] == some
    assert files(path, limit=3)[2].id == f"{some[0].id}-2"
    refused("line 4", path=path, limit=4)


# long texts, cut


def test_long_texts_are_cut_into_prompt_and_reference(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", json.dumps({"text": " one  two\nthree,\n\n four five. "}))
    [prompt] = files(path, column="text", prompt_words=3)
    assert (prompt.text, prompt.reference) == ("one  two\nthree,", "\n\n four five.")
    assert texts(files(write(tmp_path / "a.txt", "one two three\n"), prompt_words=2)) == ["one two"]


def test_short_texts_are_left_out_of_a_cut(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", "one two\none two three\none two three four five\n\n")
    assert [p.reference for p in files(path, prompt_words=2)] == [" three", " three four five"]
    assert [p.reference for p in files(path, prompt_words=2, min_words=5)] == [" three four five"]
    refused("no text of 6 words or more", path=path, prompt_words=2, min_words=6)
    refused("no text of 8 words or more", path=path, prompt_words=7)


def test_contradicting_knobs_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", "one two three")
    refused("prompts.min_words=3", "prompt_words", path=path, min_words=3)
    refused("prompts.min_words=3", "more than prompts.prompt_words=3", path=path, min_words=3, prompt_words=3)
    refused("reference_column='x'", "prompt_words=1", path=path, reference_column="x", prompt_words=1)
    refused("prompt_words=0", "greater than or equal to 1", path=path, prompt_words=0)
