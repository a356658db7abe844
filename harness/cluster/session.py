"""Ray, started on this machine or joined where it runs, and without its chatter."""

from __future__ import annotations

import logging
import os
import signal
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from harness.errors import InputError

PATIENCE = 5.0
"""Seconds that an address is given to answer. Ray itself tries for minutes."""

OBJECTS = 256 * 2**20
"""Bytes of shared memory for what is sent between processes: a generation takes some thousand of them, and is taken at
once."""


ELSEWHERE = "/tmp"
"""Where Ray says on Linux and macOS that it runs, if no variable names another folder."""


@dataclass(frozen=True)
class Session:
    """A connection to a Ray cluster."""

    started: bool  # whether it is ours, and ends with us

    @property
    def resources(self) -> dict[str, float]:
        """What the cluster has: CPU, GPU."""
        import ray

        return {str(name): float(amount) for name, amount in ray.cluster_resources().items()}

    @property
    def nodes(self) -> int:
        """How many machines are alive."""
        import ray

        return sum(bool(node["Alive"]) for node in ray.nodes())

    def close(self) -> None:
        """End what we started; of a cluster that we joined, leave it."""
        import ray

        with _handlers_kept():
            ray.shutdown()


def check_ray(address: str | None) -> None:
    """Find out, before anything slow, whether Ray is installed and somebody answers at an address.

    Raises:
        InputError: it is not; nobody does.
    """
    if find_spec("ray") is None:
        raise InputError("cluster=ray: needs Ray; pip install 'decoding-harness[ray]'")
    if address is None:
        return
    shown = f"cluster.address={address!r}"
    if "://" in address:
        raise InputError(f"{shown}: allowed: null, auto, or the HOST:PORT of a cluster that this machine is a node of")
    place = _announced() if address == "auto" else address
    if place is None:
        raise InputError(f"{shown}: no Ray runs on this machine (ray start --address=HOST:PORT makes it a node of one)")
    host, _, port = place.rpartition(":")
    if not host or not port.isdigit():
        raise InputError(f"{shown}: must be HOST:PORT, as ray start --head prints it")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=PATIENCE).close()
    except (OSError, OverflowError) as error:
        reason = "timed out" if isinstance(error, TimeoutError) else getattr(error, "strerror", None) or error
        raise InputError(f"{shown}: nobody answers at {place} ({reason})") from None


def open_session(address: str | None, cpus: int) -> Session:
    """Join the cluster at an address, or start one on this machine.

    Where this process has a connection already, that one is used, and left as it is.

    Args:
        address: as in `conf/cluster/ray.yaml`.
        cpus: at least so many are there for workers, if the cluster is ours; more workers than cores take turns.

    Raises:
        InputError: the cluster does not let us in.
    """
    check_ray(address)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "1")  # workers without a GPU see none
    os.environ.setdefault("RAY_IGNORE_UNHANDLED_ERRORS", "1")  # of workers that nobody asks any more
    os.environ.setdefault(
        "RAY_worker_niceness", "0"
    )  # the work is theirs; at 15 they get what others on the machine leave
    import ray

    logging.getLogger("ray").setLevel(logging.ERROR)  # which importing it sets

    if ray.is_initialized():
        return Session(started=False)
    quiet = {"log_to_driver": False, "configure_logging": False}
    with _handlers_kept():
        if address is None:
            ray.init(
                address="local",
                num_cpus=max(cpus, _cores()),
                include_dashboard=False,
                object_store_memory=OBJECTS,
                **quiet,
            )
        else:
            try:
                ray.init(address=address, **quiet)
            except (ConnectionError, RuntimeError, ValueError, OSError) as error:  # versions differ; no node of it
                raise InputError(
                    f"cluster.address={address!r}: {' '.join(str(error).split())[:300]} (a cluster that asks for a "
                    "token wants RAY_AUTH_MODE=token here, and its token in ~/.ray/auth_token)"
                ) from None
    # Else Ray writes a page on standard output for each worker that is lost; who asked for it says so in a line.
    ray._private.worker._worker_logs_enabled = False
    return Session(started=True)


def _cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _announced() -> str | None:
    """The address of the cluster that this machine is a node of, where Ray says so."""
    if found := os.environ.get("RAY_ADDRESS"):
        return found
    for folder in (os.environ.get("RAY_TMPDIR"), tempfile.gettempdir(), ELSEWHERE):
        with suppress(OSError):
            if folder and (text := Path(folder, "ray", "ray_current_cluster").read_text().strip()):
                return text
    return None


@contextmanager
def _handlers_kept() -> Iterator[None]:
    """Ray takes SIGTERM; who was to be told of it is told again."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            if handler is not None:
                signal.signal(number, handler)
