"""python -m harness.report results/A results/B."""

from __future__ import annotations

import sys

from harness.errors import InputError
from harness.exits import exits
from harness.report.command import Asked, parse


def main() -> None:
    """Report; exit with 1 and one sentence for a mistake, with 130 if interrupted."""
    with exits():
        report(parse(sys.argv[1:]))


def report(asked: Asked) -> None:
    """Write the report of the results that were asked for, and print its table.

    Raises:
        InputError: they cannot be read, or not be compared, or there is no such baseline.
    """
    from harness.report.comparability import obstacles
    from harness.report.gather import gather
    from harness.report.merge import baseline, merge
    from harness.report.publish import publish
    from harness.report.tables import tabulate
    from harness.report.terminal import print_table

    sweeps = gather(asked.results)
    if not asked.show_incomparable and (found := obstacles(sweeps)):
        raise InputError(
            f"these results may not be ranked against each other: {'; '.join(found)} (--show-incomparable shows them "
            "unranked)"
        )
    sweep = merge(sweeps, asked.out, asked.command)
    given = sweep.jobs[0].config.get("report") or {} if len(sweeps) == 1 else {}
    kept = {key: given[key] for key in ("prompts", "characters", "figures") if key in given}
    table = tabulate(sweep.jobs, sweep.references, baseline(sweeps, sweep, asked.baseline or given.get("baseline")))
    print_table(sweep, publish(sweep, table, asked.out, **kept), table=table)


if __name__ == "__main__":
    main()
