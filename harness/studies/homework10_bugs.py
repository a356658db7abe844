"""What the homework's solution got wrong: three mistakes in its attention, each by itself and together, by size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.errors import InputError
from harness.knobs import PositiveCount
from harness.models.numpy_model import NumpyModel
from harness.report import style
from harness.stats import Difference, holm
from harness.studies.base import Answer, Setting
from harness.studies.checks import Check, close, failures
from harness.studies.homework import bug_figures as figures
from harness.studies.homework.bits import Bits
from harness.studies.homework.twin import WITHIN, numpy_of
from harness.studies.homework.variants import LEAKS, RIGHT, VARIANTS, Model, Plan, measure


@dataclass(frozen=True)
class Change:
    """Bits per byte of a variant under one model minus that under the smallest."""

    variant: str
    model: str
    difference: Difference
    p: float  # corrected for there being all the others (Holm, 1979)


def homework10_bugs(
    setting: Setting,
    *,
    prompt: str,
    sample_tokens: PositiveCount = 40,
    texts: PositiveCount = 64,
    stride: PositiveCount = 6,
    depth_texts: PositiveCount = 24,
) -> Answer:
    """Measure every variant of every model of the sweep on its reference texts.

    Args:
        setting: a sweep whose prompts have references.
        prompt: that every variant continues.
        sample_tokens: of these continuations; at most twice the sweep's.
        texts: references that are read.
        stride: every so manyth of their tokens is predicted.
        depth_texts: references that are read with mistakes in some layers alone.

    Raises:
        InputError: the prompts have no references, or NumPy does not have a model.
    """
    human = {each.label: each.frame for each in setting.sweep.references if len(each.frame)}
    found: list[Model] = []
    checks: list[Check] = []
    measured: dict[tuple[str, str], Bits] = {}
    for name, job in setting.models.items():
        if job.reference not in human:
            raise InputError(f"prompts={job.choices['prompts']}: needs references, which are what is read here")
        frame, dtype = human[job.reference].head(texts), str(job.provenance["dtype"])
        model = numpy_of(job, dtype if dtype in WITHIN else "float32")
        assert isinstance(model, NumpyModel)
        new = min(sample_tokens, 2 * int(job.config["max_new_tokens"]))
        about, known = measure(model, frame, Plan(prompt, new, stride, depth_texts))
        found.append(about)
        measured |= {(variant, name): each for variant, each in known.items()}
        within = 1e-4 if dtype in WITHIN else 1e-2
        title = f"{name}: bits per byte of the right network, torch and NumPy"
        checks.append(close(title, Bits.of(frame, stride).value, known[RIGHT].value, within))
    found.sort(key=lambda model: model.parameters)
    facts = {
        "prompt": prompt,
        "stride": stride,
        "leaks": min(LEAKS, found[0].texts),
        "depth_texts": min(depth_texts, found[0].texts),
        "models": found,
        "first_layer": min(model.first_layer for model in found),
        "changes": _changes([model.name for model in found], measured),
        "checks": checks,
        "figures": _figures(setting, found),
    }
    return Answer(facts, failed=failures(checks))


def _changes(models: Sequence[str], measured: Mapping[tuple[str, str], Bits]) -> list[Change]:
    """Every model against the smallest, variant by variant."""
    pairs = [
        (variant, model, measured[variant, model].minus(measured[variant, models[0]]))
        for variant in VARIANTS
        for model in models[1:]
    ]
    adjusted = holm([difference.p for *_, difference in pairs])
    return [Change(*pair, float(p)) for pair, p in zip(pairs, adjusted, strict=True)]


def _figures(setting: Setting, found: Sequence[Model]) -> dict[str, str]:
    lines = {name: [(v.bits, v.low, v.high) for m in found for v in m.variants if v.name == name] for name in VARIANTS}
    with style.styled():
        sizes = figures.sizes([m.name for m in found], lines, [m.last_token for m in found], [m.uniform for m in found])
        depth = figures.depth({m.name: m.depths for m in found}, {m.name: m.layers for m in found})
        return {"sizes": setting.save(sizes, "bugs_sizes"), "depth": setting.save(depth, "bugs_depth")}
