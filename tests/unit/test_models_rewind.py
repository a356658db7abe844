"""Rows that read ahead and forget unequal parts are each what transformers computes for their tokens alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.models import cache as caches
from harness.models.huggingface import HuggingFaceModel
from harness.models.loading import hf
from tests.tiny_networks import ARCHITECTURES, Rows, alone, check, extend, model_of, near


@pytest.fixture(scope="module", params=sorted(ARCHITECTURES))
def model(request: pytest.FixtureRequest) -> HuggingFaceModel:
    return model_of(ARCHITECTURES[request.param](), torch.float32 if request.param == "bloom" else torch.float64)


def ahead(rows: Rows, count: int, salt: int) -> Rows:
    return [[(salt + 37 * i + 11 * j) % 300 for j in range(count)] for i in range(len(rows))]


prompts_of = st.lists(st.lists(st.integers(0, 299), min_size=1, max_size=9), min_size=1, max_size=4)
operation = st.one_of(
    st.tuples(st.just("read"), st.tuples(st.integers(1, 5), st.integers(0, 299))),
    st.tuples(st.just("rewind"), st.lists(st.integers(0, 6), min_size=8, max_size=8)),
    st.tuples(st.just("select"), st.lists(st.integers(0, 99), min_size=1, max_size=5)),
    st.tuples(st.just("join"), prompts_of),
)


@pytest.mark.parametrize("least", [0, 6])
@settings(max_examples=8)
@given(prompts=prompts_of, operations=st.lists(operation, min_size=3, max_size=8), slack=st.sampled_from([1, 3, 64]))
def test_rows_are_each_row_alone(
    model: HuggingFaceModel, least: int, prompts: Rows, operations: list[tuple[str, Any]], slack: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(caches, "SLACK", slack)
        rows = prompts
        _, cache = model.prefill(rows, least=least)
        for name, what in operations:
            if name == "read":
                new = ahead(rows, *what)
                logits = model.read(torch.tensor(new), cache)
                for row, tokens, found in zip(rows, new, logits, strict=True):
                    for place in (0, len(tokens) - 1):
                        near(model, found[place], alone(model, row + tokens[: place + 1]))
                rows = [row + tokens for row, tokens in zip(rows, new, strict=True)]
            elif name == "rewind":
                rows = [row[: max(1, len(row) - n)] for row, n in zip(rows, what * len(rows), strict=False)]
                cache.rewind(torch.tensor([len(row) for row in rows]))
            elif name == "select":
                order = [i % len(rows) for i in what]
                rows = [rows[i] for i in order]
                cache.select(torch.tensor(order))
            else:
                cache.join(model.prefill(what, least=least)[1])
                rows = rows + what
            assert least or cache.width == max(map(len, rows))
            for kept, row in zip(cache.tokens.tolist(), rows, strict=True):
                assert kept == [-1] * (len(kept) - len(row)) + row
        rows, logits = extend(model, cache, rows, 5)
        check(model, cache, rows, logits)


def test_rows_may_forget_everything(model: HuggingFaceModel) -> None:
    for lengths in ([0, 3], [0, 0]):
        _, cache = model.prefill([[1, 2], [3, 4, 5]])
        cache.rewind(torch.tensor(lengths))
        new = [[7, 8], [9, 10]]
        logits = model.read(torch.tensor(new), cache)
        for kept, whole, tokens, found in zip(lengths, [[1, 2], [3, 4, 5]], new, logits, strict=True):
            near(model, found[1], alone(model, whole[:kept] + tokens))


def test_rows_that_lose_as_much_are_not_copied(model: HuggingFaceModel) -> None:
    _, cache = model.prefill([[1, 2, 3], [4, 5, 6]])
    model.read(torch.tensor([[7, 8], [9, 1]]), cache)
    keys = [layer.keys for layer in cache.past.layers]
    cache.rewind(torch.tensor([4, 4]))
    for before, layer in zip(keys, cache.past.layers, strict=True):
        assert before is not None
        assert layer.keys is not None
        assert layer.keys.untyped_storage().data_ptr() == before.untyped_storage().data_ptr()
        assert layer.keys.storage_offset() == before.storage_offset()
        assert torch.equal(layer.keys, before[:, :, :4])


def test_numpy_reads_and_forgets_what_torch_does(tiny_gpt2_dir: Path) -> None:
    torch_model, numpy_model = (hf(str(tiny_gpt2_dir), dtype="float64", backend=b) for b in ("torch", "numpy"))
    found = []
    for each in (torch_model, numpy_model):
        model: Any = each
        _, cache = model.prefill([[1, 2, 3], [4]])
        logits = [model.read(torch.tensor([[5, 6, 7], [8, 9, 10]]), cache)]
        cache.rewind(torch.tensor([4, 4]))
        logits.append(model.read(torch.tensor([[11, 12], [13, 14]]), cache))
        cache.select(torch.tensor([1, 0, 0]))
        cache.rewind(torch.tensor([6, 1, 2]))
        logits.append(model.extend(torch.tensor([15, 16, 17]), cache).logits)
        found.append(logits)
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-9)
