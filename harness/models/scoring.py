"""What a model makes of given texts: teacher-forced values of each token, and one vector per text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from harness.errors import InputError
from harness.models.base import LanguageModel

BATCH = 2**25
"""Logits of one forward pass at most (128 MiB in float32), padding included; a longer text passes alone."""

CHUNK = 2**20
"""Logits that are normalised in float64 at once (8 MiB: three times as fast on a CPU as 64 MiB)."""


@dataclass(frozen=True)
class TokenScores:
    """The model's own values of each token of one continuation, as `harness.strategies.base.VALUES` defines them."""

    logprob: NDArray[np.float64]  # [tokens] natural log of the token's probability
    entropy: NDArray[np.float64]  # [tokens] of the distribution that it came from, in nats
    rank: NDArray[np.int64]  # [tokens] how many tokens were strictly likelier


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
    scores = [TokenScores(np.empty(0), np.empty(0), np.empty(0, np.int64)) for _ in texts]
    wanted = [i for i, continuation in enumerate(continuations) if continuation]
    for batch in _batches([len(texts[i]) for i in wanted], BATCH // model.vocab):
        members = [wanted[b] for b in batch]
        logits, _ = model.forward([texts[i] for i in members])
        spans = [logits[row, len(prompts[i]) - 1 : len(texts[i])] for row, i in enumerate(members)]
        tokens = torch.tensor([t for i in members for t in continuations[i]], device=logits.device)
        values = _values(torch.cat(spans), tokens)
        ends = np.cumsum([len(continuations[i]) for i in members])[:-1]
        for i, logprob, entropy, rank in zip(members, *(np.split(v, ends) for v in values), strict=True):
            scores[i] = TokenScores(logprob, entropy, rank)
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
    rows: list[NDArray[np.float32] | None] = [None] * len(cut)
    for batch in _batches([len(text) for text in cut], BATCH // model.vocab):
        _, hidden = model.forward([cut[i] for i in batch])
        for row, i in enumerate(batch):
            rows[i] = hidden[row, len(cut[i]) - 1].float().cpu().numpy()
    return np.stack([row for row in rows if row is not None])


def _values(logits: Tensor, tokens: Tensor) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """[n, vocab] logits and [n] tokens -> log-probability, entropy and rank of each, a chunk at a time."""
    parts: list[tuple[Tensor, Tensor, Tensor]] = []
    size = max(1, CHUNK // logits.shape[1])
    for rows, chosen in zip(torch.split(logits, size), torch.split(tokens[:, None], size), strict=True):
        logprobs = rows.double().log_softmax(-1)
        rank = (rows > rows.gather(1, chosen)).sum(-1)
        parts.append((logprobs.gather(1, chosen)[:, 0], torch.special.entr(logprobs.exp()).sum(-1), rank))
    columns = [torch.cat(column).cpu().numpy() for column in zip(*parts, strict=True)]
    return columns[0], columns[1], columns[2]


def _batches(lengths: Sequence[int], most: int) -> Iterator[list[int]]:
    """Indices of texts in batches of similar length, longest first, of at most `most` positions with padding."""
    batch: list[int] = []
    for i in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if batch and (len(batch) + 1) * lengths[batch[0]] > most:
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch


def _start(model: LanguageModel, tokens: Sequence[int]) -> str:
    return repr(model.decode(tokens[:40])[:60])
