"""A sweep is one piece of work: Hydra composes every job, each only enlists, then all are decoded together.

Nothing heavy is imported here: `--help` and `--cfg job` answer at once.
"""

from __future__ import annotations

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


enlisted: list[Job] = []


def enlist(cfg: DictConfig) -> float | None:
    """Put this job into the sweep.

    Under another launcher or sweeper than Hydra's own the process may be a different one, or the job's value may be
    wanted at once, so the job is run here and now. Draws belong to rows, so that changes no token.
    """
    hydra = HydraConfig.get()
    config = OmegaConf.to_container(cfg, resolve=True)
    assert isinstance(config, dict)
    multirun = hydra.mode is not None and hydra.mode.name == "MULTIRUN"
    folder = Path(hydra.runtime.output_dir)
    enlisted.append(
        Job(
            {str(k): v for k, v in config.items()},
            folder,
            Path(hydra.sweep.dir) if multirun else folder,
            {str(k): str(v) for k, v in hydra.runtime.choices.items() if v is not None},
            tuple(hydra.overrides.task),
        )
    )
    ours = (".BasicLauncher", ".BasicSweeper")
    if not hydra.launcher._target_.endswith(ours) or not hydra.sweeper._target_.endswith(ours):
        run()
    return None


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
        _leave_nothing(jobs)
        raise
    from harness.run import execute

    execute(plans)


def _leave_nothing(jobs: list[Job]) -> None:
    """Remove the folders that Hydra made for jobs that never began; what was in them before stays."""
    for folder in dict.fromkeys([*(job.folder for job in jobs), *(job.sweep_folder for job in jobs)]):
        inside = list(folder.iterdir()) if folder.is_dir() else [folder]
        if all(path.name == "multirun.yaml" for path in inside):
            for path in inside:
                path.unlink()
            folder.rmdir()
