"""Texts in the three shapes they take here: generations, rows of a frame, and a corpus to measure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.engine import Generation
from harness.metrics.base import Corpus
from harness.models.base import LanguageModel
from harness.models.scoring import score_continuations
from harness.offsets import ends
from harness.prompts import Prompt
from harness.strategies.base import VALUES


def named(model: LanguageModel) -> str:
    """What a signature calls a model: its name, and the beginning of what its weights hash to."""
    return f"{model.name}@{model.fingerprint[:12]}"


def row(generation: Generation, label: str, model: LanguageModel) -> dict[str, Any]:
    """A generation with the columns of generations.parquet (`harness.generations.SCHEMA`)."""
    request = generation.request
    text = model.decode(generation.tokens)
    return {
        "prompt_id": request.prompt.id,
        "prompt": request.prompt.text,
        "strategy": label,
        "seed": request.seed,
        "sample": request.sample,
        "text": text,
        "tokens": np.array(generation.tokens, dtype=np.int32),
        "ends": ends(model.decode, generation.tokens, text),
        **{name: generation.values[:, i] for i, name in enumerate(VALUES)},
        "finish": generation.finish,
        "score": generation.score,
    }


def reference_frame(model: LanguageModel, prompts: Sequence[Prompt], max_new_tokens: int) -> pd.DataFrame:
    """The references of those prompts that have one, as the model reads them and as long as a generation may be.

    Columns: prompt_id, prompt, text, tokens, ends, logprob, entropy, rank, gap. A reference is tokenised by itself,
    after the prompt's tokens: so is a continuation, which never shares a token with its prompt.
    """
    chosen = [p for p in prompts if p.reference]
    contexts = [model.encode(p.text) for p in chosen]
    tokens = [model.continuation(p.reference or "")[:max_new_tokens] for p in chosen]
    if model.context is not None:
        tokens = [t[: max(0, model.context - len(c))] for t, c in zip(tokens, contexts, strict=True)]
    texts = [model.decode(t) for t in tokens]
    scores = score_continuations(model, contexts, tokens)
    return pd.DataFrame(
        {
            "prompt_id": [p.id for p in chosen],
            "prompt": [p.text for p in chosen],
            "text": texts,
            "tokens": [np.array(t, dtype=np.int32) for t in tokens],
            "ends": [ends(model.decode, t, text) for t, text in zip(tokens, texts, strict=True)],
            "logprob": [s.logprob for s in scores],
            "entropy": [s.entropy for s in scores],
            "rank": [s.rank for s in scores],
            "gap": [s.gap for s in scores],
        }
    )


def corpus(frame: pd.DataFrame, end: str = "reference") -> Corpus:
    """The corpus of a frame of generations, or of references, which have no `finish`.

    It takes prompt_id and text; a column that is not there, or not for every text, is left out. The columns model and
    max_new_tokens, which `harness.api` adds, are for signatures, if they hold one value.

    Args:
        frame: a row per text.
        end: the finish reason of texts that have none.
    """

    def known(name: str) -> bool:
        return name in frame and not frame[name].isna().any()

    ends = list(frame["finish"]) if known("finish") else [end] * len(frame)
    values = {name: [np.asarray(x, dtype=np.float64) for x in frame[name]] for name in VALUES if known(name)}
    return Corpus(
        prompt_ids=list(map(str, frame["prompt_id"])),
        prompts=list(frame["prompt"]) if known("prompt") else [""] * len(frame),
        texts=list(frame["text"]),
        tokens=[np.asarray(t[:-1] if e == "eos" else t).tolist() for t, e in zip(frame["tokens"], ends, strict=True)]
        if known("tokens")
        else None,
        values={name: column for name, column in values.items() if not _blank(column)},
        ends=ends,
        limit=None if (limit := _only(frame, "max_new_tokens")) is None else int(limit),
        reader=str(_only(frame, "model") or ""),
    )


def _only(frame: pd.DataFrame, name: str) -> Any:
    """The one value of a column; None where there is no such column, or several values."""
    values: Sequence[Any] = list(frame[name].unique()) if name in frame else []
    return values[0] if len(values) == 1 and pd.notna(values[0]) else None


def _blank(column: Sequence[NDArray[np.float64]]) -> bool:
    """Whether there are tokens and none of them has a value: what searches have no value for, they record as NaN."""
    return any(len(values) for values in column) and all(np.isnan(values).all() for values in column)
