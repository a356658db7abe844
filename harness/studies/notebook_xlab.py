"""The notebook "Running GPT-2 Locally": pieces, the next token and its loss, the greedy loop, three temperatures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure

from harness.inspect.outcome import Distribution, transformed
from harness.inspect.step import Step, look
from harness.knobs import Positive, PositiveCount
from harness.loaders import load_strategy
from harness.models.base import LanguageModel
from harness.models.scoring import score_continuations
from harness.report import style
from harness.results import JobResult
from harness.strategies.sampling import Sampling
from harness.studies.base import Answer, Setting, decode
from harness.studies.checks import Check, failures, same
from harness.studies.facts.checker import check
from harness.studies.facts.kinds import of_study, read
from harness.studies.facts.vocabulary import tokenised
from harness.studies.notebooks.endings import ending
from harness.studies.notebooks.halved import parting
from harness.studies.notebooks.measured import DIFFERENCE_HEADS, difference_rows, differences, jobs_of, measured
from harness.studies.notebooks.next_token import likeliest

BARS = 8
"""Tokens in the figure."""


@dataclass(frozen=True)
class Ask:
    """What is asked of every model."""

    texts: Sequence[str]
    asked: str
    answer: str
    continued: str
    temperatures: Sequence[float]
    samples: int
    top: int
    greedy_tokens: int | None


def notebook_xlab(
    setting: Setting,
    *,
    texts: tuple[str, ...],
    asked: str,
    answer: str,
    continued: str,
    temperatures: tuple[Positive, ...] = (0.3, 0.7, 1.2),
    samples: PositiveCount = 3,
    top: PositiveCount = 5,
    greedy_tokens: PositiveCount | None = None,
    facts: str | None = None,
) -> Answer:
    """Answer the notebook for every model of the sweep.

    Args:
        setting: the sweep's.
        texts: whose pieces are shown.
        asked: the prompt whose next token is asked for.
        answer: what should come next, for the loss.
        continued: the prompt that greedy and sampling go on from.
        temperatures: those of the samples.
        samples: shown per temperature.
        top: how many likeliest tokens to list.
        greedy_tokens: of the greedy text; None: twice the sweep's.
        facts: a file or folder of published facts; None: those that come with the package.
    """
    known = of_study(read(facts), "notebook_xlab")
    ask = Ask(texts, asked, answer, continued, temperatures, samples, top, greedy_tokens)
    models, checks = list[dict[str, Any]](), list[Check]()
    for number, (name, job) in enumerate(setting.models.items()):
        model, step = setting.load(job), look(setting.load(job), continued)
        tempers = {t: _at(step, t) for t in temperatures}
        figure = setting.save(_figure(step, tempers), f"next_token_{number + 1}")
        found, held = _of_model(model, job, ask, tempers)
        against = difference_rows(differences(jobs_of(setting.sweep, name), ("loops", "rep-4")))
        models.append({"name": name, "figure": figure, "against": against, **found})
        checks += [*held, *check(known, model)]
    scores = measured(setting.sweep, ("loops", "rep-4", "distinct-2", "perplexity"))
    facts_ = {"ask": ask, "models": models, "scores": scores, "heads": DIFFERENCE_HEADS, "checks": checks}
    return Answer(facts_, failures(checks))


def _of_model(
    model: LanguageModel, job: JobResult, ask: Ask, tempers: Mapping[float, Distribution]
) -> tuple[dict[str, Any], list[Check]]:
    new, seed = int(job.config["max_new_tokens"]), int(job.config["seed"])
    found = [tokenised(model, text) for text in (*ask.texts, ask.asked)]
    cold = load_strategy("temperature", temperature=0.0)
    strategies = {"greedy": load_strategy("greedy"), "τ = 0": cold}
    greedy = decode(model, ask.continued, strategies, seeds=seed, max_new_tokens=ask.greedy_tokens or 2 * new)
    rows = [[int(t) for t in tokens] for tokens in greedy["tokens"]]
    hot = {f"{t:g}": load_strategy("temperature", temperature=t) for t in ask.temperatures}
    drawn = decode(model, ask.continued, hot, seeds=seed, samples=ask.samples, max_new_tokens=new)
    drawings = []
    for t, label in zip(ask.temperatures, hot, strict=True):
        texts = [ending(model, row) for _, row in drawn[drawn["strategy"] == label].iterrows()]
        exact = tempers[t]
        drawings.append(
            {"temperature": t, "texts": texts, "peak": float(exact.probabilities.max()), "entropy": exact.entropy}
        )
    checks = [same(f"{model.name}: a text from its tokens", each.text, each.back) for each in found]
    common = parting(*rows)
    equal = len(rows[0]) if common is None else common
    checks.append(same(f"{model.name}: tokens that τ = 0 and greedy have in common", len(rows[0]), equal))
    facts = {
        "vocab": model.vocab,
        "texts": [{"text": each.text, "ids": each.ids, "pieces": each.visible} for each in found],
        "next": likeliest(model, ask.asked, ask.top),
        "loss": _loss(model, ask),
        "greedy": ending(model, greedy.iloc[0]),
        "drawn": drawings,
    }
    return facts, checks


def _at(step: Step, temperature: float) -> Distribution:
    """The whole distribution that sampling at a temperature draws from."""
    strategy = load_strategy("temperature", temperature=temperature)
    assert isinstance(strategy, Sampling)
    return transformed(strategy.transform, step.view(1))


def _loss(model: LanguageModel, ask: Ask) -> dict[str, Any]:
    """Of the answer after the prompt, and of the whole text after its first token; nats per token."""
    prompt, answer = model.encode(ask.asked), model.continuation(ask.answer)
    after, whole = score_continuations(model, [prompt, prompt[:1]], [answer, [*prompt[1:], *answer]])
    return {
        "answer": -float(after.logprob.mean()),
        "rank": int(after.rank[0]),
        "whole": -float(whole.logprob.mean()),
        "tokens": len(answer),
    }


def _figure(step: Step, tempers: Mapping[float, Distribution]) -> Figure:
    """The likeliest next tokens, a bar for each temperature."""
    tokens = step.logprobs.topk(min(BARS, len(step.logprobs))).indices.tolist()
    with style.styled():
        figure = style.new(7.2, 2.6)
        axes = figure.subplots()
        for i, (t, each) in enumerate(tempers.items()):
            width = 0.8 / len(tempers)
            at = [place - 0.4 + (i + 0.5) * width for place in range(len(tokens))]
            axes.bar(at, each.probabilities[tokens].tolist(), width, color=style.look(i).colour, label=f"τ = {t:g}")
        axes.set_xticks(range(len(tokens)), step.pieces(tokens))
        axes.set_ylabel("probability of the next token")
        axes.set_title(f"after “{step.prompt}”")
        axes.grid(axis="x", visible=False)
        axes.legend(frameon=False)
    return figure
