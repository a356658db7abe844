"""What of a model decides its cost: sizes that its config gives, and weights counted without making them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Shape:
    """A decoder's sizes."""

    name: str
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    vocab: int
    parameters: int
    multiplied: int  # weights that every row is multiplied by in a step: all but embeddings, and the head

    def token_bytes(self, size: int) -> int:
        """Bytes of one token of one row in the cache: a key and a value for each head of each layer.

        Args:
            size: bytes of a number: 4 in float32, 2 in bfloat16.
        """
        return 2 * self.layers * self.kv_heads * self.head_dim * size

    def flops(self, columns: float) -> float:
        """Of one row in one step, an addition and a multiplication each, with so many columns to attend to."""
        return 2 * self.multiplied + 4 * self.layers * self.heads * self.head_dim * columns


def shape_of(name: str, config: Any) -> Shape:
    """The sizes of a config of transformers."""
    import torch
    from torch.nn import Embedding
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        network = AutoModelForCausalLM.from_config(config)
    head = network.get_output_embeddings().weight
    embeddings = {id(m.weight) for m in network.modules() if isinstance(m, Embedding)}
    matrices = sum(p.numel() for p in network.parameters() if p.ndim > 1 and id(p) not in embeddings)
    config = config.get_text_config()
    heads = config.num_attention_heads
    return Shape(
        name,
        layers=config.num_hidden_layers,
        heads=heads,
        kv_heads=getattr(config, "num_key_value_heads", None) or heads,
        head_dim=getattr(config, "head_dim", None) or config.hidden_size // heads,
        vocab=config.vocab_size,
        parameters=sum(p.numel() for p in network.parameters()),
        multiplied=matrices + (head.numel() if id(head) in embeddings else 0),
    )


def gpt2_xl() -> Shape:
    """GPT-2 XL (Radford et al., 2019)."""
    from transformers import GPT2Config

    return shape_of("GPT-2 XL", GPT2Config(n_embd=1600, n_layer=48, n_head=25))


def llama_8b() -> Shape:
    """Llama 3 8B (Grattafiori et al., 2024): keys and values of 8 heads for 32 heads of queries."""
    from transformers import LlamaConfig

    config = LlamaConfig(
        hidden_size=4096,
        num_hidden_layers=32,
        num_attention_heads=32,
        num_key_value_heads=8,
        intermediate_size=14336,
        vocab_size=128256,
        tie_word_embeddings=False,
    )
    return shape_of("8B (Llama 3)", config)
