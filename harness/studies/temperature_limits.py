"""The study behind `experiment=temperature_limits`: both limits of the temperature, how fast, and leaving greedy."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from harness.errors import InputError
from harness.knobs import PositiveCount
from harness.report import style
from harness.results import JobResult
from harness.studies.base import Answer, Setting
from harness.studies.checks import Check, close, failures
from harness.studies.temperature import figures
from harness.studies.temperature.contexts import Contexts, Curves, Summary, contexts, next_terms
from harness.studies.temperature.exact import truncated
from harness.studies.temperature.example import ASKED, NEAR_TIE, asked, example
from harness.studies.temperature.laws import WITHIN, Shape, cold_fit, hot_fit
from harness.studies.temperature.lines import described, lines
from harness.studies.temperature.ties import coarse, made, ties

GRID = np.concatenate([[0.0], np.logspace(-3, 3, 49), [math.inf]])
COLD = 10 ** (np.arange(-8, 13) / 8)  # temperatures over the start of the proved range, which ends at 1
HOT = 10 ** (np.arange(-20, 9) / 8)  # likewise; here it begins at 1


def temperature_limits(
    setting: Setting,
    *,
    positions: PositiveCount = 4,
    top_k: Annotated[int, Field(ge=2)] = 50,
    prompt: str = "Alan Turing theorized that computers would one day become",
) -> Answer:
    """Measure both laws in the contexts that the sweep's references give, and how its texts leave greedy.

    Args:
        setting: a sweep over strategy.temperature; every model of it is looked at.
        positions: contexts of each prompt.
        top_k: the truncation whose limits are shown beside the whole vocabulary's.
        prompt: whose next token is the example.

    Raises:
        InputError: a model gives all tokens the same logit everywhere.
    """
    models, checks = [], []
    for name, job in setting.models.items():
        model = setting.load(job)
        places = contexts(model, *_texts(setting, job), positions)
        facts, held = _laws(setting, name, places, top_k)
        found = lines([each for each in setting.sweep.jobs if each.provenance["model"] == name])
        told = [described(line, places, name) for line in found]
        if found:
            with style.styled():
                facts["figures"]["partings"] = setting.save(figures.partings(found), _stem(setting, "partings", name))
        checks += held + [check for _, of_line in told for check in of_line]
        models.append(facts | {"name": name, "example": example(model, prompt), "lines": [each for each, _ in told]})
    facts = {
        "within": WITHIN,
        "top_k": top_k,
        "positions": positions,
        "near_tie": NEAR_TIE,
        "drawn": figures.LINES,
        "made": made([1.0, 0.5, 0.2, 0.1, 0.05, 0.0]),
        "models": models,
        "checks": checks,
    }
    return Answer(facts, failed=failures(checks))


def _texts(setting: Setting, job: JobResult) -> tuple[Any, Any]:
    """The prompts of a job and their references, as frames."""
    prompts = job.generations.drop_duplicates("prompt_id")
    found = [each.frame for each in setting.sweep.references if each.label == job.reference]
    return prompts, found[0] if found else prompts[:0]


def _laws(setting: Setting, name: str, places: Contexts, top_k: int) -> tuple[dict[str, Any], list[Check]]:
    """Everything that takes no sampling."""
    rows = [row for row in places.logits if np.ptp(row[row > -np.inf]) > 0]
    if not rows:
        raise InputError(f"study: {name} gives all tokens the same logit in every context: it has nothing to measure")
    cut = [truncated(row, top_k) for row in rows]
    whole, kept = Curves.of(rows, GRID), Curves.of(cut, GRID)
    cold, hot = [cold_fit(row, COLD) for row in rows], [hot_fit(row, HOT) for row in rows]
    hot_cut = [hot_fit(row, HOT) for row in cut if np.ptp(row) > 0]
    shapes = [Shape.of(row) for row in rows]
    at, gaps = np.array(ASKED), np.array([shape.gap for shape in shapes])
    vocab = int(np.median([shape.vocab for shape in shapes]))
    with style.styled():
        pictures = {
            "limits": figures.limits(whole, kept, top_k, vocab),
            "laws": figures.laws(whole, shapes, cold, hot, (COLD, HOT)),
        }
        drawn = {stem: setting.save(each, _stem(setting, stem, name)) for stem, each in pictures.items()}
    summaries = {"cold": Summary.of(cold, COLD <= 1), "hot": Summary.of(hot, HOT >= 1)}
    if hot_cut:
        summaries["hot_cut"] = Summary.of(hot_cut, HOT >= 1)
    facts = {
        "prompts": len(set(places.prompt_ids)),
        "vocab": vocab,
        "kept": int(np.median([len(row) for row in cut])),
        "asked": asked(Curves.of(rows, at), Curves.of(cut, at), gaps),
        "variance": float(np.median([shape.variance for shape in shapes])),
        "variance_cut": float(np.median([row.var() for row in cut])),
        "next": next_terms(shapes, hot),
        "ties": asdict(ties(rows, COLD[COLD <= 1])),
        "coarse": asdict(ties([coarse(row) for row in rows], COLD[COLD <= 1])),
        "figures": drawn,
        "laws": {key: asdict(each) for key, each in summaries.items()},
    }
    return facts, _held(name, summaries, top_k)


def _held(name: str, summaries: Mapping[str, Summary], top_k: int) -> list[Check]:
    """The laws as checks: constants and exponents, of the context where they are farthest off."""
    titles = {
        "cold": ("τ → 0", "(1 - P(argmax)) / (m exp(-Δ/τ))", "slope of ln(1 - P(argmax)) on 1/τ, over -Δ"),
        "hot": ("τ → ∞", "(ln V - H) / (Var / 2τ²)", "slope of ln(ln V - H) on ln τ, over -2"),
        "hot_cut": (f"τ → ∞ of top_k={top_k}", "(ln k - H) / (Var / 2τ²)", "slope of ln(ln k - H) on ln τ, over -2"),
    }
    checks = []
    for key, found in summaries.items():
        limit, constant, slope = titles[key]
        checks.append(close(f"{name}, {limit}: {constant}", 1.0, found.farthest, WITHIN))
        checks.append(close(f"{name}, {limit}: {slope}", 1.0, 1 + found.slope_error, WITHIN))
    return checks


def _stem(setting: Setting, figure: str, name: str) -> str:
    return figure if len(setting.models) == 1 else f"{figure}-{re.sub(r'[^a-zA-Z0-9.-]+', '-', name)}"
