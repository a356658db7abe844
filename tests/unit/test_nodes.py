from __future__ import annotations

import gc
import weakref

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy
from torch import Tensor

from harness import nodes as module
from harness.nodes import PREFIX, Nodes, Prefix

VOCAB = 4 * PREFIX + 300


def logits(seed: int = 0, rows: int = 20, scale: float = 3.0) -> Tensor:
    x = scale * torch.randn(rows, VOCAB, generator=torch.Generator().manual_seed(seed)) - 40
    x[1, 5:] = -torch.inf
    x[2] = 0.5
    x[3] = x[3].round()
    return x


def test_mass_and_entropy_are_those_of_the_softmax(monkeypatch: pytest.MonkeyPatch) -> None:
    x = logits()
    wanted = x.double().softmax(-1)
    for chunk in (1, 3 * VOCAB, 10**9):
        monkeypatch.setattr(module, "CHUNK", chunk)
        nodes = Nodes(x)
        torch.testing.assert_close(nodes.peak.double() + nodes.log_mass, x.double().logsumexp(-1), rtol=1e-6, atol=0)
        torch.testing.assert_close(
            nodes.entropy.double(), torch.from_numpy(entropy(wanted.numpy(), axis=-1)), rtol=1e-6, atol=1e-6
        )


def test_log_probabilities_of_logits_far_from_zero_keep_their_digits() -> None:
    x = logits() - 1000
    node = torch.arange(20).repeat_interleave(3)
    tokens = x.argsort(descending=True)[:, [0, 1, 4]].flatten()
    torch.testing.assert_close(
        Nodes(x).logprob(node, tokens).double(), x.double().log_softmax(-1)[node, tokens], rtol=1e-6, atol=1e-6
    )


@pytest.mark.parametrize("k", [1, 7, PREFIX, VOCAB, VOCAB + 5])
def test_a_prefix_is_the_start_of_the_stable_sort(k: int) -> None:
    x = logits(1)
    prefix = Prefix.of(x, k)
    whole = x.sort(dim=-1, descending=True, stable=True)
    assert torch.equal(prefix.values, whole.values[:, :k])
    for row, certain in enumerate(prefix.certain.tolist()):
        assert prefix.tokens[row, :certain].tolist() == whole.indices[row, :certain].tolist()
    assert prefix.complete == (k >= VOCAB)
    if prefix.complete:
        assert (prefix.certain == VOCAB).all()
    else:  # uncertain are those that are equal to the last, and no others
        assert prefix.certain.tolist() == (whole.values[:, :k] > whole.values[:, k - 1 : k]).sum(-1).tolist()


@given(st.integers(0, 50), st.integers(0, VOCAB - 1))
def test_a_rank_counts_the_strictly_likelier(seed: int, place: int) -> None:
    x = logits(seed, rows=8)
    node = torch.tensor([7, 0, 1, 2, 3, 4, 5, 6, 6, 6])
    tokens = x.argsort(descending=True)[node, place]
    assert Nodes(x).rank(node, tokens).tolist() == [
        int((x[n] > x[n, t]).sum()) for n, t in zip(node.tolist(), tokens.tolist(), strict=True)
    ]


@pytest.mark.parametrize("vocab", [2, 3, 127, 128, 130, 1000, VOCAB])
def test_a_gap_is_the_difference_of_the_two_largest(vocab: int) -> None:
    x = 3 * torch.randn(40, vocab, generator=torch.Generator().manual_seed(vocab))
    x[1:30] = x[1:30].round()  # ties within a block of 64 and across blocks
    x[2, 1:] = -torch.inf
    x[3] = 0.5
    x[4, -1] = 99.0  # beyond the last whole block
    x[5, 0], x[5, -2:] = 99.0, 100.0
    largest = x.sort(dim=-1, descending=True).values
    plain = Nodes(x)
    sorted_first = Nodes(x)
    assert len(sorted_first.prefix.values) == 40
    for nodes in (plain, sorted_first):
        assert torch.equal(nodes.gap, largest[:, 0] - largest[:, 1])
    assert plain.gap[2] == torch.inf
    assert plain.gap[3] == 0
    assert (plain.gap == 0).any()


def test_a_vocabulary_of_one_token_has_no_second() -> None:
    assert Nodes(torch.zeros(2, 1)).gap.tolist() == [float("inf")] * 2


def test_entropy_has_the_same_bits_however_many_rows_and_threads() -> None:
    x = 4 * torch.randn(12, 50_257, generator=torch.Generator().manual_seed(0))
    threads = torch.get_num_threads()
    try:
        found = []
        for count in (1, 4):
            torch.set_num_threads(count)
            found.append(Nodes(x).entropy)
            found.append(torch.cat([Nodes(x[i : i + 1]).entropy for i in range(12)]))
            found.append(torch.cat([Nodes(x[:3]).entropy, Nodes(x[3:]).entropy]))
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(found[0], other) for other in found[1:])


def test_logits_are_freed_with_the_step_and_not_when_python_looks_for_circles() -> None:
    nodes = Nodes(logits())
    assert nodes.mended is nodes
    assert len(nodes.prefix.values) == len(nodes.gap) == 20
    seen = weakref.ref(nodes)
    gc.disable()
    try:
        del nodes
        assert seen() is None
    finally:
        gc.enable()
