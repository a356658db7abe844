"""From the texts of files to scores beside each other, in the shape that a run's have: a table shows both alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2s
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.atomic import write_json, write_text
from harness.gap import HumanGap
from harness.measure import measure, record
from harness.metrics.base import Corpus, Metric, Scored, Tools
from harness.progress import Progress
from harness.report import gaps, writers
from harness.report.tables import tabulate
from harness.results import JobResult, References, ScoreRecord, Sweep, write_scores
from harness.scoring import files
from harness.scoring.tokens import Tokens
from harness.signature import sign


@dataclass(frozen=True)
class Instruments:
    """What texts are measured with."""

    metrics: Sequence[Metric]
    tokens: Tokens | None = None
    features: Callable[[Corpus], NDArray[np.float32]] | None = None
    scorer: Callable[[str, Corpus], Scored] | None = None


@dataclass
class _Human:
    """One set of references, measured."""

    label: str
    corpus: Corpus
    tools: Tools
    scores: list[ScoreRecord]
    gap: HumanGap


def compare(texts: Sequence[files.Texts], given: Instruments, command: str = "") -> Sweep:
    """Measure the texts of every file and every set of references.

    Files whose references agree share a set. A file without references is compared with those of the first that has
    some.
    """
    sets = [files.references(each) for each in texts]
    distinct = list(dict.fromkeys(_key(each) for each in sets if each))
    humans: dict[str, _Human] = {}
    jobs = []
    with Progress("measuring", len(texts) + len(distinct)) as progress:
        for each, own in zip(texts, sets, strict=True):
            if own and _key(own) not in humans:
                label = "reference" if len(distinct) == 1 else f"reference of {each.label}"
                humans[_key(own)] = _human(label, own, given)
                progress.advance()
        for each, own in zip(texts, sets, strict=True):
            human = humans[_key(own)] if own else next(iter(humans.values()), None)
            jobs.append(_job(each, human, given))
            progress.advance()
    rows = [References(h.label, _frame(h.corpus), h.scores) for h in humans.values()]
    return Sweep(Path(), "score", command, jobs, rows)


def write(folder: Path, sweep: Sweep) -> None:
    """Write LABEL/scores.json of every row, table.csv, table.md, table.tex, gaps.csv, and about.json.

    about.json holds the command and the signature of the texts of every file. Files of these names are replaced.
    """
    table = tabulate(sweep.jobs, sweep.references)
    rows: list[JobResult | References] = [*sweep.jobs, *sweep.references]
    for each in rows:
        write_scores(folder / each.label, each.scores)
    for kind, to in (("csv", writers.to_csv), ("md", writers.to_markdown), ("tex", writers.to_latex)):
        write_text(folder / f"table.{kind}", to(table))
    if sweep.references:
        write_text(folder / "gaps.csv", gaps.to_csv(table))
    texts = {job.label: job.signature for job in sweep.jobs}
    write_json(folder / "about.json", {"command": sweep.command, "texts": texts})


def _key(references: files.References) -> str:
    """Equal for the same references to the same prompts, in any order."""
    rows = sorted(zip(references.prompt_ids, references.texts, strict=True))
    return blake2s(repr(rows).encode(), digest_size=8).hexdigest()


def _human(label: str, references: files.References, given: Instruments) -> _Human:
    corpus = _corpus(references.prompt_ids, references.prompts, references.texts, "reference", given.tokens)
    tools = _tools(corpus, given)
    found = measure(corpus, given.metrics, tools)
    scores, _ = record(found, corpus)
    return _Human(label, corpus, tools, scores, HumanGap(corpus, found, given.metrics, tools))


def _job(texts: files.Texts, human: _Human | None, given: Instruments) -> JobResult:
    corpus = _corpus(texts.prompt_ids, texts.prompts, texts.texts, "unknown", given.tokens)
    found = measure(corpus, given.metrics, human.tools if human else _tools(None, given))
    scores, evidence = record(found, corpus, human.scores if human else (), human.gap(corpus, found) if human else None)
    against = f"{human.corpus.prompt_ids}{human.corpus.texts}" if human else ""
    prompts = sorted(set(corpus.prompt_ids))
    digest = blake2s(f"{prompts}{against}".encode(), digest_size=4).hexdigest()
    return JobResult(
        label=texts.label,
        folder=Path(texts.label),
        config={},
        choices={"strategy": texts.label},
        signature=sign(
            "texts",
            strategy=texts.label,
            prompts=f"{len(prompts)}@{digest}",
            tokens=given.tokens.source if given.tokens else None,
        ),
        generations=_frame(corpus),
        scores=scores,
        items=pd.DataFrame(),
        reference=human.label if human else None,
        evidence={each.score: each for each in evidence},
    )


def _tools(references: Corpus | None, given: Instruments) -> Tools:
    decode = given.tokens.decode if given.tokens else None
    return Tools(references, given.features if references else None, decode=decode, scorer=given.scorer)


def _corpus(
    prompt_ids: Sequence[str], prompts: Sequence[str] | None, texts: Sequence[str], end: str, tokens: Tokens | None
) -> Corpus:
    before = prompts or [""] * len(texts)
    columns = dict(tokens.columns(list(zip(before, texts, strict=True)))) if tokens else {}
    ids = columns.pop("tokens", None)
    return Corpus(
        prompt_ids=prompt_ids,
        prompts=before,
        texts=texts,
        ends=[end] * len(texts),
        tokens=None if ids is None else ids,
        values={name: [np.asarray(v, dtype=np.float64) for v in column] for name, column in columns.items()},
        reader=tokens.source if tokens else "",
    )


def _frame(corpus: Corpus) -> pd.DataFrame:
    return pd.DataFrame({"prompt_id": corpus.prompt_ids, "prompt": corpus.prompts, "text": corpus.texts})
