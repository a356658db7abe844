"""A command in a process of its own: how long it takes, by the clock and of the processor, and how high memory goes."""

from __future__ import annotations

import os
import subprocess
import time
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

POLL = 0.02
"""Seconds between two looks. The peak is the kernel's own, so what rises and falls between two looks is in it."""

_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Look:
    """A process at one moment."""

    time: float  # as the times of files have it
    cpu: float  # seconds of the processor so far
    resident: int  # bytes
    peak: int  # bytes, so far


@dataclass(frozen=True)
class Watched:
    """A process from its start to its end."""

    looks: Sequence[Look]
    start: float
    end: float

    @property
    def peak(self) -> int:
        """Bytes."""
        return max(look.peak for look in self.looks)

    def cpu(self, begin: float, end: float) -> float:
        """Seconds of the processor between two times."""
        return self._at(end).cpu - self._at(begin).cpu

    def highest(self, begin: float, end: float) -> int:
        """The most bytes seen between two times."""
        return max((look.resident for look in self.looks if begin <= look.time <= end), default=0)

    def _at(self, when: float) -> Look:
        place = bisect_left([look.time for look in self.looks], when)
        return self.looks[min(place, len(self.looks) - 1)]


def watch(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Watched:
    """Run a command in a folder until it ends.

    Raises:
        subprocess.CalledProcessError: it failed; with what it said.
    """
    looks = [Look(time.time(), 0.0, 0, 0)]
    process = subprocess.Popen(
        list(command), cwd=folder, env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert process.stdout is not None
    os.set_blocking(process.stdout.fileno(), False)
    said = b""
    while process.poll() is None:
        if look := _look(process.pid):
            looks.append(look)
        said += process.stdout.read() or b""
        time.sleep(POLL)
    said += process.stdout.read() or b""
    process.stdout.close()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, list(command), said.decode(errors="replace"))
    return Watched(looks, looks[0].time, time.time())


def _look(pid: int) -> Look | None:
    """None if it has just ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    sizes = {
        name: int(line.split()[1]) * 1024
        for line in status.splitlines()
        for name in [line.partition(":")[0]]
        if name in ("VmRSS", "VmHWM")
    }
    if len(sizes) < 2:
        return None
    return Look(time.time(), (int(fields[11]) + int(fields[12])) / _TICK, sizes["VmRSS"], sizes["VmHWM"])
