"""The notebook "Understanding GPT2": what comes next and how likely, and beam search written out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from harness.inspect.step import shown
from harness.knobs import Positive, PositiveCount, Temperature
from harness.loaders import load_strategy
from harness.metrics.ngrams import counts
from harness.models.base import LanguageModel
from harness.report.escape import visible
from harness.results import JobResult
from harness.strategies.beam_sample import Beams
from harness.studies.base import Answer, Setting, decode
from harness.studies.checks import Check, close, failures, same
from harness.studies.facts.checker import check
from harness.studies.facts.kinds import of_study, read
from harness.studies.facts.vocabulary import tokenised
from harness.studies.notebooks.endings import ending
from harness.studies.notebooks.measured import DIFFERENCE_HEADS, difference_rows, differences, jobs_of, measured
from harness.studies.notebooks.next_token import likeliest
from harness.studies.notebooks.written_beam import Written, of_model, write_out


@dataclass(frozen=True)
class Ask:
    """What is asked of every model."""

    prompt: str
    top: int
    greedy_tokens: int | None
    num_beams: int
    shown_steps: int
    sampling: dict[str, Any]  # the knobs of beam-sample
    samples: int


def notebook_understanding(
    setting: Setting,
    *,
    prompt: str,
    top: PositiveCount = 10,
    greedy_tokens: PositiveCount | None = None,
    num_beams: PositiveCount = 2,
    shown_steps: PositiveCount = 5,
    sample_beams: Beams = 4,
    temperature: Temperature = 2.0,
    repetition_penalty: Positive = 10.0,
    samples: PositiveCount = 3,
    facts: str | None = None,
) -> Answer:
    """Answer the notebook for every model of the sweep.

    Args:
        setting: the sweep's; searches are as long as its continuations.
        prompt: what everything goes on from.
        top: how many likeliest tokens to list.
        greedy_tokens: of the greedy text; None: half the sweep's.
        num_beams: of the search that is written out.
        shown_steps: of which all candidates are listed.
        sample_beams: of beam-sample.
        temperature: of beam-sample.
        repetition_penalty: of beam-sample.
        samples: of beam-sample.
        facts: a file or folder of published facts; None: those that come with the package.
    """
    known = of_study(read(facts), "notebook_understanding")
    knobs = {"num_beams": sample_beams, "temperature": temperature, "repetition_penalty": repetition_penalty}
    ask = Ask(prompt, top, greedy_tokens, num_beams, shown_steps, knobs, samples)
    models, checks = list[dict[str, Any]](), list[Check]()
    for name, job in setting.models.items():
        model = setting.load(job)
        found, held = _of_model(model, job, ask)
        against = difference_rows(differences(jobs_of(setting.sweep, name), ("perplexity", "loops", "rep-4")))
        models.append({"name": name, "against": against, **found})
        checks += [*held, *check(known, model)]
    scores = measured(setting.sweep, ("perplexity", "loops", "rep-4", "distinct-2"))
    about = {"ask": ask, "models": models, "scores": scores, "heads": DIFFERENCE_HEADS, "checks": checks}
    return Answer(about, failures(checks))


def _of_model(model: LanguageModel, job: JobResult, ask: Ask) -> tuple[dict[str, Any], list[Check]]:
    new, seed = int(job.config["max_new_tokens"]), int(job.config["seed"])
    prompt = tokenised(model, ask.prompt)
    short = decode(model, ask.prompt, "greedy", max_new_tokens=ask.greedy_tokens or -(-new // 2))
    strategies = {
        "greedy": load_strategy("greedy"),
        "beam": load_strategy("beam", num_beams=ask.num_beams),
        "beam-sample": load_strategy("beam_sample", **ask.sampling),
    }
    frame = decode(model, ask.prompt, strategies, seeds=seed, samples=ask.samples, max_new_tokens=new)
    rows = {label: frame[frame["strategy"] == label] for label in strategies}
    search, steps = rows["beam"].iloc[0], new if model.context is None else min(new, model.context - len(prompt.ids))
    written = write_out(of_model(model), prompt.ids, ask.num_beams, steps, model.eos)
    checks = [
        same(f"{model.name}: beam search by hand", [int(t) for t in search["tokens"]], list(written.best.tokens)),
        close(f"{model.name}: its mean log-probability", float(search["score"]), written.best.mean, 1e-4),
    ]
    texts = {label: [_text(model, row) for _, row in group.iterrows()] for label, group in rows.items()}
    first = likeliest(model, ask.prompt, ask.top)
    facts = {
        "prompt": {"ids": prompt.ids, "pieces": prompt.visible},
        "next": first,
        "share": sum(row["p"] for row in first),
        "short": ending(model, short.iloc[0]),
        "steps": _steps(model, written)[: ask.shown_steps],
        "running": _running(model, written)[ask.shown_steps :],
        "finished": [_hypothesis(model, each.tokens) | {"mean": each.mean} for each in written.finished],
        "texts": texts,
        "likelier": math.exp(texts["beam"][0]["total"] - texts["greedy"][0]["total"]),
    }
    return facts, checks


def _steps(model: LanguageModel, written: Written) -> list[list[dict[str, Any]]]:
    """Every candidate of every step."""
    return [
        [
            {
                **_hypothesis(model, each.extended.tokens),
                "parent": each.parent + 1,
                "logprob": each.logprob,
                "total": each.extended.total,
                "fate": each.fate,
            }
            for each in candidates
        ]
        for candidates in written.steps
    ]


def _running(model: LanguageModel, written: Written) -> list[dict[str, Any]]:
    """What is left of every step: its number, and the texts that run on or finish."""
    return [
        {"step": number, "kept": [step for step in candidates if step["fate"] != "dropped"]}
        for number, candidates in enumerate(_steps(model, written), 1)
    ]


def _hypothesis(model: LanguageModel, tokens: tuple[int, ...]) -> dict[str, Any]:
    return {"text": visible(model.decode(tokens)), "token": shown(model.pieces(tokens[-1:])[0])}


def _text(model: LanguageModel, row: pd.Series) -> dict[str, Any]:
    tokens = [int(t) for t in row["tokens"]]
    repeated = float(counts([tokens], [1])[0].repeated[0])
    return ending(model, row) | {"total": float(row["logprob"].sum()), "repeated": repeated}
