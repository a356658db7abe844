"""A sweep is one piece of work: Hydra composes every job, each only enlists, then all are decoded together.

Nothing heavy is imported here: `--help` and `--cfg job` answer at once. Under another launcher or sweeper than Hydra's
own each job runs by itself (`harness.alone`).
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException


@dataclass(frozen=True)
class Search:
    """A sweeper that asks each job for a number."""

    sweeper: str  # as in hydra/sweeper=optuna
    direction: str | None  # minimize or maximize; None: it has no hydra.sweeper.direction


@dataclass(frozen=True)
class Job:
    """One composed config."""

    config: dict[str, Any]  # every interpolation resolved
    folder: Path  # its results
    sweep_folder: Path  # the comparison; the same folder for a sweep of one
    choices: dict[str, str]  # the yaml chosen in every group: {"strategy": "top_p", ...}
    overrides: tuple[str, ...]  # what the command line set for this job
    new: bool  # whether this command made the folder
    alone: bool = False  # it runs by itself; the comparison with the others is made by the process that began the sweep
    search: Search | None = None


_TALKATIVE = {"hydra_plugins": logging.CRITICAL, "optuna.study": logging.WARNING, "optuna.storages": logging.WARNING}

enlisted: list[Job] = []
unresolved: list[OmegaConfBaseException] = []  # complaints about the interpolations of jobs that are enlisted
begun: Path | None = None  # the folder of a sweep whose jobs enlist
apart: Path | None = None  # the folder of a sweep whose jobs run by themselves, in the process that began it
held = ExitStack()  # the lock of that folder, until its jobs are collected
_STARTED = time.time() - 1  # some file systems count whole seconds


def enlist(cfg: DictConfig) -> float | None:
    """Put this job into the sweep.

    Under another launcher or sweeper than Hydra's own the process may be a different one, so the job runs by itself,
    here and now. Draws belong to rows, so that changes no token.

    Returns:
        The value of the objective, for a sweeper that searches.
    """
    hydra: Any = HydraConfig.get()
    multirun = hydra.mode is not None and hydra.mode.name == "MULTIRUN"
    alone = multirun and not _together(hydra)
    folder = Path(hydra.runtime.output_dir)
    config: Any = {}
    overrides: tuple[str, ...] = ()
    try:
        config = OmegaConf.to_container(cfg, resolve=True)
        overrides = tuple(hydra.overrides.task)
    except OmegaConfBaseException as error:
        if alone:
            raise
        unresolved.append(error)  # raised here, Hydra would say it in its own words first
    job = Job(
        {"metrics": {}} | {str(k): v for k, v in config.items()},  # metrics=[] leaves no such key
        folder,
        Path(hydra.sweep.dir) if multirun and not alone else folder,
        {str(k): str(v) for k, v in hydra.runtime.choices.items() if v is not None},
        overrides,
        folder.stat().st_mtime >= _STARTED,
        alone,
        _search(hydra) if alone else None,
    )
    if not alone:
        enlisted.append(job)
        return None
    from harness.alone import run_alone

    folders = [source.path for source in hydra.runtime.config_sources if source.provider == "command-line"]
    sys.path += [each for each in folders if each not in sys.path]  # another process has not seen --config-dir
    return run_alone(job, Path(hydra.sweep.dir), hydra.job.num, folders)


def _together(hydra: Any) -> bool:
    """Whether Hydra hands over every job of the sweep before any has to answer."""
    parts = [str(OmegaConf.select(hydra, f"{part}._target_", default="")) for part in ("launcher", "sweeper")]
    return all(part.endswith((".BasicLauncher", ".BasicSweeper")) for part in parts)


def _search(hydra: Any) -> Search | None:
    if str(hydra.sweeper._target_).endswith(".BasicSweeper"):
        return None
    direction = OmegaConf.select(hydra, "sweeper.direction")
    given = None if direction is None else str(getattr(direction, "name", direction))
    return Search(str(hydra.runtime.choices["hydra/sweeper"]), given)


class Noting(Callback):
    """Hears of a sweep before its jobs run. Hydra swallows what a callback raises, so it only takes note."""

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Note the folder of a sweep whose jobs run by themselves."""
        global apart, begun
        if _together(config.hydra):
            begun = Path(config.hydra.sweep.dir)
        else:
            from harness.alone import prepare
            from harness.errors import InputError
            from harness.locking import locked

            apart = Path(config.hydra.sweep.dir)
            try:
                held.enter_context(locked(apart))
            except InputError as error:
                print(f"error: {error}", file=sys.stderr)
                raise SystemExit(1) from None  # which is the one kind of exception that Hydra lets pass
            prepare(apart)
            for name, level in _TALKATIVE.items():
                logging.getLogger(name).setLevel(level)  # what failed and what is best the harness says itself


def run(jobs: Sequence[Job] | None = None) -> None:
    """Decode, measure and report these jobs; None: everything that is enlisted."""
    global begun
    if jobs is None:
        jobs, enlisted[:] = list(enlisted), []
    folder, begun = begun, None
    from harness.errors import InputError

    if not jobs:
        if folder is not None:
            _leave_no_sweep(folder)
            raise InputError("the sweep has no jobs: what it goes over holds no values, as range(1,1) does not")
        return
    from harness.plan import plan

    try:
        plans = plan(jobs)
        from harness.run import execute

        execute(plans)
    except BaseException:
        leave_nothing(jobs)
        raise


def check_resolved() -> None:
    """Raise the first complaint about the interpolations of a job that is enlisted."""
    if unresolved:
        error, unresolved[:] = unresolved[0], []
        raise error


def leave_nothing(jobs: Sequence[Job]) -> None:
    """Remove the empty folders that were made for jobs that never began; what was there before stays."""
    for job in jobs:
        if job.new:
            with suppress(OSError):
                job.folder.rmdir()
    for folder in {job.sweep_folder for job in jobs} - {job.folder for job in jobs}:
        _leave_no_sweep(folder)


def _leave_no_sweep(folder: Path) -> None:
    with suppress(OSError):
        if [path.name for path in folder.iterdir()] == ["multirun.yaml"]:  # Hydra's, written before any job
            (folder / "multirun.yaml").unlink()
            folder.rmdir()
