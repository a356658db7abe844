"""Where the yamls are, and how to read one outside Hydra."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.errors import InputError, did_you_mean

_HERE = Path(__file__).resolve().parent
CONF = next(d for d in (_HERE / "conf", _HERE.parent / "conf") if d.is_dir())
"""`conf/`: inside the package in a wheel, beside it in a checkout."""
EXPERIMENTS = CONF.with_name("experiments")
"""`experiments/`: in a wheel the templates of answers alone."""


def options(group: str) -> list[str]:
    """The names of a group's yamls, in alphabetical order."""
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


def option(group: str, name: str) -> dict[str, Any]:
    """One yaml of a group as Hydra would compose it.

    Raises:
        InputError: the group has no such yaml.
    """
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra
    from omegaconf import OmegaConf

    if name not in options(group):
        raise InputError(f"{group}={name!r}: there is no such {group}; {did_you_mean(name, options(group))}")
    before = GlobalHydra.instance().hydra  # set while a job runs under Hydra; composing replaces it
    try:
        with initialize_config_dir(str(CONF), version_base="1.3"):
            node = compose(f"{group}/{name}")[group]
            node = node if "factory" in node else node[name]  # metrics nest: several may be chosen
    finally:
        GlobalHydra.instance().hydra = before
    container = OmegaConf.to_container(node, resolve=True)
    assert isinstance(container, dict)
    return {str(k): v for k, v in container.items()}
