"""Scores against a plain loop over log_softmax, features against the last hidden state."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, Gemma2Config, Gemma2ForCausalLM

from harness.errors import InputError
from harness.models import scoring
from harness.models.huggingface import HuggingFaceModel
from harness.models.loading import hf
from harness.models.scoring import features, score_continuations
from tests.tiny_models import byte_level_tokenizer

PROMPTS = [[9, 40, 41], [5, 6, 7, 8, 9, 10, 11], [200], [3, 4], [9, 40, 41]]
CONTINUATIONS = [[50, 60, 70, 80], [1], [], [4, 4, 4, 4, 4, 4, 4, 4, 0], [50, 61]]


@pytest.mark.parametrize(("positions", "logits"), [(1, 2**25), (2**11, 1), (24, 300 * 9), (2**11, 2**25)])
def test_scores_are_those_of_a_plain_loop(
    tiny_dir: Path, positions: int, logits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoring, "POSITIONS", positions)
    monkeypatch.setattr(scoring, "LOGITS", logits)
    monkeypatch.setattr(scoring, "CHUNK", 1000)
    scores = score_continuations(hf(name=str(tiny_dir), device="cpu", dtype="float64"), PROMPTS, CONTINUATIONS)
    network = AutoModelForCausalLM.from_pretrained(tiny_dir, dtype=torch.float64).eval()
    assert len(scores) == len(PROMPTS)
    for prompt, continuation, score in zip(PROMPTS, CONTINUATIONS, scores, strict=True):
        assert score.logprob.dtype == score.entropy.dtype == np.float64
        assert score.rank.dtype == np.int64
        assert score.gap.dtype == np.float64
        assert len(score.logprob) == len(score.entropy) == len(score.rank) == len(score.gap) == len(continuation)
        for i, token in enumerate(continuation):
            with torch.no_grad():
                logprobs = network(torch.tensor([prompt + continuation[:i]])).logits[0, -1].log_softmax(-1)
            assert score.logprob[i] == pytest.approx(logprobs[token].item(), abs=1e-10)
            expected = -(logprobs.exp() * logprobs).sum().item()
            assert score.entropy[i] == pytest.approx(expected, abs=1e-10)
            order = logprobs.argsort(descending=True).tolist()
            assert score.rank[i] == order.index(token)
            assert score.gap[i] == pytest.approx((logprobs[order[0]] - logprobs[order[1]]).item(), abs=1e-10)


def test_perplexity_is_that_of_transformers_loss(tiny_gpt2_dir: Path) -> None:
    text = [7, 8, 9, 10, 20, 30]
    score = score_continuations(hf(name=str(tiny_gpt2_dir), device="cpu"), [text[:1]], [text[1:]])[0]
    network = AutoModelForCausalLM.from_pretrained(tiny_gpt2_dir).eval()
    tokens = torch.tensor([text])
    assert -score.logprob.mean() == pytest.approx(network(tokens, labels=tokens).loss.item(), abs=1e-5)


def test_certain_tokens_have_no_entropy() -> None:
    logits = torch.tensor([[0.0, -torch.inf, -torch.inf], [0.0, 0.0, -torch.inf]])
    logprob, entropy, rank, gap = scoring._values(logits, torch.tensor([0, 1]))
    np.testing.assert_allclose(logprob, [0, -np.log(2)])
    np.testing.assert_allclose(entropy, [0, np.log(2)])
    assert rank.tolist() == [0, 0]
    assert gap.tolist() == [np.inf, 0]


def test_a_text_that_fills_the_context_and_one_more(tiny_gpt2_dir: Path) -> None:
    model = hf(name=str(tiny_gpt2_dir), device="cpu")
    assert len(score_continuations(model, [[1] * 60], [[2] * 5])[0].logprob) == 5  # the 65th token is only predicted
    with pytest.raises(InputError, match=r"cannot score '.+': it has 66 tokens, tiny-gpt2 has a context of 64"):
        score_continuations(model, [[70] * 60], [[71] * 6])


def test_a_prompt_without_tokens_is_refused(tiny_gpt2_dir: Path) -> None:
    with pytest.raises(InputError, match="its prompt has no tokens"):
        score_continuations(hf(name=str(tiny_gpt2_dir), device="cpu"), [[]], [[1]])


def test_features_are_the_last_state_of_the_last_layer(tiny_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "POSITIONS", 20)
    model = hf(name=str(tiny_dir), device="cpu")
    texts = [[9, 40, 41], [], [7] * 200, [5, 6, 7, 8, 9, 10, 11]]
    vectors = features(model, texts)
    assert vectors.dtype == np.float32
    network = AutoModelForCausalLM.from_pretrained(tiny_dir).eval()
    for text, vector in zip(texts, vectors, strict=True):
        read = text[: model.context] or model.encode("")
        with torch.no_grad():
            expected = network(torch.tensor([read]), output_hidden_states=True).hidden_states[-1][0, -1]
        np.testing.assert_allclose(vector, expected.numpy(), atol=2e-5)


@pytest.mark.parametrize(("positions", "logits"), [(100, 10**6), (10**6, 50), (100, 50)])
def test_batches_are_bounded_and_hold_every_text_once(
    positions: int, logits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoring, "POSITIONS", positions)
    monkeypatch.setattr(scoring, "LOGITS", logits)
    lengths, wanted = [5, 90, 3, 3, 40, 200, 7], [1, 30, 1, 2, 3, 4, 5]
    batches = list(scoring._batches([[0] * n for n in lengths], wanted, 5))
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(lengths[i] for i in batch) <= positions
        assert len(batch) == 1 or sum(wanted[i] for i in batch) * 5 <= logits
    assert len(batches) < len(lengths)


def test_padding_is_a_small_part() -> None:
    lengths = np.random.default_rng(0).integers(20, 100, 300)
    batches = scoring._batches([[0] * n for n in lengths], [1] * 300, 4096)
    assert sum(len(batch) * max(lengths[i] for i in batch) for batch in batches) < 1.1 * lengths.sum()


@pytest.mark.parametrize("positions", [7, 2**11])
def test_the_head_sees_only_what_is_wanted(
    tiny_gpt2_dir: Path, positions: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoring, "POSITIONS", positions)
    model: Any = hf(name=str(tiny_gpt2_dir), device="cpu")
    seen: list[int] = []
    model.network.lm_head.register_forward_hook(lambda _m, inputs, _out: seen.append(inputs[0].shape[:-1].numel()))
    score_continuations(model, PROMPTS, CONTINUATIONS)
    assert sum(seen) == sum(map(len, CONTINUATIONS))
    seen.clear()
    features(model, CONTINUATIONS)
    assert sum(seen) == len(CONTINUATIONS)


def test_a_head_that_scales_and_caps_keeps_doing_so() -> None:
    torch.manual_seed(0)
    config = Gemma2Config(
        vocab_size=300,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=16,
        final_logit_softcapping=0.5,
        initializer_range=0.5,
    )
    network = Gemma2ForCausalLM(config).eval()
    model = HuggingFaceModel(network, byte_level_tokenizer(), name="gemma", fingerprint="")
    score = score_continuations(model, PROMPTS[:2], CONTINUATIONS[:2])
    for prompt, continuation, found in zip(PROMPTS, CONTINUATIONS, score, strict=False):
        with torch.no_grad():
            logits = network(torch.tensor([prompt + continuation])).logits[0, len(prompt) - 1 : -1]
        assert 0.4 < logits.abs().max() <= 0.5
        expected = logits.log_softmax(-1)[range(len(continuation)), continuation]
        np.testing.assert_allclose(found.logprob, expected.numpy(), atol=1e-5)
