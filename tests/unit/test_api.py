from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import harness
from harness.errors import InputError
from harness.generations import SCHEMA
from harness.models.base import LanguageModel


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    return harness.load_model("pocket-s")


@pytest.fixture(scope="module")
def frames(model: LanguageModel) -> tuple[pd.DataFrame, pd.DataFrame]:
    prompts = harness.load_prompts("fables", limit=5)
    found = harness.decode(model, prompts, ["greedy", "top_p"], seeds=(0, 1), samples=2, max_new_tokens=12)
    return found, harness.references(model, prompts, max_new_tokens=12)


def test_decode_gives_a_row_per_text_in_order(frames: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    found, references = frames
    assert list(found.columns) == SCHEMA.names
    assert found.groupby("strategy", sort=False).size().to_dict() == {"greedy": 5, "top_p": 20}
    assert list(found["prompt_id"].unique()) == list(references["prompt_id"])
    assert (found["tokens"].map(len) == found["logprob"].map(len)).all()
    assert (references["tokens"].map(len) == 12).all()


def test_strategies_may_be_objects_and_prompts_plain_texts(model: LanguageModel) -> None:
    tau = {f"τ={t}": harness.load_strategy("temperature", temperature=t) for t in (0, 0.7)}
    found = harness.decode(model, ["The king", "The king"], tau | {"greedy": harness.load_strategy("greedy")})
    texts = found.set_index(["strategy", "prompt_id"])["text"]
    assert texts["τ=0"].tolist() == texts["greedy"].tolist()
    assert found["prompt_id"].nunique() == 2  # two prompts are two prompts, even of one text


def test_scores_are_those_of_the_formulas(frames: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    found, references = frames
    scores = harness.score(found, references, ["perplexity", "distinct", "length"])
    table = harness.compare(scores)
    assert list(table.index) == ["greedy", "top_p", "reference"]
    greedy = found[found["strategy"] == "greedy"]
    nll = -np.concatenate(list(greedy["logprob"])).astype(float)
    assert table.loc["greedy", "perplexity"] == pytest.approx(np.exp(nll.mean()))
    bigrams = [tuple(t[i : i + 2]) for t in greedy["tokens"] for i in range(len(t) - 1)]
    assert table.loc["greedy", "distinct-2"] == pytest.approx(len(set(bigrams)) / len(bigrams))
    row = scores[(scores["strategy"] == "greedy") & (scores["score"] == "perplexity")].iloc[0]
    assert row["low"] <= row["value"] <= row["high"]
    assert row["reference"] == table.loc["reference", "perplexity"]
    assert row["signature"].startswith("perplexity|")


def test_scores_need_no_references(frames: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    table = harness.compare(harness.score(frames[0], metrics=["repetition"]))
    assert list(table.index) == ["greedy", "top_p"]


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda m: harness.load_model("pocket-x"), "did you mean 'pocket-"),
        (lambda m: harness.load_prompts("fable"), "did you mean 'fables'"),
        (lambda m: harness.load_strategy("top_p", topp=1), "did you mean 'top_p'"),
        (lambda m: harness.load_strategy("top_p", top_p=2), "strategy.top_p=2"),
        (lambda m: harness.decode(m, ["a"], ["nope"]), "strategy='nope'"),
        (lambda m: harness.decode(m, ["a"], ["greedy"], max_new_tokens=0), "max_new_tokens=0"),
        (lambda m: harness.decode(m, [], ["greedy"]), "no prompts"),
        (lambda m: harness.decode(m, ["a"], []), "no strategies"),
        (lambda m: harness.decode(m, ["word " * 600], ["greedy"]), "context"),
    ],
)
def test_mistakes_are_named(model: LanguageModel, call: object, says: str) -> None:
    with pytest.raises(InputError, match=says):
        call(model)  # type: ignore[operator]


def test_importing_harness_is_light() -> None:
    script = "import sys, harness; assert not {'torch', 'pandas', 'hydra', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True)
