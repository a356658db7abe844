"""What code a result depends on."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import sources
from harness.sources import closure, digest, owner

HERE = Path(sources.__file__).parent


def test_what_turns_logits_into_tokens_is_part_of_it_and_what_comes_later_is_not() -> None:
    found = set(closure(["harness.engine", "harness.strategies.sampling", "harness.models.pocket"]))
    steps = {"sampler", "draws", "nodes", "group", "placing", "tail", "values", "models.cache", "models.attention"}
    assert {f"harness.{name}" for name in (*steps, "models.packed", "strategies.base")} <= found
    assert {f"harness.transforms.{path.stem}" for path in (HERE / "transforms").glob("[a-z]*.py")} <= found
    later = ("harness.report", "harness.metrics", "harness.measure", "harness.stats", "harness.run", "harness.studies")
    assert not [name for name in found if name.startswith(later)]


def test_one_strategy_does_not_depend_on_another() -> None:
    assert "harness.strategies.contrastive_search" not in closure(["harness.strategies.beam"])


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Modules of somebody's own: rule imports lemma.words, inside a function, and trouble for type checkers alone."""
    files = {
        "rule.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import trouble\n"
        "def step():\n    from lemma import words\n    import json, torch.nn\n",
        "lemma/words.py": "from . import letters\nfrom .numbers import one\n",
        "lemma/letters.py": "",
        "lemma/numbers.py": "from ..nowhere import x\n",
        "trouble.py": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    for cached in (sources._file, sources._ours, sources._imports):
        cached.cache_clear()
    yield tmp_path
    for cached in (sources._file, sources._ours, sources._imports):
        cached.cache_clear()


def test_modules_of_the_users_own_are_followed(package: Path) -> None:
    assert set(closure(["rule"])) == {"rule", "lemma.words", "lemma.letters", "lemma.numbers"}
    assert "lemma" not in sys.modules or not hasattr(sys.modules["lemma"], "words")  # read, not run


def test_every_byte_of_any_of_them_counts(package: Path) -> None:
    before = digest(["rule"])
    for name in ("rule.py", "lemma/words.py", "lemma/letters.py", "lemma/numbers.py"):
        text = (package / name).read_text()
        (package / name).write_text(text + "#")
        assert digest(["rule"]) != before, name
        (package / name).write_text(text)
    (package / "trouble.py").write_text("1")
    assert digest(["rule"]) == before


@pytest.mark.parametrize(
    ("path", "module"),
    [
        ("harness.knobs.build", "harness.knobs"),
        ("harness.knobs", "harness.knobs"),
        ("rule.step", "rule"),
        ("lemma.words.x", "lemma.words"),
        ("os.system", None),
        ("torch.nn.Linear", None),
        ("pocket-s", None),
        ("../x.py", None),
        ("a..b", None),
        ("", None),
    ],
)
def test_a_dotted_path_has_a_module_or_not(package: Path, path: str, module: str | None) -> None:
    assert owner(path) == module
