"""Sources of texts of which the true numbers are known: what each text adds to a number, drawn at random."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from harness.stats import Combine

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class World:
    """Texts whose number is known."""

    name: str
    combine: Combine
    truth: float
    draw: Callable[[Generator, int], Floats]  # [prompts * samples, k], the samples of a prompt in a row
    samples: int = 1  # texts of each prompt

    def prompts(self, n: int) -> list[int]:
        """The prompt of each text, of n prompts."""
        return np.repeat(np.arange(n), self.samples).tolist()


def mean(items: Floats) -> Floats:
    """The summands of a mean."""
    return np.stack([items, np.ones_like(items)], axis=1)


def micro(rng: Generator, n: int) -> Floats:
    """5 to 199 tokens a text, each of which counts with a chance of its text, 0.2 on average."""
    lengths = rng.integers(5, 200, n)
    return np.stack([rng.binomial(lengths, rng.beta(4, 16, n)), lengths], axis=1).astype(np.float64)


def surprise(rng: Generator, n: int) -> Floats:
    """Nats and tokens: texts of 3 nats a token on average, give or take 1.2, cut at 128 tokens."""
    lengths = np.minimum(rng.geometric(1 / 80, n), 128).astype(np.float64)
    return np.stack([rng.gamma(6, 0.5, n) * lengths + rng.normal(size=n) * np.sqrt(lengths), lengths], axis=1)


def repeated(rng: Generator, n: int) -> Floats:
    """Repeated n-grams and n-grams of three sizes: 30 to 128 tokens, a tenth repeated on average, in some texts all."""
    lengths, share = rng.integers(30, 129, n), rng.beta(0.5, 4.5, n)
    pairs = [(rng.binomial(lengths - j, share * less), lengths - j) for j, less in enumerate((1.0, 0.7, 0.5))]
    return np.stack([column for pair in pairs for column in pair], axis=1).astype(np.float64)


def sparse(rng: Generator, n: int) -> Floats:
    """A share of repetition that four texts in five do not have: rep-4 of a sampling strategy."""
    return mean((rng.random(n) < 0.2) * rng.beta(0.5, 5, n))


def clustered(rng: Generator, n: int) -> Floats:
    """Four samples a prompt; half of the variance is the prompt's."""
    return mean((rng.exponential(size=(n, 1)) + rng.normal(size=(n, 4))).ravel())


def clustered_share(rng: Generator, n: int) -> Floats:
    """Four samples a prompt, of which a tenth loops: nearly all of some prompts, nearly none of most."""
    return mean((rng.random((n, 4)) < rng.beta(0.3, 2.7, (n, 1))).ravel().astype(np.float64))


def share(p: float) -> World:
    """Texts that loop with a chance of p."""
    return World(f"share of {p:g}", "share", p, lambda rng, n: mean((rng.random(n) < p).astype(np.float64)))


def lognormal(sigma: float) -> World:
    """A skewed mean; skewness 1.7 at σ = 0.5 and 6.2 at σ = 1."""
    truth = float(np.exp(sigma**2 / 2))
    return World(f"mean, lognormal σ {sigma:g}", "ratio", truth, lambda rng, n: mean(rng.lognormal(0, sigma, n)))


WORLDS = (
    World("mean, normal", "ratio", 0.0, lambda rng, n: mean(rng.normal(size=n))),
    World("mean, exponential", "ratio", 1.0, lambda rng, n: mean(rng.exponential(size=n))),
    lognormal(0.5),
    lognormal(1.0),
    World("mean, four in five are 0", "ratio", 0.2 * 0.5 / 5.5, sparse),
    share(0.02),
    share(0.1),
    share(0.5),
    World("ratio, random lengths", "ratio", 0.2, micro),
    World("exp-ratio (perplexity)", "exp-ratio", float(np.exp(3)), surprise),
    # The mean of (length - j) times the mean share, over the mean of (length - j): texts' lengths and shares are apart.
    World("complements (diversity)", "complements", (1 - 0.1) * (1 - 0.07) * (1 - 0.05), repeated),
    World("median, lognormal", "median", 1.0, lambda rng, n: rng.lognormal(size=(n, 1))),
    World("mean, 4 samples a prompt", "ratio", 1.0, clustered, samples=4),
    World("share of 0.1, 4 samples a prompt", "share", 0.1, clustered_share, samples=4),
    World("median, 4 samples a prompt", "median", 0.0, lambda rng, n: (
        rng.normal(size=(n, 1)) + rng.normal(size=(n, 4))
    ).reshape(-1, 1), samples=4),
)  # fmt: skip
