"""What a model makes of given texts: teacher-forced values of each token, and one vector per text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.errors import InputError
from harness.memory import in_halves
from harness.models.base import LanguageModel
from harness.nodes import Nodes

POSITIONS = 2**11
"""Tokens of one forward pass at most, padding included; a longer text passes alone. On two cores pocket-m reads 17, 22,
22 and 20 thousand tokens a second by 512, 1024, 2048 and 8192."""

LOGITS = 2**25
"""Logits of one forward pass at most (128 MiB in float32); a text of which more are wanted passes alone."""

CHUNK = 2**20
"""Logits that are normalised in float64 at once (8 MiB: three times as fast on a CPU as 64 MiB)."""


Values = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]


@dataclass(frozen=True)
class TokenScores:
    """The model's own values of each token of one continuation, as `harness.strategies.base.VALUES` defines them."""

    logprob: NDArray[np.float64]  # [tokens] natural log of the token's probability
    entropy: NDArray[np.float64]  # [tokens] of the distribution that it came from, in nats
    rank: NDArray[np.int64]  # [tokens] how many tokens were strictly likelier
    gap: NDArray[np.float64]  # [tokens] the largest logit minus the second largest, in nats


@torch.no_grad()
def score_continuations(
    model: LanguageModel, prompts: Sequence[Sequence[int]], continuations: Sequence[Sequence[int]]
) -> list[TokenScores]:
    """Score each continuation token under the model, given the prompt and the tokens before it.

    Nothing is cut. The softmax is in float64, whatever the model's dtype.

    Args:
        model: any language model.
        prompts: at least one token each (the model's `encode` sees to it).
        continuations: as many, of any lengths, also none.

    Raises:
        InputError: a prompt is empty, or a text is longer than the model's context.
    """
    # The last token is predicted, never read: a text may be one token longer than the context.
    texts = [[*p, *c][:-1] for p, c in zip(prompts, continuations, strict=True)]
    for prompt, continuation, text in zip(prompts, continuations, texts, strict=True):
        if not prompt:
            raise InputError(f"cannot score {_start(model, continuation)}: its prompt has no tokens")
        if model.context is not None and continuation and len(text) > model.context:
            raise InputError(
                f"cannot score {_start(model, [*prompt, *continuation])}: it has {len(text) + 1} tokens, "
                f"{model.name} has a context of {model.context}"
            )

    def score(members: Sequence[int]) -> Values:
        spans = [range(len(prompts[i]) - 1, len(texts[i])) for i in members]
        logits, _ = model.forward([texts[i] for i in members], spans)
        return _values(logits, torch.tensor([t for i in members for t in continuations[i]], device=logits.device))

    scores = [TokenScores(np.empty(0), np.empty(0), np.empty(0, np.int64), np.empty(0)) for _ in texts]
    wanted = [i for i, continuation in enumerate(continuations) if continuation]
    for batch in _batches([texts[i] for i in wanted], [len(continuations[i]) for i in wanted], model.vocab):
        for members, values in in_halves([wanted[b] for b in batch], score):
            ends = np.cumsum([len(continuations[i]) for i in members])[:-1]
            for i, *found in zip(members, *(np.split(v, ends) for v in values), strict=True):
                scores[i] = TokenScores(*found)
    return scores


@torch.no_grad()
def features(model: LanguageModel, texts: Sequence[Sequence[int]]) -> NDArray[np.float32]:
    """One vector per text: the last layer's state, after the final norm, at the text's last token.

    As mauve-text featurises (Pillutla et al., 2021), with texts cut to the context. A text without tokens, which
    mauve-text cannot take, is represented by the model's start token.

    Returns:
        [texts, d_model].
    """
    cut = [list(text[: model.context]) or model.encode("") for text in texts]

    def last(members: Sequence[int]) -> Tensor:
        spans = [range(len(cut[i]) - 1, len(cut[i])) for i in members]
        return model.forward([cut[i] for i in members], spans)[1].float().cpu()

    order: list[int] = []
    rows: list[Tensor] = []
    for batch in _batches(cut, [1] * len(cut), model.vocab):
        for members, states in in_halves(batch, last):
            order += members
            rows.append(states)
    return torch.cat(rows).numpy()[np.argsort(order)]


def _values(logits: Tensor, tokens: Tensor) -> Values:
    """[n, vocab] logits and [n] tokens -> log-probability, entropy, rank and gap of each, a chunk at a time."""
    parts: list[tuple[Tensor, ...]] = []
    size = max(1, CHUNK // logits.shape[1])
    for rows, chosen in zip(torch.split(logits, size), torch.split(tokens[:, None], size), strict=True):
        logprobs = rows.double().log_softmax(-1)
        rank = (rows > rows.gather(1, chosen)).sum(-1)
        # Below -800 a probability is 0 in float64; 0 times minus infinity would be no number.
        entropy = -(logprobs.exp() * logprobs.clamp(min=-800)).sum(-1)
        parts.append((logprobs.gather(1, chosen)[:, 0], entropy, rank, Nodes(rows).gap.double()))
    columns = [torch.cat(column).cpu().numpy() for column in zip(*parts, strict=True)]
    return columns[0], columns[1], columns[2], columns[3]


def _batches(texts: Sequence[Sequence[int]], wanted: Sequence[int], vocab: int) -> Iterator[list[int]]:
    """Indices of texts in batches of similar length, longest first, each within `POSITIONS` and `LOGITS`.

    Args:
        texts: token ids.
        wanted: of how many positions of each the logits are wanted.
        vocab: logits of a position.
    """
    batch: list[int] = []
    logits = 0
    for i in sorted(range(len(texts)), key=lambda i: -len(texts[i])):
        logits += wanted[i] * vocab
        if batch and ((len(batch) + 1) * len(texts[batch[0]]) > POSITIONS or logits > LOGITS):
            yield batch
            batch, logits = [], wanted[i] * vocab
        batch.append(i)
    if batch:
        yield batch


def _start(model: LanguageModel, tokens: Sequence[int]) -> str:
    return repr(model.decode(tokens[:40])[:60])
