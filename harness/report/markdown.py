"""report.md: the question, the verdict, the table, the figures, the texts, and what it takes to do it again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from harness.report import escape, gaps, seeds
from harness.report.figures import Drawing
from harness.report.grid import Grid
from harness.report.remarks import remarks
from harness.report.tables import Table
from harness.report.verdict import verdict
from harness.report.words import prompts
from harness.report.writers import DOT, legend, to_markdown
from harness.results import JobResult, Sweep


def compose(sweep: Sweep, table: Table, drawings: Sequence[Drawing], prompts: int = 3, characters: int = 600) -> str:
    """The text of report.md.

    Args:
        sweep: read from its folder.
        table: of the sweep's jobs.
        drawings: the figures written to the folder's figures/.
        prompts: how many prompts to show the texts of.
        characters: where to cut a text that is longer.
    """
    sections = [
        f"# {question(sweep, table)}\n\n{setting(sweep)}",
        escape.code_block(sweep.command, "sh") if sweep.command else "",
        _section("Verdict", verdict(sweep, table)),
        _section("Scores", f"{to_markdown(table)}\n{legend(table, dot=DOT)}.\n\n{_bullets(remarks(sweep, table))}"),
        _section("Distance from the reference texts", _grid(gaps.grid(table))),
        _section("Over seeds", _grid(seeds.grid(sweep.jobs, table))),
        _section("Figures", "\n\n".join(map(_figure, drawings))),
        _section("Texts", "\n\n".join(_samples(sweep, prompts, characters))),
        _section("What differs between the jobs", _differences(sweep.jobs)),
        _section("Signatures", _signatures(sweep.jobs)),
        _section("Made with", _bullets(made(sweep.jobs))),
    ]
    return "\n\n".join(section.strip("\n") for section in sections if section) + "\n"


def _section(title: str, body: str) -> str:
    return f"## {title}\n\n{body}" if body.strip() else ""


def _bullets(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _grid(grid: Grid | None) -> str:
    return grid.to_markdown() if grid else ""


def question(sweep: Sweep, table: Table) -> str:
    """What the sweep asks, as a line of Markdown."""
    if len(sweep.jobs) == 1:
        return f"What does {escape.markdown(sweep.jobs[0].label)} make of the prompts?"
    closest = (cell and cell.best for column in table.columns if column.better == "reference" for cell in column.cells)
    if any(closest):
        return f"Which of {len(sweep.jobs)} jobs comes closest to the reference texts?"
    return f"How do {len(sweep.jobs)} jobs differ?"


def setting(sweep: Sweep) -> str:
    """Model, prompts, length and seeds, as a line of Markdown."""

    def chosen(group: str) -> str:
        return ", ".join(
            dict.fromkeys(escape.markdown(job.choices[group]) for job in sweep.jobs if group in job.choices)
        )

    rows = pd.concat([job.generations[["prompt_id", "seed", "sample"]] for job in sweep.jobs])
    lengths = {int(job.config["max_new_tokens"]) for job in sweep.jobs if "max_new_tokens" in job.config}
    seeds = sorted(map(int, rows["seed"].unique()))
    samples = int(rows["sample"].nunique())
    models = dict.fromkeys(str(job.provenance.get("model") or job.choices.get("model", "")) for job in sweep.jobs)
    facts = [
        f"Model: {escape.markdown(', '.join(models))}" if any(models) else "",
        prompts(sweep) + (f" ({chosen('prompts')})" if chosen("prompts") else ""),
        f"up to {', '.join(map(str, sorted(lengths)))} new tokens" if lengths else "",
        f"seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))}",
        f"{samples} samples per prompt where a strategy draws" if samples > 1 else "",
    ]
    return "; ".join(filter(None, facts)) + "."


def _figure(drawing: Drawing) -> str:
    return f"![{drawing.title}](figures/{drawing.stem}.png)\n\n*{drawing.title}.* {drawing.caption}"


def _samples(sweep: Sweep, prompts: int, characters: int) -> Iterator[str]:
    """The first prompts, each with the text of every job side by side, and the reference."""
    rows = pd.concat([job.generations[["prompt_id", "prompt"]] for job in sweep.jobs]).drop_duplicates("prompt_id")
    for prompt_id, prompt in rows.head(prompts).itertuples(index=False):
        texts = [(escape.markdown(job.label), _first(job.generations, prompt_id)) for job in sweep.jobs]
        reference = next((t for each in sweep.references if (t := _first(each.frame, prompt_id)) is not None), None)
        texts.append(("*reference*", reference))
        lines = [f"**Prompt.** {_cut(prompt, characters) or '(empty)'}", "", "| strategy | continuation |", "|:--|:--|"]
        lines += [f"| {name} | {_cut(text, characters)} |" for name, text in texts if text is not None]
        yield "\n".join(lines)


def _first(frame: pd.DataFrame, prompt_id: str) -> str | None:
    """The first text that continues a prompt."""
    texts = frame.loc[frame["prompt_id"] == prompt_id, "text"]
    return str(texts.iloc[0]) if len(texts) else None


def _cut(text: str, characters: int) -> str:
    return escape.markdown(text if len(text) <= characters else f"{text[:characters]}…")


def _differences(jobs: Sequence[JobResult]) -> str:
    keys, values = differences(jobs)
    return _bullets(
        [
            f"{escape.markdown(job.label)}: " + ", ".join(escape.code(f"{k}={each[k]}") for k in keys if k in each)
            for job, each in zip(jobs, values, strict=True)
            if keys
        ]
    )


def differences(jobs: Sequence[JobResult]) -> tuple[list[str], list[dict[str, str]]]:
    """The keys of the effective configs that not all jobs share; and, of each job, the values of all its keys."""
    flat = [dict(_flat({k: v for k, v in job.config.items() if k != "name"})) for job in jobs]
    keys = dict.fromkeys(k for each in flat for k in each)
    return [k for k in keys if len({each.get(k, "") for each in flat}) > 1], flat


def _flat(node: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in node.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value if isinstance(value, str) else json.dumps(value, default=str)


def _signatures(jobs: Sequence[JobResult]) -> str:
    scores = dict.fromkeys(score.signature for job in jobs for score in job.scores)
    lines = [f"- {escape.markdown(job.label)}: {escape.code(job.signature)}" for job in jobs if job.signature]
    return "\n".join(lines + [f"- {escape.code(signature)}" for signature in scores if signature])


def made(jobs: Sequence[JobResult]) -> list[str]:
    """What the jobs were made with: distinct lines of Markdown."""
    return list(dict.fromkeys(_made(job.provenance) for job in jobs if job.provenance))


def _made(about: Mapping[str, Any]) -> str:
    """One job's provenance."""
    git = about.get("git") or {}
    packages = ", ".join(f"{name} {version}" for name, version in (about.get("packages") or {}).items())
    facts = [
        f"harness {about.get('harness')}"
        + (f" at {git['commit'][:12]}{' (changed)' if git.get('dirty') else ''}" if git else ""),
        f"Python {about.get('python')}",
        packages,
        f"{about.get('platform')}",
        f"device {about.get('device')}, {about.get('dtype')}",
        f"model {about.get('model')} ({about.get('fingerprint')})",
    ]
    return escape.markdown("; ".join(filter(None, facts)))
