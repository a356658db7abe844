"""MAUVE on clouds whose distance is known: its growth with the texts, its intervals' coverage, and the tie.

python experiments/mauve/study.py            all three
python experiments/mauve/study.py growth     one of them
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import harness  # noqa: F401  (first: it sets how OpenMP waits)

# isort: split
from experiments.mauve import coverage, growth, ties
from harness.atomic import replacing

PARTS = {"growth": growth, "coverage": coverage, "ties": ties}
MEASURED = Path(__file__).resolve().parent / "measured"


def main() -> None:
    """Measure, write `measured/PART.json` and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="all of them, if none is named")
    for name in parser.parse_args().parts or PARTS:
        rows = PARTS[name].measure()
        MEASURED.mkdir(exist_ok=True)
        with replacing(MEASURED / f"{name}.json") as temporary:
            temporary.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
        print(f"\n{name}\n\n{PARTS[name].table(rows)}", flush=True)


if __name__ == "__main__":
    main()
