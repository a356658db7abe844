from __future__ import annotations

import math
from functools import cache, partial
from typing import Any

import pytest
import scipy.stats
import torch
from torch import Tensor
from transformers import (
    LogitsProcessorList,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from harness.configs import option, options
from harness.errors import InputError
from harness.inspect.command import Choice
from harness.inspect.outcome import Distribution, Outcome, built, label, outcome
from harness.inspect.step import Step, look, shown
from harness.models.base import LanguageModel
from harness.strategies.base import VALUES
from tests.table_model import table_model

PROMPT = "abcabd"
pytestmark = pytest.mark.usefixtures("table_beside")


node = cache(partial(option, "strategy"))  # Hydra takes a while


def choice(name: str, **knobs: Any) -> Choice:
    return Choice(name, node(name) | knobs)


def made(step: Step, name: str, **knobs: Any) -> Outcome:
    chosen = choice(name, **knobs)
    return outcome(step, chosen, built(chosen))


def distribution(step: Step, name: str, **knobs: Any) -> Distribution:
    found = made(step, name, **knobs).distribution
    assert found is not None
    return found


@pytest.fixture(params=[0, 1, 2])
def step(request: pytest.FixtureRequest) -> Step:
    return look(table_model(300, eos=[3], seed=request.param, scale=3.0), PROMPT, hidden=True)


@pytest.mark.parametrize("penalty", [1.0, 0.7, 1.4])
@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.0])
@pytest.mark.parametrize("top_k", [0, 7])
@pytest.mark.parametrize("top_p", [0.6, 1.0])
def test_sampling_is_what_transformers_makes_of_the_logits(
    step: Step, penalty: float, temperature: float, top_k: int, top_p: float
) -> None:
    processors = LogitsProcessorList([RepetitionPenaltyLogitsProcessor(penalty), TemperatureLogitsWarper(temperature)])
    if top_k:
        processors.append(TopKLogitsWarper(top_k))
    if top_p < 1:
        processors.append(TopPLogitsWarper(top_p))
    theirs: Tensor = processors(torch.tensor([step.tokens]), step.nodes.logits.clone())[0].softmax(-1)
    knobs = {"repetition_penalty": penalty, "temperature": temperature, "top_k": top_k, "top_p": top_p}
    ours = distribution(step, "sample", **knobs)
    assert torch.equal(ours.kept, theirs > 0)
    assert torch.allclose(ours.probabilities, theirs, atol=1e-12, rtol=0)
    own = step.nodes.logits[0].softmax(-1)
    assert ours.mass == pytest.approx(float(own[theirs > 0].sum()), abs=1e-12)
    assert ours.cut == pytest.approx(float(own[theirs == 0].sum()), abs=1e-12)
    assert ours.entropy == pytest.approx(scipy.stats.entropy(theirs), abs=1e-9)


@pytest.mark.parametrize("name", options("strategy"))
def test_every_strategy_shows_what_its_own_step_records(step: Step, name: str) -> None:
    strategy = built(choice(name)).tokenized(step.model)
    view = step.view(strategy.width, strategy.companion(step.model))
    taken, _ = strategy.step(view, strategy.start(step.prefill()))
    shows = made(step, name)
    assert list(shows.rows) == taken.tokens.tolist()
    if taken.logprobs is None:
        assert shows.distribution is None
    else:
        assert taken.kept is not None
        assert taken.kept_mass is not None
        assert shows.distribution is not None
        assert int(shows.distribution.kept.sum()) == int(taken.kept[0])
        assert shows.distribution.mass == pytest.approx(float(taken.kept_mass[0]), abs=1e-9)
        assert math.log(shows.distribution.probabilities[taken.tokens[0]]) == pytest.approx(float(taken.logprobs[0]))


def test_the_ends_of_temperature_are_exact() -> None:
    model = table_model(6)
    model.table[3] = torch.tensor([2.0, 5.0, 5.0, -1.0, -torch.inf, 0.0])  # after the letter d
    step = look(model, PROMPT)
    assert distribution(step, "temperature", temperature=0).probabilities.tolist() == [0, 0.5, 0.5, 0, 0, 0]
    even = distribution(step, "temperature", temperature=math.inf)
    assert even.probabilities.tolist() == pytest.approx([0.2, 0.2, 0.2, 0.2, 0, 0.2], abs=1e-15)
    assert even.cut == 0
    assert distribution(step, "greedy").probabilities.tolist() == [0, 1, 0, 0, 0, 0]
    assert distribution(step, "top_k", top_k=1).kept.tolist() == [False, True, True, False, False, False]


def test_the_rows_of_a_beam_are_the_likeliest_tokens(step: Step) -> None:
    shows = made(step, "beam", num_beams=5)
    likeliest = [t for t in step.nodes.logits[0].topk(6).indices.tolist() if t != 3]  # one that ends has no row
    assert list(shows.rows) == likeliest[:5]
    assert not shows.drawn
    assert made(step, "beam_sample").drawn


def test_a_strategy_may_read_the_hidden_states() -> None:
    step = look(table_model(5), "abc", hidden=True)
    assert step.prefill().hidden is not None
    assert step.view(3).hidden is not None
    view = step.view(3)
    assert view.hidden is not None
    assert view.hidden.shape == (3, 4)
    assert view.values.shape == (3, 0, len(VALUES))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (choice("greedy"), ("greedy",)),
        (choice("top_p"), ("top_p", "0.9")),
        (choice("top_p", temperature=0.5), ("top_p", "0.9", "temperature=0.5")),
        (choice("repetition_penalty"), ("repetition_penalty", "1.2")),
        (choice("beam", num_beams=8), ("beam", "num_beams=8")),
    ],
)
def test_a_label_has_the_knobs_that_matter(given: Choice, said: tuple[str, ...]) -> None:
    assert label(given) == said


@pytest.mark.parametrize(
    ("piece", "says"),
    [(" the", "␣the"), ("\n\n", "↵↵"), ("\t", "⇥"), ("a\u202eb", "a⟨U+202E⟩b"), ("", "∅"), ("\u00a0", "⟨U+00A0⟩")],
)
def test_every_character_of_a_piece_can_be_seen(piece: str, says: str) -> None:
    assert shown(piece) == says


def test_a_prompt_has_to_leave_room() -> None:
    with pytest.raises(InputError, match=r"3 tokens; table has a context of 3"):
        look(table_model(5, context=3), "abc")


def test_logits_that_are_no_numbers_are_refused() -> None:
    model = table_model(5)
    model.table[2, 1] = torch.nan
    with pytest.raises(InputError, match="no numbers"):
        look(model, "abc")


def test_the_model_is_any_model() -> None:
    model: LanguageModel = table_model(5)
    assert look(model, "abc").tokens == (0, 1, 2)
