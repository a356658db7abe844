"""python -m harness.store generations.sqlite."""

from __future__ import annotations

import sys

from harness.exits import exits
from harness.store.command import run


def main() -> None:
    """Look at a store; exit with 1 and one sentence for a mistake or a broken entry, with 130 if interrupted."""
    with exits():
        run(sys.argv[1:])


if __name__ == "__main__":
    main()
