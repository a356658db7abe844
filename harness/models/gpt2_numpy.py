"""GPT-2 (Radford et al., 2019) in NumPy: the whole network, to be read from top to bottom.

Shapes are written with these letters, and stand behind every line that makes an array:

    R rows (texts)    T new positions    K all positions so far    V vocabulary
    W width of the model = H heads × D dimensions of a head        F width of the feed-forward layer, 4·W

Texts of unequal lengths are padded on the right, so the column of a token is its position, and one rule masks all that
a query must not see: columns after its own (`causal`). What lies beyond the end of a text is among them, whether it is
padding or what a longer text has left in the memory. With float32 weights everything is float32, with float64 float64.

It is what the torch path is tested against: the two share weights and nothing else. Tokens a second of pocket-m in
float32 on one thread (CPU time of an x86 server core, best of five), beside transformers on torch and the same packed:

    64 rows, one more token each    4,100    3,300    4,100
    1 row, one more token             470      230      230
    texts of 64 tokens, read whole  8,200    8,200    9,700
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
Ints = NDArray[np.int64]
Weights = Mapping[str, Array]

SLACK = 32
"""Columns that a full memory is made larger by."""


def layer_norm(x: Array, weight: Array, bias: Array, epsilon: float) -> Array:
    """Zero mean and unit variance along the width, then a gain and an offset for each dimension (Ba et al., 2016).

    Args:
        x: [..., W].
        weight: [W] the gain.
        bias: [W] the offset.
        epsilon: added to the variance.
    """
    centred = x - x.mean(-1, keepdims=True)  # [..., W]
    variance = (centred * centred).mean(-1, keepdims=True)  # [..., 1]
    normal: Array = centred / np.sqrt(variance + epsilon)  # [..., W]
    return normal * weight + bias  # [..., W]


def gelu(x: Array) -> Array:
    """The Gaussian error linear unit by its tanh approximation (Hendrycks and Gimpel, 2016, section 2), elementwise."""
    inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)
    half: Array = 0.5 * x * (1 + np.tanh(inner))
    return half


def linear(x: Array, weight: Array, bias: Array) -> Array:
    """x·weight + bias: [..., in], [in, out] and [out] -> [..., out]. One matrix product, however many positions."""
    flat: Array = x.reshape(-1, x.shape[-1]) @ weight + bias  # [all positions, out]
    return flat.reshape(*x.shape[:-1], -1)  # [..., out]


def softmax(scores: Array) -> Array:
    """Probabilities along the last axis; a score of minus infinity gets exactly 0."""
    powers = np.exp(scores - scores.max(-1, keepdims=True))  # [..., K], the largest is 1
    shares: Array = powers / powers.sum(-1, keepdims=True)  # [..., K]
    return shares


def split_heads(x: Array, heads: int) -> Array:
    """[R, T, W] -> [R, H, T, D]: each position's W numbers, in H parts that follow each other."""
    rows, time, width = x.shape
    parts = x.reshape(rows, time, heads, width // heads)  # [R, T, H, D]
    return parts.transpose(0, 2, 1, 3)  # [R, H, T, D]


def merge_heads(x: Array) -> Array:
    """[R, H, T, D] -> [R, T, W], the inverse of `split_heads`."""
    rows, heads, time, dim = x.shape
    return x.transpose(0, 2, 1, 3).reshape(rows, time, heads * dim)  # [R, T, W]


def root_scale(dim: int) -> float:
    """1/√D: what keeps the variance of a score at that of its factors (Vaswani et al., 2017, section 3.2.1)."""
    return 1 / math.sqrt(dim)


def causal(scores: Array, positions: Ints) -> Array:
    """Minus infinity wherever the key comes after the query, so that it gets no weight at all.

    Args:
        scores: [R, H, T, K].
        positions: [R, T] of the queries. Keys stand at 0, 1, ..., K-1.
    """
    seen = np.arange(scores.shape[3]) <= positions[:, None, :, None]  # [R, 1, T, K]
    return np.where(seen, scores, -np.inf)  # [R, H, T, K]


@dataclass(frozen=True)
class Attention:
    """Scaled dot-product attention with several heads (Vaswani et al., 2017, equation 1), from three parts.

    The parts are arguments, so that a study can put another one in the place of each; the defaults are GPT-2's.
    """

    split: Callable[[Array, int], Array] = split_heads  # [R, T, W], heads -> [R, H, T, D]
    scale: Callable[[int], float] = root_scale  # D -> what scores are multiplied by
    mask: Callable[[Array, Ints], Array] = causal  # [R, H, T, K] scores, [R, T] positions -> [R, H, T, K]

    def __call__(self, query: Array, keys: Array, values: Array, positions: Ints, heads: int) -> Array:
        """[R, T, W] queries at `positions` [R, T], [R, K, W] keys and values -> [R, T, W]."""
        q = self.split(query, heads)  # [R, H, T, D]
        k = self.split(keys, heads)  # [R, H, K, D]
        v = self.split(values, heads)  # [R, H, K, D]
        scores = q @ k.swapaxes(2, 3) * self.scale(q.shape[3])  # [R, H, T, K]
        weights = softmax(self.mask(scores, positions))  # [R, H, T, K], rows of them add up to 1
        return merge_heads(weights @ v)  # [R, T, W]


@dataclass
class Past:
    """The keys and values of every position so far: what one more token needs of the tokens before it.

    The buffers may hold more rows and columns than are in use; those hold zeros, or what was there before.
    """

    keys: Array  # [layers, R or more, K or more, W]
    values: Array  # the same
    lengths: Ints  # [R] tokens of each text so far: where its next token goes
    width: int = 0  # K, the columns in use: those that a query is compared with

    def fit(self, rows: int, columns: int) -> None:
        """Make the buffers larger, where they are too small for so many rows and columns."""
        layers, room, before, width = self.keys.shape
        if rows <= room and columns <= before:
            return
        rows = room if rows <= room else max(rows, room + room // 4)  # not again for each single row
        columns = before if columns <= before else columns + SLACK
        for name in ("keys", "values"):
            new = np.zeros((layers, rows, columns, width), self.keys.dtype)
            new[:, :room, :before] = getattr(self, name)
            setattr(self, name, new)

    def write(self, layer: int, keys: Array, values: Array, positions: Ints, width: int) -> tuple[Array, Array]:
        """Put the [R, T, W] of new tokens where they belong; returns all of the layer's columns, [R, K, W] each."""
        rows = np.arange(len(positions))[:, None]  # [R, 1]
        self.keys[layer][rows, positions] = keys
        self.values[layer][rows, positions] = values
        return self.keys[layer, : len(rows), :width], self.values[layer, : len(rows), :width]


class GPT2:
    """The network.

    Args:
        weights: by their names in the published checkpoints (wte.weight, h.0.attn.c_attn.weight, ...), all of one
            dtype. `lm_head.weight`, where there is one, takes the place of the token embeddings in the head.
        heads: of each attention layer.
        epsilon: of the layer norms.
        attention: how positions look at each other.
    """

    def __init__(self, weights: Weights, heads: int, epsilon: float = 1e-5, attention: Attention | None = None) -> None:
        self.weights, self.heads, self.epsilon = weights, heads, epsilon
        self.attention = attention or Attention()
        self.head = weights.get("lm_head.weight", weights["wte.weight"])  # [V, W]; tied: the embeddings themselves
        self.vocab, self.width = self.head.shape
        self.context = len(weights["wpe.weight"])
        self.layers = sum(name.endswith(".ln_1.weight") for name in weights)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the weights, and of all that comes from them."""
        return self.head.dtype

    def past(self, rows: int, columns: int, room: int = 0) -> Past:
        """The memory of so many rows before their first token, with buffers for `room` rows and so many columns."""
        shape = (self.layers, max(rows, room), columns, self.width)
        return Past(np.zeros(shape, self.dtype), np.zeros(shape, self.dtype), np.zeros(rows, np.int64))

    def states(self, tokens: Ints, past: Past | None = None) -> Array:
        """The last layer's states, after the final norm, of new tokens: [R, T] -> [R, T, W].

        Args:
            tokens: that follow those of `past`.
            past: gets the tokens' keys and values; after an error it is as it was. None: nothing came before.
        """
        past = self.past(*tokens.shape) if past is None else past
        width = past.width + tokens.shape[1]  # K
        past.fit(len(tokens), width)
        positions = past.lengths[:, None] + np.arange(tokens.shape[1])  # [R, T]
        x = self.weights["wte.weight"][tokens] + self.weights["wpe.weight"][positions]  # [R, T, W]
        for layer in range(self.layers):
            x = x + self._attend(layer, self._norm(x, f"h.{layer}.ln_1"), positions, past, width)  # [R, T, W]
            x = x + self._feed_forward(layer, self._norm(x, f"h.{layer}.ln_2"))  # [R, T, W]
        past.lengths, past.width = past.lengths + tokens.shape[1], width
        return self._norm(x, "ln_f")  # [R, T, W]

    def logits(self, states: Array) -> Array:
        """States -> the logits of the next token: [n, W] -> [n, V]."""
        return states @ self.head.T  # [n, V]

    def _attend(self, layer: int, x: Array, positions: Ints, past: Past, width: int) -> Array:
        mixed = self._linear(x, f"h.{layer}.attn.c_attn")  # [R, T, 3·W]
        query, new_keys, new_values = np.split(mixed, 3, axis=-1)  # [R, T, W] each
        keys, values = past.write(layer, new_keys, new_values, positions, width)  # [R, K, W] each
        seen = self.attention(query, keys, values, positions, self.heads)  # [R, T, W]
        return self._linear(seen, f"h.{layer}.attn.c_proj")  # [R, T, W]

    def _feed_forward(self, layer: int, x: Array) -> Array:
        wide = gelu(self._linear(x, f"h.{layer}.mlp.c_fc"))  # [R, T, F]
        return self._linear(wide, f"h.{layer}.mlp.c_proj")  # [R, T, W]

    def _norm(self, x: Array, name: str) -> Array:
        return layer_norm(x, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"], self.epsilon)

    def _linear(self, x: Array, name: str) -> Array:
        return linear(x, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"])
