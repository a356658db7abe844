"""The writer of generations."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import generations
from harness.generations import SCHEMA, read_generations, write_generations, write_rows
from harness.strategies.base import VALUES
from tests import sweeps

FLOATS = st.lists(st.floats(width=32) | st.none(), max_size=5)


def records(count: int) -> list[dict[str, object]]:
    frame = sweeps.rows(0.5, [f"prompt {i}" for i in range(count)])
    return [{str(k): v for k, v in row.items()} for row in frame.to_dict("records")]


def test_the_recorded_values_have_columns() -> None:
    assert set(VALUES) < set(SCHEMA.names)


@pytest.mark.parametrize("count", [0, 1, 4, 5, 11])
def test_rows_are_written_a_few_at_a_time_and_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setattr(generations, "CHUNK", 4)
    given, alive = records(count), [0]

    def coming() -> Iterator[dict[str, object]]:
        for row in given:
            alive[0] += 1
            yield row

    write_rows(tmp_path, coming())
    assert alive == [count]
    assert [path.name for path in tmp_path.iterdir()] == ["generations.parquet"]
    file = pq.ParquetFile(tmp_path / "generations.parquet")
    assert file.metadata.num_row_groups == -(-count // 4)
    read = read_generations(tmp_path)
    assert read["prompt"].tolist() == [row["prompt"] for row in given]
    for row, (_, back) in zip(given, read.iterrows(), strict=True):
        np.testing.assert_array_equal(back["logprob"], np.asarray(row["logprob"]))
        np.testing.assert_array_equal(back["tokens"], np.asarray(row["tokens"]))


def test_what_fails_in_the_middle_leaves_the_file_of_before(tmp_path: Path) -> None:
    write_rows(tmp_path, records(3))

    def die() -> Iterator[dict[str, object]]:
        yield records(1)[0]
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_rows(tmp_path, die())
    assert len(read_generations(tmp_path)) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["generations.parquet"]


def test_a_failed_write_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="not a number"):
        write_rows(tmp_path, [records(1)[0] | {"tokens": ["not a number"]}])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("change", [{"extra": 1}, {"text": None}])
def test_columns_are_checked(tmp_path: Path, change: dict[str, object]) -> None:
    row = records(1)[0] | change
    if change == {"text": None}:
        del row["text"]
    with pytest.raises(KeyError, match=next(iter(change))):
        write_rows(tmp_path, [row])


def test_no_generations_no_frame(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"generations\.parquet"):
        read_generations(tmp_path)


@settings(max_examples=30)
@given(logprob=FLOATS, text=st.text(st.characters(codec="utf-8")), score=st.floats(allow_nan=False) | st.none())
def test_values_survive_bit_for_bit(
    tmp_path_factory: pytest.TempPathFactory, logprob: list[float | None], text: str, score: float | None
) -> None:
    folder = tmp_path_factory.mktemp("job")
    row = records(1)[0] | {"logprob": logprob, "kept": [3.0, None], "text": text, "score": score}
    write_generations(folder, pd.DataFrame([row]))
    back = read_generations(folder).iloc[0]
    assert back["text"] == text
    expected = np.array([np.nan if x is None else x for x in logprob], dtype=np.float32)
    np.testing.assert_array_equal(np.asarray(back["logprob"], dtype=np.float32), expected)
    assert np.isnan(back["score"]) if score is None else back["score"] == score
    kept = pq.ParquetFile(folder / "generations.parquet").read()["kept"][0].as_py()
    assert kept == [3.0, None]  # null in the file, so that other tools see it
