"""What the figures depend on beside the code."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path
from typing import Any

from harness.provenance import git, version

PACKAGES = ("torch", "transformers", "ctranslate2", "numpy")


def environment(device: str, threads: int) -> dict[str, Any]:
    """Processor, threads, versions, commit; ready for JSON."""
    found: dict[str, Any] = {
        "processor": processor(),
        "cores": os.cpu_count(),
        "instructions": instructions(),
        "threads": threads,
        "OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY"),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
        "git": git(),
    }
    if device.startswith("cuda"):
        import torch

        found["device"] = torch.cuda.get_device_name(device)
    return found


def processor() -> str:
    """The processor's name."""
    return _cpuinfo("model name") or platform.processor() or platform.machine()


def instructions() -> list[str]:
    """Those of the processor's instruction sets that decide how fast matrices are multiplied."""
    return [f for f in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if f in _cpuinfo("flags").split()]


def _cpuinfo(key: str) -> str:
    path = Path("/proc/cpuinfo")
    found = re.search(rf"^{key}\s*:\s*(.*)$", path.read_text(), re.MULTILINE) if path.exists() else None
    return found[1].strip() if found else ""
