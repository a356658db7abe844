"""What the strategies with a second reader share: the rule that comes after the weighing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from harness.engine import Request, decode
from harness.errors import InputError
from harness.exact import decode_exactly
from harness.loaders import load_model
from harness.prompts import Prompt
from harness.strategies.accompanied import Accompanied
from harness.strategies.best_of_n import best_of_n
from harness.strategies.classifier_free_guidance import classifier_free_guidance
from harness.strategies.contrastive_decoding import contrastive_decoding
from harness.strategies.dola import dola
from harness.strategies.sampling import greedy, sample
from tests.table_model import table_model

pytestmark = pytest.mark.usefixtures("table_beside")
MADE: list[Callable[..., Accompanied]] = [
    lambda **knobs: contrastive_decoding(amateur="x", alpha=0.01, **knobs),
    lambda **knobs: dola(relative_top=0.01, **knobs),
    lambda **knobs: classifier_free_guidance(guidance_scale=2.0, **knobs),
]


def tokens(strategy: Any) -> list[tuple[int, ...]]:
    model = table_model(12)
    asked = [Request(Prompt(t, t), tuple(model.encode(t)), strategy, 8, seed) for t in ("a", "bcd") for seed in (0, 1)]
    found = {g.request: g.tokens for g in decode(model, asked)}
    return [found[r] for r in asked]


@pytest.mark.parametrize("make", MADE)
def test_the_knobs_after_the_weighing(make: Callable[..., Accompanied]) -> None:
    best = tokens(make())
    assert not make().stochastic
    assert make(temperature=0.5).stochastic
    assert tokens(make(temperature=1.0, top_k=1)) == best
    assert tokens(make(temperature=1.0, top_p=1e-9)) == best
    assert tokens(make(temperature=1e-9)) == best
    assert tokens(make(temperature=1.0)) != best
    assert tokens(make(repetition_penalty=9.0)) != best


@pytest.mark.parametrize("make", MADE)
def test_they_are_candidates_as_any_sampling_is(
    make: Callable[..., Accompanied], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.strategies.candidates.build", lambda node, key: make(temperature=1.0))
    several = tokens(best_of_n(candidates={"factory": "x"}, num_candidates=1))
    assert several == tokens(make(temperature=1.0))


def test_bits_do_not_depend_on_the_company_in_the_exact_engine() -> None:
    model = load_model("pocket-m")
    mixed = [
        classifier_free_guidance(temperature=1.0),
        dola(layers=(1, 2, 3), temperature=1.0),
        classifier_free_guidance(guidance_scale=3.0, negative_prompt="The king said"),
        greedy(),
        sample(),
    ]
    prompts = [Prompt(t, t) for t in ("The fox", "Once upon a time there was", "A")]
    asked = [Request(p, tuple(model.encode(p.text)), s, 6) for s in mixed for p in prompts]
    together = {g.request: (g.tokens, g.values.tobytes()) for g in decode_exactly(model, asked, max_rows=8)}
    for r in asked[:9:2]:
        (alone,) = decode_exactly(model, [r], max_rows=8)
        assert together[r] == (alone.tokens, alone.values.tobytes())


@pytest.mark.parametrize("make", [dola, classifier_free_guidance])
@pytest.mark.parametrize(
    ("knob", "value"), [("temperature", -1), ("top_k", -1), ("top_p", 0), ("repetition_penalty", 0)]
)
def test_a_bad_knob_is_named(make: Callable[..., Accompanied], knob: str, value: Any) -> None:
    with pytest.raises(InputError, match=rf"^{knob}={value}: .*allowed: "):
        make(**{knob: value})
