"""The table in words: a few sentences, and what they do not say."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from harness.report.escape import markdown
from harness.report.tables import FIRST, Column, Table, decimals, number
from harness.results import ScoreRecord, Sweep

FEW_PROMPTS = 100
LOOPS = "loops"
LOOPING = 0.05  # a smaller share of texts that loop is not worth a sentence
RAGGED = 0.9  # mean lengths that differ by more than this factor are said
NAMED = 3  # strategies that a sentence names at most


def verdict(sweep: Sweep, table: Table) -> str:
    """A paragraph of Markdown."""
    said = [_alone(table)] if table.jobs == 1 else [_closest(table), _highest(table), _loops(table), _tested(table)]
    return " ".join(filter(None, [*said, _caveats(sweep, table)]))


def _alone(table: Table) -> str:
    """The main scores of the only job beside those of the references."""
    by_name = {column.name: column.cells[0] for column in table.columns}
    pairs = []
    for name in FIRST:
        cell = by_name.get(name)
        if cell and cell.score.reference is not None:
            reference = number(cell.score.reference, decimals(cell.score.reference, abs(cell.score.value)))
            pairs.append(f"{markdown(name)} {cell.value} (reference texts: {reference})")
    return f"**{markdown(table.labels[0])}**: {_listed(pairs)}." if pairs else ""


def _closest(table: Table) -> str:
    """Who is closest to the references on how many measures."""
    columns = [
        column
        for column in table.columns
        if column.better == "reference" and 0 < _ties(column) <= max(1, table.jobs / 2)  # else it tells nobody apart
    ]
    if not columns:
        if any(c.differs and cell and cell.score.reference is not None for c in table.columns for cell in c.cells):
            return "The rows are not ranked, as their signatures differ."
        return "No measure has a value for the reference texts, so no strategy can be called closest to them."
    wins = Counter(row for c in columns for row, cell in enumerate(c.cells) if cell and cell.best).most_common()
    named = [f"**{markdown(table.labels[row])}** on {count}" for row, count in wins[:NAMED]]
    of = f"Of {len(columns)} measures that the reference texts have too" if len(columns) > 1 else "On the only measure"
    together = " (rep-n and distinct-n move together: these are not independent votes)" if len(columns) > 3 else ""
    clear = _listed([markdown(column.name) for column in columns if _is_clear(column, table.jobs)])
    settled = f"The intervals by themselves settle that for {clear or 'none of them'}"
    return f"{of}, closest to them is {_listed(named)}{together}. {settled}."


def _ties(column: Column) -> int:
    return sum(cell.best for cell in column.cells if cell)


def _is_clear(column: Column, jobs: int) -> bool:
    """Whether the far end of the best interval is closer to the reference than the near end of any other job's.

    It takes the intervals as independent, so it is no test of the difference.
    """
    cells = [cell for cell in column.cells[:jobs] if cell]
    ends = [_distances(cell.score) for cell in cells]
    best = [far for (_, far), cell in zip(ends, cells, strict=True) if cell.best]
    others = [near for (near, _), cell in zip(ends, cells, strict=True) if not cell.best]
    return len(best) == 1 and len(others) > 0 and best[0] < min(others)


def _distances(score: ScoreRecord) -> tuple[float, float]:
    """How near to the reference and how far from it the interval of a score reaches; without one, anywhere."""
    if score.gap_low is not None and score.gap_high is not None and not math.isnan(score.gap_low):
        ends = sorted((abs(score.gap_low), abs(score.gap_high)))
        return (0.0 if score.gap_low <= 0 <= score.gap_high else ends[0]), ends[1]
    if score.low is None or score.high is None or score.reference is None:
        return 0.0, math.inf
    ends = sorted((abs(score.low - score.reference), abs(score.high - score.reference)))
    return (0.0 if score.low <= score.reference <= score.high else ends[0]), ends[1]


def _highest(table: Table) -> str:
    """Who is best on the measures that know no reference row, such as MAUVE."""
    said = []
    for column in table.columns:
        rows = [row for row, cell in enumerate(column.cells) if cell and cell.best]
        if column.better != "high" or not rows:
            continue
        shown = column.cells[rows[0]]
        names = _listed([f"**{markdown(table.labels[row])}**" for row in rows[:NAMED]])
        said.append(f"{markdown(column.name)} by {names} ({shown.value if shown else ''})")
    return f"Highest {_listed(said)}." if said else ""


def _loops(table: Table) -> str:
    """Which strategies fall into loops."""
    column = next((column for column in table.columns if column.name == LOOPS), None)
    if column is None:
        return ""
    shares = [(c.score.value, label) for c, label in zip(column.cells[: table.jobs], table.labels, strict=False) if c]
    looping = sorted((each for each in shares if each[0] >= LOOPING), reverse=True)
    if not looping:
        return f"No strategy ends more than {LOOPING:.0%} of its texts in a repetition loop."
    named = [f"{share:.0%} of **{markdown(label)}**" for share, label in looping[:NAMED]]
    more = f" ({len(looping) - NAMED} more strategies loop in {LOOPING:.0%} or more)" if len(looping) > NAMED else ""
    return f"Texts that end in a repetition loop: {_listed(named)}{more}."


def _tested(table: Table) -> str:
    """In how many scores each job differs from the baseline by more than chance explains."""
    if not table.tests:
        return ""
    counts = []
    for row, label in enumerate(table.labels[: table.jobs]):
        cells = [cell for column in table.columns if (cell := column.cells[row]) and not math.isnan(cell.p)]
        if cells:
            counts.append((sum(cell.marked for cell in cells), len(cells), label))
    differing = sorted((each for each in counts if each[0]), key=lambda each: -each[0])
    if not differing:
        return f"No score of any strategy differs from **{markdown(table.baseline)}** by more than chance explains."
    named = [f"**{markdown(label)}** in {marked} of {tested}" for marked, tested, label in differing[:NAMED]]
    more = f" ({len(differing) - NAMED} more differ in some)" if len(differing) > NAMED else ""
    alike = [f"**{markdown(label)}**" for marked, _, label in counts if not marked]
    same = f"; {_listed(alike)} in none" if alike else ""
    return (
        f"From **{markdown(table.baseline)}** more than chance parts {_listed(named)} of the scores tested{more}{same}."
    )


def _caveats(sweep: Sweep, table: Table) -> str:
    """What keeps a reader from believing all this."""
    prompts = len({prompt for job in sweep.jobs for prompt in job.generations["prompt_id"]})
    seeds = {seed for job in sweep.jobs for seed in job.generations["seed"]}
    reasons = []
    if prompts < FEW_PROMPTS:
        reasons.append(f"there are only {prompts} prompts" if prompts > 1 else "there is only one prompt")
    if len(seeds) == 1:
        reasons.append("there is one seed")
    if not any(cell and cell.interval for column in table.columns for cell in column.cells):
        reasons.append("no interval was computed, so small differences may be chance")
    lengths = [cell.score.value for c in table.columns if c.name == "length" for cell in c.cells[: table.jobs] if cell]
    if lengths and min(lengths) < RAGGED * max(lengths):
        reasons.append(
            f"texts have {min(lengths):.0f} to {max(lengths):.0f} tokens on average, and most measures move with length"
        )
    unranked = [markdown(column.name) for column in table.columns if column.differs]
    if unranked:
        reasons.append(f"{_listed(unranked)} {'is' if len(unranked) == 1 else 'are'} not comparable across the rows")
    return f"Read with care: {_listed(reasons)}." if reasons else ""


def _listed(parts: Sequence[str]) -> str:
    """a; a and b; a, b and c."""
    return " and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))
