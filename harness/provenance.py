"""What a run was made with: versions, device, commit, times."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from harness import __version__

_CHECKOUT = Path(__file__).resolve().parents[1]
_PACKAGES = ("torch", "transformers", "tokenizers", "numpy", "hydra-core", "faiss-cpu", "scikit-learn")


def provenance(
    *,
    device: str,
    dtype: str,
    model: str,
    fingerprint: str,
    started: datetime,
    companion: tuple[str, str] | None = None,
    engine: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """A job's provenance, ready for JSON. The run is taken to end now.

    Args:
        device: as torch writes it: "cpu", "cuda:0".
        dtype: as torch writes it without its prefix: "float32".
        model: what the tables call the model.
        fingerprint: what fixes its weights.
        started: when the run began, with a time zone.
        companion: the same two of another model that the strategy reads with.
        engine: what it has to tell of the decoding of all jobs that it decoded together.
    """
    ended = datetime.now(UTC)
    return {
        "harness": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: found for name in _PACKAGES if (found := version(name))},
        "device": device,
        "dtype": dtype,
        "model": model,
        "fingerprint": fingerprint,
        **({"companion": companion[0], "companion_fingerprint": companion[1]} if companion else {}),
        **(engine or {}),
        "git": git(),
        "started": started.astimezone(UTC).isoformat(timespec="seconds"),
        "ended": ended.isoformat(timespec="seconds"),
        "seconds": round((ended - started).total_seconds(), 3),
    }


def version(package: str) -> str | None:
    """The installed version of a distribution, None where it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def git(checkout: Path = _CHECKOUT) -> dict[str, Any] | None:
    """{commit, dirty} of the checkout that the harness runs from; None where it is installed or git does not answer.

    Dirty means that tracked files differ from the commit; new files do not count, as a run makes some itself.
    """
    if not (checkout / ".git").exists():  # a .venv inside someone else's checkout is not ours
        return None
    commit = _ask(checkout, "rev-parse", "HEAD")
    changes = _ask(checkout, "status", "--porcelain", "--untracked-files=no")
    return {"commit": commit, "dirty": None if changes is None else bool(changes)} if commit else None


def _ask(checkout: Path, *words: str) -> str | None:
    # GIT_DIR and its like would answer for another repository; optional locks would get in the way of another git.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")} | {"GIT_OPTIONAL_LOCKS": "0"}
    try:
        answer = subprocess.run(
            ["git", "-C", str(checkout), *words], capture_output=True, text=True, timeout=5, env=environment, check=True
        )
    except (OSError, subprocess.SubprocessError, UnicodeError):
        return None
    return answer.stdout.strip()
