"""The study behind `experiment=degeneration`: Table 1 of Holtzman et al. (2020), measured and beside theirs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.api import score
from harness.knobs import PositiveCount, build
from harness.loaders import load_strategy
from harness.prompts import Prompt
from harness.results import JobResult, ScoreRecord
from harness.studies.base import Answer, Setting, decode
from harness.studies.degenerate import (
    COLUMNS,
    PUBLISHED,
    TEMPERED,
    Chances,
    frame_chances,
    nearest,
    order,
    title,
)

Cell = tuple[float, float | None, float | None]
WIDE = ("beam", "stochastic_beam")


@dataclass(frozen=True)
class Row:
    """A strategy, or people."""

    name: str
    cells: dict[str, Cell]  # score -> value, low, high
    published: dict[str, float]  # score -> the paper's; empty: it has no such row
    chances: Chances | None


def degeneration(setting: Setting, *, num_beams: PositiveCount = 16) -> Answer:
    """Every row that the sweep has, the two searches with the paper's number of beams, and the references.

    Args:
        setting: a sweep over strategies; of several models or seeds the first counts.
        num_beams: of `beam` and `stochastic_beam`, which one sweep cannot give a knob of their own beside samplers'
            knobs. At most as many as there are prompts.
    """
    first = setting.sweep.jobs[0]
    alike = ("model", "seed", "prompts", "max_new_tokens")
    jobs = [job for job in setting.sweep.jobs if all(job.config.get(k) == first.config.get(k) for k in alike)]
    human = next((each for each in setting.sweep.references if each.label == first.reference), None)
    rows = [_row(title(job.config["strategy"]), job.scores, job.generations) for job in jobs]
    width = min(num_beams, len(first.generations["prompt_id"].unique()))
    rows += [row for row in _wide(setting, first, width) if row.name not in {each.name for each in rows}]
    known = list(PUBLISHED)
    rows.sort(key=lambda row: known.index(row.name) if row.name in known else len(known))
    if human is not None and len(human.frame):
        rows.insert(0, _row("human", human.scores, human.frame))
    facts = {
        "model": str(first.provenance["model"]),
        "prompts": len(first.generations["prompt_id"].unique()),
        "new": int(first.config["max_new_tokens"]),
        "columns": COLUMNS,
        "rows": rows,
        "width": width,
        "wanted": num_beams,
        "tempered": TEMPERED,
        "nearest": _nearest(rows) if rows[0].name == "human" else {},
        "orders": {name: _order(rows, name) for name in COLUMNS},
        "findings": findings({row.name: row for row in rows}),
        "probability": (setting.folder / "figures" / "probability.png").exists(),
    }
    return Answer(facts)


def _row(name: str, scores: Sequence[ScoreRecord], frame: Any) -> Row:
    found = {each.name: each for each in scores if each.name in COLUMNS and math.isfinite(each.value)}
    theirs = dict(zip(COLUMNS, PUBLISHED[name], strict=True)) if name in PUBLISHED else {}
    return Row(name, {n: (s.value, s.low, s.high) for n, s in found.items()}, theirs, frame_chances(frame))


def _wide(setting: Setting, job: JobResult, width: int) -> list[Row]:
    """The two searches with so many beams, over the prompts of a job."""
    model, rows = setting.load(job), job.generations.drop_duplicates("prompt_id")
    prompts = [Prompt(str(i), text) for i, text in zip(rows["prompt_id"], rows["prompt"], strict=True)]
    strategies = {f"{kind.replace('_', ' ')} {width}": load_strategy(kind, num_beams=width) for kind in WIDE}
    seed, new = int(job.config["seed"]), int(job.config["max_new_tokens"])
    texts = decode(model, prompts, strategies, seeds=seed, max_new_tokens=new)
    wanted = ("perplexity", "self_bleu", "zipf", "loops")
    metrics = [build(node, f"metrics.{name}") for name, node in job.config["metrics"].items() if name in wanted]
    measured = score(texts, None, metrics, model=model) if metrics else None
    made = []
    for name in strategies:
        own = measured[measured["strategy"] == name] if measured is not None else texts[:0]
        cells = {
            str(each["score"]): (float(each["value"]), _end(each["low"]), _end(each["high"]))
            for each in own.to_dict("records")
            if each["score"] in COLUMNS and math.isfinite(each["value"])
        }
        theirs = dict(zip(COLUMNS, PUBLISHED[name], strict=True)) if name in PUBLISHED else {}
        made.append(Row(name, cells, theirs, frame_chances(texts[texts["strategy"] == name])))
    return made


def _end(value: Any) -> float | None:
    return None if value is None or math.isnan(value) else float(value)


def _nearest(rows: Sequence[Row]) -> dict[str, dict[str, list[str]]]:
    """Score -> the rows nearest to people here, and in the paper."""
    human, *others = rows
    found = {}
    for name in COLUMNS:
        if name in human.cells:
            ours = {row.name: row.cells[name][0] for row in others if name in row.cells}
            theirs = {row.name: row.published[name] for row in others if row.published}
            found[name] = {
                "ours": nearest(ours, human.cells[name][0]),
                "theirs": nearest(theirs, human.published[name]),
            }
    return found


def _order(rows: Sequence[Row], name: str) -> dict[str, float]:
    """Whether the strategies come in the paper's order: those whose perplexity is another thing there are left out."""
    same = [row for row in rows if row.name != "human" and not (name == "perplexity" and row.name in TEMPERED)]
    ours = {row.name: row.cells[name][0] for row in same if name in row.cells}
    rho, number = order(ours, {row.name: row.published[name] for row in same if row.published})
    return {"rho": rho, "rows": number}


def findings(rows: Mapping[str, Row]) -> list[dict[str, Any]]:
    """What the paper concludes from its table, a sentence each, and whether the intervals here show it.

    `held` is True where the two intervals do not overlap and lie as said, False where they lie the other way round,
    None where they overlap or one is missing.
    """
    said = [
        ("greedy text loops more than people's", "greedy", "loops", "human", 1),
        ("beam search loops more than people", f"beam {_widest(rows)}", "loops", "human", 1),
        ("greedy text is far too likely", "greedy", "perplexity", "human", -1),
        ("beam search's text is far too likely", f"beam {_widest(rows)}", "perplexity", "human", -1),
        ("pure sampling is more surprising than people", "pure sampling", "perplexity", "human", 1),
        ("top-k 40 is less surprising than people", "top-k 40", "perplexity", "human", -1),
        ("top-k 40 at temperature 0.7 writes alike texts", "top-k 40, temperature 0.7", "self-bleu-4", "human", 1),
        ("a top-k of 40 loops less than greedy", "top-k 40", "loops", "greedy", -1),
    ]  # fmt: skip
    return [
        {"says": sentence, "score": name, "one": rows[one].cells[name], "other": rows[other].cells[name],
         "held": _apart(rows[one].cells[name], rows[other].cells[name], way)}
        for sentence, one, name, other, way in said
        if one in rows and other in rows and name in rows[one].cells and name in rows[other].cells
    ]  # fmt: skip


def _widest(rows: Mapping[str, Row]) -> int:
    return max((int(name.removeprefix("beam ")) for name in rows if name.startswith("beam ")), default=0)


def _apart(one: Cell, other: Cell, way: int) -> bool | None:
    if way < 0:
        return _apart(other, one, 1)
    (_, low, high), (_, bottom, top) = one, other
    if low is None or high is None or bottom is None or top is None:
        return None
    return True if low > top else False if high < bottom else None
