"""The number that a sweeper searches knobs for: a score of the job, or how far it is from the references."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.errors import InputError, did_you_mean
from harness.metrics.base import Better, Corpus, Metric, Scored, Tools

if TYPE_CHECKING:
    from harness.sweep import Job

DIRECTIONS: dict[Better, str] = {"high": "maximize", "low": "minimize", "reference": "minimize"}
"""Where a score is better, by its `better`; of one that should be near the references the distance is searched for."""


def check_objective(job: Job, metrics: Mapping[str, Metric]) -> None:
    """Refuse an objective that is sure to come to nothing, before anything is decoded.

    Raises:
        InputError: it is asked for without a sweeper that searches, or not given to one; no chosen metric has a score
            of this name; or the search would go the other way.
    """
    name = job.config.get("objective")
    if job.search is None:
        if name is not None:
            raise InputError(
                f"objective={name!r}: only a sweeper that searches wants one: -m hydra/sweeper=optuna, or null"
            )
        return
    direction = job.search.direction
    if name is None:
        if direction is None:
            return
        raise InputError(f"objective=None: hydra/sweeper={job.search.sweeper} needs the name of a score to {direction}")
    if direction not in (None, *DIRECTIONS.values()):
        raise InputError(f"hydra.sweeper.direction={direction}: allowed: maximize, minimize; there is one objective")
    known = [expected(metric) for metric in metrics.values()]
    scores = {key: better for each in known if each is not None for key, better in each.items()}
    if name in scores:
        _check_direction(name, scores[name], direction)
    elif None not in known:
        raise _unknown(name, scores)


def objective(job: Job) -> tuple[float, str]:
    """The objective of a job that has run, read from its scores, and the same in words.

    It is the score itself; of one that is better the nearer it is to the references, how far it is, as tables rank it.

    Raises:
        InputError: it has no such score, or the score has no value, or the search goes the other way.
    """
    from harness.reading import load
    from harness.records import from_json
    from harness.report.tables import distances

    name = job.config["objective"]
    scores = {score.name: score for score in map(from_json, load(job.folder / "scores.json"))}
    if name not in scores:
        raise _unknown(name, {key: score.better for key, score in scores.items()})
    score = scores[name]
    _check_direction(name, score.better, job.search.direction if job.search else None)
    value = distances([score])[0] if score.better == "reference" else score.value
    if math.isnan(value):
        why = "; ".join(score.notes) or ("there are no references" if score.better == "reference" else "no text has it")
        raise InputError(f"objective={name}: has no value: {why}")
    return value, f"{name} {score.value:.4g}{f', {value:.4g} from the references' * (score.better == 'reference')}"


def expected(metric: Metric) -> dict[str, Better] | None:
    """The scores that a metric will have, found by asking it about two short texts; None where it cannot be asked."""
    tools = Tools(_texts([[3, 5, 4, 8, 6, 7], [7, 4, 9, 3, 8, 5]]), _features, "nobody", _decode, _scorer)
    try:
        found = metric(_texts([[3, 4, 5, 6, 7, 8], [9, 3, 4, 9, 3, 4]]), tools)
    except Exception:  # a researcher's own metric may want what only a run has: the first trial will tell
        return None
    return {score.name: score.better for score in found}


def _check_direction(name: str, better: Better, direction: str | None) -> None:
    if direction in (None, DIRECTIONS[better]):
        return
    what = "its distance from the references" if better == "reference" else f"{name} is better {better}: it"
    raise InputError(f"hydra.sweeper.direction={direction}: with objective={name}, {what} is to {DIRECTIONS[better]}")


def _unknown(name: str, scores: Mapping[str, Better]) -> InputError:
    return InputError(f"objective={name!r}: no chosen metric has such a score: {did_you_mean(str(name), scores)}")


def _texts(tokens: list[list[int]]) -> Corpus:
    from harness.strategies.base import VALUES

    return Corpus(
        prompt_ids=["a", "b"],
        prompts=["one", "two"],
        texts=[_decode(each) for each in tokens],
        ends=["eos", "length"],
        tokens=tokens,
        values={name: [np.full(len(each), 0.5) for each in tokens] for name in VALUES},
        limit=6,
    )


def _decode(tokens: Sequence[int]) -> str:
    return " ".join(f"w{token}" for token in tokens)


def _features(corpus: Corpus) -> NDArray[np.float32]:
    return np.eye(len(corpus.texts), 4, dtype=np.float32)


def _scorer(_: str, corpus: Corpus) -> Scored:
    return Scored([np.full(len(text.split()), -1.0) for text in corpus.texts], "nobody")
