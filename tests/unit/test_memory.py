from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import psutil
import pytest
import torch

from harness import memory
from harness.models.base import LanguageModel


def model(token_bytes: int, vocab: int = 100) -> LanguageModel:
    return cast(LanguageModel, SimpleNamespace(token_bytes=token_bytes, vocab=vocab, device=torch.device("cpu")))


def test_rows_follow_the_free_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def available(gigabytes: float) -> Any:
        return lambda: SimpleNamespace(available=gigabytes * 1e9)

    monkeypatch.setattr(psutil, "virtual_memory", available(4))
    gpt2 = model(2 * 12 * 768 * 4, 50257)  # 73,728 bytes a token, so 9.4 MB a row of 128 tokens with 1.2 MB of logits
    assert memory.rows_that_fit(gpt2, 128) == pytest.approx(188, abs=2)
    monkeypatch.setattr(psutil, "virtual_memory", available(2))
    assert memory.rows_that_fit(gpt2, 128) == pytest.approx(94, abs=2)
    assert memory.rows_that_fit(gpt2, 1024) < 94 / 6
    assert memory.rows_that_fit(model(1), 128) == memory.MOST["cpu"]
    monkeypatch.setattr(psutil, "virtual_memory", available(0.001))
    assert memory.rows_that_fit(gpt2, 128) == 1


def test_a_lack_of_memory_is_told_from_other_errors() -> None:
    assert memory.out_of_memory(MemoryError())
    assert memory.out_of_memory(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB"))
    assert not memory.out_of_memory(RuntimeError("shapes cannot be multiplied"))
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60)
    assert memory.out_of_memory(caught.value)
