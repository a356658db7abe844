"""Random GPT-2s of transformers, and the same weights in NumPy."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers import GPT2Config, GPT2LMHeadModel

from harness.models.gpt2_numpy import GPT2, Attention

TOLERANCE = {"float32": 1e-4, "float64": 1e-9}  # between the two, of a logit


def torch_gpt2(dtype: str = "float64", **changed: Any) -> Any:
    """Three layers of five heads, each with weights so large that the logits differ."""
    sizes: dict[str, Any] = {"vocab_size": 61, "n_positions": 48, "n_embd": 20, "n_layer": 3, "n_head": 5}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        network = GPT2LMHeadModel(GPT2Config(**{**sizes, "initializer_range": 0.4, **changed}))
        for name, weight in network.named_parameters():
            if "ln_" in name or name.endswith("bias"):  # which begin as ones and zeros
                torch.nn.init.normal_(weight, mean=float("ln_" in name and name.endswith("weight")), std=0.3)
    return network.to(getattr(torch, dtype)).eval()


def numpy_gpt2(network: Any, attention: Attention | None = None) -> GPT2:
    """The same network."""
    weights = {name.removeprefix("transformer."): weight.numpy() for name, weight in network.state_dict().items()}
    if network.config.tie_word_embeddings:
        del weights["lm_head.weight"]
    return GPT2(weights, network.config.n_head, network.config.layer_norm_epsilon, attention)


@torch.no_grad()
def alone(network: Any, tokens: list[int]) -> tuple[Tensor, Tensor]:
    """transformers' logits [time, vocab] and last states [time, width] of one text, without padding or cache."""
    out = network(torch.tensor([tokens]), use_cache=False, output_hidden_states=True)
    return out.logits[0], out.hidden_states[-1][0]
