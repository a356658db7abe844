"""What every test shares: no network, one thread, and tiny random models of three architectures."""

from __future__ import annotations

import os
from collections.abc import Iterator

os.environ["HF_HUB_OFFLINE"] = "1"  # read when huggingface_hub is imported
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

from pathlib import Path

import pytest
import torch
from hypothesis import settings

from tests.tiny_models import byte_level_tokenizer, save_tiny

torch.set_num_threads(1)  # the tensors are tiny: more threads only wait for each other
# The same examples in every run: a change is judged by what it did. `--hypothesis-profile=search` looks for new ones.
settings.register_profile("harness", deadline=None, derandomize=True)
settings.register_profile("search", deadline=None)
settings.load_profile("harness")


@pytest.fixture(scope="session")
def tiny_gpt2_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """GPT-2-shaped: learned positions, 64 of them, tied embeddings; eos and bos are token 0."""
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(
        vocab_size=300,
        n_positions=64,
        n_embd=32,
        n_layer=2,
        n_head=4,
        initializer_range=0.6,  # so that the logits differ
        bos_token_id=0,
        eos_token_id=0,
    )
    return save_tiny(tmp_path_factory.mktemp("models") / "tiny-gpt2", GPT2LMHeadModel, config, byte_level_tokenizer())


@pytest.fixture(scope="session")
def tiny_llama_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Llama-shaped: rotary positions, grouped queries; prompts start with bos 1, two eos, more logits than tokens."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=304,
        max_position_embeddings=128,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        initializer_range=0.6,
        bos_token_id=1,
        eos_token_id=[2, 3],
    )
    tokenizer = byte_level_tokenizer(bos="<s>")
    return save_tiny(tmp_path_factory.mktemp("models") / "tiny-llama", LlamaForCausalLM, config, tokenizer)


@pytest.fixture(scope="session")
def tiny_neox_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """GPT-NeoX-shaped: partial rotary positions, parallel residual; eos and bos are token 0."""
    from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

    config = GPTNeoXConfig(
        vocab_size=300,
        max_position_embeddings=128,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        rotary_pct=0.5,
        initializer_range=0.6,
        bos_token_id=0,
        eos_token_id=0,
    )
    return save_tiny(
        tmp_path_factory.mktemp("models") / "tiny-neox", GPTNeoXForCausalLM, config, byte_level_tokenizer()
    )


@pytest.fixture(scope="module")
def table_beside() -> Iterator[None]:
    """A strategy on a table model that asks for another model by name gets another table of the same letters."""
    from tests.table_model import TableModel, table_model

    def beside(name: str, model: TableModel, key: str) -> TableModel:
        return table_model(model.vocab, eos=model.eos, seed=11)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("harness.strategies.contrastive_decoding.beside", beside)
        yield


@pytest.fixture(params=["gpt2", "llama", "neox"])
def tiny_dir(request: pytest.FixtureRequest) -> Path:
    """Each of the three."""
    path: Path = request.getfixturevalue(f"tiny_{request.param}_dir")
    return path
