from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import harness
from harness.errors import InputError
from harness.generations import SCHEMA
from harness.metrics.perplexity import Perplexity
from harness.models.base import LanguageModel

api: Any = harness  # as seen by those who run no type checker
Frames = tuple[pd.DataFrame, pd.DataFrame]


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    return harness.load_model("pocket-s")


@pytest.fixture(scope="module")
def frames(model: LanguageModel) -> Frames:
    prompts = harness.load_prompts("fables", limit=5)
    found = harness.decode(model, prompts, ["greedy", "top_p"], seeds=(0, 1), samples=2, max_new_tokens=12)
    return found, harness.references(model, prompts, max_new_tokens=12)


def test_decode_gives_a_row_per_text_in_order(frames: Frames) -> None:
    found, references = frames
    assert list(found.columns) == [*SCHEMA.names, "model", "max_new_tokens"]
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


def test_scores_are_those_of_the_formulas(frames: Frames) -> None:
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


def test_every_knob_of_a_yaml_can_be_given(tiny_gpt2_dir: Path) -> None:
    model = harness.load_model("hf", name=str(tiny_gpt2_dir), device="cpu")
    assert model.context == 64
    assert model.name == tiny_gpt2_dir.name
    (prompt,) = harness.load_prompts("text", text="The king", limit=np.int64(1))
    assert prompt.text == "The king"


def test_one_stands_for_a_list_and_a_name_for_a_strategy(model: LanguageModel) -> None:
    prompts = harness.load_prompts("fables", limit=1)
    whole = harness.decode(model, prompts, {"top_p": harness.load_strategy("top_p")}, seeds=[3], max_new_tokens=6)
    for what, how, seeds in (
        (prompts[0], "top_p", 3),
        (prompts[0].text, ("top_p",), range(3, 4)),
        (np.array([prompts[0].text]), {"top_p": "top_p"}, np.array([3])),
    ):
        length = np.int32(6)
        found = api.decode(model, what, how, seeds=seeds, max_new_tokens=length, max_rows=np.int64(7))
        assert found["text"].tolist() == whole["text"].tolist()
        assert found["seed"].tolist() == [3]
    assert api.references(model, prompts[0], length)["tokens"].map(len).tolist() == [6]


def test_a_text_beside_the_prompt_it_comes_from_is_another_prompt(model: LanguageModel) -> None:
    prompt = harness.load_prompts("fables", limit=1)[0]
    orders: list[list[harness.Prompt | str]] = [[prompt, prompt.text], [prompt.text, prompt]]
    for both in orders:
        found = harness.decode(model, both, ["greedy"], max_new_tokens=1)
        assert found["prompt"].tolist() == [prompt.text, prompt.text]
        assert found["prompt_id"][both.index(prompt)] == prompt.id
        assert found["prompt_id"].nunique() == 2


def test_texts_of_other_lengths_than_the_references_are_noted(model: LanguageModel, frames: Frames) -> None:
    found, _ = frames
    prompts = harness.load_prompts("fables", limit=5)
    shorter = harness.decode(model, prompts, {"short": "greedy"}, max_new_tokens=7)
    scores = harness.score(pd.concat([found, shorter]), harness.references(model, prompts, 12), ["length", "loops"])
    note = "references have up to 12 tokens, generations up to 7"
    for label, notes in scores.groupby("strategy")["notes"]:
        assert all((note in each) == (label == "short") for each in notes), label
    scores = harness.score(found, harness.references(model, prompts), "length")
    note = "references have up to 64 tokens, generations up to 12"
    assert all(note in each for each in scores[scores["strategy"] != "reference"]["notes"])


def test_two_models_need_labels_of_their_own(model: LanguageModel, frames: Frames, tiny_gpt2_dir: Path) -> None:
    found, references = frames
    tiny = harness.load_model("hf", name=str(tiny_gpt2_dir), device="cpu")
    prompts = [harness.Prompt(i, "The king") for i in found["prompt_id"].unique()]
    merged = pd.concat([found, harness.decode(tiny, prompts, ["greedy"], max_new_tokens=12)])
    with pytest.raises(InputError, match=r"^generations: 'greedy' has two texts of one prompt, seed and sample"):
        harness.score(merged, references, ["length"])
    apart = pd.concat([found, harness.decode(tiny, prompts, {"greedy tiny": "greedy"}, max_new_tokens=12)])
    assert list(harness.compare(harness.score(apart, metrics="length")).index) == ["greedy", "top_p", "greedy tiny"]
    scores = harness.score(found, metrics=["length"])
    with pytest.raises(InputError, match=r"^scores: 'greedy' has two values of one score"):
        harness.compare(pd.concat([scores, scores]))
    with pytest.raises(InputError, match=r"^generations: the label 'reference'"):
        harness.score(found.assign(strategy="reference").drop_duplicates("prompt_id"), references, ["length"])


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda g, r: api.score(g, r, []), "^there are no metrics"),
        (lambda g, r: api.score(g, r, ["lenght"]), "^metrics='lenght': .*did you mean 'length'"),
        (lambda g, r: api.score(g, r, [len]), "^metrics=<built-in function len>: must be the name"),
        (lambda g, r: api.score(g, r, 3), "^metrics=3: must be a list"),
        (lambda g, r: api.score(g, r, "mauve", featurizer="nope"), "^featurizer='nope': there is no such model"),
        (lambda g, r: api.score(r, g), "^generations: the frame has no column strategy$"),
        (lambda g, r: api.score(g, [r]), "^references=.*: must be a pandas frame"),
        (lambda g, r: api.score(g[:0], r), "^there are no generations"),
        (lambda g, r: api.compare(pd.DataFrame()), "^there are no scores"),
        (lambda g, r: api.compare(g), "^scores: the frame has no column value"),
    ],
)
def test_mistakes_with_frames_are_named(frames: Frames, call: Callable[..., Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        call(*frames)


def test_a_comparison_keeps_scores_without_a_value(frames: Frames) -> None:
    table = harness.compare(harness.score(*frames, ["mauve", "length"]))  # MAUVE takes more than five texts
    assert table.columns.tolist() == ["mauve", "length", "eos-share"]
    assert table.index.tolist() == ["greedy", "top_p", "reference"]
    assert (table.index.name, table.columns.name) == ("strategy", "score")
    assert table["mauve"].isna().all()
    assert table["length"].notna().all()


def test_a_frame_without_references_is_like_none(model: LanguageModel, frames: Frames) -> None:
    nothing = harness.references(model, harness.load_prompts("notebooks"))
    scores = harness.score(frames[0], nothing, ["length"])
    assert list(harness.compare(scores).index) == ["greedy", "top_p"]


def test_texts_from_elsewhere_need_three_columns(frames: Frames) -> None:
    found, references = (frame[["prompt_id", "text"]] for frame in frames)
    found = found.assign(strategy=frames[0]["strategy"], prompt_id=found["prompt_id"].map(hash))
    references = references.assign(prompt_id=references["prompt_id"].map(hash))
    words = [harness.load_metric(name, unit="words") for name in ("length", "repetition", "distinct")]
    table = harness.compare(harness.score(found, references, words))
    assert list(table.index) == ["greedy", "top_p", "reference"]
    expected = frames[0].groupby("strategy")["text"].apply(lambda texts: texts.str.split().map(len).mean())
    assert table["length"][["greedy", "top_p"]].tolist() == pytest.approx(expected[["greedy", "top_p"]].tolist())
    assert "eos-share" not in table  # nobody knows how they ended
    with pytest.raises(InputError, match=r"^metrics.length counts model tokens, and these texts have none"):
        harness.score(found, metrics=["length"])
    with pytest.raises(InputError, match=r"^metrics.perplexity needs the logprob of every token"):
        harness.score(found, metrics=["perplexity"])
    with pytest.raises(InputError, match=r"^generations: the text .*must be a string"):
        harness.score(found.assign(text=None), metrics=words)


def test_tokens_of_some_strategies_are_used_where_they_are(frames: Frames) -> None:
    mine = pd.DataFrame({"strategy": "mine", "prompt_id": ["a", "b"], "text": ["x y", "z"]})
    both = pd.concat([frames[0], mine])
    words = harness.load_metric("length", unit="words")
    assert harness.compare(harness.score(both, metrics=[words])).loc["mine", "length"] == 1.5
    greedy = both[both["strategy"] == "greedy"]
    scores = [harness.score(f, metrics=["length", "perplexity"])["value"].tolist() for f in (greedy, frames[0])]
    assert scores[0] == scores[1][: len(scores[0])]


def test_scores_need_no_references(frames: Frames) -> None:
    table = harness.compare(harness.score(frames[0], metrics=["repetition"]))
    assert list(table.index) == ["greedy", "top_p"]


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda m: api.load_model("pocket-x"), "did you mean 'pocket-"),
        (lambda m: api.load_prompts("fable"), "did you mean 'fables'"),
        (lambda m: api.load_strategy("top_p", topp=1), "did you mean 'top_p'"),
        (lambda m: api.load_strategy("top_p", top_p=2), "strategy.top_p=2"),
        (lambda m: api.decode(m, ["a"], ["nope"]), "strategy='nope'"),
        (
            lambda m: api.load_strategy("beam", length_penalty=1000),
            "strategy.length_penalty=1000: .*-10 <= value <= 10",
        ),
        (lambda m: api.load_strategy(api.load_strategy("greedy")), "^strategy=.*must be the name of a yaml"),
        (lambda m: api.decode(m, ["a"], ["greedy"], max_new_tokens=0), "max_new_tokens=0"),
        (lambda m: api.decode(m, ["a"], ["greedy"], max_new_tokens=6.0), "max_new_tokens=6.0"),
        (lambda m: api.decode(m, ["a"], ["greedy"], samples=True), "samples=True"),
        (lambda m: api.decode(m, ["a"], ["greedy"], max_rows=np.float64(6)), "max_rows=.*6.0"),
        (lambda m: api.decode(m, [], ["greedy"]), "no prompts"),
        (lambda m: api.decode(m, 3, ["greedy"]), "^prompts=3: must be a list"),
        (lambda m: api.decode(m, ["a", 3], ["greedy"]), "^prompts: 3 is neither a text nor a Prompt"),
        (
            lambda m: api.decode(m, api.load_prompts(limit=1) * 2, ["greedy"]),
            "^prompts: the id '.*' is there twice",
        ),
        (lambda m: api.decode(m, ["a"], []), "no strategies"),
        (lambda m: api.decode(m, ["a"], {}), "no strategies"),
        (lambda m: api.decode(m, ["a"], None), "^strategies=None: must be a list"),
        (lambda m: api.decode(m, ["a"], [api.load_strategy("greedy")]), "^strategies: .*{'mine': strategy}"),
        (lambda m: api.decode(m, ["a"], api.load_strategy("greedy")), "^strategies: .*{'mine': strategy}"),
        (lambda m: api.decode(m, ["a"], {"mine": 3}), r"^strategies\['mine'\]=3: is neither"),
        (lambda m: api.decode(m, ["a"], {0.7: "greedy"}), "^strategies: the label 0.7 must be a text"),
        (lambda m: api.decode(m, ["a"], {"mine": "nope"}), "strategy='nope'"),
        (lambda m: api.decode(m, ["a"], "greedy", seeds=[]), "no seeds"),
        (lambda m: api.decode(m, ["a"], "greedy", seeds=1.5), "^seeds=1.5: must be a list"),
        (lambda m: api.decode(m, ["a"], "greedy", seeds=[0, True]), "^seed=True: .*integer"),
        (lambda m: api.decode(m, ["a"], "greedy", seeds="12"), "^seed='12': .*integer"),
        (lambda m: api.decode(m, ["a"], "greedy", seeds=-1), "^seed=-1: .*0 <= value"),
        (lambda m: api.decode(m, ["a"], "greedy", seeds=[10**26]), "^seed=1000.*value < 9223372036854775808"),
        (lambda m: api.decode(m, ["a"], "greedy", seeds=(1, 0, 1)), "^seeds: 1 is there twice"),
        (lambda m: api.references(m, ["a"]), "^prompts: 'a' is no Prompt and has no reference"),
        (lambda m: api.references(m, "a"), "^prompts: 'a' is no Prompt and has no reference"),
        (lambda m: api.references(m, []), "no prompts"),
        (lambda m: api.references(m, api.load_prompts(limit=1), True), "max_new_tokens=True"),
        (lambda m: api.decode(m, ["word " * 600], ["greedy"]), "context"),
    ],
)
def test_mistakes_are_named(model: LanguageModel, call: Callable[[Any], Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        call(model)


def test_importing_harness_is_light() -> None:
    script = "import sys, harness; assert not {'torch', 'pandas', 'hydra', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize("without", ["generations", "references"])
def test_a_scorer_needs_the_prompts(frames: Frames, without: str) -> None:
    given = dict(zip(("generations", "references"), frames, strict=True))
    given[without] = given[without].drop(columns="prompt")
    both = given["generations"], given["references"]
    with pytest.raises(InputError, match=f"^{without}: a scorer reads each text after its prompt"):
        harness.score(*both, metrics=Perplexity(scorers=("pocket-s",)))
    assert len(harness.score(*both, metrics=Perplexity()))  # the generator has read them already
