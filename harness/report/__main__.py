"""python -m harness.report results/A results/B."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from harness.errors import InputError
from harness.exits import exits
from harness.report.command import Asked, parse

if TYPE_CHECKING:
    from harness.results import Sweep


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
    if len(sweeps) == 1 and not _runs_own(asked, sweep):
        sweep = replace(sweep, command="\n".join(filter(None, [sweep.command, asked.command])))
    given = sweep.jobs[0].config.get("report") or {} if len(sweeps) == 1 else {}
    kept = {key: given[key] for key in ("prompts", "characters", "figures") if key in given}
    usual, labels = given.get("baseline"), [job.label for job in sweep.jobs]
    if usual not in labels:  # some jobs of a sweep, without that which its run was told to test against
        if usual is not None and asked.baseline is None and len(labels) > 1:
            note = f"tested against {labels[0]}, as {usual}, the baseline of the run, is not among these jobs"
            sweep = replace(sweep, notes=[*sweep.notes, note])
        usual = None
    table = tabulate(sweep.jobs, sweep.references, baseline(sweeps, sweep, asked.baseline or usual))
    print_table(sweep, publish(sweep, table, asked.out, **kept), table=table)


def _runs_own(asked: Asked, sweep: Sweep) -> bool:
    """Whether the run's own report says the same: of all its jobs, against its own baseline."""
    return asked.baseline is None and any(sweep.folder.resolve().is_relative_to(p.resolve()) for p in asked.results)


if __name__ == "__main__":
    main()
