"""python -m harness.inspect "The theory of relativity is" strategy=top_p strategy.top_p=0.8,0.9."""

from __future__ import annotations

import os
import sys

# Before torch is imported: spinning threads make small shared machines up to 80 times slower at times.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from harness.exits import exits
from harness.inspect.command import Asked, parse


def main() -> None:
    """Look at one step; exit with 1 and one sentence for a mistake, with 130 if interrupted."""
    with exits():
        show(parse(sys.argv[1:]))


def show(asked: Asked) -> None:
    """Print what was asked for, and write its page.

    Raises:
        InputError: something cannot be used; before the model is loaded, but for what only the model can tell.
    """
    from harness.models.loading import load, preflight

    preflight(asked.model)
    from harness.inspect.outcome import built, outcome
    from harness.inspect.step import look
    from harness.inspect.terminal import print_step

    strategies = [(choice, built(choice)) for choice in asked.strategies]
    for _, strategy in strategies:
        strategy.preflight()
    hidden = any(strategy.needs_hidden for _, strategy in strategies)
    step = look(load(asked.model), asked.prompt, hidden=hidden)
    print_step(step, [outcome(step, choice, strategy) for choice, strategy in strategies], asked.top)
    if asked.html:
        from harness.inspect.page import write

        size = write(asked.html, step, strategies)
        print(f"page: {asked.html} ({size / 1000:,.0f} kB)")


if __name__ == "__main__":
    main()
