"""What mistakes in the attention cost: GPT-2 in NumPy, read as it would be used, and as it is evaluated by mistake."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import log_softmax

from harness.models.base import LanguageModel
from harness.models.gpt2_numpy import GPT2, Array, Attention, Ints, Past
from harness.models.numpy_model import NumpyModel
from harness.studies.homework.bits import Bits
from harness.studies.uncached import Uncached

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Text:
    """A reference text, and where it is looked at."""

    prompt_id: str
    tokens: list[int]  # of the prompt and the text
    first: int  # the place of the text's first token among them
    stride: int  # every so manyth token of the text is looked at, the first among them
    bytes: int  # of the text in UTF-8

    @property
    def places(self) -> range:
        """The positions whose logits are wanted: those before the tokens that are looked at."""
        return range(self.first - 1, len(self.tokens) - 1, self.stride)

    @property
    def targets(self) -> list[int]:
        """The tokens that are looked at."""
        return self.tokens[self.first :: self.stride]

    @property
    def length(self) -> int:
        """Tokens of the text."""
        return len(self.tokens) - self.first


def texts_of(model: LanguageModel, frame: pd.DataFrame, stride: int) -> list[Text]:
    """The rows of a frame of references, but for texts without tokens."""
    contexts = [model.encode(str(prompt)) for prompt in frame["prompt"]]
    return [
        Text(str(name), [*context, *map(int, tokens)], len(context), stride, len(str(text).encode()))
        for name, context, text, tokens in zip(
            frame["prompt_id"], contexts, frame["text"], frame["tokens"], strict=True
        )
        if len(tokens)
    ]


def logprobs(logits: Any) -> Floats:
    """[positions, vocab] logits -> log-probabilities, in float64."""
    return np.asarray(log_softmax(np.asarray(logits, dtype=np.float64), axis=-1))


def stepwise(model: LanguageModel, texts: Sequence[Text]) -> list[Floats]:
    """[places, vocab] log-probabilities of each text: as the model's own `forward` makes them."""
    return [logprobs(model.forward([text.tokens], [text.places])[0].numpy()) for text in texts]


def at_once(gpt2: GPT2, texts: Sequence[Text]) -> list[Floats]:
    """The same from one run over each whole text, where an attention that reads ahead sees what it is asked for."""
    states = [gpt2.states(np.array([text.tokens], np.int64))[0] for text in texts]  # [tokens, W] each
    return [logprobs(gpt2.logits(each[list(text.places)])) for each, text in zip(states, texts, strict=True)]


def last_token(model: LanguageModel, texts: Sequence[Text]) -> list[Floats]:
    """The same by a model that is shown nothing but the token before."""
    return [
        logprobs(model.forward([[text.tokens[at]] for at in text.places], [range(1)] * len(text.places))[0].numpy())
        for text in texts
    ]


def read(found: Sequence[Floats], texts: Sequence[Text]) -> Bits:
    """Bits per byte: the tokens that are looked at stand for all of their text."""
    nats = [-float(each[np.arange(len(t.targets)), t.targets].mean()) for each, t in zip(found, texts, strict=True)]
    needed = [n * text.length / math.log(2) for n, text in zip(nats, texts, strict=True)]
    table = np.array([needed, [text.bytes for text in texts]], dtype=np.float64).T
    return Bits(table, [text.prompt_id for text in texts])


def divergence(right: Sequence[Floats], wrong: Sequence[Floats]) -> float:
    """Mean over all places of KL(right || wrong), in nats."""
    each = [(np.exp(r) * (r - w)).sum(axis=-1) for r, w in zip(right, wrong, strict=True)]
    return float(np.concatenate(each).mean())


class PartlyWrong(GPT2):
    """GPT-2 with another attention in its first layers alone.

    Args:
        gpt2: whose weights it has.
        attention: of the first layers.
        count: how many have it.
    """

    def __init__(self, gpt2: GPT2, attention: Attention, count: int) -> None:
        super().__init__(gpt2.weights, gpt2.heads, gpt2.epsilon)
        self._wrong, self._right, self._count = attention, self.attention, count

    def _attend(self, layer: int, x: Array, positions: Ints, past: Past, width: int) -> Array:
        self.attention = self._wrong if layer < self._count else self._right
        return super()._attend(layer, x, positions, past, width)


def by_depth(model: NumpyModel, wrong: Attention, texts: Sequence[Text], most: int = 5) -> dict[int, Bits]:
    """Bits per byte with a wrong attention in the first layers: in none, one, all, and some numbers between: `most`."""
    found = {0: read(at_once(model.gpt2, texts), texts)}
    for count in sorted({1, *np.linspace(1, model.gpt2.layers, most - 1).round().astype(int).tolist()}):
        partly = Uncached(model, wrong, f"{model.name}, {count} layers wrong")
        partly.gpt2 = PartlyWrong(model.gpt2, wrong, count)
        found[count] = read(stepwise(partly, texts), texts)
    return found
