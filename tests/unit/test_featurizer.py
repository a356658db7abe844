from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from harness import progress
from harness.errors import InputError
from harness.featurizer import Featurizer, choose
from harness.metrics.base import Corpus
from harness.models.base import LanguageModel
from harness.models.checkpoint import from_directory


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What is said on standard error."""
    stream = io.StringIO()
    monkeypatch.setattr(progress, "console", Console(file=stream, highlight=False, width=1000))
    return stream


def refuse(node: object) -> None:
    raise InputError("model.name='x/y': is not in [the cache] :x:")


@pytest.mark.parametrize("models", [["pocket-s"], ["pocket-s", "pocket-m"], []])
def test_pocket_models_are_read_by_the_largest_of_them(models: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.featurizer.preflight", refuse)  # nobody is asked for gpt2-large
    assert choose("auto", models) == "pocket-l"


def test_other_models_are_read_by_gpt2_large(monkeypatch: pytest.MonkeyPatch, said: io.StringIO) -> None:
    asked: list[dict[str, object]] = []
    monkeypatch.setattr("harness.featurizer.preflight", asked.append)
    assert choose("auto", ["pocket-s", "gpt2"]) == "gpt2-large"
    assert [node["name"] for node in asked] == ["openai-community/gpt2-large"]
    assert said.getvalue() == ""


def test_without_gpt2_large_it_is_said_why_as_it_stands(monkeypatch: pytest.MonkeyPatch, said: io.StringIO) -> None:
    monkeypatch.setattr("harness.featurizer.preflight", refuse)
    assert choose("auto", ["gpt2"]) == "pocket-l"
    assert said.getvalue() == "MAUVE's features come from pocket-l: model.name='x/y': is not in [the cache] :x:\n"


def test_a_name_is_taken_as_it_is() -> None:
    assert choose("pocket-s", ["gpt2"]) == "pocket-s"


def test_a_wrong_name_is_reported_under_the_key_that_holds_it() -> None:
    with pytest.raises(InputError, match=r"^metrics\.mauve\.featurizer='pocket-x': .*did you mean 'pocket-.*auto"):
        choose("pocket-x", ["gpt2"])
    with pytest.raises(InputError, match=r"^featurizer=3: there is no such model; allowed: auto, "):
        choose(3, [], "featurizer")  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"^metrics\.mauve\.featurizer='hf': model\.name is not set"):
        choose("hf", [])


def test_features_are_those_of_the_last_token_and_computed_once(
    tiny_gpt2_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = from_directory(tiny_gpt2_dir, name="tiny", shown="tiny", device="cpu", dtype="float32")
    loads: list[object] = []

    def load(node: object) -> LanguageModel:
        loads.append(node)
        return model

    monkeypatch.setattr("harness.featurizer.load", load)
    texts = ["the fox", "a much longer text " * 20, "so"]
    featurizer = Featurizer("pocket-s")
    assert not loads
    corpus = Corpus([], [], texts, [])
    found = featurizer(corpus)
    for text, vector in zip(texts, found, strict=True):
        tokens = model.encode(text)[:64]  # its context
        output, _ = model.prefill([tokens], hidden=True)
        assert output.hidden is not None
        np.testing.assert_allclose(vector, output.hidden[0, -1].numpy(), atol=1e-5)
    np.testing.assert_array_equal(featurizer(Corpus([], [], [texts[2], texts[0]], [])), found[[2, 0]])
    assert len(loads) == 1
    assert featurizer.signature == f"pocket-s@{model.fingerprint[:12]}"
