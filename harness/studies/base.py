"""What a study is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from harness.api import decode
from harness.models.base import LanguageModel
from harness.models.loading import load
from harness.plan import key_of
from harness.report import style
from harness.results import JobResult, Sweep

__all__ = ["Answer", "Setting", "decode"]


@dataclass(frozen=True)
class Setting:
    """A finished sweep, whose files are written, and its models."""

    sweep: Sweep
    _loaded: dict[str, LanguageModel] = field(default_factory=dict, repr=False)

    @property
    def folder(self) -> Path:
        """The sweep's folder; answers.md will stand there."""
        return self.sweep.folder

    @property
    def models(self) -> dict[str, JobResult]:
        """By the name of each model, in the order of the jobs: a job that it decoded."""
        of: dict[str, JobResult] = {}
        for job in self.sweep.jobs:
            of.setdefault(str(job.provenance["model"]), job)
        return of

    def load(self, job: JobResult) -> LanguageModel:
        """The model that decoded a job; the last one asked for is kept."""
        key = key_of(job.config["model"])
        if key not in self._loaded:
            self._loaded.clear()
            self._loaded[key] = load(job.config["model"])
        return self._loaded[key]

    def save(self, figure: Figure, stem: str) -> str:
        """Write a figure, made inside `harness.report.style.styled()`, as png and svg; its path from answers.md."""
        style.save(figure, self.folder / "figures" / stem)
        return f"figures/{stem}.png"


@dataclass(frozen=True)
class Answer:
    """What a study found."""

    facts: Mapping[str, Any]  # what the template of answers.md reads; written as answers.json too
    failed: Sequence[str] = ()  # what should have held and does not, a sentence each: the command then exits with 1
