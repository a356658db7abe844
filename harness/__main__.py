"""python -m harness strategy=beam."""

from __future__ import annotations

import argparse
import os
import re
import sys
import traceback

# Before torch is imported: spinning threads make small shared machines up to 80 times slower at times.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# Hydra then raises what it would print and exit for, and `main` says it in one sentence.
os.environ.setdefault("HYDRA_FULL_ERROR", "1")

import hydra
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from harness import sweep
from harness.calm import calm
from harness.configs import CONF
from harness.errors import InputError, did_you_mean
from harness.exits import exits
from harness.resume import command_to_resume, placed
from harness.stopping import Stopped

_THEIRS = ("hydra.", "omegaconf.", "hydra_plugins.", "optuna.", "submitit.")  # code that complains of a command line
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
        if str(cause.key) in allowed:  # its value is the mistake
            return f"{cause.full_key}: {str(cause).splitlines()[0]}"
        return f"unknown key {cause.full_key}: {did_you_mean(str(cause.key), allowed)}"
    lines = [line.strip() for line in str(error).splitlines()] or [type(error).__name__]
    if isinstance(error, OmegaConfBaseException) and error.full_key:
        return f"{error.full_key}: {lines[0]}"
    if not isinstance(error, HydraException | OmegaConfBaseException):  # Python's own, which names no key
        return f"the command line cannot be read ({' '.join(lines)})"
    said = " ".join(lines[: lines.index("Config search path:")] if "Config search path:" in lines else lines)
    if "Could not find 'hydra/launcher/" in said or "Could not find 'hydra/sweeper/" in said:
        said += " (others come with: pip install 'decoding-harness[launchers]')"
    return said


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")
def compose(cfg: DictConfig) -> float | None:
    """Hydra's part: compose one job, or every job of a sweep; each only enlists."""
    return sweep.enlist(cfg)


def config_folders(arguments: list[str]) -> list[str]:
    """The folder of --config-dir: a strategy of one's own may stand there, beside its yaml's folder."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--config-dir", "-cd")
    folder = parser.parse_known_args(arguments)[0].config_dir
    return [os.path.abspath(folder)] if folder else []


def from_hydra(error: BaseException) -> bool:
    """Whether an exception came from Hydra's, OmegaConf's or a plugin's code, as some complaints do, of any type."""
    modules = [str(frame.f_globals.get("__name__")) for frame, _ in traceback.walk_tb(error.__traceback__)]
    last = max((i for i, name in enumerate(modules) if name.startswith(_THEIRS)), default=-1)
    return last >= 0 and not any(name.startswith("harness.") for name in modules[last:])  # what they call is theirs too


def rephrased(error: Exception) -> Exception:
    """What is wrong with a command line, as `InputError`; any other error as it is."""
    if isinstance(error, InputError):
        return error
    if isinstance(error, OSError) and error.filename:  # Hydra makes the folder of a run before it calls us
        return InputError(f"the folder {error.filename} cannot be made: {error.strerror}")
    if isinstance(error, HydraException | OmegaConfBaseException) or from_hydra(error):
        return InputError(explain(error))
    return error


def main() -> None:
    """Compose, then decode everything at once."""
    OmegaConf.register_new_resolver("slug", slug, replace=True)
    OmegaConf.register_new_resolver("job_folder", job_folder, replace=True)
    # Hydra's own documentation writes +experiment=…, for configs without the group; this one has it.
    sys.argv[1:] = [a.removeprefix("+") if a.startswith("+experiment=") else a for a in sys.argv[1:]]
    sys.path += config_folders(sys.argv[1:])
    with exits():
        given, broken = sys.argv[1:], None
        try:
            sys.argv[1:] = placed(given)
            with calm():
                compose()
            sweep.check_resolved()
        except Exception as error:
            sweep.leave_nothing(sweep.enlisted)
            sweep.enlisted.clear()
            broken = rephrased(error)
        except (Stopped, KeyboardInterrupt):
            if sweep.apart is not None:
                print(f"go on with: {command_to_resume(sweep.apart)}", file=sys.stderr)
            raise
        finally:
            sys.argv[1:] = given
            folder, sweep.apart = sweep.apart, None
        if folder is not None:
            from harness.collect import collect

            with sweep.held:
                collect(folder, broken)
        elif broken is not None:
            raise broken
        else:
            sweep.run()


if __name__ == "__main__":
    main()
