from __future__ import annotations

from dataclasses import fields

import pytest

from harness.configs import options
from harness.loaders import load_metric
from harness.models.scoring import TokenScores
from harness.scoring.needs import VALUES, Given, lacking, scorers

EVERYTHING = Given(tokens=True, values=True, references=True)


def lack(name: str, given: Given, **knobs: object) -> str:
    return str(lacking(name, load_metric(name, **knobs), given) or "")


def test_the_values_are_those_that_a_model_has_of_given_texts() -> None:
    assert {each.name for each in fields(TokenScores)} == set(VALUES)


@pytest.mark.parametrize("name", options("metrics"))
def test_every_metric_can_be_asked(name: str) -> None:
    told = lack(name, EVERYTHING)
    assert not told or name == "kept"  # what a strategy kept cannot be told from its texts


@pytest.mark.parametrize(
    ("name", "given", "says"),
    [
        ("loops", Given(), "(give --tokenizer NAME-or-DIR)"),
        ("perplexity", Given(tokens=True), "(give --model NAME or --scorer NAME)"),
        ("coherence", Given(), "(give --model NAME or --scorer NAME)"),
        ("entropy", Given(tokens=True), "(give --model NAME)"),
        ("mauve", Given(tokens=True, values=True), "(give --reference-column NAME)"),
    ],
)
def test_what_is_missing_is_named_with_what_helps(name: str, given: Given, says: str) -> None:
    assert lack(name, given).endswith(says)
    assert f"metrics.{name}" in lack(name, given)


def test_what_nothing_helps_against_has_no_flag() -> None:
    assert "--" not in lack("kept", Given())


def test_words_and_scorers_need_nothing_more() -> None:
    assert not lack("loops", Given(), unit="words")
    assert not lack("perplexity", Given(), scorers=["pocket-s"])
    assert not lack("coherence", Given(), scorer="pocket-s")


def test_the_scorers_of_a_metric() -> None:
    assert scorers(load_metric("perplexity", scorers=["generator", "gpt2"])) == ("generator", "gpt2")
    assert scorers(load_metric("coherence", scorer="gpt2")) == ("gpt2",)
    assert scorers(load_metric("length")) == ()
