"""python -m harness strategy=beam."""

from __future__ import annotations

import argparse
import os
import re
import sys

# Before torch is imported: spinning threads make small shared machines up to 80 times slower at times.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# Hydra then raises what it would print and exit for, and `main` says it in one sentence.
os.environ.setdefault("HYDRA_FULL_ERROR", "1")

import hydra
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from harness import sweep
from harness.configs import CONF
from harness.errors import InputError, did_you_mean
from harness.exits import exits

TELLING = ("strategy.", "strategy={", "seed=", "model=", "model.", "samples=")


def slug(text: str | None, default: str = "") -> str:
    """A folder name made of any text: nothing in it separates paths or needs quoting in a shell."""
    return re.sub(r"[^A-Za-z0-9._=,+-]+", "-", str(text or default))[:120].strip("-.")


def job_folder(strategy: str, overrides: list[str]) -> str:
    """The name of a job's folder in a sweep's: its strategy, and the overrides that usually tell jobs apart."""
    kept = [o.lstrip("+").removeprefix("strategy.") for o in overrides if o.lstrip("+").startswith(TELLING)]
    kept = [o.removeprefix("strategy={").removesuffix("}").replace(":", "=") for o in kept]
    return slug("_".join([strategy, *kept]))


def explain(error: Exception) -> str:
    """Hydra's and OmegaConf's complaints about a command line in the harness's own manner."""
    cause = error.__cause__
    if isinstance(cause, OmegaConfBaseException) and cause.full_key and cause.parent_node is not None:
        allowed = [str(key) for key in cause.parent_node if key != "factory"]
        return f"unknown key {cause.full_key}: {did_you_mean(str(cause.key), allowed)}"
    lines = [line.strip() for line in str(error).splitlines()]
    return " ".join(lines[: lines.index("Config search path:")] if "Config search path:" in lines else lines)


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")
def compose(cfg: DictConfig) -> None:
    """Hydra's part: compose one job, or every job of a sweep; each only enlists."""
    sweep.enlist(cfg)


def config_folders(arguments: list[str]) -> list[str]:
    """The folder of --config-dir: a strategy of one's own may stand there, beside its yaml's folder."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--config-dir", "-cd")
    folder = parser.parse_known_args(arguments)[0].config_dir
    return [os.path.abspath(folder)] if folder else []


def from_hydra(error: BaseException) -> bool:
    """Whether an exception was raised in Hydra's or OmegaConf's own code, as some complaints are, of any type."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and str(trace.tb_frame.f_globals.get("__name__")).startswith(("hydra.", "omegaconf."))


def main() -> None:
    """Compose, then decode everything at once."""
    OmegaConf.register_new_resolver("slug", slug, replace=True)
    OmegaConf.register_new_resolver("job_folder", job_folder, replace=True)
    # Hydra's own documentation writes +experiment=…, for configs without the group; this one has it.
    sys.argv[1:] = [a.removeprefix("+") if a.startswith("+experiment=") else a for a in sys.argv[1:]]
    sys.path += config_folders(sys.argv[1:])
    with exits():
        try:
            compose()
        except InputError:
            raise
        except Exception as error:
            sweep.leave_nothing(sweep.enlisted)
            if isinstance(error, HydraException | OmegaConfBaseException) or from_hydra(error):
                raise InputError(explain(error)) from error
            if isinstance(error, OSError) and error.filename:  # Hydra makes the folder of a run before it calls us
                raise InputError(f"the folder {error.filename} cannot be made: {error.strerror}") from None
            raise
        sweep.run()


if __name__ == "__main__":
    main()
