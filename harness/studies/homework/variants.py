"""A model with each of the homework's mistakes, and with all of them, beside the right one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from harness.models.numpy_model import NumpyModel
from harness.stats import Difference
from harness.studies.base import decode
from harness.studies.homework.bits import Bits
from harness.studies.homework.leak import Leak, leak
from harness.studies.homework.mistakes import at_once, by_depth, divergence, last_token, read, stepwise, texts_of
from harness.studies.uncached import Uncached
from harness.studies.wrong_attention import WRONG, attention

RIGHT, ALL = "right", "all three"
VARIANTS: Mapping[str, tuple[str, ...]] = {
    RIGHT: (),
    "added mask": ("mask",),
    "no scale": ("scale",),
    "unmoved heads": ("split",),
    ALL: tuple(WRONG),
}

LEAKS = 8
"""Texts that are looked at for what comes later."""


@dataclass(frozen=True)
class Variant:
    """A network with some of the mistakes."""

    name: str
    bits: float  # per byte of the references, read token by token, as it would be used
    low: float
    high: float
    at_once: float  # the same from one run over each whole text
    divergence: float  # KL from the right network, nats per token
    cost: Difference | None  # bits per byte more than the right network, over the same texts
    leak: Leak
    greedy: str
    sampled: str


@dataclass(frozen=True)
class Model:
    """One size."""

    name: str
    parameters: int
    layers: int
    dim: int  # D, of a head
    texts: int
    uniform: float  # bits per byte of a guess at random
    last_token: float  # of the right network where it sees the token before and nothing else
    blind: Difference  # bits per byte with all mistakes minus that
    depths: dict[int, float]  # all three mistakes in so many of the first layers: bits per byte
    first: Difference  # what they cost in the first layer
    every: Difference  # and in all of them, over the same texts
    variants: list[Variant]

    @property
    def first_layer(self) -> float:
        """What the mistakes cost in the first layer, as a share of what they cost in all; NaN where that is nothing."""
        return self.first.value / self.every.value if self.every.value > 0 else math.nan


@dataclass(frozen=True)
class Plan:
    """What is read, and what is written."""

    prompt: str
    new: int  # tokens that each variant writes
    stride: int  # every so manyth token of a text is predicted
    deep: int  # texts that are read with mistakes in some layers alone


def measure(model: NumpyModel, frame: pd.DataFrame, plan: Plan) -> tuple[Model, dict[str, Bits]]:
    """Read the reference texts of a frame with every variant, and let it write.

    A network that reads ahead is given each token's past alone; one that is seen not to is run once over each text.

    Returns:
        What was found, and the bits per byte of each variant text by text.
    """
    texts = texts_of(model, frame, plan.stride)
    right = at_once(model.gpt2, texts)
    known = {RIGHT: read(right, texts)}
    variants = []
    for name, mistakes in VARIANTS.items():
        wrong = Uncached(model, attention(mistakes), f"{model.name}, {name}") if mistakes else model
        ahead, whole = leak(wrong.gpt2, [text.tokens for text in texts[:LEAKS]]), at_once(wrong.gpt2, texts)
        steps = whole if ahead.causal else stepwise(wrong, texts)
        known[name] = read(steps, texts)
        interval = known[name].interval()
        written = decode(wrong, plan.prompt, ["greedy", "sample"], max_new_tokens=plan.new)
        variants.append(
            Variant(
                name,
                known[name].value,
                interval.low,
                interval.high,
                read(whole, texts).value,
                divergence(right, steps),
                known[name].minus(known[RIGHT]) if mistakes else None,
                ahead,
                *map(str, written["text"]),
            )
        )
    one_token = read(last_token(model, texts), texts)
    bits_per_token = math.log2(model.vocab)
    depths = by_depth(model, attention(WRONG), texts[: plan.deep])
    about = Model(
        name=model.name,
        parameters=sum(int(weight.size) for weight in model.gpt2.weights.values()),
        layers=model.gpt2.layers,
        dim=model.gpt2.width // model.gpt2.heads,
        texts=len(texts),
        uniform=bits_per_token * sum(text.length for text in texts) / sum(text.bytes for text in texts),
        last_token=one_token.value,
        blind=known[ALL].minus(one_token),
        depths={count: bits.value for count, bits in depths.items()},
        first=depths[1].minus(depths[0]),
        every=depths[model.gpt2.layers].minus(depths[0]),
        variants=variants,
    )
    return about, known
