from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import psutil
import pytest
import torch

from harness import memory
from harness.models.base import LanguageModel


def model(token_bytes: int, vocab: int = 100) -> LanguageModel:
    return cast(LanguageModel, SimpleNamespace(token_bytes=token_bytes, vocab=vocab, device=torch.device("cpu")))


def test_rows_follow_the_free_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def available(gigabytes: float) -> Any:
        return lambda: SimpleNamespace(available=gigabytes * 1e9)

    monkeypatch.setattr(memory, "CGROUP", tmp_path)  # no limit there
    monkeypatch.setattr(psutil, "virtual_memory", available(4))
    gpt2 = model(2 * 12 * 768 * 4, 50257)  # 73,728 bytes a token, so 9.4 MB a row of 128 tokens with 1.2 MB of logits
    assert memory.rows_that_fit(gpt2, 128 - memory.SLACK) == pytest.approx(188, abs=2)
    monkeypatch.setattr(psutil, "virtual_memory", available(2))
    assert memory.rows_that_fit(gpt2, 128 - memory.SLACK) == pytest.approx(94, abs=2)
    assert memory.rows_that_fit(gpt2, 1024) < 94 / 6
    assert memory.rows_that_fit(model(1), 128) == memory.MOST["cpu"]
    monkeypatch.setattr(psutil, "virtual_memory", available(0.001))
    assert memory.rows_that_fit(gpt2, 128) == 1


def test_a_container_s_limit_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    cpu = torch.device("cpu")
    unlimited = memory.free(cpu)
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("3000000\n")
    assert memory.free(cpu) == pytest.approx(unlimited, rel=0.2)
    (tmp_path / "memory.max").write_text("10000000\n")
    (tmp_path / "memory.stat").write_text("anon 1000000\nactive_file 300000\ninactive_file 700000\n")
    assert memory.free(cpu) == 8_000_000  # files that are kept in memory make room


def test_a_lack_of_memory_is_told_from_other_errors() -> None:
    assert memory.out_of_memory(MemoryError())
    assert memory.out_of_memory(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB"))
    assert not memory.out_of_memory(RuntimeError("shapes cannot be multiplied"))
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60)
    assert memory.out_of_memory(caught.value)


def test_a_batch_that_does_not_fit_is_run_in_halves() -> None:
    def run(batch: Sequence[int]) -> int:
        if sum(batch) > 6:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return sum(batch)

    assert list(memory.in_halves([1, 2, 3, 4, 5, 1], run)) == [([1, 2, 3], 6), ([4], 4), ([5, 1], 6)]
    with pytest.raises(torch.OutOfMemoryError):
        list(memory.in_halves([1, 7], run))
