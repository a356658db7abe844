"""Result folders that were damaged: a report says what is wrong with which, or leaves out what it need not have."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from harness import __main__ as cli
from harness.report import __main__ as report
from harness.scoring import command as score
from tests import command_line

SCRIPT = "<script>alert(1)</script>"
JSON = ("sweep.json", "job.json", "config.yaml", "scores.json", "provenance.json", "references.json")
TABLES = ("generations.parquet", "evidence.parquet", "items.parquet", "references.parquet")
OPTIONAL = ("sweep.json", "scores.json", "provenance.json", "items.parquet", "evidence.parquet", "references.json")
some = settings(
    max_examples=5,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # shrinking would take minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
ODD = st.sampled_from([None, True, 0, -1, 0.5, 1e308, 10**30, 10**400, [], {}, [1], [None], {"a": 1}, [[[1]]]]) | (
    st.sampled_from(["", "x", "nan", "a\nb", "\ud800", "../../x", "/etc/passwd", SCRIPT, "x" * 3000])
)
LAUGHS = "a: &a [x, x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1 or ''}, *a{i - 1 or ''}]\n" for i in range(1, 40))
COLUMNS: dict[str, Callable[[int], pa.Array]] = {
    "whole numbers": lambda n: pa.array(range(n)),
    "huge numbers": lambda n: pa.array([2**62] * n),
    "negative numbers": lambda n: pa.array([-5] * n),
    "NaN": lambda n: pa.array([float("nan")] * n),
    "texts": lambda n: pa.array([SCRIPT] * n),
    "bytes": lambda n: pa.array([b"\xff"] * n),
    "nulls": lambda n: pa.nulls(n),
    "lists": lambda n: pa.array([[10**6, 1]] * n, pa.list_(pa.int32())),
    "empty lists": lambda n: pa.array([[]] * n, pa.list_(pa.float32())),
    "lists of nulls": lambda n: pa.array([[None]] * n, pa.list_(pa.float32())),
    "lists of lists": lambda n: pa.array([[["a"]]] * n),
}


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small real sweep."""
    place = tmp_path_factory.mktemp("sweep")
    knobs = ("model=pocket-s", "prompts.limit=3", "max_new_tokens=6", "metrics=[repetition,length]")
    arguments = ("-m", "strategy=greedy,beam", *knobs, "report.figures=false", "hydra.sweep.dir=r")
    assert command_line.run(cli.main, *arguments, folder=place).code == 0
    for path in place.glob("r/*"):  # what reports write
        if path.is_file() and path.name not in (*JSON, *TABLES):
            path.unlink()
    return place / "r"


def place_of(sweep: Path, name: str) -> Path:
    """A file of that name in the sweep, relative to it."""
    return min(path.relative_to(sweep) for path in sweep.rglob(name))


def reported(sweep: Path, damage: Callable[[Path], object]) -> command_line.End:
    """How a report of a damaged copy ends; no file that was there before is touched."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(sweep, folder / "r")
        damage(folder / "r")
        before = command_line.contents(folder)
        end = command_line.run(report.main, "r", folder=folder)
        after = command_line.contents(folder)
        assert {path: after.get(path) for path in before} == before
        if end.code:
            assert "r" in end.message()
            assert after == before
        else:
            assert not end.err
            assert SCRIPT.encode() not in (after["r/report.html"] or b"")
        return end


def change(value: Any, data: st.DataObject) -> Any:
    """The value with one place in it set to something odd, taken away or renamed."""
    if not isinstance(value, dict | list) or not value or data.draw(st.integers(0, 3)) == 0:
        return data.draw(ODD)
    place = data.draw(st.sampled_from(sorted(value) if isinstance(value, dict) else range(len(value))))
    copied = value.copy()
    if data.draw(st.integers(0, 5)) == 0:
        gone = copied.pop(place)
        if isinstance(copied, dict):
            copied["odd"] = gone
        return copied
    copied[place] = change(value[place], data)
    return copied


@pytest.mark.parametrize("name", JSON)
def test_values_of_other_types_end_in_a_sentence_or_in_a_report(name: str, sweep: Path) -> None:
    file = place_of(sweep, name)

    @some
    @given(st.data())
    def ends(data: st.DataObject) -> None:
        content = yaml.safe_load((sweep / file).read_text())  # JSON is yaml
        reported(sweep, lambda r: (r / file).write_text(json.dumps(change(content, data))))

    ends()


@pytest.mark.parametrize("name", TABLES)
def test_columns_of_other_types_end_in_a_sentence_or_in_a_report(name: str, sweep: Path) -> None:
    file = place_of(sweep, name)
    table = pq.ParquetFile(sweep / file).read()

    @some
    @given(st.integers(0, table.num_columns - 1), st.sampled_from(["gone", "renamed", "no rows", "twice", *COLUMNS]))
    def ends(place: int, how: str) -> None:
        column = table.column_names[place]
        if how == "gone":
            changed = table.drop([column])
        elif how == "renamed":
            changed = table.rename_columns([each if each != column else "odd" for each in table.column_names])
        elif how == "no rows":
            changed = table.slice(0, 0)
        elif how == "twice":
            changed = pa.concat_tables([table, table])
        else:
            changed = table.set_column(place, column, COLUMNS[how](len(table)))
        reported(sweep, lambda r: pq.write_table(changed, r / file))

    ends()


@pytest.mark.parametrize("name", [*JSON, *TABLES])
def test_half_a_file_is_named(name: str, sweep: Path) -> None:
    file = place_of(sweep, name)
    whole = (sweep / file).read_bytes().rstrip()

    @settings(some, max_examples=3)
    @given(st.integers(0, len(whole) - 1) if name != "config.yaml" else st.sampled_from([0, 1, 5]))
    def ends(length: int) -> None:
        end = reported(sweep, lambda r: (r / file).write_bytes(whole[:length]))
        if name != "items.parquet" or end.code:
            assert str(file.parent if file.parent != Path() else "r") in end.message()

    ends()


@pytest.mark.parametrize("name", [*JSON, *TABLES])
def test_a_file_that_is_gone_is_missed(name: str, sweep: Path) -> None:
    file = place_of(sweep, name)
    end = reported(sweep, lambda r: (r / file).unlink())
    assert end.code == (name not in OPTIONAL), end.err


def test_a_job_without_scores_is_reported_as_unfinished(sweep: Path) -> None:
    with tempfile.TemporaryDirectory() as place:
        shutil.copytree(sweep, Path(place, "r"))
        gone = place_of(sweep, "scores.json")
        Path(place, "r", gone).unlink()
        assert command_line.run(report.main, "r", folder=Path(place)).code == 0
        assert gone.parent.name.split("_")[0] in Path(place, "r", "report.md").read_text()
        assert "unfinished" in Path(place, "r", "report.md").read_text().lower()


@pytest.mark.parametrize(
    "jobs",
    [["../r/0"], ["/etc"], ["."], ["r"] * 3000, ["no\0thing"], ["x" * 5000], ["a/../../b"], ["~"], ["\ud800"]],
    ids=lambda jobs: f"{jobs[0]:.9} {len(jobs)}",
)
def test_jobs_that_are_none_are_refused(jobs: list[str], sweep: Path) -> None:
    end = reported(sweep, lambda r: (r / "sweep.json").write_text(json.dumps({"jobs": jobs})))
    assert end.code == 1


@pytest.mark.parametrize(
    "text",
    [
        "!!python/object/apply:pathlib.Path.touch [!!python/object/apply:pathlib.Path [pwned]]",
        "!!python/object/apply:os.system ['touch pwned']",
        "a: &a [*a]",
        LAUGHS,
        "[" * 5000,
        "\x00",
        "a: [\n",
    ],
    ids=["touch", "system", "itself", "laughs", "deep", "NUL", "open"],
)
def test_a_config_runs_nothing_and_grows_not_without_end(text: str, sweep: Path) -> None:
    end = reported(sweep, lambda r: (r / place_of(sweep, "config.yaml")).write_text(text))
    assert end.code == 1


@pytest.mark.parametrize(
    ("suffix", "content"),
    [
        (".jsonl", b""),
        (".jsonl", b'{"generation": 1}'),
        (".jsonl", b'{"generation": "a", "prompt": null}'),
        (".jsonl", b'{"generation": "\\ud800"}'),
        (".jsonl", b"[" * 100_000),
        (".csv", b"generation\n\xff\n"),
        (".parquet", b"PAR1PAR1"),
        (".txt", b"a"),
    ],
)
def test_score_names_the_file(suffix: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / f"mine{suffix}").write_bytes(content)
    end = command_line.run(score.main, f"mine{suffix}", "--metrics", "repetition", folder=tmp_path)
    assert "mine" in end.message()
