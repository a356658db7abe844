"""Text to tokens and back: byte-level BPE, sentencepiece-like BPE with byte fallback, special tokens."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from harness.errors import InputError
from harness.models.text import Text
from tests.tiny_models import WORDS, byte_level_tokenizer

GOLDEN = Path(os.environ.get("HARNESS_GOLDEN", Path(__file__).parents[3] / "shared" / "golden"))


def metaspace_tokenizer() -> Any:
    """As Llama 2's: a space before every text, ▁ for spaces, bytes for what it does not know."""
    learned = Tokenizer(models.BPE())
    learned.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    learned.train_from_iterator([WORDS], trainers.BpeTrainer(vocab_size=120, show_progress=False))
    model = json.loads(learned.to_str())["model"]
    known = ["<unk>", "<s>", "</s>", *(f"<0x{i:02X}>" for i in range(256)), *".'", *model["vocab"]]
    merges = [tuple(pair) for pair in model["merges"]]
    vocab = {symbol: i for i, symbol in enumerate(known)}
    inner = Tokenizer(models.BPE(vocab, merges, byte_fallback=True, unk_token="<unk>"))
    inner.pre_tokenizer = learned.pre_tokenizer
    inner.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return PreTrainedTokenizerFast(tokenizer_object=inner, bos_token="<s>", eos_token="</s>", unk_token="<unk>")


@pytest.fixture(params=["byte-level", "metaspace"])
def tokenizer(request: pytest.FixtureRequest) -> Any:
    """Both kinds."""
    return byte_level_tokenizer() if request.param == "byte-level" else metaspace_tokenizer()


@pytest.mark.parametrize("continuation", [" was good", "ese was good", "\nthe fox", " the fox and the crow "])
def test_a_continuation_joins_its_prompt(tokenizer: Any, continuation: str) -> None:
    text = Text(tokenizer, "x")
    prompt, tokens = text.encode("the cheese"), text.continuation(continuation)
    assert text.decode(tokens) == continuation
    assert tokenizer.decode(prompt + tokens, clean_up_tokenization_spaces=False) == "the cheese" + continuation


def test_encode_is_the_tokenizers_default() -> None:
    tokenizer = byte_level_tokenizer(bos="<s>")
    text = Text(tokenizer, "x")
    assert text.encode("the fox") == tokenizer("the fox")["input_ids"]
    assert text.encode("the fox")[0] == tokenizer.bos_token_id
    assert text.continuation(" the fox")[0] != tokenizer.bos_token_id
    assert text.encode("") == [tokenizer.bos_token_id]


def test_an_empty_prompt_starts_from_bos_or_eos_or_is_refused() -> None:
    tokenizer = byte_level_tokenizer()
    tokenizer.bos_token = None
    assert Text(tokenizer, "x").encode("") == [tokenizer.eos_token_id]
    tokenizer.eos_token = None
    with pytest.raises(InputError, match="x has neither bos nor eos to start from"):
        Text(tokenizer, "x").encode("")


def test_special_tokens_are_left_out_and_spaces_left_alone(tokenizer: Any) -> None:
    text = Text(tokenizer, "x")
    tokens = text.continuation(" was good . the fox 's")
    assert text.decode([*tokens, tokenizer.eos_token_id]) == " was good . the fox 's"


def test_pieces_make_up_the_text(tokenizer: Any) -> None:
    text = Text(tokenizer, "x")
    tokens = text.continuation(" the old fox said")
    assert "".join(text.pieces(tokens)) == " the old fox said"
    assert text.pieces([tokenizer.eos_token_id]) == [tokenizer.eos_token]


def test_parts_of_characters_are_shown_as_bytes(tokenizer: Any) -> None:
    text = Text(tokenizer, "x")
    tokens = text.continuation("日")
    assert text.pieces(tokens)[-3:] == [r"\xe6", r"\x97", r"\xa5"]
    assert text.decode(tokens).strip() == "日"


def test_ids_beyond_the_tokenizer_are_empty() -> None:
    text = Text(byte_level_tokenizer(), "x")
    assert text.decode([301]) == ""
    assert text.pieces([301]) == [""]


def test_gpt2s_own_tokens() -> None:
    folder = GOLDEN / "gpt2-tokenizer"
    if not folder.is_dir():
        pytest.skip("needs GPT-2's tokenizer: set HARNESS_GOLDEN to a folder that holds gpt2-tokenizer/")
    text = Text(AutoTokenizer.from_pretrained(folder), "gpt2")
    assert text.encode("Hello, I am") == [15496, 11, 314, 716]  # as in OpenAI's vocabulary
    assert text.encode("") == [50256]
    assert text.pieces(text.continuation(" naïve 😀")) == [" naïve", r" \xf0\x9f\x98", r"\x80"]
