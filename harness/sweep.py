"""A sweep is one piece of work: Hydra composes every job, each only enlists, then all are decoded together.

Nothing heavy is imported here: `--help` and `--cfg job` answer at once.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf


@dataclass(frozen=True)
class Job:
    """One composed config."""

    config: dict[str, Any]  # every interpolation resolved
    folder: Path  # its results
    sweep_folder: Path  # the comparison; the same folder for a sweep of one
    choices: dict[str, str]  # the yaml chosen in every group: {"strategy": "top_p", ...}
    overrides: tuple[str, ...]  # what the command line set for this job
    new: bool  # whether this command made the folder


enlisted: list[Job] = []
_STARTED = time.time() - 1  # some file systems count whole seconds


def enlist(cfg: DictConfig) -> None:
    """Put this job into the sweep.

    Under another launcher or sweeper than Hydra's own the process may be a different one, so the job is a sweep of its
    own, run here and now. Draws belong to rows, so that changes no token.
    """
    hydra: Any = HydraConfig.get()
    config = OmegaConf.to_container(cfg, resolve=True)
    assert isinstance(config, dict)
    multirun = hydra.mode is not None and hydra.mode.name == "MULTIRUN"
    parts = [str(OmegaConf.select(hydra, f"{part}._target_", default="")) for part in ("launcher", "sweeper")]
    together = all(part.endswith((".BasicLauncher", ".BasicSweeper")) for part in parts)
    folder = Path(hydra.runtime.output_dir)
    enlisted.append(
        Job(
            {"metrics": {}} | {str(k): v for k, v in config.items()},  # metrics=[] leaves no such key
            folder,
            Path(hydra.sweep.dir) if multirun and together else folder,
            {str(k): str(v) for k, v in hydra.runtime.choices.items() if v is not None},
            tuple(hydra.overrides.task),
            folder.stat().st_mtime >= _STARTED,
        )
    )
    if not together:
        run()


def run() -> None:
    """Decode, measure and report everything that is enlisted."""
    jobs, enlisted[:] = list(enlisted), []
    if not jobs:
        return
    from harness.errors import InputError
    from harness.plan import plan

    try:
        plans = plan(jobs)
    except InputError:
        leave_nothing(jobs)
        raise
    from harness.run import execute

    execute(plans)


def leave_nothing(jobs: list[Job]) -> None:
    """Remove the empty folders that were made for jobs that never began; what was there before stays."""
    for job in jobs:
        if job.new:
            with suppress(OSError):
                job.folder.rmdir()
    for folder in {job.sweep_folder for job in jobs} - {job.folder for job in jobs}:
        with suppress(OSError):
            if [path.name for path in folder.iterdir()] == ["multirun.yaml"]:  # Hydra's, written before any job
                (folder / "multirun.yaml").unlink()
                folder.rmdir()
