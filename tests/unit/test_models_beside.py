"""A second model: loaded once and in the first one's manner, and only if both write the same tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import harness.models
from harness import __main__ as cli
from harness.engine import Request, decode
from harness.errors import InputError
from harness.loaders import load_model
from harness.models.base import LanguageModel
from harness.models.beside import beside, check_beside
from harness.models.loading import hf
from harness.prompts import Prompt
from harness.strategies.best_of_n import best_of_n
from harness.strategies.contrastive_decoding import contrastive_decoding

KEY = "strategy.amateur"
POCKET_S = Path(harness.models.__file__).with_name("pocket-s")


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float64"])
def test_it_is_loaded_once_and_in_the_same_manner(dtype: str) -> None:
    model: Any = load_model("hf", name=str(POCKET_S.with_name("pocket-m")), dtype=dtype, device="cpu")
    other: Any = beside("pocket-s", model, KEY)
    assert beside("pocket-s", model, KEY) is beside("pocket-s", model, KEY)
    manners = [(each.dtype, each.device, each.packed) for each in (other, model)]
    assert other.name == "pocket-s"
    assert manners[0] == manners[1]
    plain = load_model("pocket-m", dtype=dtype, packed=False)
    assert not getattr(beside("pocket-s", plain, KEY), "packed", None)


def test_a_directory_will_do() -> None:
    model = load_model("pocket-m")
    assert beside(str(POCKET_S), model, KEY).fingerprint == beside("pocket-s", model, KEY).fingerprint
    check_beside(str(POCKET_S), KEY)


def test_another_vocabulary_is_refused_before_anything_is_decoded(tiny_dir: Path) -> None:
    model = load_model("pocket-s")
    strategy = contrastive_decoding(amateur=str(tiny_dir))
    message = (
        r"^strategy\.amateur='.*': has another vocabulary than pocket-s: \d+ tokens differ, the first is .*tokenizer"
    )
    with pytest.raises(InputError, match=message):
        list(decode(model, [Request(Prompt("p", "the"), (1, 2), strategy, 3)]))


def test_one_token_under_another_id_is_enough(monkeypatch: pytest.MonkeyPatch, tiny_gpt2_dir: Path) -> None:
    model: Any = hf(str(tiny_gpt2_dir))
    swapped = {token: {4: 5, 5: 4}.get(i, i) for token, i in model.vocabulary().items()}
    names = {i: token for token, i in model.vocabulary().items()}
    monkeypatch.setattr(model, "vocabulary", lambda: swapped)
    monkeypatch.setattr(model, "fingerprint", "other")
    with pytest.raises(InputError) as error:
        beside(str(tiny_gpt2_dir), model, KEY)
    assert f"2 tokens differ, the first is {names[5]!r}, 4 in" in str(error.value)


@pytest.mark.parametrize("name", ["pocket-x", "no/such/place", "./nowhere"])
def test_what_is_not_there_is_said(name: str) -> None:
    with pytest.raises(InputError, match=rf"^strategy\.amateur='{name}': .*conf/model, where there are: .*pocket-s"):
        contrastive_decoding(amateur=name).preflight()


def test_a_strategy_asks_the_strategies_in_it() -> None:
    node = {
        "factory": "harness.strategies.contrastive_decoding.contrastive_decoding",
        "amateur": "./nowhere",
        "temperature": 1.0,
    }
    with pytest.raises(InputError, match=r"^strategy\.amateur='./nowhere'"):
        best_of_n(candidates=node).preflight()


def test_a_sweep_asks_before_it_loads_a_model(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def load(node: Any) -> LanguageModel:
        raise AssertionError("a model was loaded")

    monkeypatch.setattr("harness.world.load", load)
    monkeypatch.chdir(tmp_path)
    given = ["model=pocket-s", "strategy=contrastive_decoding", "strategy.amateur=./x"]
    monkeypatch.setattr("sys.argv", ["harness", "-m", *given])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 1
    assert "strategy.amateur='./x'" in " ".join("".join(capsys.readouterr()).split())
