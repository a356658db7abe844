"""Whatever a config, a command line or a file is called, what is written lies in the results folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import setup_globals
from hypothesis import example, given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from harness import __main__ as cli
from harness.configs import CONF
from harness.errors import InputError
from harness.plan import _check_folders
from harness.scoring import files
from harness.sweep import Job
from tests.command_line import contents, run

NASTY = [
    "..",
    "../../up",
    "/etc/up",
    "~/up",
    "a/../../up",
    "..\\..\\up",
    "C:\\up",
    "C:up",
    "",
    ".",
    "-rf",
    "$HOME",
    "`ls`",
    "a\nb\x1b[2J\x00",
    "con",
    "ä" * 300,
    ".../...//",
    "％2e％2e／up",
    "${oc.env:HOME}",
]
TEXTS = st.text() | st.text(st.sampled_from("./\\~$`:-_ab\0\n"), max_size=12) | st.sampled_from(NASTY)


def plain(name: str) -> bool:
    """Whether a folder of this name is one of that name, on any system."""
    separate = PurePosixPath(name).parts == PureWindowsPath(name).parts == (name,)
    return separate and not PureWindowsPath(name).drive and name.isascii() and name.isprintable() and " " not in name


@given(TEXTS, TEXTS)
@example("..", "..")
def test_the_name_of_a_run_is_one_folder(name: str, default: str) -> None:
    made = f"2026-01-31_12-00-00_{cli.slug(name, default)}"
    assert plain(made)
    assert len(made) < 150


@given(TEXTS, st.lists(TEXTS | TEXTS.map("strategy.x={}".format) | TEXTS.map("model.name={}".format), max_size=4))
@example("../model/x", ["strategy={../..:/etc}", "model=../..", "+strategy.x=/"])
def test_the_name_of_a_job_is_one_folder(strategy: str, overrides: list[str]) -> None:
    made = f"0_{cli.job_folder(strategy, overrides)}"
    assert plain(made)
    assert len(made) < 150


@pytest.mark.parametrize("name", ["../../up", "/etc/up", "..", "a b", "~", "C:\\up", "'"])
def test_hydra_makes_these_folders_and_no_others(name: str) -> None:
    OmegaConf.register_new_resolver("slug", cli.slug, replace=True)
    OmegaConf.register_new_resolver("job_folder", cli.job_folder, replace=True)
    setup_globals()
    quoted = "'" + name.replace("\\", "\\\\").replace("'", "\\'") + "'"
    with initialize_config_dir(str(CONF), version_base="1.3"):
        given = [f"name={quoted}", "strategy=top_p", "hydra.job.num=3", f"+strategy.note={quoted}"]
        config = compose("config", given, return_hydra_config=True)
        HydraConfig.instance().set_config(config)
        run_dir, sweep_dir = (PurePosixPath(str(config.hydra[mode].dir)) for mode in ("run", "sweep"))
        subdir = str(config.hydra.sweep.subdir)
    assert [folder.parent for folder in (run_dir, sweep_dir)] == [PurePosixPath("results")] * 2
    assert plain(run_dir.name)
    assert plain(sweep_dir.name)
    assert plain(subdir)
    assert subdir.startswith("3_top_p")


@pytest.mark.parametrize("subdir", ["../up", "a/../../up", "/up", "link", "link/below", "link/../../up"])
def test_a_job_outside_its_sweep_s_folder_is_refused(tmp_path: Path, subdir: str) -> None:
    """Also where a link leads out."""
    sweep, outside = tmp_path / "results" / "sweep", tmp_path / "outside"
    for folder in (sweep, outside):
        folder.mkdir(parents=True)
    (sweep / "link").symlink_to(outside)
    folder = tmp_path / "up" if subdir.startswith("/") else sweep / subdir
    with pytest.raises(InputError, match=r"a job's folder has to be inside its sweep's"):
        _check_folders([Job({}, folder, sweep, {}, (), new=True)])
    assert not (tmp_path / "up").exists()
    assert not list(outside.iterdir())


@pytest.mark.parametrize("name", ["...jsonl", "....jsonl", ". .jsonl", "a\nb.jsonl"])
def test_a_file_of_texts_names_a_folder_inside(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.write_text('{"text": "one two"}\n')
    (found,) = files.load([file], files.Columns(text="text"))
    assert PurePosixPath(found.label).parts == (found.label,)
    assert found.label not in ("", ".", "..")


def test_a_sweep_of_nasty_names_stays_in_its_folder(tiny_gpt2_dir: Path, tmp_path: Path) -> None:
    """Model, strategies, prompts and the run itself; the model's folder is read, and stays as it is."""
    desk, model = tmp_path / "desk", tmp_path / "a model $x `y` ; z"
    desk.mkdir()
    shutil.copytree(tiny_gpt2_dir, model)
    (desk / "pro mpts.txt").write_text("once\n../../up\n/etc/up\n")
    before = contents(tmp_path)
    ended = run(
        cli.main,
        "-m",
        "name='../../../up'",
        "model=hf",
        f"model.name='{model}/../{model.name}'",
        "prompts=file",
        "prompts.path='../desk/pro mpts.txt'",
        "strategy=greedy,../strategy/top_p,temperature",
        "seed=0",
        "max_new_tokens=2",
        "metrics=[length]",
        "report.figures=false",
        "report.baseline=greedy",
        folder=desk,
    )
    assert (ended.code, ended.err) == (0, "")
    after = contents(tmp_path)
    assert {name: after[name] for name in before} == before
    new = {PurePosixPath(name) for name in after.keys() - before.keys()} - {PurePosixPath("desk/results")}
    (folder,) = (tmp_path / "desk" / "results").iterdir()
    assert all(path.is_relative_to(f"desk/results/{folder.name}") for path in new)
    jobs = json.loads((folder / "sweep.json").read_text())["jobs"]
    assert len(jobs) == 3
    assert all(map(plain, [folder.name, *jobs]))
