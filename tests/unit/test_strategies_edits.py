"""The edits of logits under greedy, sampling and beam search, together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch

from harness.configs import option
from harness.engine import Request, decode
from harness.errors import InputError
from harness.knobs import build
from harness.loaders import load_model, load_strategy
from harness.prompts import Prompt, identified
from harness.strategies.beam import beam
from harness.strategies.beam_sample import beam_sample
from harness.strategies.edits import edits
from harness.strategies.order import LLAMA_CPP, TRANSFORMERS
from harness.strategies.sampling import greedy, sample
from tests.table_model import table_model
from tests.tiny_gpt2 import TinyGPT2, tiny_gpt2

PROMPTS = [(1, 2, 3), (4,), (5, 6, 7, 8, 1, 2), (3, 3), (8, 1, 8, 1, 5), (2, 7)]
LENGTH = 12


def texts(model: Any, strategy: Any, prompts: Sequence[tuple[int, ...]] = PROMPTS) -> list[list[int]]:
    named = identified((str(p), None) for p in prompts)
    asked = [Request(n, p, strategy, LENGTH) for n, p in zip(named, prompts, strict=True)]
    found = {id(g.request): list(g.tokens) for g in decode(model, asked)}
    return [found[id(r)] for r in asked]


def generate(model: TinyGPT2, **knobs: Any) -> list[list[int]]:
    """What transformers generates, prompt by prompt."""
    found = []
    for prompt in PROMPTS:
        output = model.network.generate(
            torch.tensor([prompt]),
            attention_mask=torch.ones(1, len(prompt), dtype=torch.int64),
            eos_token_id=sorted(model.eos),
            pad_token_id=max(model.eos) + 1,
            do_sample=False,
            max_new_tokens=LENGTH,
            **knobs,
        )
        tokens = output[0, len(prompt) :].tolist()
        ends = [i for i, t in enumerate(tokens) if t in model.eos]
        found.append(tokens[: ends[0] + 1] if ends else tokens)
    return found


# Ours, and the same for transformers.
EDITS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "no repeat": ({"no_repeat_ngram_size": 2}, {"no_repeat_ngram_size": 2}),
    "least length": ({"min_new_tokens": 7}, {"min_new_tokens": 7}),
    "banned": ({"banned": (6, (2, 7), (3, 3))}, {"bad_words_ids": [[6], [2, 7], [3, 3]]}),
    "biased": (
        {"logit_bias": ((5, 2.5), ((1, 2), -3.0))},
        {"sequence_bias": [[[5], 2.5], [[1, 2], -3.0]]},
    ),
    "forced end": ({"forced_eos": True, "min_new_tokens": 9}, {"forced_eos_token_id": 0, "min_new_tokens": 9}),
    "all": (
        {
            "logit_bias": ((5, 2.5), (7, 1.0)),
            "repetition_penalty": 1.2,
            "no_repeat_ngram_size": 3,
            "banned": (6, (5, 5)),
            "min_new_tokens": 4,
        },
        {
            "sequence_bias": [[[5], 2.5], [[7], 1.0]],
            "repetition_penalty": 1.2,
            "no_repeat_ngram_size": 3,
            "bad_words_ids": [[6], [5, 5]],
            "min_new_tokens": 4,
        },
    ),
}


@pytest.mark.parametrize("name", EDITS)
def test_greedy_and_beams_edit_as_transformers_does(name: str) -> None:
    model = tiny_gpt2(eos=(0,) if name == "forced end" else (0, 4), seed=2)  # two forced ends would tie
    ours, theirs = EDITS[name]
    assert texts(model, greedy(**ours)) == generate(model, **theirs)
    for beams in (2, 4):
        expected = generate(model, **theirs, num_beams=beams, early_stopping=True)
        assert texts(model, beam(num_beams=beams, early_stopping=True, **ours)) == expected
        assert texts(model, beam_sample(num_beams=beams, early_stopping=True, temperature=0.0, **ours)) == expected
        assert expected != generate(model, num_beams=beams, early_stopping=True), "the edit does nothing here"


def test_forced_tokens_are_a_longer_prompt() -> None:
    model = tiny_gpt2(eos=(0,), seed=2)
    longer = [(*p, 5, 2) for p in PROMPTS]
    flat: dict[str, Any] = {"length_penalty": 0.0, "early_stopping": True}  # so that the length does not matter
    for forced, free in (
        (greedy(forced=(5, 2)), greedy()),
        (beam(forced=(5, 2), **flat), beam(**flat)),
        (beam_sample(forced=(5, 2), temperature=0.0, **flat), beam(**flat)),
    ):
        ended = 0
        for ours, theirs in zip(texts(model, forced), texts(model, free, longer), strict=True):
            if theirs[-1] == 0 and len(theirs) <= LENGTH - 2:  # a search may end otherwise where its limit is another
                assert ours == [5, 2, *theirs]
                ended += 1
        assert ended > 1


def test_sampling_edits_before_it_draws() -> None:
    model = table_model(9, eos=[8])
    prompt = Prompt("p", "x")
    knobs: dict[str, Any] = {"banned": (1, (2, 3)), "min_new_tokens": 5, "forced": "ec", "forced_eos": True}
    asked = [Request(prompt, (3, 4), sample(**knobs), 9, seed) for seed in range(200)]
    for g in decode(model, asked):
        assert g.tokens[:2] == (4, 2)
        assert 1 not in g.tokens
        assert (2, 3) not in zip(g.tokens, g.tokens[1:], strict=False)
        assert 6 <= len(g.tokens) <= 9
        assert g.tokens[-1] == 8


def test_a_word_is_banned_from_texts_of_a_real_model() -> None:
    model = load_model("pocket-s")
    prompt = Prompt("p", "A fox saw")
    tokens = tuple(model.encode(prompt.text))
    plain, banned = (
        {model.decode(g.tokens) for g in decode(model, [Request(prompt, tokens, s, 40, i) for i in range(4)])}
        for s in (load_strategy("sample"), load_strategy("sample", banned=[" the", " a", "and"]))
    )
    assert any(" the " in text for text in plain)
    assert not any(f" {word} " in text for text in banned for word in ("the", "a", "and"))


def test_orders_name_every_stage_once() -> None:
    drawing = {"temperature", "top_h", "top_k", "top_p", "min_p", "typical_p", "epsilon_cutoff", "eta_cutoff"}
    drawing |= {"top_n_sigma", "top_a", "tfs_z", "xtc_probability"}
    for order in (TRANSFORMERS, LLAMA_CPP):
        assert sorted(order) == sorted(drawing | edits().keys())


def test_what_is_off_is_absent() -> None:
    assert sample() == sample(penalty_window=64, dry_base=2.0, dry_breakers="", xtc_threshold=0.3)
    assert greedy() == greedy(dry_allowed_length=5)
    for name, factory in (("sample", sample), ("greedy", greedy), ("beam", beam), ("beam_sample", beam_sample)):
        assert build(option("strategy", name), "strategy") == factory()


def test_greedy_says_when_nothing_is_left() -> None:
    model = table_model(4)
    (failed,) = decode(model, [Request(Prompt("p", ""), (1,), greedy(banned=(0, 1, 2, 3)), 4)])
    assert "forbade all tokens" in str(failed.failure)  # its own requests end, and not the run


@pytest.mark.parametrize("strategy", [greedy(banned=(9,)), beam(banned=(9,)), sample(logit_bias=((9, 1.0),))])
def test_a_token_that_a_model_lacks_ends_the_run_before_it_begins(strategy: Any) -> None:
    with pytest.raises(InputError, match="table has tokens 0 to 3"):
        texts(table_model(4), strategy, [(1,)])


WRONG: list[tuple[str, Any]] = [
    ("frequency_penalty", float("nan")),
    ("presence_penalty", "much"),
    ("penalty_window", -1),
    ("dry_multiplier", -0.5),
    ("dry_base", 0.5),
    ("dry_allowed_length", 0),
    ("dry_window", -2),
    ("dry_breakers", 3),
    ("no_repeat_ngram_size", 1.5),
    ("banned", "word"),
    ("banned", [-1]),
    ("min_new_tokens", -1),
    ("forced", 1.5),
    ("forced_eos", 1),
    ("logit_bias", [[1]]),
    ("xtc_probability", 2.0),
    ("xtc_threshold", 0.7),
]


@pytest.mark.parametrize(("knob", "value"), WRONG)
def test_knobs_out_of_range_are_named(knob: str, value: Any) -> None:
    with pytest.raises(InputError, match=f"strategy.{knob}="):
        build(option("strategy", "sample") | {knob: value}, "strategy")
