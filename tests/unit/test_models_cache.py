"""Any sequence of extend, select and join leaves each row with what transformers computes for its tokens alone."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from harness.memory import SLACK
from harness.models import cache as caches
from harness.models import huggingface
from harness.models.cache import KeyValueCache
from harness.models.huggingface import HuggingFaceModel
from tests.tiny_networks import ARCHITECTURES, Rows, check, extend, model_of, near


@pytest.fixture(scope="module", params=sorted(ARCHITECTURES))
def model(request: pytest.FixtureRequest) -> HuggingFaceModel:
    # transformers' Bloom cannot pad in float64: its softmax is float32, in which the mask is -inf for a whole row.
    return model_of(ARCHITECTURES[request.param](), torch.float32 if request.param == "bloom" else torch.float64)


@pytest.fixture
def llama() -> HuggingFaceModel:
    return model_of(ARCHITECTURES["llama"]())


prompts_of = st.lists(st.lists(st.integers(0, 299), min_size=1, max_size=9), min_size=1, max_size=4)
operation = st.one_of(
    st.tuples(st.just("extend"), st.integers(0, 299)),
    st.tuples(st.just("select"), st.lists(st.integers(0, 99), min_size=1, max_size=7)),
    st.tuples(st.just("join"), prompts_of),
)


@pytest.mark.parametrize("least", [0, 6])
@settings(max_examples=8)
@given(prompts=prompts_of, operations=st.lists(operation, min_size=2, max_size=8), slack=st.sampled_from([1, 3, 64]))
def test_rows_are_each_row_alone(
    model: HuggingFaceModel, least: int, prompts: Rows, operations: list[tuple[str, Any]], slack: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(caches, "SLACK", slack)  # buffers are full after so many columns
        rows = prompts
        output, cache = model.prefill(rows, least=least)
        check(model, cache, rows, output.logits)
        for name, what in operations:
            if name == "extend":
                rows, logits = extend(model, cache, rows, what)
                check(model, cache, rows, logits)
            elif name == "select":
                order = [i % len(rows) for i in what]
                rows = [rows[i] for i in order]
                cache.select(torch.tensor(order))
            else:
                _, other = model.prefill(what, least=least)
                cache.join(other)
                rows = rows + what
            assert least or cache.width == max(map(len, rows))
        rows, logits = extend(model, cache, rows, 5)
        check(model, cache, rows, logits)


def test_all_rows_may_go_and_others_come(llama: HuggingFaceModel) -> None:
    _, cache = llama.prefill([[1, 2, 3], [4]])
    cache.select(torch.tensor([], dtype=torch.long))
    assert (len(cache), cache.width) == (0, 0)
    cache.join(llama.prefill([[7, 8]])[1])
    assert cache.width == 2
    rows, logits = extend(llama, cache, [[7, 8]], 9)
    check(llama, cache, rows, logits)


def storages(cache: KeyValueCache) -> list[int]:
    return [t.untyped_storage().data_ptr() for layer in cache.past.layers for t in (layer.keys, layer.values)]


def test_a_step_copies_nothing_but_its_column(llama: HuggingFaceModel) -> None:
    """The same buffers from step to step, through retiring, reordering and refilling within what they hold."""
    _, cache = llama.prefill([[1, 2, 3], [4, 5], [6], [7, 8]])
    before = storages(cache)
    for step in range(SLACK):
        if step == 10:
            cache.select(torch.tensor([3, 1]))
        if step == 20:
            cache.join(llama.prefill([[3, 4, 5], [1]])[1])
        llama.extend(torch.ones(len(cache), dtype=torch.long), cache)
        assert storages(cache) == before
    llama.extend(torch.ones(len(cache), dtype=torch.long), cache)
    assert storages(cache) != before


class Reads(TorchDispatchMode):
    """Counts where the host has to wait for a value of the device: what `item`, `bool` and boolean indices do."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.found: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in (torch.ops.aten._local_scalar_dense.default, torch.ops.aten.nonzero.default):
            self.found.append(str(func))
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("prompts", [[[1, 2], [3]], [[1, 2], [3, 4]]])
def test_the_host_waits_for_nothing_in_a_step(model: HuggingFaceModel, prompts: Rows) -> None:
    _, cache = model.prefill(prompts)
    with Reads() as reads:
        model.extend(torch.tensor([5, 6]), cache, hidden=True)
    assert reads.found == []


def test_only_moved_rows_are_written(llama: HuggingFaceModel) -> None:
    _, cache = llama.prefill([[1, 2], [3, 4], [5, 6], [7, 8]])
    written: list[Any] = []

    class Watched(torch.Tensor):
        @classmethod
        def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if func is Tensor.index_copy_:
                written.append(args[2].tolist())
            else:  # zeros, where there is anything to clear
                assert func is not Tensor.__setitem__
                assert func is not Tensor.zero_ or not args[0].numel()
            return super().__torch_function__(func, types, args, kwargs or {})  # type: ignore[no-untyped-call]

    for layer in cache.past.layers:
        layer._buffers = [buffer.as_subclass(Watched) for buffer in layer._buffers]
    cache.select(torch.tensor([0, 1, 2]))
    assert written == []
    cache.select(torch.tensor([0, 2, 2]))
    assert written == [[1]] * 4  # of two layers, keys and values
    assert cache.lengths.tolist() == [2, 2, 2]


def test_columns_that_only_retired_rows_used_are_gone(llama: HuggingFaceModel) -> None:
    _, cache = llama.prefill([[1] * 40, [2, 3]])
    cache.select(torch.tensor([1]))
    assert cache.width == 2
    assert cache.past.get_seq_length() == cache.past.layers[0].keys.shape[2] == 2


def test_rows_that_part_late_are_copied_from_where_they_part(llama: HuggingFaceModel) -> None:
    """What two rows share is not copied: the test spoils it in the row that goes away, and it is there all the same."""
    prompts = [[5, 1, 2, 3], [5, 1, 2, 3], [7, 1, 2, 3]]
    _, cache = llama.prefill(prompts)
    extend(llama, cache, prompts, 0)
    layer = cache.past.layers[0]
    mark = layer.keys.clone()
    cache.tokens[1, -1] = 99  # as if row 1 had another last token than row 0
    layer.keys[0, :, 1] += 1
    layer.keys[0, :, -1] += 1
    cache.select(torch.tensor([0, 0, 0]))
    assert torch.equal(layer.keys[1, :, :-1], mark[1, :, :-1])  # equal tokens: left as they were
    assert torch.equal(layer.keys[1, :, -1], mark[0, :, -1] + 1)
    assert torch.equal(layer.keys[2], layer.keys[0])  # another first token: all of it


def test_a_broken_row_breaks_no_row_that_takes_its_place(llama: HuggingFaceModel) -> None:
    """Padding is masked, but a masked NaN is still a NaN."""
    _, cache = llama.prefill([[1, 2, 3], [4, 5, 6]])
    for layer in cache.past.layers:
        for buffer in layer._buffers:
            buffer[1], buffer[:, :, cache.width :] = torch.nan, torch.nan
    cache.select(torch.tensor([0]))
    cache.join(llama.prefill([[9]])[1])
    rows, logits = extend(llama, cache, [[1, 2, 3], [9]], 7)
    check(llama, cache, rows, logits)
    cache.join(llama.prefill([[8] * 30])[1])
    rows, logits = extend(llama, cache, [*rows, [8] * 30], 7)
    check(llama, cache, rows, logits)


@pytest.mark.parametrize("chunk", [1, 2, 7, 12, 40])
def test_prefill_in_pieces_is_prefill(model: HuggingFaceModel, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    prompts = [[9, 40, 41], [5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15], [200]]
    whole, _ = model.prefill(prompts, hidden=True)
    monkeypatch.setattr(huggingface, "CHUNK", chunk)
    sizes: list[int] = []
    hook = model.network.register_forward_pre_hook(
        lambda _m, _a, inputs: sizes.append(inputs["input_ids"].numel()), with_kwargs=True
    )
    output, cache = model.prefill(prompts, hidden=True)
    hook.remove()
    assert max(sizes) <= chunk
    assert whole.hidden is not None
    assert output.hidden is not None
    near(model, output.logits, whole.logits)
    for row, prompt in enumerate(prompts):
        near(model, output.hidden[row, -len(prompt) :], whole.hidden[row, -len(prompt) :])
    rows, logits = extend(model, cache, prompts, 5)
    check(model, cache, rows, logits)


def test_a_small_prefill_is_one_pass(llama: HuggingFaceModel) -> None:
    passes: list[int] = []
    assert llama.token_bytes  # what the model keeps has been looked at
    hook = llama.network.register_forward_pre_hook(lambda *_: passes.append(1))
    llama.prefill([[1, 2, 3], [4]])
    hook.remove()
    assert len(passes) == 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_least_makes_a_row_the_same_bits_in_any_company(dtype: torch.dtype) -> None:
    model = model_of(ARCHITECTURES["llama"](), dtype)
    mine = [5, 6, 7, 8]

    def run(others: Rows) -> list[Tensor]:
        output, cache = model.prefill([mine, *others], least=9)
        found = [output.logits[0]]
        for step in range(70):
            if step == 4:
                cache.select(torch.tensor([0, 1, 1]))
            found.append(model.extend(torch.full((len(cache),), 11 + step), cache).logits[0])
            assert cache.width == 9 + 1 + step + 1
        return found

    companies = [[[1] * 9, [2] * 3], [[3], [4]], [[9] * 4, [8] * 4], [mine, mine]]
    first, *others = map(run, companies)
    for other in others:
        assert all(torch.equal(a, b) for a, b in zip(first, other, strict=True))


def test_least_as_long_as_all_prompts_is_masked_too(llama: HuggingFaceModel) -> None:
    """Where nothing is masked, transformers would use another attention, which rounds otherwise."""
    full, part = (llama.prefill([[5] * 4, [7] * n], least=4)[1] for n in (4, 1))
    assert full.width == part.width == 5
    for a, b in zip(full.past.layers, part.past.layers, strict=True):
        assert torch.equal(a.keys[0], b.keys[0])


def test_a_failed_step_leaves_the_cache_as_it_was(llama: HuggingFaceModel, monkeypatch: pytest.MonkeyPatch) -> None:
    prompts = [[1, 2, 3], [4]]
    _, cache = llama.prefill(prompts)
    with monkeypatch.context() as patch:
        patch.setattr(caches, "SLACK", 1)
        layer = llama.network.get_decoder().layers[1]
        hook = layer.register_forward_hook(lambda *_: (_ for _ in ()).throw(torch.OutOfMemoryError("full")))
        with pytest.raises(torch.OutOfMemoryError):
            llama.extend(torch.tensor([7, 7]), cache)
        hook.remove()
    rows, logits = extend(llama, cache, prompts, 5)
    check(llama, cache, rows, logits)


def test_the_cache_has_the_dtype_of_the_model() -> None:
    model = model_of(ARCHITECTURES["llama"](), torch.bfloat16)
    _, cache = model.prefill([[1, 2], [3]])
    model.extend(torch.tensor([1, 2]), cache)
    assert {t.dtype for layer in cache.past.layers for t in (layer.keys, layer.values)} == {torch.bfloat16}


def test_what_a_cache_of_inference_mode_holds_can_be_used_outside(llama: HuggingFaceModel) -> None:
    with torch.inference_mode():
        _, cache = llama.prefill([[1, 2], [3]])
    cache.select(torch.tensor([1, 0]))
    rows, logits = extend(llama, cache, [[3], [1, 2]], 5)
    check(llama, cache, rows, logits)
