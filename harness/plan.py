"""From composed configs to things that can run: every mistake of every job is found here, before a model is loaded.

The checks go from the cheap to the dear: numbers, prompt files, model folders, metrics, and last the strategies, whose
import brings torch.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import InputError, did_you_mean
from harness.knobs import PositiveCount, Seed, build, check, verify
from harness.objective import check_objective
from harness.prompts import Prompt
from harness.report.baseline import choose
from harness.room import check_disk
from harness.sweep import Job

if TYPE_CHECKING:
    from harness.cluster.base import Cluster
    from harness.engine import Engine
    from harness.metrics.base import Metric
    from harness.strategies.base import Strategy

GROUPS = ("model", "prompts", "strategy", "metrics", "engine", "cluster", "report")


@dataclass(frozen=True)
class Plan:
    """One job, ready to run."""

    job: Job
    label: str  # what tables call it: unique in the sweep
    reference: str  # what they call the references it is compared with; jobs that share them share the label
    prompts: Sequence[Prompt]
    strategy: Strategy[Any]
    metrics: Mapping[str, Metric]
    engine: Engine
    seed: int
    samples: int
    max_new_tokens: int

    @property
    def size(self) -> int:
        """How many generations it has."""
        return len(self.prompts) * (self.samples if self.strategy.stochastic else 1)

    @property
    def world(self) -> str:
        """Jobs of one world are decoded in one batch: they share the model and the engine."""
        return key_of([self.job.config[group] for group in ("model", "engine")])


def settings(
    seed: Seed,
    samples: PositiveCount,
    max_new_tokens: PositiveCount,
    name: str | None,
    store: str | None,
    resume: bool | str | None,
    objective: str | None,
) -> None:
    """The keys of config.yaml that belong to no group, for their types."""


def plan(jobs: Sequence[Job]) -> list[Plan]:
    """Check and build every job.

    Raises:
        InputError: some job cannot run; the message names the key, its value and what is allowed.
    """
    for job in jobs:
        _check_settings(job.config)
    for key in ("store", "resume", "cluster"):
        if len({key_of(job.config[key]) for job in jobs}) > 1:
            raise InputError(f"{key}: one for all jobs of a sweep")
    _check_folders(jobs)
    for job in jobs:
        _check_choices(job)
    prompts = {key: build(node, "prompts") for key, node in _distinct(jobs, "prompts").items()}
    from harness.featurizer import choose as choose_featurizer
    from harness.models.loading import preflight
    from harness.scorer import check_scorers

    for node in _distinct(jobs, "model").values():
        preflight(node)
    if (store := jobs[0].config["store"]) is not None:
        from harness.store import check_store

        check_store(store)
    metrics = {key: _metrics(node) for key, node in _distinct(jobs, "metrics").items()}
    for chosen in metrics.values():
        check_scorers({f"metrics.{name}": metric for name, metric in chosen.items()})
    for job in jobs:
        check_objective(job, metrics[key_of(job.config["metrics"])])
    wanted = sorted(
        {w for chosen in metrics.values() for m in chosen.values() if (w := getattr(m, "featurizer", None))}
    )
    if len(wanted) > 1:
        raise InputError(f"metrics.mauve.featurizer: one for all jobs of a sweep, not {', '.join(sorted(wanted))}")
    if wanted and wanted[0] != "auto":  # "auto" is settled when there is something to read
        choose_featurizer(wanted[0], ())
    strategies = {key: build(node, "strategy") for key, node in _distinct(jobs, "strategy").items()}
    for strategy in strategies.values():
        strategy.preflight()
    for node in _distinct(jobs, "report").values():
        verify(node, "report", folder=jobs[0].sweep_folder, show=None)
        if not jobs[0].alone:  # else the baseline may be another job of the sweep
            choose(labels(jobs), node.get("baseline"))
    studies = [job.config["study"] for job in jobs if job.config.get("study") is not None]
    if len({key_of(study) for study in studies}) > 1:
        raise InputError("study: one for all jobs of a sweep; run the experiment once for each")
    for study in studies[:1]:
        verify(study, "study", setting=None)
    engines = {key: build(node, "engine") for key, node in _distinct(jobs, "engine").items()}
    cluster: Cluster = build(jobs[0].config["cluster"], "cluster")
    cluster.preflight()
    plans = [
        Plan(
            job,
            label,
            reference,
            prompts[key_of(job.config["prompts"])],
            strategies[key_of(job.config["strategy"])],
            metrics[key_of(job.config["metrics"])],
            engines[key_of(job.config["engine"])],
            job.config["seed"],
            job.config["samples"],
            job.config["max_new_tokens"],
        )
        for job, label, reference in zip(jobs, labels(jobs), reference_labels(jobs), strict=True)
    ]
    if all(job.new for job in jobs):  # of others it is known later how much there is already
        check_disk(places(jobs[0]), sum(p.size for p in plans), sum(p.size * p.max_new_tokens for p in plans))
    return plans


def places(job: Job) -> dict[str, Path]:
    """Where a sweep writes what grows with the number of generations, by what it is."""
    store = job.config["store"]
    return {"the results folder": job.sweep_folder} | ({} if store is None else {"store": Path(store)})


def key_of(node: Any) -> str:
    """Equal nodes, equal keys."""
    return json.dumps(node, sort_keys=True)


def _distinct(jobs: Sequence[Job], group: str) -> dict[str, Any]:
    return {key_of(job.config[group]): job.config[group] for job in jobs}


def _check_settings(config: Mapping[str, Any]) -> None:
    names = ("seed", "samples", "max_new_tokens", "name", "store", "resume", "objective")
    for key, value in config.items():
        if key not in (*GROUPS, *names, "study"):
            raise InputError(f"unknown key {key}={value!r}: {did_you_mean(key, (*GROUPS, *names, 'study'))}")
    for key in (*GROUPS, *names):
        if key not in config:
            raise InputError(f"the config has no {key}")
        if key in GROUPS and not isinstance(config[key], Mapping):
            raise InputError(f"{key}={config[key]!r}: must be the name of a yaml in conf/{key}")
    for name in names:
        check(settings, name, config[name], f"{name}={config[name]!r}")


def _check_choices(job: Job) -> None:
    """Labels and signatures are made of the names of yamls; a list of them, `engine=[fast]`, is no name."""
    for group in ("model", "prompts", "strategy", "engine"):
        if group not in job.choices:
            raise InputError(f"{group}: must be the name of one yaml in conf/{group}, as in {group}=NAME")


def _check_folders(jobs: Sequence[Job]) -> None:
    """Two jobs in one folder would overwrite each other; a folder that cannot be written is better known now."""
    for job in jobs:
        if not job.folder.resolve().is_relative_to(job.sweep_folder.resolve()):
            raise InputError(f"hydra.sweep.subdir={str(job.folder)!r}: a job's folder has to be inside its sweep's")
    for folder, count in Counter(job.folder for job in jobs).items():
        if count > 1:
            raise InputError(f"{count} jobs would write to {folder}: hydra.sweep.subdir has to tell them apart")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            probe = folder / ".writable"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise InputError(f"the results folder {folder} cannot be written: {error.strerror}") from None


def _metrics(nodes: Mapping[str, Any]) -> dict[str, Metric]:
    return {name: build(node, f"metrics.{name}") for name, node in nodes.items()}


def labels(jobs: Sequence[Job]) -> list[str]:
    """What tables call each job: its strategy, the knobs that the command line set, and whatever else differs.

    "top_p", "temperature(0.7)", "beam(num_beams=8) pocket-s seed=1".
    """
    varying = [key for key in ("model", "prompts", "engine") if len({_choice(job, key) for job in jobs}) > 1]
    numbers = [key for key in ("seed", "samples", "max_new_tokens") if len({job.config[key] for job in jobs}) > 1]
    named = []
    for job in jobs:
        name = job.choices["strategy"]
        knobs = [
            o.removeprefix("strategy.").lstrip("+") for o in job.overrides if o.lstrip("+").startswith("strategy.")
        ]
        knobs += [knob for o in job.overrides if o.startswith("strategy={") for knob in _together(o)]
        shown = ", ".join(k.removeprefix("strategy.").removeprefix(f"{name}=") for k in knobs)
        parts = [f"{name}({shown})" if shown else name, *(_choice(job, key) for key in varying)]
        named.append(" ".join([*parts, *(f"{key}={job.config[key]}" for key in numbers)]))
    return _numbered(named)


def reference_labels(jobs: Sequence[Job]) -> list[str]:
    """What each job's references are called: equal where two jobs can share them, and only there.

    They depend on who reads them (model, engine), on the prompts, on the length they are cut to, and on how they are
    measured.
    """
    keys = [
        key_of([job.config[k] for k in ("model", "engine", "prompts", "max_new_tokens", "metrics")]) for job in jobs
    ]
    groups = [group for group in ("model", "prompts") if len({_choice(job, group) for job in jobs}) > 1]
    several = len({job.config["max_new_tokens"] for job in jobs}) > 1
    named: dict[str, str] = {}
    for key, job in zip(keys, jobs, strict=True):
        parts = ["reference", *(_choice(job, group) for group in groups)]
        named.setdefault(key, " ".join([*parts, *([f"of {job.config['max_new_tokens']}"] if several else [])]))
    unique = dict(zip(named, _numbered(list(named.values())), strict=True))
    return [unique[key] for key in keys]


def _numbered(names: Sequence[str]) -> list[str]:
    """Names that occur more than once get a number."""
    repeated = {name for name, count in Counter(names).items() if count > 1}
    seen: Counter[str] = Counter()
    seen_names = []
    for name in names:
        seen[name] += 1
        seen_names.append(f"{name} #{seen[name]}" if name in repeated else name)
    return seen_names


def _together(override: str) -> list[str]:
    """The knobs of an override that sets several at once, as sweeps over unlike knobs do: strategy={top_k:40}."""
    inside = override.partition("{")[2].removesuffix("}")
    return [knob.strip().replace(":", "=", 1) for knob in inside.split(",")]


def _choice(job: Job, group: str) -> str:
    """The yaml chosen in a group, with what distinguishes two uses of the same yaml."""
    name = job.choices[group]
    given = [o.lstrip("+").removeprefix(f"{group}.") for o in job.overrides if o.lstrip("+").startswith(f"{group}.")]
    for o in given:
        if group == "model" and o.startswith("name="):
            return Path(o.removeprefix("name=")).name
    return f"{name}({', '.join(given)})" if given else name


def command() -> str:
    """The command line that makes this run anew, ready to paste."""
    return shlex.join(
        ["python", "-m", "harness", *(a for a in sys.argv[1:] if not a.lstrip("+").startswith("resume="))]
    )
