"""Whether published facts hold of a model at hand; what cannot be looked at is skipped and says why."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import singledispatch

import numpy as np

from harness.api import decode
from harness.configs import option, options
from harness.errors import InputError
from harness.inspect.step import look
from harness.loaders import load_strategy
from harness.models.base import LanguageModel
from harness.models.scoring import score_continuations
from harness.studies.checks import Check, close, same, skipped
from harness.studies.facts.kinds import Continuation, Fact, Logprobs, Perplexities, Tokens, Top, WikiText
from harness.studies.facts.vocabulary import is_gpt2, tokenised
from harness.studies.facts.windows import perplexity

Corpus = Callable[[], str]
"""Gives the test split of WikiText-2; an InputError says why it cannot."""


def check(
    facts: Iterable[Fact], model: LanguageModel, corpus: Corpus | None = None, name: str | None = None
) -> list[Check]:
    """Look at every fact that this model can show; the others are skipped.

    Args:
        facts: of any models.
        model: the one at hand, taken for what it is called: a model called gpt2 has to do what GPT-2 does.
        corpus: for perplexities of WikiText; None: they are skipped.
        name: what it is called; None: by its own name, without the revision.
    """
    found: list[Check] = []
    name, gpt2 = name or model.name.partition("@")[0], is_gpt2(model)
    for fact in facts:
        try:
            why = _obstacle(fact, model, name, gpt2)
            found += [skipped(fact.name, fact.expected, why)] if why else _look(fact, model, corpus)
        except InputError as error:  # a prompt or a window that is too long for it, a data set that is not there
            found.append(skipped(fact.name, fact.expected, str(error)))
    return found


def _obstacle(fact: Fact, model: LanguageModel, name: str, gpt2: bool) -> str | None:
    """Why a model, called so, with or without GPT-2's vocabulary, cannot show a fact; None if it can."""
    if fact.model is None:
        return None if gpt2 else f"{model.name} has another vocabulary than GPT-2"
    if fact.model != name:
        return f"needs the weights of {fact.model}; this is {name}"
    dtypes = {dtype := str(model.dtype).removeprefix("torch."), fact.dtype}
    if len(dtypes) > 1 and dtypes != {"float32", "float64"}:
        return f"published for {fact.dtype}; this is {dtype}"
    return None if not isinstance(fact, Continuation) else _no_strategy(fact)


def _no_strategy(fact: Continuation) -> str | None:
    name = next((each for each in fact.strategy if each in options("strategy")), None)
    if name is None:
        return f"no strategy yet: there is no {' or '.join(fact.strategy)} in conf/strategy"
    node = option("strategy", name)
    missing = [knob for knob in fact.knobs if knob not in node]
    return f"no strategy yet: {name} has no knob {missing[0]}" if missing else None


@singledispatch
def _look(fact: Fact, model: LanguageModel, corpus: Corpus | None) -> list[Check]:
    raise NotImplementedError(type(fact))


@_look.register
def _tokens(fact: Tokens, model: LanguageModel, corpus: Corpus | None) -> list[Check]:
    found = tokenised(model, fact.text)
    checks = [] if fact.ids is None else [same(fact.name, fact.ids, found.ids)]
    return checks + ([] if fact.pieces is None else [same(f"{fact.name}: pieces", fact.pieces, found.pieces)])


@_look.register
def _continuation(fact: Continuation, model: LanguageModel, corpus: Corpus | None) -> list[Check]:
    name = next(each for each in fact.strategy if each in options("strategy"))
    new = fact.new if fact.new is not None else (fact.length or 0) - len(model.encode(fact.prompt))
    frame = decode(model, fact.prompt, {name: load_strategy(name, **fact.knobs)}, max_new_tokens=new)
    text, ids = str(frame["text"][0]), [int(t) for t in frame["tokens"][0]]
    shown = text[: len(fact.text)] if fact.begins else text
    checks = [same(fact.name, fact.text, shown)]
    return checks + ([] if fact.ids is None else [same(f"{fact.name}: tokens", fact.ids, ids)])


@_look.register
def _logprobs(fact: Logprobs, model: LanguageModel, corpus: Corpus | None) -> list[Check]:
    frame = decode(model, fact.prompt, "greedy", max_new_tokens=len(fact.pieces))
    pieces = model.pieces([int(t) for t in frame["tokens"][0]])
    found = [float(x) for x in frame["logprob"][0]]
    checks = [same(f"{fact.name}: tokens", fact.pieces, pieces)]
    return checks if len(found) < len(fact.logprobs) else [*checks, _each(fact.name, fact.logprobs, found, fact.within)]


@_look.register
def _top(fact: Top, model: LanguageModel, corpus: Corpus | None) -> list[Check]:
    likeliest = look(model, fact.prompt).logprobs.topk(len(fact.pieces))
    found = [float(x) for x in likeliest.values.exp()]
    checks = [same(fact.name, fact.pieces, model.pieces(likeliest.indices.tolist()))]
    if not fact.probabilities:
        return checks
    return [*checks, _each(f"{fact.name}: probabilities", fact.probabilities, found, fact.within)]


@_look.register
def _perplexities(fact: Perplexities, model: LanguageModel, corpus: Corpus | None) -> list[Check]:
    texts = [model.encode(text) for text in fact.texts]
    scores = score_continuations(model, [t[:1] for t in texts], [t[1:] for t in texts])
    found = [math.exp(-score.logprob.mean()) if len(score.logprob) else math.nan for score in scores]
    return [
        close(f"{fact.name}: perplexity of the first", fact.first, found[0], fact.within),
        close(f"{fact.name}: mean perplexity", fact.mean, float(np.mean(found)), fact.within),
    ]


@_look.register
def _wikitext(fact: WikiText, model: LanguageModel, corpus: Corpus | None) -> list[Check]:
    if corpus is None:
        return [skipped(fact.name, fact.expected, "was not asked for: set study.wikitext")]
    tokens = model.encode(corpus())
    found = perplexity(model, tokens, fact.window, fact.stride)
    count = [] if fact.tokens is None else [same(f"{fact.name}: tokens", fact.tokens, len(tokens))]
    return [*count, close(f"{fact.name}: perplexity", fact.perplexity, found.documented, fact.within)]


def _each(name: str, expected: tuple[float, ...], found: list[float], within: float) -> Check:
    """Whether all numbers are close: the one that is furthest off says so, with the place that it has."""
    apart = [abs(a - b) if math.isfinite(b) else math.inf for a, b in zip(expected, found, strict=True)]
    worst = int(np.argmax(apart))
    return close(f"{name}: number {worst + 1} of {len(found)}", expected[worst], found[worst], within)
