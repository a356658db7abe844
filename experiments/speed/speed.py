"""How fast a sweep is, against what people would use instead, and against its own forward passes.

python experiments/speed/speed.py                     both sweeps in float32; about an hour on two cores
python experiments/speed/speed.py --dtype bfloat16
python experiments/speed/speed.py --memory            peak memory of every contender
python experiments/speed/speed.py --linear            cost against prompts, tokens and strategies
python experiments/speed/speed.py --many              memory against the number of requests
python experiments/speed/speed.py --exact             what engine=exact costs
python experiments/speed/speed.py --tiny ...          any of them in seconds, to see that it runs
python experiments/speed/speed.py --report            the tables and figures again from what was measured
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import harness  # noqa: F401  (before torch: it sets how OpenMP waits)

# isort: split
from experiments.speed.environment import environment
from experiments.speed.workload import TINY, Setting, Work, eight, grid, prompts
from harness.atomic import replacing

HERE = Path(__file__).resolve().parent
TRIED = HERE.parents[1] / "results" / "speed-tiny"


def timed(setting: Setting, sweep: str, repetitions: int, *, int8: bool, without: str) -> dict[str, Any]:
    """One sweep by every contender but those whose letters are given."""
    from experiments.speed.measure import agreement, interleave
    from experiments.speed.roster import Roster

    cells = eight() if sweep == "eight" else grid()
    work = Work(cells, prompts(setting), setting.tokens)
    roster = Roster(setting)
    contenders = [roster.contender(key, sweep) for key in roster.keys(sweep, int8=int8) if key not in without]
    print(f"{sweep}: {describe(work)}", file=sys.stderr)
    runs = interleave(contenders, work, repetitions)
    return {
        "sweep": sweep,
        "work": describe(work),
        "generated": work.generated,
        "parts": {c.key: "its forward passes" if c.bare else against(c.part(work), work) for c in contenders},
        "rows": {
            "asked": roster.harness.asked(work),
            "extended": roster.harness.passes.rows("extend"),
            "texts": len(work.cells) * len(work.prompts),
            "prefilled": roster.harness.passes.rows("prefill"),
        },
        "agreement": agreement(runs),
        "start": roster.subject.entropy(),
        "entropy": roster.harness.entropy,
        "laps": [record for run in runs for record in run.records()],
    }


def describe(work: Work) -> str:
    """What is decoded, in a line."""
    names = ", ".join(c.name for c in work.cells) if len(work.cells) <= 8 else f"{len(work.cells)} jobs"
    return f"{names} × {len(work.prompts)} prompts × {work.tokens} tokens."


def against(part: Work, work: Work) -> str:
    """What part of the work a contender did."""
    if part.generated == work.generated:
        return "all"
    cells = ", ".join(c.name for c in part.cells) if len(part.cells) < 3 else f"{len(part.cells)} jobs"
    return f"{len(part.prompts)} prompts × {cells}"


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    what = parser.add_mutually_exclusive_group()
    for mode in ("memory", "linear", "many", "exact", "report"):
        what.add_argument(f"--{mode}", action="store_true")
    parser.add_argument("--sweep", choices=("eight", "grid", "both"), default="both")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--max-rows", type=int, help="of the harness; default 512 (--tiny: 64; --many: 256)")
    parser.add_argument("--lengths", type=int, nargs=2, metavar=("LOW", "HIGH"), help="of the prompts; default 16 48")
    parser.add_argument("--activation", default="gelu_new", help="gelu_pytorch_tanh is the same function, fused")
    parser.add_argument("--flat", action="store_true", help="leave the fresh model's nearly even distributions")
    parser.add_argument("--without", default="", metavar="LETTERS", help="contenders to leave out: a notebook … h bare")
    parser.add_argument("--int8", action="store_true", help="CTranslate2 in int8 as well, which makes other texts")
    parser.add_argument(
        "--tiny", action="store_true", help=f"a toy of everything, into {TRIED.relative_to(HERE.parents[1])}"
    )
    parser.add_argument("--out", type=Path, help="default: measured/ beside this script")
    return parser.parse_args()


def main() -> None:
    """Measure, write what was found, and write the tables and figures of all that has been found."""
    args = arguments()
    out = args.out or (TRIED if args.tiny else HERE / "measured")
    setting = replace(
        TINY if args.tiny else Setting(),
        dtype=args.dtype,
        device=args.device,
        threads=args.threads,
        activation=args.activation,
        flat=args.flat,
    )
    setting = replace(
        setting, max_rows=args.max_rows or setting.max_rows, lengths=tuple(args.lengths or setting.lengths)
    )
    where = "-".join([args.dtype, args.device.partition(":")[0], *variants(setting, TINY if args.tiny else Setting())])
    found: dict[str, dict[str, Any]] = {}
    if args.memory:
        from experiments.speed.memory import peaks

        everybody = (args.dtype, args.device) == ("float32", "cpu")
        found[f"memory-{where}"] = {"peaks": peaks(setting, list("abcdef" if everybody else "bcef"))}
    elif args.many:
        from experiments.speed.many import compare

        counts = [20, 60, 200] if args.tiny else [1_000, 3_000, 10_000]
        found["many"] = {"counts": compare(counts, args.max_rows or (16 if args.tiny else 256), args.threads)}
    elif not args.report:
        import torch

        torch.set_num_threads(args.threads)
        if args.exact:
            from experiments.speed import price

            setting = replace(setting, tokens=4 if args.tiny else 32)
            found[f"exact-{where}"] = {"times": price.measure(setting, args.repetitions)}
        elif args.linear:
            from experiments.speed import linear

            sizes = {"counts": (1, 2, 4), "lengths": (2, 4, 8)} if args.tiny else {}
            setting = replace(setting, tokens=4 if args.tiny else 32)
            found[f"linear-{where}"] = {"points": linear.measure(setting, args.repetitions, **sizes)}
        else:
            for sweep in ("eight", "grid") if args.sweep == "both" else (args.sweep,):
                found[f"{sweep}-{where}"] = timed(
                    setting, sweep, args.repetitions, int8=args.int8, without=args.without
                )
    about = {"setting": asdict(setting), "environment": environment(args.device, args.threads)}
    for name, each in found.items():
        write(out / f"{name}.json", json.dumps(about | each, indent=1, ensure_ascii=False) + "\n")

    from experiments.speed.report import report

    print(report(out))


def variants(setting: Setting, usual: Setting) -> list[str]:
    """What a file's name says of a setting that is not the usual one."""
    names = ["flat"] * setting.flat
    if setting.lengths != usual.lengths:
        names.append("prompts{}to{}".format(*setting.lengths))
    if setting.activation != usual.activation:
        names.append(setting.activation)
    return names


def write(path: Path, text: str) -> None:
    """Replace a file whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
