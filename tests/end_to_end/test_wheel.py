"""The wheel, built from the sdist as installers do it, holds all that a run needs and works from any folder."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return hatchling("sdist", ROOT, tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def unpacked(sdist: Path) -> Path:
    with tarfile.open(sdist) as archive:
        archive.extractall(sdist.parent, filter="data")
    return sdist.with_name(sdist.name.removesuffix(".tar.gz"))


@pytest.fixture(scope="module")
def wheel(unpacked: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return hatchling("wheel", unpacked, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("installed")
    run([sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--target", str(target), str(wheel)])
    return target


def test_wheel_is_the_package_and_its_conf(wheel: Path) -> None:
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    beside = files("conf") | {name for name in files("experiments") if name.endswith("/answers.md.j2")}
    assert names == files("harness") | {f"harness/{name}" for name in beside}
    assert {"harness/py.typed", "harness/conf/config.yaml"} <= names
    assert any(name.endswith(".safetensors") for name in names), "no embedded model"


def test_sdist_is_enough_to_work_on(unpacked: Path) -> None:
    for name in ["tests/end_to_end/test_wheel.py", "experiments/README.md", "README.md", "Makefile", "constraints.txt"]:
        assert (unpacked / name).is_file(), name


def test_every_import_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [wanted for name, extra in project["optional-dependencies"].items() if name != "dev" for wanted in extra]
    declared = {re.split(r"[<>=\[]", wanted)[0] for wanted in project["dependencies"] + extras}
    distributions = packages_distributions()
    for module in sorted(imported() - sys.stdlib_module_names - {"harness"}):
        owners = {re.sub(r"[-_.]+", "-", owner).lower() for owner in distributions.get(module, [module])}
        assert owners & declared, f"harness imports {module}, which pyproject.toml does not depend on"


@pytest.mark.parametrize("command", [["{python}", "-m", "harness"], ["{target}/bin/harness"]], ids=["module", "script"])
def test_configuration_is_found_from_any_folder(command: list[str], installed: Path, tmp_path: Path) -> None:
    command = [word.format(python=sys.executable, target=installed) for word in command]
    assert "max_new_tokens:" in run([*command, "--cfg", "job"], installed, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_run_as_it_comes_needs_no_extra(installed: Path, tmp_path: Path) -> None:
    # What Python runs at its start marks mauve-text and faiss as modules that cannot be imported.
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules.update(dict.fromkeys(['mauve', 'faiss']))\n")
    names, mauve = default_run(installed, tmp_path, "max_new_tokens=4", "prompts.limit=3")
    assert set(names) > {"rep-4", "loops", "distinct-2", "perplexity", "length"}
    assert mauve["value"] is None
    assert mauve["notes"] == ["no MAUVE: pip install 'decoding-harness[mauve]'"]


def test_with_the_extra_the_same_run_gives_mauve(installed: Path, tmp_path: Path) -> None:
    pytest.importorskip("mauve", reason="needs the extra mauve")
    small = ["max_new_tokens=4", "prompts.limit=12", "metrics.mauve.min_texts=10"]
    assert 0 < default_run(installed, tmp_path, *small)[1]["value"] <= 1


def default_run(package: Path, folder: Path, *small: str) -> tuple[list[str], dict[str, Any]]:
    """Run the package from a folder, with the default metrics: the names of all scores, and the one of MAUVE."""
    run([sys.executable, "-m", "harness", "hydra.run.dir=here", *small], f"{package}{os.pathsep}{folder}", folder)
    for name in ("generations.parquet", "table.csv", "report.md"):
        assert (folder / "here" / name).is_file(), name
    scores = json.loads((folder / "here" / "scores.json").read_text("utf-8"))
    return [each["name"] for each in scores], next(each for each in scores if each["name"] == "mauve")


def hatchling(kind: str, source: Path, out: Path) -> Path:
    """Build one distribution without a network; the path of its file."""
    run([sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(out)], folder=source)
    (built,) = out.iterdir()
    return built


def files(folder: str) -> set[str]:
    """Paths, from the repository's top, of what stands in a folder."""
    found = (path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(ROOT).as_posix() for path in found}


def imported() -> set[str]:
    """The top-level modules that the package imports anywhere."""
    nodes = [node for path in (ROOT / "harness").rglob("*.py") for node in ast.walk(ast.parse(path.read_text("utf-8")))]
    absolute = {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level}
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return {name.split(".")[0] for name in absolute | plain}


def run(command: list[str], package: Path | str | None = None, folder: Path | None = None) -> str:
    """What a command prints; `package` is the folder that it imports harness from."""
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "PYTHONPATH": str(package or "")}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout
