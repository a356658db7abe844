from __future__ import annotations

import numpy as np
import torch
from scipy import stats

from harness.draws import expand, uniforms


def test_asking_for_more_steps_keeps_the_earlier_ones() -> None:
    assert np.array_equal(uniforms(3, "a", 1, 50)[:7], uniforms(3, "a", 1, 7))


def test_every_part_of_the_key_matters() -> None:
    keys = [(0, "a", 0, 0), (1, "a", 0, 0), (0, "b", 0, 0), (0, "a", 1, 0), (0, "a", 0, 1), (0, "0|a", 0, 0)]
    firsts = [float(uniforms(seed, prompt, sample, 1, row)[0]) for seed, prompt, sample, row in keys]
    assert len(set(firsts)) == len(keys)


def test_draws_are_pinned() -> None:
    # Every stored result depends on these: a change belongs under "Changes numbers" in the changelog.
    assert uniforms(0, "prompt", 0, 3).tolist() == [0.6596398737747515, 0.9969854388980568, 0.9697342319554376]


def test_draws_are_uniform_and_independent_across_keys() -> None:
    draws = np.stack([uniforms(0, str(i), 0, 20) for i in range(2000)])
    assert draws.min() >= 0
    assert draws.max() < 1
    assert stats.kstest(draws.ravel(), "uniform").pvalue > 1e-3
    assert abs(np.corrcoef(draws.T) - np.eye(20)).max() < 0.1


def splitmix64(state: int) -> int:
    """The generator's reference form, in unbounded integers."""
    mask = (1 << 64) - 1
    z = state & mask
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
    return z ^ (z >> 31)


def test_expansion_is_splitmix64() -> None:
    draw = 0.3718281828
    seed = int(draw * 2**53) * 0xBF58476D1CE4E5B9
    expected = [(splitmix64(seed + i * 0x9E3779B97F4A7C15) >> 11) * 2.0**-53 for i in range(1, 6)]
    assert expand(torch.tensor([draw], dtype=torch.float64), 5)[0].tolist() == expected


def test_expanded_draws_are_uniform_and_belong_to_their_row() -> None:
    rows = torch.from_numpy(uniforms(0, "x", 0, 200))
    numbers = expand(rows, 100)
    assert torch.equal(numbers[17:18], expand(rows[17:18], 100))
    assert stats.kstest(numbers.ravel().numpy(), "uniform").pvalue > 1e-3
    assert abs(np.corrcoef(numbers.numpy())[~np.eye(200, dtype=bool)]).max() < 0.6
