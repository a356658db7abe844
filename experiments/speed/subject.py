"""The model that everybody decodes with: GPT-2's shape, random weights, no end of text."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from torch import Tensor
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from experiments.speed.workload import Setting, prompts
from harness.models.attention import install
from harness.models.huggingface import HuggingFaceModel
from harness.models.packed import pack


@dataclass
class Subject:
    """One network, as transformers has it and as the harness loads it."""

    setting: Setting

    @cached_property
    def network(self) -> Any:
        """The transformers model, in eval mode, on its device."""
        s = self.setting
        torch.manual_seed(s.seed)
        config = GPT2Config(
            vocab_size=s.vocab,
            n_embd=s.width,
            n_layer=s.layers,
            n_head=s.heads,
            activation_function=s.activation,
            bos_token_id=None,
            eos_token_id=None,
        )
        network = GPT2LMHeadModel(config).eval()
        network.generation_config.eos_token_id = None
        if not s.flat:
            sharpen(network, prompts(s, 32), s.entropy)
        return network.to(device=s.device, dtype=getattr(torch, s.dtype))

    @cached_property
    def model(self) -> HuggingFaceModel:
        """The same weights as `harness.load_model` prepares them: on a CPU packed, and with its own attention."""
        network = self.network
        if self.setting.device == "cpu":
            network = deepcopy(network)
            pack(network)
            install(network)
        return self._behind_protocol(network)

    @cached_property
    def plain(self) -> HuggingFaceModel:
        """The very network of transformers behind the harness's protocol, as `packed: false` loads it."""
        return self._behind_protocol(self.network)

    def _behind_protocol(self, network: Any) -> HuggingFaceModel:
        words = WordLevel({str(i): i for i in range(self.setting.vocab)}, unk_token="0")
        tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(words), unk_token="0")
        model = HuggingFaceModel(network, tokenizer, name="gpt2-shape", fingerprint=f"seed-{self.setting.seed}")
        assert not model.eos, "no contender may stop early"
        return model

    def entropy(self) -> float:
        """Mean entropy of the next token after the prompts, in nats."""
        return float(entropies(last_logits(self.network, prompts(self.setting, 32))).mean())


def sharpen(network: Any, texts: list[tuple[int, ...]], target: float) -> None:
    """Scale the last layer norm so that the mean entropy after these texts is `target` nats.

    Fresh weights give nearly even distributions (10.7 nats over GPT-2's vocabulary); what samplers cut off in practice
    is the tail of a peaked one. The norm has no bias yet, so that the logits are linear in its weight.
    """
    logits = last_logits(network, texts)
    low, high = 0.0, 1024.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if entropies(logits * middle).mean() > target else (low, middle)
    with torch.no_grad():
        network.transformer.ln_f.weight.mul_(high)


@torch.no_grad()
def last_logits(network: Any, texts: list[tuple[int, ...]]) -> Tensor:
    """[texts, vocab] float32 on the CPU."""
    rows = [network(torch.tensor([t], device=network.device), logits_to_keep=1).logits[0, -1] for t in texts]
    return torch.stack(rows).float().cpu()


def entropies(logits: Tensor) -> Tensor:
    """[rows] in nats."""
    logprobs = logits.log_softmax(-1)
    return -(logprobs.exp() * logprobs).sum(-1)
