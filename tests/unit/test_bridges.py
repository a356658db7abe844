"""In from transformers, and out to it."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
from transformers import LogitsProcessorList, MinPLogitsWarper, NoRepeatNGramLogitsProcessor

from harness import load_model
from harness.api import decode
from harness.bridges import TransformProcessor, custom_generate
from harness.engine import Request
from harness.engine import decode as run
from harness.errors import InputError, StrategyFailed
from harness.loaders import load_strategy
from harness.models.huggingface import HuggingFaceModel
from harness.prompts import identified
from harness.strategies.beam import beam
from harness.strategies.hf_processor import hf_processor
from harness.strategies.sampling import greedy, sample

TEXTS = ["The fox", "Once upon a time there was a little", "She said"]
NEW = 12


@pytest.fixture(scope="module")
def model() -> HuggingFaceModel:
    found = load_model("pocket-s", dtype="float64")
    assert isinstance(found, HuggingFaceModel)
    return found


def tokens(model: HuggingFaceModel, strategy: Any) -> list[tuple[int, ...]]:
    asked = [Request(p, tuple(model.encode(p.text)), strategy, NEW) for p in identified([(t, None) for t in TEXTS])]
    found = {g.request: g.tokens for g in run(model, asked)}
    return [found[r] for r in asked]


def generate(model: HuggingFaceModel, text: str, **knobs: Any) -> tuple[int, ...]:
    ids = torch.tensor([model.encode(text)])
    out = model.network.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=NEW, pad_token_id=0, **knobs)
    return tuple(out[0, ids.shape[1] :].tolist())


class TestIn:
    def test_greedy_after_a_processor_is_generate_with_it(self, model: HuggingFaceModel) -> None:
        node = {"_target_": "transformers.NoRepeatNGramLogitsProcessor", "ngram_size": 2}
        ours = tokens(model, hf_processor(processor=node, do_sample=False))
        theirs = [
            generate(model, t, do_sample=False, logits_processor=LogitsProcessorList([NoRepeatNGramLogitsProcessor(2)]))
            for t in TEXTS
        ]
        assert ours == theirs
        assert ours != tokens(model, greedy())

    def test_sampling_after_a_processor_is_our_own_rule_under_the_same_draws(self, model: HuggingFaceModel) -> None:
        node = {"_target_": "transformers.TopPLogitsWarper", "top_p": 0.7}
        assert tokens(model, hf_processor(processor=node)) == tokens(model, sample(top_p=0.7))
        node = {"_target_": "transformers.LogitNormalization"}
        assert tokens(model, hf_processor(processor=node)) == tokens(model, sample())

    def test_equal_by_what_it_is_made_of(self) -> None:
        node = {"_target_": "transformers.TopKLogitsWarper", "top_k": 3}
        assert hf_processor(processor=node) == hf_processor(processor=dict(node))
        assert hf_processor(processor=node) != hf_processor(processor=node | {"top_k": 4})

    def test_what_a_processor_raises_is_one_sentence(self, model: HuggingFaceModel) -> None:
        node = {"_target_": "transformers.ForcedBOSTokenLogitsProcessor", "bos_token_id": 99999}
        one = [Request(identified([("", None)])[0], (3,), hf_processor(processor=node), 2)]
        (failed,) = run(model, one)
        assert re.search(
            r"InputError: strategy\.processor: transformers\.Forced.* fails on 1 rows of 1 tokens", str(failed.failure)
        )
        with pytest.raises(InputError, match="changes nothing with do_sample=false"):
            hf_processor(processor=node, do_sample=False, temperature=0.5)

    @pytest.mark.parametrize(
        ("node", "said"),
        [
            ({}, r"strategy\.processor\._target_=None"),
            ({"_target_": "transformers.NoSuch"}, "cannot be imported"),
            ({"_target_": "builtins.dict"}, "no subclass of transformers.LogitsProcessor"),
            ({"_target_": "transformers.TopKLogitsWarper", "k": 3}, r"strategy\.processor\.k=3.*top_k"),
            ({"_target_": "transformers.TopKLogitsWarper", "top_k": -3}, "refuses.*strictly positive"),
            ({"_target_": "transformers.TopKLogitsWarper"}, "refuses"),
        ],
    )
    def test_what_is_no_processor(self, node: dict[str, Any], said: str) -> None:
        with pytest.raises(InputError, match=said):
            hf_processor(processor=node)


class TestOut:
    def test_a_transform_in_generate_is_what_it_is_here(self, model: HuggingFaceModel) -> None:
        ids = torch.tensor([model.encode(TEXTS[1])])
        scores = model.network(ids).logits[:, -1]
        for strategy, theirs in (
            (sample(min_p=0.1), MinPLogitsWarper(0.1)),
            (greedy(no_repeat_ngram_size=2), NoRepeatNGramLogitsProcessor(2)),
        ):
            torch.testing.assert_close(TransformProcessor(strategy)(ids, scores), theirs(ids, scores))

    def test_greedy_by_generate_with_our_transform_is_ours(self, model: HuggingFaceModel) -> None:
        strategy = greedy(repetition_penalty=1.3, no_repeat_ngram_size=3)
        theirs = [
            generate(model, t, do_sample=False, logits_processor=LogitsProcessorList([TransformProcessor(strategy)]))
            for t in TEXTS
        ]
        assert theirs == tokens(model, strategy)

    @pytest.mark.parametrize("strategy", [greedy(), beam(num_beams=3), load_strategy("contrastive_search")])
    def test_a_strategy_decodes_inside_generate(self, model: HuggingFaceModel, strategy: Any) -> None:
        ours = tokens(model, strategy)
        found = [generate(model, t, custom_generate=custom_generate(strategy), do_sample=False) for t in TEXTS]
        assert found == ours

    def test_padding_and_several_samples(self, model: HuggingFaceModel) -> None:
        ids = [model.encode(t) for t in TEXTS]
        width = max(map(len, ids))
        batch = torch.tensor([[0] * (width - len(i)) + i for i in ids])
        mask = torch.tensor([[0] * (width - len(i)) + [1] * len(i) for i in ids])
        method = custom_generate(sample(), seed=3)
        out = model.network.generate(
            batch, attention_mask=mask, max_new_tokens=NEW, do_sample=True, num_return_sequences=2,
            custom_generate=method, pad_token_id=0,
        )  # fmt: skip
        assert len({tuple(row.tolist()) for row in out}) == 6
        alone = [
            model.network.generate(
                torch.tensor([i]), attention_mask=torch.ones(1, len(i), dtype=torch.long), max_new_tokens=NEW,
                do_sample=True, num_return_sequences=2, custom_generate=method, pad_token_id=0,
            )[:, len(i) :]
            for i in ids
        ]  # fmt: skip
        for row, expected in zip(out[:, width:], torch.cat([*alone]), strict=True):
            assert row[: len(expected)].tolist() == expected.tolist()

    @pytest.mark.parametrize(
        "strategy",
        [
            load_strategy("classifier_free_guidance", negative_prompt="Once"),
            load_strategy("minimum_bayes_risk", num_candidates=2),
            load_strategy("self_consistency", num_candidates=2),
            load_strategy("contrastive_decoding", amateur="pocket-s"),
            greedy(dry_multiplier=0.8),
            greedy(banned=("the",)),
        ],
        ids=lambda s: type(s).__name__,
    )
    def test_a_strategy_that_reads_texts_needs_a_tokenizer(self, model: HuggingFaceModel, strategy: Any) -> None:
        # Those that read what they have written find it out at the end: then the strategy has failed.
        said = pytest.raises(
            (InputError, StrategyFailed), match=r"reads texts: custom_generate\(strategy, tokenizer=\.\.\.\)"
        )
        with said:
            generate(model, TEXTS[0], custom_generate=custom_generate(strategy))
        method = custom_generate(strategy, tokenizer=model._text._tokenizer)
        if not strategy.stochastic:  # whose draws depend on the prompt's id
            assert generate(model, TEXTS[0], custom_generate=method) == tokens(model, strategy)[0]
        else:
            assert generate(model, TEXTS[0], custom_generate=method)
        with pytest.raises(
            (InputError, StrategyFailed), match="reads texts"
        ):  # also after a model of the same weights was let through
            generate(model, TEXTS[0], custom_generate=custom_generate(strategy))

    def test_as_many_texts_as_are_to_be_returned(self, model: HuggingFaceModel) -> None:
        ids = torch.tensor([model.encode("The fox"), model.encode("The fox")[:-1] + model.encode("The dog")[-1:]])
        knobs = {"attention_mask": torch.ones_like(ids), "max_new_tokens": 4, "pad_token_id": 0}

        def found(strategy: Any, **more: Any) -> list[list[int]]:
            out = model.network.generate(ids, **knobs, custom_generate=custom_generate(strategy), **more)
            return out[:, : ids.shape[1] + 4].tolist()  # type: ignore[no-any-return]

        assert found(beam(num_beams=3), num_beams=3) == found(beam(num_beams=3))
        three = found(sample(), num_return_sequences=3, do_sample=True)
        assert len(three) == 6
        assert found(sample(), num_return_sequences=2, num_beams=3, do_sample=True) == [*three[:2], *three[3:5]]

    def test_xtc_happens_as_often_as_it_should(self) -> None:
        torch.manual_seed(0)
        ids, scores = torch.zeros(50, 1, dtype=torch.long), torch.tensor([[1.0, 0.9, -5.0]]).repeat(50, 1)
        process = TransformProcessor(sample(xtc_probability=0.3))
        happened = torch.stack([process(ids, scores)[:, 0] == -torch.inf for _ in range(80)]).double()
        assert abs(happened.mean() - 0.3) < 4 * (0.3 * 0.7 / 4000) ** 0.5
        assert happened.mean(0).min() > 0
        assert happened.mean(1).max() < 1

    @pytest.mark.parametrize(
        "strategy",
        [
            greedy(banned=(" the", (5,))),
            greedy(logit_bias=((" a", 4.0),)),
            greedy(forced=" and then"),
            greedy(dry_multiplier=2.0),
        ],
        ids=["banned", "logit_bias", "forced", "dry"],
    )
    def test_a_transform_with_texts_takes_a_tokenizer(self, model: HuggingFaceModel, strategy: Any) -> None:
        with pytest.raises(InputError, match=r"reads texts: .*tokenizer=.* or custom_generate"):
            TransformProcessor(strategy)
        process = TransformProcessor(strategy, tokenizer=model._text._tokenizer)
        found = [generate(model, t, do_sample=False, logits_processor=[process]) for t in TEXTS]
        assert found == tokens(model, strategy)

    def test_token_ids_need_no_tokenizer(self) -> None:
        out = TransformProcessor(greedy(banned=(2,)))(torch.zeros(1, 1, dtype=torch.long), torch.zeros(1, 4))
        assert out.tolist() == [[0.0, 0.0, -torch.inf, 0.0]]

    @pytest.mark.parametrize("strategy", [greedy(presence_penalty=2.0), greedy(frequency_penalty=1.0)])
    def test_new_tokens_are_those_after_the_first_call(self, model: HuggingFaceModel, strategy: Any) -> None:
        pad = max(model.vocabulary().values())
        rows = [model.encode(t) for t in TEXTS]
        assert all(pad not in row for row in rows)
        width = max(map(len, rows))
        ids = torch.tensor([[pad] * (width - len(row)) + row for row in rows])
        process = TransformProcessor(strategy, pad_token_id=pad)
        for _ in range(2):  # one after another, by the same processor
            out = model.network.generate(
                ids, attention_mask=(ids != pad).long(), max_new_tokens=NEW, pad_token_id=pad, do_sample=False,
                logits_processor=[process],
            )[:, width:]  # fmt: skip
            for row, expected in zip(out.tolist(), tokens(model, strategy), strict=True):
                assert tuple(row[: len(expected)]) == expected
        told = TransformProcessor(strategy, prompt_length=1)(torch.tensor([[1, 2, 2]]), torch.zeros(1, 4))
        assert told[0, 1] == 0 > told[0, 2]

    def test_what_would_silently_do_nothing(self) -> None:
        with pytest.raises(InputError, match=r"min_new_tokens: .*eos="):
            TransformProcessor(greedy(min_new_tokens=3))
        process = TransformProcessor(greedy(min_new_tokens=3), eos=frozenset([1]))
        assert process(torch.zeros(1, 2, dtype=torch.long), torch.zeros(1, 3)).tolist() == [[0.0, -torch.inf, 0.0]]
        with pytest.raises(InputError, match=r"forced_eos=True: .*forced_eos_token_id"):
            TransformProcessor(greedy(forced_eos=True), eos=frozenset([1]))

    def test_what_is_no_strategy(self) -> None:
        with pytest.raises(InputError, match="must be a strategy"):
            custom_generate("greedy")  # type: ignore[arg-type]
        with pytest.raises(InputError, match="no transform"):
            TransformProcessor("greedy")  # type: ignore[arg-type]


def test_the_api_takes_it_as_any_other(model: HuggingFaceModel) -> None:
    node = {"_target_": "transformers.EpsilonLogitsWarper", "epsilon": 0.01}
    frame = decode(model, TEXTS, {"epsilon": hf_processor(processor=node)}, max_new_tokens=4)
    assert len(frame) == 3
