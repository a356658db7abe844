"""What mistakes in the attention cost, and who sees the future."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from harness.errors import InputError
from harness.loaders import load_model
from harness.models.gpt2_numpy import GPT2
from harness.models.numpy_model import NumpyModel
from harness.models.scoring import score_continuations
from harness.prompts import identified
from harness.results import read_sweep
from harness.studies.base import Setting
from harness.studies.homework.bits import Bits
from harness.studies.homework.leak import leak
from harness.studies.homework.mistakes import (
    PartlyWrong,
    Text,
    at_once,
    by_depth,
    divergence,
    last_token,
    read,
    stepwise,
    texts_of,
)
from harness.studies.homework.variants import ALL, RIGHT, VARIANTS, Plan, measure
from harness.studies.homework10_bugs import homework10_bugs
from harness.studies.uncached import Uncached
from harness.studies.wrong_attention import WRONG, attention
from harness.texts import reference_frame
from tests import sweeps
from tests.numpy_networks import numpy_gpt2, torch_gpt2

TALES = identified(
    [
        ("Once upon a time there", " was a king who had three sons, and the youngest was called Hans."),
        ("The fox said to the", " crow, you sing so well that I should like to hear you once more."),
        ("An old woman lived", " with her goat in a hut by the sea."),
    ]
)


@pytest.fixture(scope="module")
def model() -> NumpyModel:
    found = load_model("pocket-s", backend="numpy", dtype="float64")
    assert isinstance(found, NumpyModel)
    return found


@pytest.fixture(scope="module")
def frame(model: NumpyModel) -> pd.DataFrame:
    return reference_frame(model, TALES, 64)


def test_a_text_knows_its_places() -> None:
    text = Text("p", [7, 8, 9, 1, 2, 3, 4, 5], first=3, stride=2, bytes=10)
    assert list(text.places) == [2, 4, 6]
    assert text.targets == [1, 3, 5]
    assert text.length == 5


def test_bits_are_those_of_the_scores(model: NumpyModel, frame: pd.DataFrame) -> None:
    texts = texts_of(model, frame, 1)
    found = read(at_once(model.gpt2, texts), texts)
    assert found.value == pytest.approx(Bits.of(frame).value, rel=1e-9)
    np.testing.assert_allclose(found.stats, Bits.of(frame).stats, rtol=1e-9)
    sparse = texts_of(model, frame, 4)
    assert read(at_once(model.gpt2, sparse), sparse).value == pytest.approx(Bits.of(frame, 4).value, rel=1e-9)
    assert texts_of(model, frame.assign(tokens=frame["tokens"].map(lambda t: t[:0])), 1) == []


def test_the_right_network_is_the_same_step_by_step(model: NumpyModel, frame: pd.DataFrame) -> None:
    texts = texts_of(model, frame, 3)
    right = Uncached(model, attention([]), "right")
    for one, other in zip(at_once(model.gpt2, texts), stepwise(right, texts), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-9)


def test_step_by_step_is_what_a_prefix_alone_gives(model: NumpyModel, frame: pd.DataFrame) -> None:
    texts = texts_of(model, frame, 5)
    wrong = Uncached(model, attention(WRONG), "wrong")
    scores = stepwise(wrong, texts)
    for text, found in zip(texts, scores, strict=True):
        for place, row in zip(text.places, found, strict=True):
            logits = wrong.gpt2.logits(wrong.gpt2.states(np.array([text.tokens[: place + 1]]))[0, -1:])[0]
            np.testing.assert_allclose(row, torch.tensor(logits).log_softmax(-1), atol=1e-9)
    assert divergence(at_once(model.gpt2, texts), scores) > 0.5


def test_kl_is_the_textbooks() -> None:
    right, wrong = (np.log([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]]), np.log([[0.25, 0.5, 0.25], [0.1, 0.1, 0.8]]))
    expected = (0.5 * math.log(2) + 0.25 * math.log(0.5)) / 2
    assert divergence([right], [wrong]) == pytest.approx(expected)


def test_a_model_that_sees_one_token_is_given_one(model: NumpyModel, frame: pd.DataFrame) -> None:
    texts = texts_of(model, frame, 2)
    found = read(last_token(model, texts), texts)
    nats = 0.0
    for text in texts:
        pairs = [([text.tokens[at]], [text.tokens[at + 1]]) for at in text.places]
        scores = score_continuations(model, *map(list, zip(*pairs, strict=True)))
        nats -= float(np.mean([score.logprob[0] for score in scores])) * text.length
    assert found.value == pytest.approx(nats / math.log(2) / sum(text.bytes for text in texts))


@pytest.mark.parametrize(("mistake", "causal"), [("", True), ("scale", True), ("mask", False), ("split", False)])
def test_two_of_the_mistakes_let_a_network_see_the_future(mistake: str, causal: bool) -> None:
    gpt2 = numpy_gpt2(torch_gpt2(), attention([mistake] if mistake else []))
    found = leak(gpt2, [[1, 2, 3, 4, 5, 6, 7, 8, 9], [60, 3, 3, 20, 7]])
    assert found.causal is causal
    if causal:
        assert max(found.replaced, found.inside, found.appended) < 1e-9
        assert found.replaced_argmax == found.inside_argmax == found.appended_argmax == 0
    else:
        assert min(found.replaced, found.inside, found.appended) > 1e-3


def test_a_leak_is_the_difference_that_it_says(model: NumpyModel) -> None:
    gpt2 = numpy_gpt2(torch_gpt2(), attention(["mask"]))
    text = [1, 2, 3, 4, 60]

    def logits(tokens: list[int]) -> np.ndarray:
        return np.asarray(gpt2.logits(gpt2.states(np.array([tokens]))[0]))

    found = leak(gpt2, [text], more=2)
    assert found.replaced == pytest.approx(np.abs(logits(text)[:4] - logits([1, 2, 3, 4, 0])[:4]).max())
    assert found.inside == pytest.approx(np.abs(logits(text)[:3] - logits([1, 2, 3, 5, 60])[:3]).max())
    assert found.appended == pytest.approx(np.abs(logits(text) - logits([*text, 1, 2])[:5]).max())


def test_heads_that_are_not_moved_hold_other_tokens_at_each_place() -> None:
    rows, time, heads = 1, 6, 4
    x = np.repeat(np.arange(time, dtype=np.float64), 8).reshape(rows, time, 8)  # every number is that of its token
    found = WRONG["split"](x, heads)[0]  # [H, T, D]
    assert found[:, :, 0].tolist() == [[(h * time + t) // heads for t in range(time)] for h in range(heads)]


def test_layers_are_wrong_from_the_first_on(model: NumpyModel) -> None:
    wrong, tokens = attention(WRONG), np.array([[5, 6, 7, 8, 9]])
    layers = model.gpt2.layers
    states = [PartlyWrong(model.gpt2, wrong, count).states(tokens) for count in range(layers + 1)]
    every = GPT2(model.gpt2.weights, model.gpt2.heads, model.gpt2.epsilon, wrong)
    np.testing.assert_array_equal(states[0], model.gpt2.states(tokens))
    np.testing.assert_array_equal(states[-1], every.states(tokens))
    assert all(np.abs(a - b).max() > 0.1 for a, b in pairwise(states))


def test_the_damage_of_some_layers_ends_in_that_of_all(model: NumpyModel, frame: pd.DataFrame) -> None:
    texts = texts_of(model, frame, 6)
    found = by_depth(model, attention(WRONG), texts)
    assert list(found) == [0, 1, 2, 3]
    assert list(by_depth(model, attention(WRONG), texts[:1], most=3)) == [0, 1, 3]
    wrong = Uncached(model, attention(WRONG), "wrong")
    np.testing.assert_allclose(found[0].stats, read(at_once(model.gpt2, texts), texts).stats)
    np.testing.assert_allclose(found[3].stats, read(stepwise(wrong, texts), texts).stats)


def test_every_variant_is_measured_on_the_same_texts(model: NumpyModel, frame: pd.DataFrame) -> None:
    about, known = measure(model, frame, Plan("The king", new=4, stride=5, deep=2))
    assert [each.name for each in about.variants] == list(VARIANTS) == list(known)
    assert (about.parameters, about.layers, about.dim, about.texts) == (1184896, 3, 32, 3)
    right, *wrong = about.variants
    assert right.cost is None
    assert right.divergence == 0
    for each in wrong:
        assert each.cost is not None
        assert each.cost.value == pytest.approx(each.bits - right.bits)
        assert each.divergence > 0.02
    assert {each.name for each in about.variants if not each.leak.causal} == {"added mask", "unmoved heads", ALL}
    assert about.uniform > about.variants[-1].bits > right.bits
    assert about.blind.value == pytest.approx(known[ALL].value - about.last_token)
    assert known[RIGHT].value == right.bits == right.at_once
    assert list(about.depths) == [0, 1, 2, 3]
    assert about.first_layer == pytest.approx((about.depths[1] - about.depths[0]) / (about.depths[3] - about.depths[0]))
    assert right.greedy != wrong[-1].greedy
    assert right.sampled != wrong[-1].sampled


def test_prompts_need_references(tmp_path: Path) -> None:
    folder = sweeps.sweep(tmp_path / "bare", {"greedy": (0.0, {})}, references=False)
    with pytest.raises(InputError, match=r"prompts=fables: needs references"):
        homework10_bugs(Setting(read_sweep(folder)), prompt="The king")
