"""The notebook that sets GPT-2 up: padding, masks, precision, devices; the default that loops, and what improves it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from harness.errors import InputError
from harness.inspect.step import shown
from harness.knobs import PositiveCount
from harness.models import pocket
from harness.models.base import LanguageModel
from harness.models.loading import load
from harness.results import JobResult
from harness.studies.base import Answer, Setting, decode
from harness.studies.checks import Check, close, failures, same, skipped
from harness.studies.facts.checker import check
from harness.studies.facts.kinds import of_study, read
from harness.studies.notebooks.causality import allowed
from harness.studies.notebooks.endings import ending
from harness.studies.notebooks.halved import halved
from harness.studies.notebooks.measured import DIFFERENCE_HEADS, difference_rows, differences, jobs_of, measured
from harness.studies.notebooks.padding import left_padded, padding

Half = Literal["auto", "float16", "bfloat16"]
LOOPING = ("loops", "rep-4")
"""The scores that an improvement is about: greedy has too much of both."""


@dataclass(frozen=True)
class Ask:
    """What is asked of every model."""

    padded: tuple[str, ...]
    continued: tuple[str, ...]
    length: int
    half: Half
    half_tokens: int


def notebook_setup(
    setting: Setting,
    *,
    padded: tuple[str, ...],
    continued: tuple[str, ...],
    length: PositiveCount = 20,
    half: Half = "auto",
    half_tokens: PositiveCount = 30,
    facts: str | None = None,
) -> Answer:
    """Answer the notebook for every model of the sweep.

    Args:
        setting: the sweep's; its first job of a model is what the others should improve on.
        padded: prompts of different lengths, for a batch.
        continued: prompts of the default generation.
        length: its tokens, the prompt's included; 20 is transformers' default.
        half: the dtype to compare with; auto is bfloat16 on a CPU, float16 elsewhere.
        half_tokens: greedy tokens to compare in it, at most as many as the sweep's.
        facts: a file or folder of published facts; None: those that come with the package.
    """
    known = of_study(read(facts), "notebook_setup")
    ask = Ask(padded, continued, length, half, half_tokens)
    models, checks = list[dict[str, Any]](), list[Check]()
    for name, job in setting.models.items():
        model = setting.load(job)
        found, held = _of_model(model, job, ask)
        apart = differences(jobs_of(setting.sweep, name), (*LOOPING, "diversity", "perplexity"))
        improved = [r["label"] for r in apart if r["score"] in LOOPING and r["difference"] < 0 and r["verdict"]]
        better = {"baseline": jobs_of(setting.sweep, name)[0].label, "improved": list(dict.fromkeys(improved))}
        models.append({"name": name, "against": difference_rows(apart), **better, **found})
        checks += [*held, *check(known, model)]
    scores = measured(setting.sweep, (*LOOPING, "diversity", "perplexity", "mauve"))
    about = {"ask": ask, "models": models, "scores": scores, "heads": DIFFERENCE_HEADS, "checks": checks}
    return Answer(about, failures(checks))


def _of_model(model: LanguageModel, job: JobResult, ask: Ask) -> tuple[dict[str, Any], list[Check]]:
    batch, held = _padding(model, ask)
    half, half_held = _half(model, job, ask)
    spread, spread_held = _spread(model, job, ask)
    facts = {
        "device": str(model.device),
        "dtype": str(model.dtype).removeprefix("torch."),
        "padding": batch,
        "half": half,
        "spread": spread,
        "default": [_default(model, prompt, ask.length, int(job.config["max_new_tokens"])) for prompt in ask.continued],
    }
    return facts, [*held, *half_held, *spread_held]


def _padding(model: LanguageModel, ask: Ask) -> tuple[dict[str, Any], list[Check]]:
    """The batch as a table, and the next token of every row with and without its mask."""
    prompts, pad = [model.encode(prompt) for prompt in ask.padded], min(model.eos, default=0)
    batch, found = left_padded(prompts, pad), padding(model, prompts, pad)
    alone = [decode(model, prompt, "greedy", max_new_tokens=ask.length)["tokens"][0].tolist() for prompt in ask.padded]
    together = decode(model, list(ask.padded), "greedy", max_new_tokens=ask.length)["tokens"]
    facts = {
        "pad": {"id": pad, "piece": shown(model.pieces([pad])[0])},
        "rows": [
            {
                "prompt": prompt,
                "pieces": [shown(piece) for piece in model.pieces(tokens)],
                "mask": mask,
                "positions": positions,
            }
            for prompt, tokens, mask, positions in zip(
                ask.padded, batch.tokens, batch.mask, batch.positions, strict=True
            )
        ],
        "effects": [
            {"masked": a, "unmasked": b, "next": [shown(piece) for piece in model.pieces(ids)]}
            for a, b, *ids in zip(found.masked, found.unmasked, found.alone, found.in_batch, found.as_text, strict=True)
        ],
    }
    name = f"{model.name}: a padded batch"
    return facts, [
        close(f"{name}, largest change of a logit", 0.0, float(found.masked.max()), found.allowed),
        same(f"{name}, the likeliest next tokens", found.alone, found.in_batch),
        same(
            f"{name}, prompts whose greedy text is the same",
            len(alone),
            sum(a == b.tolist() for a, b in zip(alone, together, strict=True)),
        ),
    ]


def _half(model: LanguageModel, job: JobResult, ask: Ask) -> tuple[dict[str, Any], list[Check]]:
    """The same weights in 16 bits, where the model can be loaded so."""
    dtype = ask.half if ask.half != "auto" else "bfloat16" if model.device.type == "cpu" else "float16"
    try:
        other = load({**job.config["model"], "dtype": dtype})
    except InputError as error:
        return {"why": str(error)}, [skipped(f"{model.name}: in {dtype}", dtype, str(error))]
    new = min(ask.half_tokens, int(job.config["max_new_tokens"]))
    found = halved(model, other, [*ask.padded, *ask.continued], new)
    return {"why": None, "new": new, **asdict(found)}, []


def _spread(model: LanguageModel, job: JobResult, ask: Ask) -> tuple[dict[str, Any], list[Check]]:
    """The same model through device_map=auto, which puts its parts where there is room."""
    name = f"{model.name}: with device_map=auto, largest change of a logit"
    try:
        other = load({**_by_hf(job.config["model"]), "device_map": "auto", "device": "auto", "packed": False})
    except InputError as error:
        return {"why": str(error)}, [skipped(name, 0.0, str(error))]
    tokens = model.encode(ask.padded[0])
    logits = [each.prefill([tokens])[0].logits.double().cpu() for each in (model, other)]
    apart = float((logits[0] - logits[1]).abs().max())
    places = getattr(getattr(other, "network", None), "hf_device_map", None) or {"": str(other.device)}
    facts = {"why": None, "places": {str(k) or "everything": str(v) for k, v in places.items()}, "largest": apart}
    return facts, [close(name, 0.0, apart, allowed(model, logits[0]))]


def _by_hf(node: Mapping[str, Any]) -> dict[str, Any]:
    """The node of a model as one of `harness.models.loading.hf`, which knows device_map; pocket models are folders."""
    if "device_map" in node or "size" not in node:
        return dict(node)
    return {"factory": "harness.models.loading.hf", "name": str(pocket.where(node["size"])), "dtype": node["dtype"]}


def _default(model: LanguageModel, prompt: str, length: int, longer: int) -> dict[str, Any]:
    """What `generate` does if nothing is said: greedy, to so many tokens; and to the sweep's length."""
    rows: Sequence[int] = (max(1, length - len(model.encode(prompt))), longer)
    short, long = (ending(model, decode(model, prompt, "greedy", max_new_tokens=new).iloc[0]) for new in rows)
    return {"prompt": prompt, "short": short, "long": long}
