"""Score files as the command line says: checks from the cheap to the dear, then reading, measuring and the table."""

from __future__ import annotations

import math
import os
import shlex
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from harness.configs import options
from harness.errors import InputError, did_you_mean
from harness.featurizer import Featurizer
from harness.knobs import build
from harness.metrics.base import Metric
from harness.metrics.reading import GENERATOR
from harness.report.terminal import print_table
from harness.results import JobResult, References, Sweep
from harness.scorer import Scorer, check_scorers
from harness.scoring import choice, comparison, files, needs, tokens

UNCHOSEN = "unknown"  # who wrote the texts: no pocket model, so "auto" is the featurizer of the MAUVE paper


def run(given: Namespace) -> None:
    """Do what `harness.scoring.command.parse` was asked.

    Raises:
        InputError: names the argument or the file, and what is allowed.
    """
    if given.model and given.tokenizer:
        raise InputError("--model and --tokenizer: give one of them; the tokens of --model are its own")
    nodes = choice.nodes(
        _names(given.metrics),
        given.set,
        choice.Knobs(given.compat, given.unit, given.scorer, given.featurizer),
        tokens=bool(given.model or given.tokenizer),
        generator=bool(given.model),
    )
    metrics: dict[str, Metric] = {name: build(node, f"metrics.{name}") for name, node in nodes.items()}
    if given.out:
        _check_folder(given.out)
    source = tokens.of_model(given.model) if given.model else None
    source = tokens.of_tokenizer(given.tokenizer) if given.tokenizer else source
    featurizer = _featurizer(given, metrics)
    check_scorers({f"metrics.{name}": metric for name, metric in metrics.items()})
    texts = files.load(given.files, files.Columns(given.text_column, given.prompt_column, given.reference_column))
    _check_prompts(given, metrics, texts)
    metrics = _computable(given, metrics, texts)
    instruments = comparison.Instruments(list(metrics.values()), source() if source else None, featurizer, Scorer())
    command = shlex.join(["python", "-m", "harness.score", *given.command])
    found = comparison.compare(texts, instruments, command)
    if given.out:
        comparison.write(given.out, found)
    print_table(found, given.out and given.out / "table.md", _console())
    for line in (*_notes(found), *_signatures(found)):
        print(line)


def _names(metrics: str | None) -> list[str]:
    """The metrics that were asked for, each once; the usual ones if nobody asked."""
    if metrics is None:
        return choice.usual()
    names = list(dict.fromkeys(name.strip() for name in metrics.split(",") if name.strip()))
    if not names:
        raise InputError(f"--metrics={metrics!r}: names none; {did_you_mean('', options('metrics'))}")
    return names


def _computable(given: Namespace, metrics: dict[str, Metric], texts: Sequence[files.Texts]) -> dict[str, Metric]:
    """All that were named; or those of the usual ones that can be computed, and a line that names the others."""
    references = any(files.references(each) for each in texts)
    there = needs.Given(bool(given.model or given.tokenizer), bool(given.model), references)
    lacking = {name: needs.lacking(name, metric, there) for name, metric in metrics.items()}
    if given.metrics is not None:
        if complaint := next(filter(None, lacking.values()), None):
            raise InputError(str(complaint))
        return metrics
    if not given.featurizer:
        unnamed = needs.Lack("its features are a model's", "--featurizer NAME")
        lacking |= {name: unnamed for name, m in metrics.items() if hasattr(m, "featurizer") and not lacking[name]}
    left = [
        f"{name} ({'give ' + lack.flag if lack.flag else lack.complaint})" for name, lack in lacking.items() if lack
    ]
    if len(left) == len(metrics):
        raise InputError(f"none of the usual metrics can be computed: {', '.join(left)}")
    if left:
        print(f"left out: {', '.join(left)}", file=sys.stderr)
    return {name: metric for name, metric in metrics.items() if not lacking[name]}


def _check_prompts(given: Namespace, metrics: dict[str, Metric], texts: Sequence[files.Texts]) -> None:
    """Models read each text after its prompt."""
    reading = [given.model] if given.model else []
    reading += [name for metric in metrics.values() for name in needs.scorers(metric) if name != GENERATOR]
    without = [each.label for each in texts if each.prompts is None]
    if reading and without:
        raise InputError(
            f"{reading[0]} reads each text after its prompt, and {without[0]} has none: name their column with "
            "--prompt-column"
        )


def _featurizer(given: Namespace, metrics: dict[str, Metric]) -> Featurizer | None:
    wanted = sorted({w for metric in metrics.values() if (w := getattr(metric, "featurizer", None))})
    if len(wanted) > 1:
        raise InputError(f"--set metrics.NAME.featurizer: one for all metrics, not {', '.join(wanted)}")
    return Featurizer(wanted[0], [given.model or UNCHOSEN], "--featurizer") if wanted else None


def _check_folder(folder: Path) -> None:
    """A folder that cannot be written is better known now. It stays once there is something in it."""
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".writable.{os.getpid()}"
        probe.touch()
        probe.unlink()
        for path in made:
            path.rmdir()
    except OSError as error:
        raise InputError(f"--out={str(folder)!r}: cannot be written ({error.strerror})") from None


def _console() -> Console:
    """A terminal gets the scores that fit; a pipe has no width and gets them all."""
    return Console() if sys.stdout.isatty() else Console(width=10_000)


def _notes(sweep: Sweep) -> list[str]:
    """What a reader has to know of the scores: each note once, with the scores and rows that have it."""
    rows: list[JobResult | References] = [*sweep.jobs, *sweep.references]
    lines: dict[tuple[str, ...], list[str]] = {}  # note and scores -> rows
    for row in rows:
        for note in dict.fromkeys(note for score in row.scores for note in score.notes):
            names = [score.name for score in row.scores if note in score.notes]
            lines.setdefault((note, *names), []).append(row.label)
    return [
        f"{', '.join(names)}{'' if len(labels) == len(rows) else ' of ' + ', '.join(labels)}: {note}"
        for (note, *names), labels in lines.items()
    ]


def _signatures(sweep: Sweep) -> list[str]:
    """What every number is; of a single file with the digits for which a table has no room."""
    if len(sweep.jobs) > 1:
        return list(dict.fromkeys(score.signature for job in sweep.jobs for score in job.scores))
    lines = []
    for score in sweep.jobs[0].scores:
        if math.isnan(score.value):
            continue
        beside = "" if score.reference is None else f" (reference {score.reference:.10g})"
        lines.append(f"{score.signature} = {score.value:.10g}{beside}")
    return lines
