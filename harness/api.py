"""The library in seven calls: load a model, prompts and strategies; decode, score, compare. Frames in, frames out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from numbers import Integral
from typing import Any

import pandas as pd

from harness import engine
from harness.configs import option
from harness.engine import Request
from harness.errors import InputError
from harness.featurizer import Featurizer, choose
from harness.knobs import PositiveCount, Seed, build, check, checked
from harness.measure import measure, record
from harness.metrics.base import Corpus, Metric, Tools
from harness.models.base import LanguageModel
from harness.models.loading import load, preflight
from harness.prompts import Prompt, identified
from harness.results import ScoreRecord
from harness.strategies.base import Strategy
from harness.texts import corpus, reference_frame, row

METRICS = ("repetition", "loops", "distinct", "perplexity", "mauve", "length")


def load_model(name: str = "pocket-m", /, **knobs: Any) -> LanguageModel:
    """A model of `conf/model` by its name, with knobs of its yaml, as in `load_model("hf", name="some/directory")`.

    Raises:
        InputError: there is no such yaml, or the model cannot be found or loaded.
    """
    node = _node("model", name, knobs)
    preflight(node)
    return load(node)


def load_prompts(source: str = "fables", /, **knobs: Any) -> list[Prompt]:
    """A prompt set of `conf/prompts` with knobs of its yaml, as in `load_prompts("file", path="mine.jsonl")`.

    Raises:
        InputError: there is no such yaml, or its source cannot be read.
    """
    prompts: list[Prompt] = build(_node("prompts", source, knobs), "prompts")
    return prompts


def load_strategy(name: str, /, **knobs: Any) -> Strategy[Any]:
    """A strategy of `conf/strategy` with knobs of its yaml, as in `load_strategy("top_p", top_p=0.95)`.

    Raises:
        InputError: there is no such yaml, or a knob is unknown or out of its range.
    """
    strategy: Strategy[Any] = build(_node("strategy", name, knobs), "strategy")
    return strategy


def _node(group: str, name: str, knobs: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(name, str):
        raise InputError(f"{group}={name!r:.60}: must be the name of a yaml in conf/{group}")
    return option(group, name) | dict(knobs)


def decode(
    model: LanguageModel,
    prompts: Prompt | str | Sequence[Prompt | str],
    strategies: Mapping[str, Strategy[Any] | str] | str | Sequence[str],
    *,
    seeds: Seed | Sequence[Seed] = 0,
    samples: PositiveCount = 1,
    max_new_tokens: PositiveCount = 64,
    max_rows: PositiveCount = 256,
) -> pd.DataFrame:
    """Decode every prompt with every strategy, all in one batch.

    Args:
        model: from `load_model`.
        prompts: from `load_prompts`, or plain texts; equal texts are different prompts with different draws.
        strategies: label -> strategy, or names of yamls in `conf/strategy`.
        seeds: one set of draws each; deterministic strategies take the first alone.
        samples: continuations per prompt and seed of stochastic strategies.
        max_new_tokens: of a continuation.
        max_rows: decoded at once at most; memory grows with it, tokens do not change.

    Returns:
        One row per generation, ordered by strategy, prompt, seed and sample, with the columns of generations.parquet
        (`results/README.md`): prompt_id, prompt, strategy, seed, sample, text, tokens, per-token values, finish, score.

    Raises:
        InputError: there are no prompts, strategies or seeds; one of them is none, or is there twice; a number is out
            of its range; a prompt leaves no room in the model's context.
    """
    samples = check(decode, "samples", samples, f"samples={samples!r}")
    max_new_tokens = check(decode, "max_new_tokens", max_new_tokens, f"max_new_tokens={max_new_tokens!r}")
    max_rows = check(decode, "max_rows", max_rows, f"max_rows={max_rows!r}")
    known, chosen, drawn = _prompts(prompts), _strategies(strategies), _seeds(seeds)
    labels = {
        Request(p, tuple(model.encode(p.text)), s, max_new_tokens, seed, i): label
        for label, s in chosen.items()
        for p in known
        for seed in (drawn if s.stochastic else drawn[:1])
        for i in range(samples if s.stochastic else 1)
    }
    place = {request: i for i, request in enumerate(labels)}
    found = sorted(engine.decode(model, list(labels), max_rows=max_rows), key=lambda g: place[g.request])
    return pd.DataFrame([row(g, labels[g.request], model) for g in found])


def _prompts(given: Any) -> list[Prompt]:
    """Prompts as they are, plain texts as prompts of their own, even where a given prompt has the same text."""
    listed = _listed("prompts", given, (str, Prompt))
    for each in listed:
        if not isinstance(each, str | Prompt):
            raise InputError(f"prompts: {each!r:.60} is neither a text nor a Prompt")
    before = [p.text for p in listed if isinstance(p, Prompt)]
    texts = identified([(t, None) for t in [*before, *(p for p in listed if isinstance(p, str))]])
    fresh = iter(texts[len(before) :])
    prompts = [p if isinstance(p, Prompt) else next(fresh) for p in listed]
    if twice := _twice(p.id for p in prompts):
        raise InputError(f"prompts: the id {twice!r} is there twice; its draws and rows could not be told apart")
    return prompts


def _strategies(given: Any) -> dict[str, Strategy[Any]]:
    """Label -> strategy, with the yamls of those that are named loaded."""
    if not isinstance(given, Mapping):
        names = _listed("strategies", given, (str, Strategy))
        if not all(isinstance(name, str) for name in names):
            raise InputError("strategies: what is not a name needs a label, as in {'mine': strategy}")
        given = {name: name for name in names}
    if not given:
        raise InputError("there are no strategies")
    chosen = {}
    for label, each in given.items():
        if not isinstance(label, str):
            raise InputError(f"strategies: the label {label!r:.60} must be a text")
        chosen[label] = load_strategy(each) if isinstance(each, str) else each
        if not isinstance(chosen[label], Strategy):
            raise InputError(f"strategies[{label!r}]={each!r:.60}: is neither a strategy nor the name of one")
    return chosen


def _seeds(given: Any) -> list[int]:
    seeds = [_seed(each) for each in _listed("seeds", given, (Integral, str))]  # a text is refused as a whole
    if (twice := _twice(seeds)) is not None:
        raise InputError(f"seeds: {twice} is there twice, and would give the same texts twice")
    return seeds


@checked
def _seed(seed: Seed) -> int:
    return seed


def _listed(what: str, given: Any, single: tuple[type, ...]) -> list[Any]:
    """What was given as a list, at least one long; a single one stands for the list of it."""
    if isinstance(given, single):
        return [given]
    if not isinstance(given, Iterable):
        raise InputError(f"{what}={given!r:.60}: must be a list")
    listed = list(given)
    if not listed:
        raise InputError(f"there are no {what}")
    return listed


def _twice(values: Iterable[Any]) -> Any:
    return next((value for value, count in Counter(values).items() if count > 1), None)


def references(
    model: LanguageModel, prompts: Prompt | Sequence[Prompt], max_new_tokens: PositiveCount = 64
) -> pd.DataFrame:
    """The prompts' references as the model reads them; prompts without one are left out.

    Args:
        model: the one that decoded.
        prompts: those that it decoded.
        max_new_tokens: cut to so many tokens. Give what `decode` was given: nearly every score depends on the length,
            and `score` notes where the longest texts of the two sides differ.

    Returns:
        One row per reference: prompt_id, prompt, text, tokens, logprob, entropy, rank.

    Raises:
        InputError: a prompt is a plain text, which has no reference; there are no prompts; the length is no count.
    """
    max_new_tokens = check(references, "max_new_tokens", max_new_tokens, f"max_new_tokens={max_new_tokens!r}")
    listed = _listed("prompts", prompts, (str, Prompt))
    for each in listed:
        if not isinstance(each, Prompt):
            raise InputError(f"prompts: {each!r:.60} is no Prompt and has no reference; take those of load_prompts")
    return reference_frame(model, listed, max_new_tokens)


def score(
    generations: pd.DataFrame,
    references: pd.DataFrame | None = None,
    metrics: str | Metric | Sequence[str | Metric] = METRICS,
    featurizer: str = "pocket-l",
) -> pd.DataFrame:
    """Measure the texts of every strategy in a frame from `decode`, and the references beside them.

    Nothing is cut. Where the longest reference and the longest text of a strategy differ, a note of each of that
    strategy's scores says so: most likely `decode` and `references` were given different lengths.

    Args:
        generations: from `decode`; several frames may be concatenated, if no two texts are of the same strategy,
            prompt, seed and sample. Strategies under several models need a label for each.
        references: from `references`; without them there is no reference row and no MAUVE.
        metrics: names of yamls in `conf/metrics`, or metric objects.
        featurizer: the model of `conf/model` whose hidden states MAUVE compares.

    Returns:
        One row per strategy and score: strategy, score, value, low, high, better, reference, signature, method, notes.
        The references are the strategy "reference".

    Raises:
        InputError: a frame is not what it should be, or holds a text twice; there are no metrics; there is no such
            metric or featurizer.
    """
    built = [_metric(each) for each in _listed("metrics", metrics, (str, Metric))]
    _check_frame("generations", generations, (*_KEYS, *_TEXT, "finish"))
    if (again := generations.duplicated([*_KEYS])).any():
        raise InputError(
            f"generations: {generations['strategy'][again].iloc[0]!r} has two texts of one prompt, seed and sample; give "
            "what two models wrote labels of their own, as in decode(model, prompts, {'greedy m': 'greedy'})"
        )
    human = None
    if references is not None:
        _check_frame("references", references, _TEXT, empty=True)
        human = None if references.empty else corpus(references)
    if human and (generations["strategy"] == "reference").any():
        raise InputError("generations: the label 'reference' is that of the references; give the strategy another")
    wanted = human is not None and any(getattr(m, "featurizer", None) for m in built)
    tools = Tools(human, Featurizer(choose(featurizer, [], "featurizer")) if wanted else None)
    kept: dict[str, list[ScoreRecord]] = {}
    against = record(measure(human, built, tools), human) if human else []
    for label, frame in generations.groupby("strategy", sort=False):
        texts = corpus(frame)
        notes = _unequal(texts, human) if human else ()
        scores = record(measure(texts, built, tools), texts, against)
        kept[str(label)] = [replace(s, notes=(*s.notes, *notes)) for s in scores]
    if human:
        kept["reference"] = against
    rows = [(label, s) for label, scores in kept.items() for s in scores]
    return pd.DataFrame(
        [{"strategy": label, "score": s.name} | {c: getattr(s, c) for c in _COLUMNS} for label, s in rows]
    )


_KEYS = ("strategy", "prompt_id", "seed", "sample")  # what identifies a generation
_TEXT = ("prompt_id", "prompt", "text", "tokens", "logprob", "entropy")
_COLUMNS = ("value", "low", "high", "better", "reference", "signature", "method", "notes")  # of a score


def _metric(given: Any) -> Metric:
    if isinstance(given, Metric):
        return given
    metric: Metric = build(_node("metrics", given, {}), f"metrics.{given}")
    return metric


def _unequal(texts: Corpus, human: Corpus) -> tuple[str, ...]:
    """A note where the longest texts of the two sides differ."""
    ours, theirs = (max(map(len, side.tokens), default=0) for side in (texts, human))
    return () if ours == theirs else (f"references have up to {theirs} tokens, generations up to {ours}",)


def compare(scores: pd.DataFrame) -> pd.DataFrame:
    """A frame from `score` as a table: strategies down, scores across, values only.

    Raises:
        InputError: it is not such a frame; a strategy has a score twice.
    """
    _check_frame("scores", scores, ("strategy", "score", "value"))
    if (again := scores.duplicated(["strategy", "score"])).any():
        raise InputError(f"scores: {scores['strategy'][again].iloc[0]!r} has two values of one score")
    return scores.pivot_table(index="strategy", columns="score", values="value", sort=False)


def _check_frame(what: str, frame: Any, columns: Sequence[str], *, empty: bool = False) -> None:
    if not isinstance(frame, pd.DataFrame):
        raise InputError(f"{what}={frame!r:.60}: must be a pandas frame")
    if frame.empty and not empty:
        raise InputError(f"there are no {what}")
    if missing := [name for name in columns if name not in frame]:
        raise InputError(f"{what}: the frame has no column {', '.join(missing)}")
