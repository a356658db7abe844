"""The notebook "gpt2_clean": tiktoken's ids, five samples, and whether the model reads from left to right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.knobs import PositiveCount
from harness.loaders import load_strategy
from harness.models.base import LanguageModel
from harness.results import JobResult
from harness.studies.base import Answer, Setting, decode
from harness.studies.checks import Check, close, failures, same
from harness.studies.facts.checker import check
from harness.studies.facts.kinds import of_study, read
from harness.studies.facts.vocabulary import tokenised
from harness.studies.notebooks.causality import causality
from harness.studies.notebooks.endings import ending
from harness.studies.notebooks.measured import measured


@dataclass(frozen=True)
class Ask:
    """What is asked of every model."""

    texts: tuple[str, ...]
    prompt: str
    samples: int
    length: int
    top_k: int


def notebook_clean(
    setting: Setting,
    *,
    texts: tuple[str, ...],
    prompt: str,
    samples: PositiveCount = 5,
    length: PositiveCount = 30,
    top_k: PositiveCount = 50,
    facts: str | None = None,
) -> Answer:
    """Answer the notebook for every model of the sweep.

    Args:
        setting: the sweep's.
        texts: whose ids are shown.
        prompt: what the samples go on from.
        samples: how many.
        length: tokens of the prompt and a sample together, at most; and no sample is longer than those of the sweep.
        top_k: what the notebook samples from.
        facts: a file or folder of published facts; None: those that come with the package.
    """
    known = of_study(read(facts), "notebook_clean")
    ask = Ask(texts, prompt, samples, length, top_k)
    models, checks = list[dict[str, Any]](), list[Check]()
    for name, job in setting.models.items():
        model = setting.load(job)
        found, held = _of_model(model, job, ask)
        models.append({"name": name, **found})
        checks += [*held, *check(known, model)]
    scores = measured(setting.sweep, ("distinct-2", "rep-4", "perplexity", "length"))
    prompts = len({each for job in setting.sweep.jobs for each in job.generations["prompt_id"]})
    about = {"ask": ask, "models": models, "scores": scores, "prompts": prompts, "checks": checks}
    return Answer(about, failures(checks))


def _of_model(model: LanguageModel, job: JobResult, ask: Ask) -> tuple[dict[str, Any], list[Check]]:
    tokens = model.encode(ask.prompt)
    new = max(1, min(ask.length - len(tokens), int(job.config["max_new_tokens"])))
    strategies = {"drawn": load_strategy("top_k", top_k=ask.top_k)}
    seed = int(job.config["seed"])
    drawn = decode(model, ask.prompt, strategies, seeds=seed, samples=ask.samples, max_new_tokens=new)
    rest = [int(t) for t in drawn["tokens"][0]]
    if model.context is not None:
        rest = rest[: model.context - len(tokens)]
    found = causality(model, tokens, rest)
    name = model.name
    checks = [
        same(f"{name}: likeliest tokens of the prompt's rows, with more text behind", True, found.argmax_equal),
        close(f"{name}: largest change of a logit by what follows", 0.0, float(found.longer.max()), found.allowed),
        same(f"{name}: the first token moves later rows", True, found.looks_back),
    ]
    shown = [tokenised(model, text) for text in ask.texts]
    checks += [same(f"{name}: a text from its tokens", each.text, each.back) for each in shown]
    pieces = tokenised(model, ask.prompt).visible
    rows = zip(pieces, found.longer, found.other_start, strict=True)
    facts = {
        "texts": [{"text": each.text, "ids": each.ids, "pieces": each.visible} for each in shown],
        "digits": max((len(p.strip()) for each in shown for p in each.pieces if p.strip().isdecimal()), default=0),
        "prompt": len(tokens),
        "samples": [ending(model, row) for _, row in drawn.iterrows()],
        "different": len({tuple(map(int, row)) for row in drawn["tokens"]}),
        "rest": len(rest),
        "rows": [{"piece": piece, "longer": a, "other_start": b} for piece, a, b in rows],
        "largest": float(np.max(found.longer)),
        "allowed": found.allowed,
        "holds": found.holds,
    }
    return facts, checks
