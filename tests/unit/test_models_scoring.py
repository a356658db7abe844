"""Scores against a plain loop over log_softmax, features against the last hidden state."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from harness.errors import InputError
from harness.models import scoring
from harness.models.loading import hf
from harness.models.scoring import features, score_continuations

PROMPTS = [[9, 40, 41], [5, 6, 7, 8, 9, 10, 11], [200], [3, 4], [9, 40, 41]]
CONTINUATIONS = [[50, 60, 70, 80], [1], [], [4, 4, 4, 4, 4, 4, 4, 4, 0], [50, 61]]


@pytest.mark.parametrize("batch", [1, 300 * 12, 2**25])
def test_scores_are_those_of_a_plain_loop(tiny_dir: Path, batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "BATCH", batch)
    monkeypatch.setattr(scoring, "CHUNK", 1000)
    scores = score_continuations(hf(name=str(tiny_dir), device="cpu", dtype="float64"), PROMPTS, CONTINUATIONS)
    network = AutoModelForCausalLM.from_pretrained(tiny_dir, dtype=torch.float64).eval()
    assert len(scores) == len(PROMPTS)
    for prompt, continuation, score in zip(PROMPTS, CONTINUATIONS, scores, strict=True):
        assert score.logprob.dtype == score.entropy.dtype == np.float64
        assert score.rank.dtype == np.int64
        assert len(score.logprob) == len(score.entropy) == len(score.rank) == len(continuation)
        for i, token in enumerate(continuation):
            with torch.no_grad():
                logprobs = network(torch.tensor([prompt + continuation[:i]])).logits[0, -1].log_softmax(-1)
            assert score.logprob[i] == pytest.approx(logprobs[token].item(), abs=1e-10)
            expected = -(logprobs.exp() * logprobs).sum().item()
            assert score.entropy[i] == pytest.approx(expected, abs=1e-10)
            order = logprobs.argsort(descending=True).tolist()
            assert score.rank[i] == order.index(token)


def test_perplexity_is_that_of_transformers_loss(tiny_gpt2_dir: Path) -> None:
    text = [7, 8, 9, 10, 20, 30]
    score = score_continuations(hf(name=str(tiny_gpt2_dir), device="cpu"), [text[:1]], [text[1:]])[0]
    network = AutoModelForCausalLM.from_pretrained(tiny_gpt2_dir).eval()
    tokens = torch.tensor([text])
    assert -score.logprob.mean() == pytest.approx(network(tokens, labels=tokens).loss.item(), abs=1e-5)


def test_certain_tokens_have_no_entropy() -> None:
    logits = torch.tensor([[0.0, -torch.inf, -torch.inf], [0.0, 0.0, -torch.inf]])
    logprob, entropy, rank = scoring._values(logits, torch.tensor([0, 1]))
    np.testing.assert_allclose(logprob, [0, -np.log(2)])
    np.testing.assert_allclose(entropy, [0, np.log(2)])
    assert rank.tolist() == [0, 0]


def test_a_text_that_fills_the_context_and_one_more(tiny_gpt2_dir: Path) -> None:
    model = hf(name=str(tiny_gpt2_dir), device="cpu")
    assert len(score_continuations(model, [[1] * 60], [[2] * 5])[0].logprob) == 5  # the 65th token is only predicted
    with pytest.raises(InputError, match=r"cannot score '.+': it has 66 tokens, tiny-gpt2 has a context of 64"):
        score_continuations(model, [[70] * 60], [[71] * 6])


def test_a_prompt_without_tokens_is_refused(tiny_gpt2_dir: Path) -> None:
    with pytest.raises(InputError, match="its prompt has no tokens"):
        score_continuations(hf(name=str(tiny_gpt2_dir), device="cpu"), [[]], [[1]])


def test_features_are_the_last_state_of_the_last_layer(tiny_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "BATCH", 300 * 10)
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


def test_batches_are_bounded_and_hold_every_text_once() -> None:
    lengths = [5, 90, 3, 3, 40, 200, 7]
    batches = list(scoring._batches(lengths, 100))
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    assert all(len(batch) * max(lengths[i] for i in batch) <= 100 for batch in batches if len(batch) > 1)
    assert len(batches) < len(lengths)
