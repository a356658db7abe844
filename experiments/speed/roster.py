"""Who takes part, and in what part of the work."""

from __future__ import annotations

import tempfile
from functools import cached_property, partial
from pathlib import Path

from experiments.speed.baselines import generate, notebook
from experiments.speed.contender import Contender, Lap
from experiments.speed.limit import replay, without_cache
from experiments.speed.ours import Harness
from experiments.speed.subject import Subject
from experiments.speed.translator import Translator, convert
from experiments.speed.workload import Setting, Work

TITLES = {
    "a": "notebook loop, no cache",
    "b": "generate, prompt by prompt",
    "c": "generate, batches",
    "d": "CTranslate2, batches",
    "d8": "CTranslate2 int8, batches",
    "e": "harness, job by job",
    "f": "harness, one sweep",
    "p": "harness, one sweep, plain network",
    "g": "bare forward passes",
    "h": "bare network, no cache",
}
TAUGHT = ("greedy", "top-p 0.9")  # the strategies that a notebook shows
COARSE = ("τ 0.00 seed 0", "τ 0.55 seed 0", "τ 1.09 seed 0", "τ 1.64 seed 0")  # of the grid's 24 cells, for slow ones


class Roster:
    """All contenders on one subject. What a contender needs is made when it is first asked for.

    Args:
        setting: of the model and the work.
        folder: of a CTranslate2 model that `convert` has written; None: converted here when needed.
    """

    def __init__(self, setting: Setting, folder: Path | None = None) -> None:
        self.setting, self._folder = setting, folder
        self.subject = Subject(setting)
        self.harness = Harness(self.subject)
        self._translators: dict[str, Translator] = {}

    @cached_property
    def converted(self) -> Path:
        """Where the CTranslate2 model is."""
        if self._folder is not None:
            return self._folder
        self._temporary = tempfile.TemporaryDirectory()
        convert(self.subject.network, Path(self._temporary.name))
        return Path(self._temporary.name)

    def contender(self, key: str, sweep: str) -> Contender:
        """The contender of a letter, with its part of a sweep ("eight" or "grid")."""
        return Contender(key, TITLES[key], partial(self._run, key), partial(self._part, key, sweep), key in ("g", "h"))

    def keys(self, sweep: str, *, int8: bool = False) -> list[str]:
        """Who can take part: CTranslate2 in float32 on the CPU alone, the notebook not in the grid."""
        keys = ["a", "b", "c", "d", "d8", "e", "p", "f", "g", "h"] if sweep == "eight" else ["c", "d", "e", "f", "g"]
        if self.setting.dtype != "float32" or self.setting.device != "cpu":
            keys = [k for k in keys if k not in ("d", "d8")]
        if self.setting.device != "cpu":  # where no network is packed
            keys = [k for k in keys if k not in ("a", "p")]
        return [k for k in keys if k != "d8" or int8]

    def _part(self, key: str, sweep: str, work: Work) -> Work:
        if key == "a":
            return work.part(2, TAUGHT)
        if key == "b":
            return work.part(2, None)
        if key in ("d", "d8"):
            names = [c.name for c in work.cells if c.translator() is not None]
            return work.part(None, [n for n in names if sweep == "eight" or n in COARSE])
        return work.part(None, COARSE) if key == "c" and sweep == "grid" else work

    def _run(self, key: str, work: Work) -> list[Lap]:
        batch, passes = self.setting.batch, self.harness.passes
        if key in ("d", "d8"):
            return self._translator("int8_float32" if key == "d8" else "float32").run(work)
        if key == "p":
            return Harness(self.subject, plain=True).sweep(work)
        if key in ("e", "f"):
            return self.harness.one_by_one(work) if key == "e" else self.harness.sweep(work)
        if key == "g":
            return replay(self.subject.model, passes)
        network = self.subject.network
        if key == "h":
            return without_cache(network, passes)
        return notebook(network, work) if key == "a" else generate(network, work, 1 if key == "b" else batch)

    def _translator(self, compute_type: str) -> Translator:
        if compute_type not in self._translators:
            self._translators[compute_type] = Translator(
                self.converted, threads=self.setting.threads, batch=self.setting.batch, compute_type=compute_type
            )
        return self._translators[compute_type]
