"""Classifier-free guidance, against transformers' own in `generate`, and a loop from the paper."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, UnbatchedClassifierFreeGuidanceLogitsProcessor

from harness.engine import Request, decode
from harness.errors import InputError
from harness.models.base import LanguageModel
from harness.models.loading import hf
from harness.models.pocket import pocket
from harness.prompts import identified
from harness.strategies.base import Strategy
from harness.strategies.classifier_free_guidance import classifier_free_guidance
from harness.strategies.sampling import greedy, sample
from tests.scored_loop import TEXTS, Score, agree

NEGATIVE = "old fox"


def tokens(model: LanguageModel, strategy: Strategy[Any], new: int = 12) -> list[tuple[int, ...]]:
    prompts = identified([(t, None) for t in TEXTS])
    asked = [Request(p, tuple(model.encode(p.text)), strategy, new, seed) for p in prompts for seed in (0, 1)]
    found = {g.request: g.tokens for g in decode(model, asked)}
    return [found[r] for r in asked]


def network(path: Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(path, dtype=torch.float64).eval()


@pytest.mark.parametrize("negative", [None, NEGATIVE])
@pytest.mark.parametrize("scale", [1.5, 4.0, 0.0])
def test_the_tokens_are_those_of_transformers(tiny_dir: Path, scale: float, negative: str | None) -> None:
    model, theirs = hf(str(tiny_dir), dtype="float64", device="cpu"), network(tiny_dir)
    ours = tokens(model, classifier_free_guidance(guidance_scale=scale, negative_prompt=negative))
    more = {} if negative is None else {"negative_prompt_ids": torch.tensor([model.encode(negative)])}
    for text, found in zip(TEXTS, ours[::2], strict=True):
        prompt = torch.tensor([model.encode(text)])
        out = theirs.generate(
            prompt, guidance_scale=scale, max_new_tokens=12, do_sample=False, pad_token_id=0, **more
        )  # fmt: skip
        assert tuple(out[0, prompt.shape[1] :].tolist()) == found
    assert ours != tokens(model, greedy())


@torch.no_grad()
def test_sampling_draws_from_the_scores_of_transformers_processor(tiny_dir: Path) -> None:
    model, theirs = hf(str(tiny_dir), dtype="float64", device="cpu"), network(tiny_dir)

    def score(prompt: list[int], text: list[int]) -> Tensor:
        without = torch.tensor([model.encode(NEGATIVE) + text])
        processor = UnbatchedClassifierFreeGuidanceLogitsProcessor(2.0, theirs, unconditional_ids=without)
        whole = torch.tensor([prompt + text])
        scores: Tensor = processor(whole, theirs(whole).logits[:, -1])
        return scores[0]

    strategy = classifier_free_guidance(guidance_scale=2.0, negative_prompt=NEGATIVE, temperature=0.7)
    agree(model, strategy, score, 0.7)


def test_the_paper() -> None:
    model: Any = pocket("m", dtype="float64")

    def paper(scale: float) -> Score:
        def score(prompt: list[int], text: list[int]) -> Tensor:
            given, without = (
                model.network(input_ids=torch.tensor([start + text])).logits[0, -1].softmax(-1)
                for start in (prompt, prompt[-1:])
            )
            product: Tensor = given**scale / without ** (scale - 1)
            return product.log()

        return score

    agree(model, classifier_free_guidance(guidance_scale=1.5), paper(1.5), 0.0)
    agree(model, classifier_free_guidance(guidance_scale=1.25, temperature=1.0), paper(1.25), 1.0)


def test_a_scale_of_1_is_plain_decoding() -> None:
    model = pocket("m")
    plain = classifier_free_guidance(guidance_scale=1.0)
    assert plain.companion(model) is None
    assert tokens(model, plain) == tokens(model, greedy())
    drawn = classifier_free_guidance(guidance_scale=1.0, temperature=0.8, top_p=0.9)
    assert tokens(model, drawn) == tokens(model, sample(temperature=0.8, top_p=0.9))


def test_a_scale_of_0_decodes_after_the_negative_prompt_alone() -> None:
    model = pocket("m", dtype="float64")
    strategy = classifier_free_guidance(guidance_scale=0.0, negative_prompt="Once upon a time")
    (prompt,) = identified([("Once upon a time", None)])
    (plain,) = decode(model, [Request(prompt, tuple(model.encode(prompt.text)), greedy(), 12)])
    assert set(tokens(model, strategy)) == {plain.tokens}


def test_an_empty_negative_prompt_is_the_start_token() -> None:
    model = pocket("m", dtype="float64")
    companion = classifier_free_guidance(negative_prompt="").companion(model)
    assert companion is not None
    assert list(companion.prompt((1, 2, 3))) == model.encode("")


def test_it_runs_in_numpy_too() -> None:
    models = pocket("s", dtype="float64", backend="numpy"), pocket("s", dtype="float64")
    ours, theirs = (tokens(model, classifier_free_guidance(guidance_scale=2.0), 5) for model in models)
    assert ours == theirs


def test_a_negative_prompt_without_room_is_said_before_decoding(tiny_gpt2_dir: Path) -> None:
    model = hf(str(tiny_gpt2_dir))
    with pytest.raises(InputError, match="context of 64"):
        tokens(model, classifier_free_guidance(negative_prompt="the old fox " * 40))


@pytest.mark.parametrize(
    ("knob", "value"), [("guidance_scale", float("nan")), ("guidance_scale", "x"), ("negative_prompt", 3)]
)
def test_a_bad_knob_is_named(knob: str, value: Any) -> None:
    with pytest.raises(InputError, match=f"^{knob}={value!r}: "):
        classifier_free_guidance(**{knob: value})
