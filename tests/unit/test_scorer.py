from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from transformers import AutoModelForCausalLM, AutoTokenizer

from harness.errors import InputError
from harness.metrics.base import Corpus, Tools
from harness.metrics.coherence import Coherence
from harness.metrics.length import Length
from harness.metrics.perplexity import Perplexity
from harness.models import scoring
from harness.models.loading import hf
from harness.scorer import Scorer, check_scorers, windows
from tests.corpora import corpus

PROMPTS = ["the fox", "once upon a time", "", "the fox"]
TEXTS = [" said to the crow", "", " naïve 日本", " said to the crow"]


def texts(prompts: Sequence[str] = PROMPTS, continuations: Sequence[str] = TEXTS) -> Corpus:
    """Texts that nobody tokenised."""
    return Corpus([f"p{p}" for p in prompts], prompts, continuations, ["unknown"] * len(prompts))


def by_transformers(path: Path, prompt: str, text: str) -> NDArray[np.float64]:
    """Log-probabilities of a continuation from the network's own logits, read at once."""
    tokenizer: Any = AutoTokenizer.from_pretrained(path)
    network = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float64).eval()
    before = tokenizer(prompt)["input_ids"] or [tokenizer.bos_token_id]
    after = tokenizer(text, add_special_tokens=False)["input_ids"]
    with torch.no_grad():
        logprobs = network(torch.tensor([[*before, *after]])).logits[0].log_softmax(-1)
    return np.array([float(logprobs[len(before) - 1 + i, t]) for i, t in enumerate(after)])


@pytest.fixture
def scorer(tiny_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Scorer:
    """One whose model, whatever its name, is the tiny one."""
    monkeypatch.setattr("harness.scorer.load", lambda node: hf(name=str(tiny_dir), device="cpu", dtype="float64"))
    return Scorer()


def test_each_token_has_its_log_probability_given_the_prompt(scorer: Scorer, tiny_dir: Path) -> None:
    found = scorer("pocket-s", texts())
    for prompt, text, logprobs in zip(PROMPTS, TEXTS, found.logprobs, strict=True):
        np.testing.assert_allclose(logprobs, by_transformers(tiny_dir, prompt, text), atol=1e-10)
    assert len(found.logprobs[1]) == 0


def test_a_model_is_loaded_once_and_a_text_read_once(tiny_gpt2_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = hf(name=str(tiny_gpt2_dir), device="cpu")
    loaded: list[dict[str, Any]] = []
    read: list[int] = []
    real = scoring.score_continuations

    def load(node: dict[str, Any]) -> Any:
        loaded.append(node)
        return model

    def score(m: Any, before: Sequence[Any], pieces: Sequence[Any]) -> Any:
        read.append(len(pieces))
        return real(m, before, pieces)

    monkeypatch.setattr("harness.scorer.load", load)
    monkeypatch.setattr(scoring, "score_continuations", score)
    scorer = Scorer()
    first = scorer("pocket-s", texts())
    again = scorer("pocket-s", texts(PROMPTS[::-1], TEXTS[::-1]))
    more = scorer("pocket-s", texts(["the fox", "the crow"], [" said to the crow"] * 2))
    assert first.signature == again.signature == f"pocket-s@{model.fingerprint[:12]}"
    assert [node["size"] for node in loaded] == ["s"]
    assert read == [3, 0, 1]  # the same text after another prompt is another text
    for a, b in zip(first.logprobs, again.logprobs[::-1], strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(more.logprobs[0], first.logprobs[0])
    assert not np.allclose(more.logprobs[1], first.logprobs[0])
    assert scorer("pocket-m", texts()).signature.startswith("pocket-m@")
    assert len(loaded) == 2


def test_the_generator_is_what_is_recorded() -> None:
    given = corpus([[1, 2], []], logprobs=[[-1.0, -2.0], []])
    found = Scorer()("generator", given)
    assert found.logprobs is given.values["logprob"]
    assert found.signature == "generator"
    with pytest.raises(InputError, match="the scorer generator needs the logprob of every token"):
        Scorer()("generator", texts())


@given(st.integers(1, 30), st.integers(0, 60), st.none() | st.integers(1, 20))
def test_every_token_is_in_one_window_and_has_half_a_context(prompt: int, new: int, context: int | None) -> None:
    whole = list(range(prompt + new))
    found = list(windows(whole[:prompt], whole[prompt:], context))
    assert [t for _, piece in found for t in piece] == whole[prompt:]
    for before, piece in found:
        assert [*before, *piece] == whole[whole.index(before[0]) :][: len(before) + len(piece)]
        if context is not None and new:
            assert len(before) + len(piece) <= context + 1 or len(found) == 1
            assert len(before) >= min(max(1, context // 2), before[-1] + 1)
    if context is None or len(whole) <= context + 1:
        assert found == [(whole[:prompt], whole[prompt:])]


def test_texts_beyond_the_context_are_read_in_windows(tiny_gpt2_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 64 positions: pieces of 33 tokens, each with the 32 before it."""
    monkeypatch.setattr("harness.scorer.load", lambda node: hf(name=str(tiny_gpt2_dir), device="cpu", dtype="float64"))
    tokenizer: Any = AutoTokenizer.from_pretrained(tiny_gpt2_dir)
    network = AutoModelForCausalLM.from_pretrained(tiny_gpt2_dir, dtype=torch.float64).eval()
    prompt, text = "the fox said", " and so the crow went out" * 20
    before, after = (tokenizer(t)["input_ids"] for t in (prompt, text))
    whole = torch.tensor([*before, *after])
    (found,) = Scorer()("pocket-s", texts([prompt], [text])).logprobs
    assert len(found) == len(after) > 3 * 64
    for i in range(len(after)):
        end = min(len(whole), len(before) + (i // 33 + 1) * 33)
        start, at = max(0, end - 65), len(before) + i
        with torch.no_grad():
            logprobs = network(whole[None, start:at]).logits[0, -1].log_softmax(-1)
        assert found[i] == pytest.approx(float(logprobs[whole[at]]), abs=1e-9)


def test_perplexity_is_that_of_transformers_loss(scorer: Scorer, tiny_dir: Path) -> None:
    logprobs = np.concatenate([by_transformers(tiny_dir, p, t) for p, t in zip(PROMPTS, TEXTS, strict=True)])
    whole, _, bits = Perplexity(scorers=("pocket-s",))(texts(), Tools(None, scorer=scorer))
    assert whole.value == pytest.approx(math.exp(-logprobs.mean()))
    assert bits.value == pytest.approx(-logprobs.sum() / math.log(2) / sum(len(t.encode()) for t in TEXTS))


def test_a_scorer_that_there_is_not_is_found_out_early() -> None:
    check_scorers({"metrics.perplexity": Perplexity(scorers=("generator", "pocket-s")), "metrics.length": Length()})
    with pytest.raises(InputError, match=r"^metrics\.coherence\.scorer='pocket-x': .*did you mean 'pocket-"):
        check_scorers({"metrics.coherence": Coherence(scorer="pocket-x")})
    with pytest.raises(InputError, match=r"^metrics\.perplexity\.scorers='gen': .*allowed: .*generator, gpt2"):
        check_scorers({"metrics.perplexity": Perplexity(scorers=("pocket-s", "gen"))})
    with pytest.raises(InputError, match=r"^metrics\.perplexity\.scorers='hf': model\.name is not set"):
        check_scorers({"metrics.perplexity": Perplexity(scorers=("hf",))})
