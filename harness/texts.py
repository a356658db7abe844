"""Texts in the three shapes they take here: generations, rows of a frame, and a corpus to measure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from harness.engine import Generation
from harness.metrics.base import Corpus
from harness.models.base import LanguageModel
from harness.models.scoring import score_continuations
from harness.prompts import Prompt
from harness.strategies.base import VALUES


def row(generation: Generation, label: str, model: LanguageModel) -> dict[str, Any]:
    """A generation with the columns of generations.parquet (`harness.generations.SCHEMA`)."""
    request = generation.request
    return {
        "prompt_id": request.prompt.id,
        "prompt": request.prompt.text,
        "strategy": label,
        "seed": request.seed,
        "sample": request.sample,
        "text": model.decode(generation.tokens),
        "tokens": np.array(generation.tokens, dtype=np.int32),
        **{name: generation.values[:, i] for i, name in enumerate(VALUES)},
        "finish": generation.finish,
        "score": generation.score,
    }


def reference_frame(model: LanguageModel, prompts: Sequence[Prompt], max_new_tokens: int) -> pd.DataFrame:
    """The references of those prompts that have one, as the model reads them and as long as a generation may be.

    Columns: prompt_id, prompt, text, tokens, logprob, entropy, rank. A reference is tokenised by itself, after the
    prompt's tokens: so is a continuation, which never shares a token with its prompt.
    """
    chosen = [p for p in prompts if p.reference]
    contexts = [model.encode(p.text) for p in chosen]
    tokens = [model.continuation(p.reference or "")[:max_new_tokens] for p in chosen]
    if model.context is not None:
        tokens = [t[: max(0, model.context - len(c))] for t, c in zip(tokens, contexts, strict=True)]
    scores = score_continuations(model, contexts, tokens)
    return pd.DataFrame(
        {
            "prompt_id": [p.id for p in chosen],
            "prompt": [p.text for p in chosen],
            "text": [model.decode(t) for t in tokens],
            "tokens": [np.array(t, dtype=np.int32) for t in tokens],
            "logprob": [s.logprob for s in scores],
            "entropy": [s.entropy for s in scores],
            "rank": [s.rank for s in scores],
        }
    )


def corpus(frame: pd.DataFrame) -> Corpus:
    """The corpus of a frame of generations, or of references (which have no `finish`)."""
    ends = list(frame["finish"]) if "finish" in frame else ["reference"] * len(frame)
    tokens = [list(t[:-1] if end == "eos" else t) for t, end in zip(frame["tokens"], ends, strict=True)]
    return Corpus(
        prompt_ids=list(frame["prompt_id"]),
        prompts=list(frame["prompt"]),
        texts=list(frame["text"]),
        tokens=tokens,
        values={
            name: [np.asarray(x, dtype=np.float64) for x in frame[name]]
            for name in VALUES
            if name in frame and not frame[name].isna().all()
        },
        ends=ends,
    )
