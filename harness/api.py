"""The library in seven calls: load a model, prompts and strategies; decode, score, compare. Frames in, frames out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from harness import engine
from harness.configs import option
from harness.engine import Request
from harness.errors import InputError
from harness.featurizer import Featurizer, choose
from harness.knobs import PositiveCount, build, check
from harness.measure import measure, record
from harness.metrics.base import Metric, Tools
from harness.models.base import LanguageModel
from harness.models.loading import load, preflight
from harness.prompts import Prompt, identified
from harness.results import ScoreRecord
from harness.strategies.base import Strategy
from harness.texts import corpus, reference_frame, row

METRICS = ("repetition", "loops", "distinct", "perplexity", "mauve", "length")


def load_model(name: str = "pocket-m", **knobs: Any) -> LanguageModel:
    """A model of `conf/model` by its name, with knobs of its yaml, as in `load_model("hf", name="some/directory")`.

    Raises:
        InputError: there is no such yaml, or the model cannot be found or loaded.
    """
    node = _node("model", name, knobs)
    preflight(node)
    return load(node)


def load_prompts(source: str = "fables", **knobs: Any) -> list[Prompt]:
    """A prompt set of `conf/prompts` with knobs of its yaml, as in `load_prompts("file", path="mine.jsonl")`.

    Raises:
        InputError: there is no such yaml, or its source cannot be read.
    """
    prompts: list[Prompt] = build(_node("prompts", source, knobs), "prompts")
    return prompts


def load_strategy(name: str, **knobs: Any) -> Strategy[Any]:
    """A strategy of `conf/strategy` with knobs of its yaml, as in `load_strategy("top_p", top_p=0.95)`.

    Raises:
        InputError: there is no such yaml, or a knob is unknown or out of its range.
    """
    strategy: Strategy[Any] = build(_node("strategy", name, knobs), "strategy")
    return strategy


def _node(group: str, name: str, knobs: Mapping[str, Any]) -> dict[str, Any]:
    return option(group, name) | dict(knobs)


def decode(
    model: LanguageModel,
    prompts: Sequence[Prompt | str],
    strategies: Mapping[str, Strategy[Any]] | Sequence[str],
    *,
    seeds: Sequence[int] = (0,),
    samples: PositiveCount = 1,
    max_new_tokens: PositiveCount = 64,
    max_rows: PositiveCount = 256,
) -> pd.DataFrame:
    """Decode every prompt with every strategy, all in one batch.

    Args:
        model: from `load_model`.
        prompts: from `load_prompts`, or plain texts.
        strategies: label -> strategy, or names of yamls in `conf/strategy`.
        seeds: one set of draws each; deterministic strategies take the first alone.
        samples: continuations per prompt and seed of stochastic strategies.
        max_new_tokens: of a continuation.
        max_rows: decoded at once at most; memory grows with it, tokens do not change.

    Returns:
        One row per generation, ordered by strategy, prompt, seed and sample, with the columns of generations.parquet
        (`results/README.md`): prompt_id, prompt, strategy, seed, sample, text, tokens, per-token values, finish, score.
    """
    for name, value in (("samples", samples), ("max_new_tokens", max_new_tokens), ("max_rows", max_rows)):
        check(decode, name, value, f"{name}={value!r}")
    texts = iter(identified([(p, None) for p in prompts if not isinstance(p, Prompt)]))
    known = [p if isinstance(p, Prompt) else next(texts) for p in prompts]
    chosen = strategies if isinstance(strategies, Mapping) else {name: load_strategy(name) for name in strategies}
    for what, given in (("prompts", known), ("strategies", chosen)):
        if not given:
            raise InputError(f"decode: there are no {what}")
    labels = {
        Request(p, tuple(model.encode(p.text)), s, max_new_tokens, seed, i): label
        for label, s in chosen.items()
        for p in known
        for seed in (seeds if s.stochastic else seeds[:1])
        for i in range(samples if s.stochastic else 1)
    }
    place = {request: i for i, request in enumerate(labels)}
    found = sorted(engine.decode(model, list(labels), max_rows=max_rows), key=lambda g: place[g.request])
    return pd.DataFrame([row(g, labels[g.request], model) for g in found])


def references(model: LanguageModel, prompts: Sequence[Prompt], max_new_tokens: int = 64) -> pd.DataFrame:
    """The prompts' references as the model reads them, cut to `max_new_tokens`; prompts without one are left out."""
    return reference_frame(model, prompts, max_new_tokens)


def score(
    generations: pd.DataFrame,
    references: pd.DataFrame | None = None,
    metrics: Sequence[str | Metric] = METRICS,
    featurizer: str = "pocket-l",
) -> pd.DataFrame:
    """Measure the texts of every strategy in a frame from `decode`, and the references beside them.

    Args:
        generations: from `decode`; several frames may be concatenated.
        references: from `references`; without them there is no reference row and no MAUVE.
        metrics: names of yamls in `conf/metrics`, or metric objects.
        featurizer: the model of `conf/model` whose hidden states MAUVE compares.

    Returns:
        One row per strategy and score: strategy, score, value, low, high, better, reference, signature, method, notes.
        The references are the strategy "reference".
    """
    built: list[Metric] = [build(option("metrics", m), f"metrics.{m}") if isinstance(m, str) else m for m in metrics]
    human = None if references is None or references.empty else corpus(references)
    wanted = human is not None and any(getattr(m, "featurizer", None) for m in built)
    reader = Featurizer(choose(featurizer, [])) if wanted else None
    tools = Tools(human, reader, reader.signature if reader else "")
    kept: dict[str, list[ScoreRecord]] = {}
    against = record(measure(human, built, tools), human) if human else []
    for label, frame in generations.groupby("strategy", sort=False):
        texts = corpus(frame)
        kept[str(label)] = record(measure(texts, built, tools), texts, against)
    if human:
        kept["reference"] = against
    columns = ("value", "low", "high", "better", "reference", "signature", "method", "notes")
    return pd.DataFrame(
        [
            {"strategy": label, "score": s.name} | {c: getattr(s, c) for c in columns}
            for label, scores in kept.items()
            for s in scores
        ]
    )


def compare(scores: pd.DataFrame) -> pd.DataFrame:
    """A frame from `score` as a table: strategies down, scores across, values only."""
    return scores.pivot_table(index="strategy", columns="score", values="value", sort=False)
