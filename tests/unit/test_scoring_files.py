from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from harness.errors import InputError
from harness.prompts import identified
from harness.scoring.files import Columns, Texts, load, references

ROWS = [
    {"prefix": "Once", "reference": " there was.", "generation": " upon a time"},
    {"prefix": 'Fünf "Bäche"', "reference": "\nzwei\r\nZeilen", "generation": ""},
    {"prefix": "Once", "reference": " NA", "generation": " 007"},
]


def save(file: Path, rows: Sequence[dict[str, Any]]) -> Path:
    """Rows as a file, written by somebody else's code."""
    table = pd.DataFrame(rows)
    if file.suffix == ".csv":
        table.to_csv(file, index=False)
    elif file.suffix == ".jsonl":
        table.to_json(file, orient="records", lines=True)
    else:
        table.to_parquet(file)
    return file


def one(file: Path, **columns: str) -> Texts:
    (texts,) = load([file], Columns(**columns))
    return texts


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_texts_come_back_as_they_were_written(suffix: str, tmp_path: Path) -> None:
    texts = one(save(tmp_path / f"mine{suffix}", ROWS))
    assert texts.label == "mine"
    assert texts.texts == [row["generation"] for row in ROWS]
    assert texts.prompts == [row["prefix"] for row in ROWS]
    assert texts.references == [row["reference"] for row in ROWS]
    assert texts.used == Columns("generation", "prefix", "reference")


def test_equal_prompts_are_one_and_have_the_ids_of_a_run(tmp_path: Path) -> None:
    texts = one(save(tmp_path / "a.jsonl", ROWS))
    first, second, third = texts.prompt_ids
    assert first == third != second
    assert [first, second] == [p.id for p in identified([("Once", None), ('Fünf "Bäche"', None)])]


def test_usual_columns_are_read_where_they_are_and_only_if_wanted(tmp_path: Path) -> None:
    file = save(tmp_path / "a.jsonl", [{"prompt": "p", "prefix": "q", "out": "x"}])
    assert one(file, text="out").prompts == ["p"]
    assert one(file, text="out", prompt="prefix").prompts == ["q"]
    bare = one(file, text="out", prompt="")
    assert (bare.prompts, bare.references) == (None, None)
    assert bare.prompt_ids == ["0"]
    assert references(bare) is None
    assert references(one(save(tmp_path / "b.jsonl", ROWS), reference="")) is None


@pytest.mark.parametrize(
    ("rows", "columns", "says"),
    [
        (ROWS, {"text": "text"}, "line 1: there is no column 'text'; there are: prefix, reference, generation"),
        (ROWS, {"prompt": "prompt"}, "line 1: there is no column 'prompt'; there are: prefix"),
        (ROWS, {"reference": "human"}, "line 1: there is no column 'human'; there are: prefix"),
        ([{"generation": None}], {}, "line 1: column 'generation' is empty (null), and must be text"),
        ([{"generation": 3}], {}, "line 1: column 'generation' is 3 (int), and must be text"),
        ([{"generation": "a"}, {"generation": ["b"]}], {}, "line 2: column 'generation' is ['b'] (list)"),
        ([{"generation": "a", "prompt": None}], {}, "line 1: column 'prompt' is empty (null)"),
        ([{"generation": "a\ud800"}], {}, "line 1: column 'generation' holds half of a surrogate pair"),
    ],
)
def test_what_is_no_text_is_named(rows: Any, columns: dict[str, str], says: str, tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(InputError) as caught:
        one(file, **columns)
    assert str(caught.value).startswith(f"{file}, ")
    assert says in str(caught.value)


def test_files_are_checked_before_any_is_read(tmp_path: Path) -> None:
    broken = tmp_path / "broken.jsonl"
    broken.write_text('{"generation": "a"}\n{"generation": \n')
    with pytest.raises(InputError, match=r"broken.jsonl, line 2: is not JSON"):
        load([broken], Columns())
    with pytest.raises(InputError, match=r"absent.jsonl: there is no such file"):
        load([broken, tmp_path / "absent.jsonl"], Columns())
    with pytest.raises(InputError, match="is no file"):
        load([broken, tmp_path], Columns())
    (tmp_path / "a.txt").write_text("a\n")
    with pytest.raises(InputError, match=r"a.txt: must end in .csv, .jsonl, .parquet$"):
        load([broken, tmp_path / "a.txt"], Columns())
    (tmp_path / "empty.csv").write_text("generation\n")
    with pytest.raises(InputError, match=r"empty.csv: is empty"):
        load([tmp_path / "empty.csv"], Columns())


def test_labels_are_the_names_of_the_files_and_tell_them_apart(tmp_path: Path) -> None:
    names = ["a.jsonl", "b.v2.jsonl", "x/a.csv", "reference.jsonl", "...jsonl"]
    (tmp_path / "x").mkdir()
    texts = load([save(tmp_path / name, ROWS) for name in names], Columns())
    assert [each.label for each in texts] == ["a #1", "b.v2", "a #2", "reference #1", "jsonl"]


def test_references_of_several_samples_count_once(tmp_path: Path) -> None:
    once = references(one(save(tmp_path / "a.jsonl", ROWS)))
    assert once is not None
    assert once.texts == [row["reference"] for row in ROWS]  # two references of one prompt are two
    for rows in (ROWS * 3, [row for row in ROWS for _ in range(3)]):
        thrice = references(one(save(tmp_path / "b.jsonl", rows)))
        assert thrice is not None
        assert sorted(zip(thrice.prompt_ids, thrice.texts, strict=True)) == sorted(
            zip(once.prompt_ids, once.texts, strict=True)
        )
    # The same row twice among rows that stand once is no second sample of everything.
    twice = references(one(save(tmp_path / "c.jsonl", [*ROWS, ROWS[0]])))
    assert twice is not None
    assert len(twice.texts) == 4


def test_empty_references_are_none(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [{"generation": "a", "reference": ""}, {"generation": "b", "reference": None}]
    assert references(one(save(tmp_path / "a.jsonl", rows))) is None
    some = references(one(save(tmp_path / "b.jsonl", [*rows, {"generation": "c", "reference": "d"}])))
    assert some is not None
    assert (some.prompt_ids, some.texts, some.prompts) == (["2"], ["d"], None)
