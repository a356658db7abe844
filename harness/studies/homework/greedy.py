"""Questions 1 to 3: greedy text of two networks that share weights alone, and of many runs of one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from harness.errors import InputError
from harness.loaders import load_strategy
from harness.models.base import LanguageModel
from harness.prompts import Prompt
from harness.results import JobResult
from harness.studies.base import decode
from harness.studies.checks import Check, close, same, skipped
from harness.studies.homework.limits import parted
from harness.studies.homework.reruns import different, reruns
from harness.studies.homework.twin import WITHIN, apart, twin_of

TIES = {"float32": 1e-3, "float64": 1e-9}
"""Logits nearer than this may change places by rounding, by dtype; of others anything may be rounding."""


@dataclass(frozen=True)
class Twin:
    """The torch path beside NumPy's."""

    parameters: int | None  # None where NumPy does not have the model
    difference: float  # the largest of any two logits; NaN where NumPy does not have the model
    why: str  # it does not
    checks: list[Check]


def twin(model: LanguageModel, job: JobResult, greedy: pd.DataFrame, max_new_tokens: int) -> Twin:
    """Compare logits on the prompts with their greedy continuations, and the continuations.

    Args:
        model: the job's.
        job: any that it decoded.
        greedy: generations of the prompts.
        max_new_tokens: of these.
    """
    names = f"{model.name}: largest difference of a logit", f"{model.name}: greedy tokens that are the same"
    total = sum(map(len, greedy["tokens"]))
    try:
        other = twin_of(job)
    except InputError as error:
        why = str(error)
        return Twin(None, math.nan, why, [skipped(names[0], 0.0, why), skipped(names[1], total, why)])
    texts = [[*model.encode(p), *map(int, t)] for p, t in zip(greedy["prompt"], greedy["tokens"], strict=True)]
    difference, largest = apart(model, other, texts)
    mine = decode(other, list(greedy["prompt"]), "greedy", max_new_tokens=max_new_tokens)
    equal = sum(
        len(a) if (at := parted(a, b)) is None else at - 1
        for a, b in zip(greedy["tokens"], mine["tokens"], strict=True)
    )
    gpt2 = getattr(other, "gpt2", None) or getattr(model, "gpt2", None)  # whichever of the two is NumPy's
    parameters = None if gpt2 is None else sum(int(w.size) for w in gpt2.weights.values())
    within = WITHIN[str(job.provenance["dtype"])] * largest
    return Twin(parameters, difference, "", [close(names[0], 0.0, difference, within), same(names[1], total, equal)])


@dataclass(frozen=True)
class Repeated:
    """Many runs of one model."""

    runs: int
    continuations: int  # greedy ones, of all runs
    prompts: int  # that they continue
    different: int  # greedy continuations of one prompt, at most; 1: never another
    sampled: float  # different continuations of one prompt by sampling, mean, under as many seeds
    gap: float  # smallest distance between the two largest logits at any step, in nats
    check: Check


def repeated(
    model: LanguageModel,
    prompts: Sequence[Prompt],
    others: Sequence[Prompt],
    known: Sequence[pd.DataFrame],
    times: int,
    max_new_tokens: int,
) -> Repeated:
    """Decode the prompts alone and in company, and count how many different texts there are of each.

    Args:
        model: any.
        prompts: decoded by themselves too.
        others: their company.
        known: greedy generations of the same model from elsewhere (the sweep's own batch), to be counted too.
        times: alone, and as often in company.
        max_new_tokens: of each text; all are compared as far as the shorter of these and of `known` go.
    """
    greedy, company = load_strategy("greedy"), {name: load_strategy(name) for name in ("sample", "beam")}
    found = list(
        reruns(
            model, prompts, greedy, others=others, company=company, times=times, max_new_tokens=max_new_tokens
        )
    )  # fmt: skip
    names = {p.id for p in (*prompts, *others)}
    elsewhere = [frame[frame["prompt_id"].isin(names)] for frame in known]
    shortest = min([max_new_tokens, *(int(f["tokens"].map(len).max()) for f in elsewhere if len(f))])
    frames = [f.assign(tokens=f["tokens"].map(lambda t: t[:shortest])) for f in (*(r.frame for r in found), *elsewhere)]
    count = max(different(frames).values())
    sampled = decode(model, list(prompts), "sample", seeds=range(2 * times), max_new_tokens=max_new_tokens)
    gap = float(min(np.min(each["gap"].map(np.min)) for each in frames))
    name = f"{model.name}: different greedy texts of a prompt"
    tie = TIES.get(str(model.dtype).removeprefix("torch."), math.inf)
    rounding = count > 1 and gap <= tie
    check = skipped(name, 1, f"{count}; two logits tie up to {gap:.1g}") if rounding else same(name, 1, count)
    return Repeated(
        runs=len(frames),
        continuations=sum(map(len, frames)),
        prompts=len(names),
        different=count,
        sampled=float(np.mean(list(different([sampled]).values()))),
        gap=gap,
        check=check,
    )
