"""What a metric needs of the texts, found out by asking it about two made-up ones before anything slow."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

import numpy as np

from harness.errors import InputError
from harness.metrics.base import Corpus, Metric, Scored, Tools

VALUES = ("logprob", "entropy", "rank", "gap")
"""What `harness.models.scoring` knows of a given text's tokens."""


@dataclass(frozen=True)
class Given:
    """What the command line gives a metric to work with."""

    tokens: bool = False
    values: bool = False  # of each token, by a model
    references: bool = False


_FLAGS = {
    "tokens": "--tokenizer NAME-or-DIR",
    "values": "--model NAME",
    "references": "--reference-column NAME",
}


@dataclass(frozen=True)
class Lack:
    """Why a metric cannot be computed, and what to give for it; "" if nothing helps."""

    complaint: str
    flag: str = ""

    def __str__(self) -> str:
        return f"{self.complaint} (give {self.flag})" if self.flag else self.complaint


def lacking(name: str, metric: Metric, given: Given) -> Lack | None:
    """Why a metric cannot be computed; None if it can."""
    if not (complaint := _complaint(name, metric, given)):
        return None
    for more, flag in _FLAGS.items():
        richer = replace(given, **{more: True}, **({"tokens": True} if more == "values" else {}))
        if not getattr(given, more) and not _complaint(name, metric, richer):
            other = " or --scorer NAME" if more == "values" and scorers(metric) else ""
            return Lack(complaint, flag + other)
    return Lack(complaint)


def scorers(metric: Metric) -> tuple[str, ...]:
    """The models that a metric wants to read the texts, by its knobs `scorer` and `scorers`."""
    one: str | None = getattr(metric, "scorer", None)
    return (*getattr(metric, "scorers", ()), *([one] if one else []))


def _complaint(name: str, metric: Metric, given: Given) -> str:
    if hasattr(metric, "featurizer") and not given.references:
        return f"metrics.{name} compares with references, and there are none"
    human = _example(given) if given.references else None
    tools = Tools(
        human,
        (lambda corpus: np.zeros((len(corpus.texts), 2), np.float32)) if given.references else None,
        "example",
        (lambda tokens: " ".join(map(str, tokens))) if given.tokens else None,
        _scorer,
    )
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            metric(_example(given), tools)
        except InputError as error:
            return str(error)
    return ""


def _example(given: Given) -> Corpus:
    """Two short texts with as much as the real ones have."""
    tokens = [[0, 1, 2, 0], [3, 1]]
    values = {name: [np.zeros(len(text)) for text in tokens] for name in VALUES}
    return Corpus(
        prompt_ids=["0", "1"],
        prompts=["a", "b"],
        texts=["a b c a", "d b"],
        ends=["unknown", "unknown"],
        tokens=tokens if given.tokens else None,
        values=values if given.values else {},
    )


def _scorer(name: str, corpus: Corpus) -> Scored:
    return Scored([np.zeros(len(text.split())) for text in corpus.texts], name)
