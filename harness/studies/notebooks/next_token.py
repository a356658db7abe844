"""The likeliest next tokens, as rows for a table."""

from __future__ import annotations

from typing import Any

from harness.inspect.step import look
from harness.models.base import LanguageModel


def likeliest(model: LanguageModel, prompt: str, top: int) -> list[dict[str, Any]]:
    """The `top` likeliest tokens after a prompt, likeliest first: `id`, `piece` with every character visible, `p`."""
    step = look(model, prompt)
    found = step.logprobs.topk(min(top, len(step.logprobs)))
    ids = found.indices.tolist()
    return [
        {"id": token, "piece": piece, "p": p}
        for token, piece, p in zip(ids, step.pieces(ids), found.values.exp().tolist(), strict=True)
    ]
