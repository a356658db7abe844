from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from harness.errors import InputError
from harness.scoring.tokens import of_model, of_tokenizer
from tests.corpora import golden

ROWS = [("The king", " was old and"), ("", "Fünf 五 🦊"), ("The king", "")]


def test_a_tokenizer_gives_its_own_tokens(tiny_gpt2_dir: Path) -> None:
    from transformers import AutoTokenizer

    tokens = of_tokenizer(str(tiny_gpt2_dir))()
    other: Any = AutoTokenizer.from_pretrained(tiny_gpt2_dir)
    columns = tokens.columns(ROWS)
    assert list(columns) == ["tokens"]
    assert columns["tokens"] == [other(text, add_special_tokens=False)["input_ids"] for _, text in ROWS]
    assert [tokens.decode(each) for each in columns["tokens"]] == [text for _, text in ROWS]


def test_a_tokenizer_needs_no_model(tmp_path: Path) -> None:
    folder = golden("gpt2-tokenizer")
    shutil.copy(folder / "tokenizer.json", tmp_path)
    whole, bare = (of_tokenizer(str(each))() for each in (folder, tmp_path))
    texts = [json.loads(line)["generation"] for line in _lines("contrastive/book_gpt2-xl_contrastive_k6_a0.6.jsonl")]
    columns = whole.columns([("", text) for text in texts])
    assert bare.columns([("", text) for text in texts[:50]])["tokens"] == columns["tokens"][:50]
    published = json.loads(golden("contrastive/book.third-party-metrics.json").read_text())
    expected = published["book_gpt2-xl_contrastive_k6_a0.6"]["gpt2_ids"]["n_tokens"]
    assert sum(map(len, columns["tokens"])) == expected
    assert whole.source != bare.source


def _lines(name: str) -> list[str]:
    return golden(name).read_text(encoding="utf-8").splitlines()


def test_an_embedded_model_lends_its_tokenizer_without_being_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.models.checkpoint.from_directory", None)
    tokens = of_tokenizer("pocket-s")()
    (ids,) = tokens.columns([("", " Once upon a time")])["tokens"]
    assert tokens.decode(ids) == " Once upon a time"
    assert tokens.source.startswith("pocket-s@")


def test_a_model_reads_each_text_after_its_prompt(tiny_gpt2_dir: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    columns = of_model(str(tiny_gpt2_dir))().columns(ROWS)
    tokenizer: Any = AutoTokenizer.from_pretrained(tiny_gpt2_dir)
    network = AutoModelForCausalLM.from_pretrained(tiny_gpt2_dir).eval()
    for (prompt, text), ids, found in zip(ROWS, columns["tokens"], columns["logprob"], strict=True):
        before = tokenizer(prompt)["input_ids"] or [tokenizer.bos_token_id]
        after = tokenizer(text)["input_ids"]
        assert ids == after
        with torch.no_grad():
            logprobs = network(torch.tensor([[*before, *after]])).logits[0].double().log_softmax(-1)
        expected = [float(logprobs[len(before) - 1 + i, token]) for i, token in enumerate(after)]
        np.testing.assert_allclose(found, expected, atol=1e-5)
    assert set(columns) == {"tokens", "logprob", "entropy", "rank", "gap"}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("pocket-x", "is neither a directory nor a yaml of conf/model; did you mean 'pocket-"),
        ("hf", "model.name is not set"),
        ("gpt2-xl", "HF_HUB_OFFLINE"),
    ],
)
def test_what_is_not_there_is_named_before_anything_is_loaded(given: str, says: str) -> None:
    for make, flag in ((of_model, "--model"), (of_tokenizer, "--tokenizer")):
        with pytest.raises(InputError) as caught:
            make(given)
        assert str(caught.value).startswith(f"{flag}={given!r}: ")
        assert says in str(caught.value)


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^--tokenizer=.*: the directory has no tokenizer"):
        of_tokenizer(str(tmp_path))
    with pytest.raises(InputError, match=r"^--model=.*: model.name=.*config.json"):
        of_model(str(tmp_path))
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(InputError, match=r"^--tokenizer=.*: cannot be loaded"):
        of_tokenizer(str(tmp_path))()
