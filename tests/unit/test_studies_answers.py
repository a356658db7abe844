"""From a finished sweep to answers.md."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from harness.configs import CONF, EXPERIMENTS, options
from harness.errors import ChecksFailed, InputError
from harness.knobs import PositiveCount
from harness.results import read_sweep
from harness.studies import answers, wording
from harness.studies.base import Answer, Setting
from tests import sweeps

NODE = {"factory": "harness.studies.wording.fake", "times": 2}


def fake(setting: Setting, times: PositiveCount = 1) -> Answer:
    """A study that counts texts."""
    texts = sum(len(job.generations) for job in setting.sweep.jobs)
    return Answer({"texts": times * texts, "none": math.nan}, failed=["nine is not ten"] if times == 9 else [])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(wording, "fake", fake, raising=False)
    monkeypatch.setattr(answers, "EXPERIMENTS", tmp_path)
    (tmp_path / "fake").mkdir()
    (tmp_path / "fake" / "answers.md.j2").write_text("{{ texts }} texts of {{ sweep.jobs[0].label | text }}\n")
    return sweeps.sweep(tmp_path / "sweep", {"greedy_*": (0.1, {})}, prompts=5)


def test_the_template_is_filled_with_the_facts(folder: Path) -> None:
    path = answers.answer(NODE, folder)
    assert path.read_text() == "10 texts of greedy\\_\\*\n"
    assert json.loads((folder / "answers.json").read_text()) == {"texts": 10, "none": None}


def test_a_failed_check_is_said_once_everything_is_written(folder: Path) -> None:
    with pytest.raises(ChecksFailed, match="nine is not ten"):
        answers.answer(NODE | {"times": 9}, folder)
    assert (folder / "answers.md").read_text().startswith("45 texts")


def test_a_fact_that_is_missing_is_an_error(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "fake" / "answers.md.j2").write_text("{{ text_count }}")
    with pytest.raises(UndefinedError, match="text_count"):
        answers.answer(NODE, folder)


def test_knobs_of_a_study_are_checked(folder: Path) -> None:
    with pytest.raises(InputError, match=r"study\.times=0.*1 <= value"):
        answers.answer(NODE | {"times": 0}, folder)


def test_the_models_of_a_sweep_are_named_once(folder: Path) -> None:
    setting = Setting(read_sweep(folder))
    assert list(setting.models.values()) == setting.sweep.jobs[:1]


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.04123, "0.0412"), (1234.5, "1,234"), (3.21e-7, "3.21e-07"), (math.inf, "∞"), (math.nan, "–"), (12, "12")],
)
def test_numbers_as_people_write_them(value: float, said: str) -> None:
    assert wording.number(value) == said


def test_an_interval_stands_behind_its_number() -> None:
    assert wording.interval(0.5, 0.25, 0.75, 2) == "0.50 (0.25 to 0.75)"
    assert wording.interval(0.5) == "0.500"


@pytest.mark.parametrize("name", options("experiment"))
def test_every_study_has_its_template_and_its_readme(name: str) -> None:
    assert (EXPERIMENTS / name / "README.md").is_file()
    if "\nstudy:" in (CONF / "experiment" / f"{name}.yaml").read_text():
        assert (EXPERIMENTS / name / answers.TEMPLATE).is_file()
