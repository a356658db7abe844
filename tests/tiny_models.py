"""Tiny random models in the hub's layout, with a byte-level tokenizer: what tests load through `model=hf`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

WORDS = (
    "the old fox said to the young crow that the cheese was good and the crow said that it was not for the fox "
    "once upon a time there was a king who had three sons and the youngest of them went out into the wide world"
)


def save_tiny(path: Path, architecture: Any, config: Any, tokenizer: Any, dtype: torch.dtype = torch.float32) -> Path:
    """A random model and its tokenizer as a local directory; always the same weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        architecture(config).to(dtype).save_pretrained(path)
    tokenizer.save_pretrained(path)
    return path


def byte_level_tokenizer(bos: str | None = None) -> Any:
    """A byte-level BPE of 300 tokens; with `bos`, one that begins every text with it."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<s>", "</s>", "<|im_end|>"]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    inner.train_from_iterator(
        [WORDS],
        trainers.BpeTrainer(vocab_size=300, special_tokens=special, initial_alphabet=alphabet, show_progress=False),
    )
    if bos is None:
        return PreTrainedTokenizerFast(tokenizer_object=inner, bos_token=special[0], eos_token=special[0])
    inner.post_processor = processors.TemplateProcessing(single=f"{bos} $A", special_tokens=[(bos, special.index(bos))])
    return PreTrainedTokenizerFast(tokenizer_object=inner, bos_token=bos, eos_token="</s>")
