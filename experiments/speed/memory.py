"""Peak memory: every contender alone in a fresh process, apart from the timed run."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from experiments.speed.workload import Setting, Work, eight, prompts


def resident(which: str = "VmHWM") -> int:
    """Resident memory of this process in MiB: the peak (VmHWM) or that of now (VmRSS).

    From /proc: `getrusage` would count the process that started this one too.
    """
    line = next(x for x in Path("/proc/self/status").read_text().splitlines() if x.startswith(which))
    return int(line.split()[1]) // 1024


def settled() -> int:
    """Resident memory of now in MiB; the peak is counted afresh from here, so that loading leaves no trace in it."""
    gc.collect()
    with suppress(OSError):  # a kernel that does not let a process do so: the peak is then that of loading too
        Path("/proc/self/clear_refs").write_text("5")
    return resident("VmRSS")


def peaks(setting: Setting, keys: list[str]) -> list[dict[str, Any]]:
    """{contender, loaded, peak[, device]} in MiB: with the model loaded, and after the sweep of eight strategies."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        if "d" in keys:
            child({"task": "convert", "setting": asdict(setting), "folder": folder})
        for key in keys:
            found.append(child({"task": "peak", "setting": asdict(setting), "folder": folder, "key": key}))
            print(f"  {key}: {found[-1]}", file=sys.stderr)
    return found


def child(order: dict[str, Any]) -> dict[str, Any]:
    """Carry an order out in a fresh process; what it prints on its last line."""
    command = [sys.executable, "-m", "experiments.speed.memory", json.dumps(order)]
    root = Path(__file__).resolve().parents[2]
    out = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=root).stdout
    answer: dict[str, Any] = json.loads(out.strip().splitlines()[-1])
    return answer


def obey(order: dict[str, Any]) -> dict[str, Any]:
    """What the fresh process does."""
    if order["task"] == "many":
        from experiments.speed.many import stream

        return stream(order["requests"], order["max_rows"], order["threads"])
    setting = Setting(**order["setting"] | {"lengths": tuple(order["setting"]["lengths"])})
    if not (order["task"] == "peak" and order["key"] == "d"):  # CTranslate2 by itself needs no torch
        import torch

        torch.set_num_threads(setting.threads)
    if order["task"] == "convert":
        from experiments.speed.subject import Subject
        from experiments.speed.translator import convert

        convert(Subject(setting).network, Path(order["folder"]))
        return {}
    return peak(setting, order["key"], Path(order["folder"]))


def peak(setting: Setting, key: str, folder: Path) -> dict[str, Any]:
    """Load what a contender needs, decode once, and see how high memory went."""
    work = Work(eight(), prompts(setting), setting.tokens)
    if key == "d":
        from experiments.speed.translator import Translator

        translator = Translator(folder, threads=setting.threads, batch=setting.batch)
        loaded = settled()
        translator.run(work)
        return {"contender": key, "loaded": loaded, "peak": resident()}
    from experiments.speed.roster import Roster

    roster = Roster(setting)
    contender = roster.contender(key, "eight")
    _ = roster.subject.model
    loaded = settled()
    contender.run(contender.part(work))
    found = {"contender": key, "loaded": loaded, "peak": resident()}
    if setting.device.startswith("cuda"):
        import torch

        found["device"] = torch.cuda.max_memory_allocated() // 2**20
    return found


if __name__ == "__main__":
    import harness  # noqa: F401  (sets how OpenMP waits)

    print(json.dumps(obey(json.loads(sys.argv[1]))))
