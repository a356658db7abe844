"""Log-probabilities of texts under models that did not write them, for all jobs of a sweep."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from harness.configs import option, options
from harness.errors import InputError, did_you_mean
from harness.metrics.base import Corpus, Metric, Scored
from harness.metrics.reading import GENERATOR
from harness.models.base import LanguageModel
from harness.models.loading import load, preflight

Pair = tuple[str, str]  # a prompt and its continuation


def check_scorers(metrics: Mapping[str, Metric]) -> None:
    """Find out, before anything slow, whether the models that metrics want as scorers can be had.

    Args:
        metrics: what messages call a metric ("metrics.perplexity") -> the metric; its knobs `scorer` and `scorers` name
            models of `conf/model`, or the generator.

    Raises:
        InputError: a name is no model, or the model cannot be had; the message begins with the knob's key.
    """
    for key, metric in metrics.items():
        for knob in ("scorer", "scorers"):
            for name in _wanted(metric, knob):
                _check(name, f"{key}.{knob}={name!r:.60}")


def reads_prompts(metric: Metric) -> bool:
    """Whether a model other than the generator reads each text after its prompt."""
    return any(name != GENERATOR for knob in ("scorer", "scorers") for name in _wanted(metric, knob))


def _wanted(metric: Metric, knob: str) -> tuple[str, ...]:
    given = getattr(metric, knob, ())
    return (given,) if isinstance(given, str) else tuple(given)


def _check(name: str, shown: str) -> None:
    names = options("model")
    if name == GENERATOR:
        return
    if name not in names:
        raise InputError(f"{shown}: there is no such model; {did_you_mean(name, [GENERATOR, *names])}")
    try:
        preflight(option("model", name))
    except InputError as error:
        raise InputError(f"{shown}: {error}") from None


class Scorer:
    """Reads corpora with any model of `conf/model`: loads it when it is first asked, and remembers what it read."""

    def __init__(self) -> None:
        self._models: dict[str, LanguageModel] = {}
        self._known: dict[str, dict[Pair, NDArray[np.float64]]] = {}

    def __call__(self, name: str, corpus: Corpus) -> Scored:
        """The log-probability of each token of every continuation, given its prompt, in the scorer's own tokens.

        Args:
            name: of a yaml in `conf/model`; or "generator": what is recorded of the texts already.
            corpus: its prompts and texts are read, its tokens are not: a closing end-of-text token is no part of a
                text.

        Raises:
            InputError: there is no such model, or it cannot be loaded; nothing is recorded of the texts.
        """
        if name == GENERATOR:
            return Scored(corpus.per_token("logprob", "the scorer generator"), GENERATOR)
        if name not in self._models:
            self._models[name] = load(option("model", name))
        model, known = self._models[name], self._known.setdefault(name, {})
        pairs = list(zip(corpus.prompts, corpus.texts, strict=True))
        unread = [pair for pair in dict.fromkeys(pairs) if pair not in known]
        known.update(zip(unread, read(model, unread), strict=True))
        return Scored([known[pair] for pair in pairs], f"{name}@{model.fingerprint[:12]}")


def read(model: LanguageModel, pairs: Sequence[Pair]) -> list[NDArray[np.float64]]:
    """The log-probabilities of each continuation's tokens, in windows where the model's context is too short."""
    from harness.models.scoring import score_continuations  # imports torch

    prompts = {prompt: model.encode(prompt) for prompt in dict.fromkeys(prompt for prompt, _ in pairs)}
    pieces = [
        (i, before, piece)
        for i, (prompt, text) in enumerate(pairs)
        for before, piece in windows(prompts[prompt], model.continuation(text), model.context)
    ]
    scores = score_continuations(model, [before for _, before, _ in pieces], [piece for *_, piece in pieces])
    found: list[list[NDArray[np.float64]]] = [[] for _ in pairs]
    for (i, *_), score in zip(pieces, scores, strict=True):
        found[i].append(score.logprob)
    return [np.concatenate(each) for each in found]


def windows(
    prompt: Sequence[int], continuation: Sequence[int], context: int | None
) -> Iterator[tuple[list[int], list[int]]]:
    """A continuation in pieces, each with as many of the tokens before it as fit the context.

    Every token is in one piece. A text that fits is one piece; the last token is only predicted, so one more than the
    context fits. In longer ones each token has at least half a context before it, if the text has so much: what does
    not fit is dropped from the left, of the prompt first.

    Yields:
        (tokens before a piece, the piece).
    """
    whole = [*prompt, *continuation]
    if context is None or len(whole) <= context + 1:
        yield list(prompt), list(continuation)
        return
    size = context + 1 - max(1, context // 2)
    for start in range(len(prompt), len(whole), size):
        end = min(start + size, len(whole))
        yield whole[max(0, end - context - 1) : start], whole[start:end]
