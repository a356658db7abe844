"""The library in a few calls: decode, references, score, compare. Frames in, frames out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from harness import engine
from harness.arguments import check_frame, listed, prompts_of, seeds_of, strategies_of
from harness.comparison import REFERENCE, Comparison
from harness.engine import MaxRows, Request
from harness.errors import InputError
from harness.evidence import Evidence, against
from harness.faults import completed
from harness.featurizer import Featurizer
from harness.gap import HumanGap
from harness.knobs import PositiveCount, Seed, check
from harness.loaders import load_metric
from harness.measure import measure, record
from harness.metrics.base import Corpus, Metric, Tools
from harness.models.base import LanguageModel
from harness.prompts import Prompt
from harness.results import ScoreRecord
from harness.scorer import Scorer, check_scorers, reads_prompts
from harness.strategies.base import Strategy
from harness.texts import corpus, named, reference_frame, row

METRICS = ("repetition", "loops", "diversity", "distinct", "perplexity", "mauve", "length")


def decode(
    model: LanguageModel,
    prompts: Prompt | str | Sequence[Prompt | str],
    strategies: Mapping[str, Strategy[Any] | str] | str | Sequence[str],
    *,
    seeds: Seed | Sequence[Seed] = 0,
    samples: PositiveCount = 1,
    max_new_tokens: PositiveCount = 64,
    max_rows: MaxRows = "auto",
) -> pd.DataFrame:
    """Decode every prompt with every strategy, all in one batch.

    Args:
        model: from `load_model`.
        prompts: from `load_prompts`, or plain texts; equal texts are different prompts with different draws.
        strategies: label -> strategy, or names of yamls in `conf/strategy`.
        seeds: one set of draws each; deterministic strategies take the first alone.
        samples: continuations per prompt and seed of stochastic strategies.
        max_new_tokens: of a continuation.
        max_rows: decoded at once at most; memory grows with it, tokens do not change. auto: as many as fit and pay.

    Returns:
        One row per generation, ordered by strategy, prompt, seed and sample, with the columns of generations.parquet
        (`results/README.md`): prompt_id, prompt, strategy, seed, sample, text, tokens, per-token values, finish, score.

    Raises:
        InputError: there are no prompts, strategies or seeds; one of them is none, or is there twice; a number is out
            of its range; a prompt leaves no room in the model's context.
        DecodingFailed: a strategy raised (its error is the cause), or the model's logits are no numbers.
    """
    samples = check(decode, "samples", samples, f"samples={samples!r}")
    max_new_tokens = check(decode, "max_new_tokens", max_new_tokens, f"max_new_tokens={max_new_tokens!r}")
    max_rows = check(decode, "max_rows", max_rows, f"max_rows={max_rows!r}")
    known, chosen, drawn = prompts_of(prompts), strategies_of(strategies), seeds_of(seeds)
    labels = {
        Request(p, tuple(model.encode(p.text)), s, max_new_tokens, seed, i): label
        for label, s in chosen.items()
        for p in known
        for seed in (drawn if s.stochastic else drawn[:1])
        for i in range(samples if s.stochastic else 1)
    }
    place = {request: i for i, request in enumerate(labels)}
    decoded = completed(engine.decode(model, list(labels), max_rows=max_rows))
    found = sorted(decoded, key=lambda g: place[g.request])
    about = {"model": named(model), "max_new_tokens": max_new_tokens}
    return pd.DataFrame([row(g, labels[g.request], model) | about for g in found])


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
        One row per reference: prompt_id, prompt, text, tokens, ends, logprob, entropy, rank, gap.

    Raises:
        InputError: a prompt is a plain text, which has no reference; there are no prompts; the length is no count.
    """
    max_new_tokens = check(references, "max_new_tokens", max_new_tokens, f"max_new_tokens={max_new_tokens!r}")
    given = listed("prompts", prompts, (str, Prompt))
    for each in given:
        if not isinstance(each, Prompt):
            raise InputError(f"prompts: {each!r:.60} is no Prompt and has no reference; take those of load_prompts")
    return reference_frame(model, given, max_new_tokens).assign(model=named(model), max_new_tokens=max_new_tokens)


def score(
    generations: pd.DataFrame,
    references: pd.DataFrame | None = None,
    metrics: str | Metric | Sequence[str | Metric] = METRICS,
    featurizer: str = "pocket-l",
    model: LanguageModel | None = None,
) -> pd.DataFrame:
    """Measure the texts of every strategy in a frame from `decode`, and the references beside them.

    Nothing is cut. Where the longest reference and the longest text of a strategy differ, a note of each of that
    strategy's scores says so: most likely `decode` and `references` were given different lengths.

    Args:
        generations: from `decode`; several frames may be concatenated, if no two texts are of the same strategy,
            prompt, seed and sample. Strategies under several models need a label for each. Texts from elsewhere need
            the columns strategy, prompt_id and text alone; metrics can then count words.
        references: from `references`, or a frame with the columns prompt_id and text; without them there is no
            reference row and no MAUVE.
        metrics: names of yamls in `conf/metrics`, or metric objects.
        featurizer: the model of `conf/model` whose hidden states MAUVE compares, unless the metric names its own.
        model: the one that decoded. With it the gap to the references is measured on texts cut to equal lengths;
            without it, only where no text has to be cut.

    Returns:
        One row per strategy and score: strategy, score, value, low, high, better, reference, gap, gap_low, gap_high,
        gap_p, signature, method, notes. The references are the strategy "reference". `differences` tests one strategy
        against the others from it.

    Raises:
        InputError: a frame is not what it should be, or holds a text twice; there are no metrics; there is no such
            metric, featurizer or scorer.
    """
    built = [m if isinstance(m, Metric) else load_metric(m) for m in listed("metrics", metrics, (str, Metric))]
    for metric in built:
        check_scorers({f"metrics.{type(metric).__name__.lower()}": metric})
    check_frame("generations", generations, ("strategy", *_TEXT))
    if any(map(reads_prompts, built)) and "prompt" not in generations:
        raise InputError("generations: a scorer reads each text after its prompt; the frame has no column prompt")
    if set(_KEYS) <= set(generations) and (again := generations.duplicated([*_KEYS])).any():
        label = generations["strategy"][again].iloc[0]
        raise InputError(
            f"generations: {label!r} has two texts of one prompt, seed and sample; give what two "
            "models wrote labels of their own, as in decode(model, prompts, {'greedy m': 'greedy'})"
        )
    human = None
    if references is not None:
        check_frame("references", references, _TEXT, empty=True)
        if any(map(reads_prompts, built)) and "prompt" not in references:
            raise InputError("references: a scorer reads each text after its prompt; the frame has no column prompt")
        human = None if references.empty else corpus(references)
    if human and (generations["strategy"] == "reference").any():
        raise InputError("generations: the label 'reference' is that of the references; give the strategy another")
    features = {w for m in built if (w := getattr(m, "featurizer", None))} if human is not None else set()
    if len(chosen := (features - {"auto"}) or features) > 1:
        raise InputError(f"featurizer: one for all metrics, not {', '.join(sorted(chosen))}")
    tools = Tools(
        human,
        Featurizer(featurizer if (name := chosen.pop()) == "auto" else name, key="featurizer") if chosen else None,
        decode=model.decode if model else None,
        scorer=Scorer(),
    )
    kept: dict[str, list[ScoreRecord]] = {}
    evidence: dict[str, dict[str, Evidence]] = {}
    of_reference: list[ScoreRecord] = []
    gap = None
    if human:
        of_humans = measure(human, built, tools)
        of_reference, _ = record(of_humans, human)
        gap = HumanGap(human, of_humans, built, tools)
    for label, frame in generations.groupby("strategy", sort=False):
        texts = corpus(frame, "unknown")
        notes = _unequal(texts, human) if human else ()
        found = measure(texts, built, tools)
        scores, basis = record(found, texts, of_reference, gap(texts, found) if gap else None)
        evidence[str(label)] = {each.score: each for each in basis}
        kept[str(label)] = [replace(s, notes=(*s.notes, *notes)) for s in scores]
    if human:
        kept["reference"] = of_reference
    rows = [(label, s) for label, scores in kept.items() for s in scores]
    frame = pd.DataFrame(
        [{"strategy": label, "score": s.name} | {c: getattr(s, c) for c in _COLUMNS} for label, s in rows]
    )
    frame.attrs[_EVIDENCE] = evidence
    return frame


_KEYS = ("strategy", "prompt_id", "seed", "sample")  # what identifies a generation
_TEXT = ("prompt_id", "text")  # what every text has
_GAP = ("gap", "gap_low", "gap_high", "gap_p")
_COLUMNS = ("value", "low", "high", "better", "reference", *_GAP, "signature", "method", "notes")  # of a score
_EVIDENCE = "evidence"  # what `score` leaves in a frame's attrs for `differences`


def _unequal(texts: Corpus, human: Corpus) -> tuple[str, ...]:
    """A note where the longest texts of the two sides differ, as far as they have tokens."""
    if texts.tokens is None or human.tokens is None:
        return ()
    ours, theirs = (max(map(len, side), default=0) for side in (texts.tokens, human.tokens))
    return () if ours == theirs else (f"references have up to {theirs} tokens, generations up to {ours}",)


def differences(scores: pd.DataFrame, baseline: str) -> pd.DataFrame:
    """Every strategy against a baseline, paired over prompts, with p-values corrected for there being many.

    Args:
        scores: from `score`, as it came: a frame made of several has lost what resampling takes.
        baseline: a strategy in it.

    Returns:
        One row per strategy and score that can be paired: strategy, score, difference (strategy minus baseline), low,
        high, p, p_holm (Holm, 1979, over all rows).

    Raises:
        InputError: it is not such a frame, or has no such strategy.
    """
    check_frame("scores", scores, ("strategy", "score", "value"))
    evidence: dict[str, dict[str, Evidence]] = scores.attrs.get(_EVIDENCE, {})
    if baseline not in evidence:
        allowed = f"there are {', '.join(evidence)}" if evidence else "give the frame that score() returned"
        raise InputError(f"baseline={baseline!r}: there is no such strategy in scores; {allowed}")
    found = against(evidence, baseline)
    return pd.DataFrame(
        [(*key, d.value, d.low, d.high, d.p, holm) for key, (d, holm) in found.items()],
        columns=["strategy", "score", "difference", "low", "high", "p", "p_holm"],
    )


def compare(scores: pd.DataFrame, baseline: str | None = None) -> Comparison:
    """A frame from `score` as a table: strategies down, scores across.

    Args:
        scores: from `score`.
        baseline: the strategy that the others are tested against where the table shows itself; None: the first.

    Returns:
        A frame of the values that a notebook shows with their intervals, the best in bold and marks for significance.
        Its `plane` draws them.

    Raises:
        InputError: it is not such a frame; a strategy has a score twice; there is no such baseline.
    """
    check_frame("scores", scores, ("strategy", "score", "value"))
    if (again := scores.duplicated(["strategy", "score"])).any():
        raise InputError(f"scores: {scores['strategy'][again].iloc[0]!r} has two values of one score")
    labels = [label for label in scores["strategy"].unique() if label != REFERENCE]
    if baseline is not None and baseline not in labels:
        raise InputError(f"baseline={baseline!r}: there is no such strategy in scores; there are {', '.join(labels)}")
    return Comparison.of(scores, scores.attrs.get(_EVIDENCE, {}), baseline)
