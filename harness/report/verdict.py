"""The table in words: a few sentences, and what they do not say."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from harness.report.escape import markdown
from harness.report.tables import FIRST, Cell, Column, Table, decimals, number
from harness.report.votes import Contender, best, contenders
from harness.report.words import NAMED, Level, levels, listed, prompts
from harness.results import Sweep

FEW_PROMPTS = 100
LOOPS = "loops"
LOOPING = 0.05  # a smaller share of texts that loop is not worth a sentence
RAGGED = 0.9  # mean lengths that differ by more than this factor are said


def verdict(sweep: Sweep, table: Table) -> str:
    """A paragraph of Markdown. Seeds of a strategy do not compete with each other: it has their mean."""
    among = contenders(sweep.jobs, table)
    if len(among) == 1:
        said = [_alone(among[0], table)]
    else:
        said = [_closest(table, among), _highest(table, among), _loops(table, among), _tested(table, among)]
    return " ".join(filter(None, [*said, _caveats(sweep, table)]))


def _alone(only: Contender, table: Table) -> str:
    """The main scores of the only strategy beside those of the references."""
    by_name = {column.name: column for column in table.columns}
    pairs = []
    for name in FIRST:
        score = only.score(by_name[name]) if name in by_name else None
        if score and score.reference is not None:
            reference = number(score.reference, decimals(score.reference, abs(score.value)))
            pairs.append(f"{markdown(name)} {only.shown(by_name[name])} (reference texts: {reference})")
    return f"{_bold(only)}: {listed(pairs)}." if pairs else ""


def _closest(table: Table, among: Sequence[Contender]) -> str:
    """Who is closest to the references on how many measures."""
    winners = {column.name: best(column, among) for column in table.columns if column.better == "reference"}
    # A measure on which most are equally close tells nobody apart.
    columns = [c for c in table.columns if 0 < len(winners.get(c.name, ())) <= max(1, len(among) / 2)]
    if not columns:
        known = [c for c in table.columns if any(cell and cell.score.reference is not None for cell in c.cells)]
        if not known:
            return "There are no reference texts, so no strategy can be called closest to them."
        if any(column.differs for column in known):
            return "The rows are not ranked, as their signatures differ."
        return "No measure of the reference texts tells the strategies apart."
    wins = Counter(winner for column in columns for winner in winners[column.name])
    found, more = levels((count, _bold(each)) for each, count in wins.items())
    only = f"On {markdown(columns[0].name)}, the only measure that tells strategies apart"
    of = f"Of {len(columns)} measures that the reference texts have too" if len(columns) > 1 else only
    named = listed([level.said + f" on {level.value}{level.each}" * (len(columns) > 1) for level in found])
    verb = "is" if len(found[0].names) == 1 else "are"
    means = ", by the mean over its seeds," if any(len(each.rows) > 1 for each in among) else ""
    others = f", {more} more on fewer" if more else ""
    together = " (rep-n and distinct-n move together: these are not independent votes)" if len(columns) > 3 else ""
    return f"{of}, closest to them {verb}{means} {named}{others}{together}. {_settled(columns, winners, among)}."


def _settled(columns: Sequence[Column], winners: Mapping[str, Sequence[Contender]], among: Sequence[Contender]) -> str:
    """On which measures the closest strategy is the only one in bold, all others being significantly farther."""
    rows = [row for each in among for row in each.rows]
    tested = [column for column in columns if all(_testable(column.cells[row]) for row in rows)]
    if not tested:
        return "None of that could be tested"
    alone: dict[Contender, list[str]] = {}
    for column in tested:
        leads = [each for each in among if any((cell := column.cells[row]) and cell.good for row in each.rows)]
        if len(leads) == 1 and winners[column.name] == leads:
            alone.setdefault(leads[0], []).append(markdown(column.name))
    if not alone:
        return "None of that is settled: on every measure another strategy is not significantly farther"
    named = listed([f"{listed(names)} ({_bold(each)})" for each, names in alone.items()])
    if sum(map(len, alone.values())) == len(columns):
        return f"That is settled for {named}: all other strategies are significantly farther"
    return f"That is settled only for {named}; elsewhere another strategy is not significantly farther"


def _testable(cell: Cell | None) -> bool:
    """Whether there is what a test of its distance takes, the interval of its gap; or no distance."""
    if cell is None or (cell.score.gap is None and cell.score.reference is None):
        return True
    return cell.score.gap_low is not None and not math.isnan(cell.score.gap_low)


def _highest(table: Table, among: Sequence[Contender]) -> str:
    """Who is best on the measures that know no reference row, such as MAUVE."""
    said = []
    for column in table.columns:
        winners = best(column, among) if column.better == "high" else []
        if winners:
            names = Level(None, tuple(map(_bold, winners))).said
            said.append(f"{markdown(column.name)} by {names} ({winners[0].shown(column)})")
    return f"Highest {listed(said)}." if said else ""


def _loops(table: Table, among: Sequence[Contender]) -> str:
    """Which strategies fall into loops."""
    column = next((column for column in table.columns if column.name == LOOPS), None)
    if column is None:
        return ""
    shares = [(score.value, each) for each in among if (score := each.score(column))]
    looping = [(round(share, 2), _bold(each)) for share, each in shares if share >= LOOPING]
    if not looping:
        return f"No strategy ends more than {LOOPING:.0%} of its texts in a repetition loop."
    found, more = levels(looping)
    said = listed([f"{level.value:.0%} of {level.said}{level.each}" for level in found])
    others = f" ({more} more {'strategies loop' if more > 1 else 'strategy loops'} in {LOOPING:.0%} or more)"
    return f"Texts that end in a repetition loop: {said}{others if more else ''}."


def _tested(table: Table, among: Sequence[Contender]) -> str:
    """In how many scores each strategy differs from the baseline by more than chance explains."""
    if not table.tests:
        return ""
    start = table.alike[table.labels.index(table.baseline)]
    base = min((e for e in among if start in {table.alike[row] for row in e.rows}), key=lambda each: len(each.rows))
    name = _bold(base) if len(base.rows) == 1 else f"**{markdown(table.baseline)}**"
    counts = []
    for each in among:
        tested = [
            all(cell.marked for cell in cells)
            for column in table.columns
            if (cells := [c for row in each.rows if (c := column.cells[row]) and not math.isnan(c.p)])
        ]
        if tested:
            other = " under its other seeds" if each is base else ""
            counts.append((sum(tested), len(tested), f"{_bold(each)}{other}"))
    differing = [((marked, tested), label) for marked, tested, label in counts if marked]
    if not differing:
        return f"No score of any strategy differs from {name} by more than chance explains."
    seeds = " and under every seed" if any(len(each.rows) > 1 for each in among) else ""
    found, more = levels(differing)
    (marked, tested), first = found[0].value, found[0]
    verb = "differs" if len(first.names) == 1 else "differ"
    said = [f"{first.said} {verb} from {name} in {marked} of {tested} scores{first.each}, by more than chance{seeds}"]
    said += ["{} in {} of {}{}".format(level.said, *level.value, level.each) for level in found[1:]]
    said += [f"{more} more in fewer"] if more else []
    same = [label for marked, _, label in counts if not marked]
    others = [f"{len(same) - NAMED} more"] if len(same) > NAMED else []
    said += [f"{listed([*same[:NAMED], *others])} in none"] if same else []
    return f"{'; '.join(said)}."


def _caveats(sweep: Sweep, table: Table) -> str:
    """What keeps a reader from believing all this."""
    counts = [job.generations["prompt_id"].nunique() for job in sweep.jobs]
    seeds = {seed for job in sweep.jobs for seed in job.generations["seed"]}
    reasons = []
    if min(counts) < FEW_PROMPTS:
        reasons.append(f"there are only {prompts(sweep)}" if max(counts) > 1 else "there is only one prompt")
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
    if len(unranked) == len(table.columns) > 0:
        reasons.append("no score is comparable across the rows")
    elif unranked:
        reasons.append(f"{listed(unranked)} {'is' if len(unranked) == 1 else 'are'} not comparable across the rows")
    return f"Read with care: {'; '.join(reasons)}." if reasons else ""


def _bold(contender: Contender) -> str:
    return f"**{markdown(contender.label)}**"
