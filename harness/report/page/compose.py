"""Everything put together: the template, its styles and scripts, and what they show."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from harness.report import gaps, markdown, seeds
from harness.report.escape import visible
from harness.report.figures import Drawing
from harness.report.page import pack, rules, scores
from harness.report.page.inline import inline
from harness.report.page.pictures import pictures
from harness.report.page.spans import GRAM
from harness.report.page.texts import Entry, entries, sources
from harness.report.remarks import remarks
from harness.report.tables import Table
from harness.report.verdict import verdict
from harness.report.writers import legend
from harness.results import Sweep

_SCRIPTS = ("dom", "tip", "table", "scroll", "store", "text", "search", "browser", "print")
_STYLES = ("page", "table", "browser", "print")


def compose(sweep: Sweep, table: Table, drawings: Sequence[Drawing], figures: Path) -> str:
    """The text of report.html.

    It asks nothing of any network and lets nothing run but its own scripts: a policy at its head says so to the
    browser. All texts are data to it.

    Args:
        sweep: read from its folder.
        table: of the sweep's jobs.
        drawings: the figures to show.
        figures: the folder that holds them.
    """
    environment = Environment(
        loader=PackageLoader("harness.report.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"visible": visible, "inline": inline}
    script, style = _joined(_SCRIPTS, "js"), _joined(_STYLES, "css")
    keys, configs = markdown.differences(sweep.jobs)
    told = entries(sweep)
    tops = pack.largest(told)
    parts = pack.chunks(told)
    return environment.get_template("report.html.j2").render(
        policy=f"default-src 'none'; img-src data:; style-src {_hash(style)}; script-src {_hash(script)}",
        script=script,
        style=style,
        question=markdown.question(sweep, table),
        setting=markdown.setting(sweep),
        verdict=verdict(sweep, table),
        table=table,
        heads=scores.heads(table),
        rows=scores.rows(table),
        legend=legend(table),
        marked=scores.marked(table),
        remarks=remarks(sweep, table),
        grids=[
            (id, title, grid, scores.folded(grid.heads[first:]))
            for id, title, grid, first in (
                ("distance", "Distance from the reference texts", gaps.grid(table), 1),
                ("seeds", "Over seeds", seeds.grid(sweep.jobs, table), 2),
            )
            if grid
        ],
        pictures=pictures(figures, drawings),
        gram=GRAM,
        samples=max((text.sample + 1 for entry in told for text in entry.texts), default=1),
        sources=sources(sweep),
        several=len(sweep.jobs) > 1,
        loops=rules.told(sweep),
        about=pack.embed(_about(sweep, told, parts, tops)),
        blocks=[pack.embed(pack.block(part, tops)) for part in parts],
        differences=[
            (job.label, [f"{key}={each[key]}" for key in keys if key in each])
            for job, each in zip(sweep.jobs, configs, strict=True)
        ],
        signatures=[(job.label, job.signature) for job in sweep.jobs if job.signature],
        made=markdown.made(sweep.jobs),
        command=sweep.command.split("\n") if sweep.command else [],
    )


def _about(sweep: Sweep, told: Sequence[Entry], parts: Sequence[Sequence[Entry]], tops: tuple[float, float]) -> object:
    """What the browser of texts knows before it unpacks any: the sources, and what prompts are chosen by."""
    firsts = [sum(map(len, parts[:i])) for i in range(len(parts))]
    return {
        "sources": [{"label": visible(label), "reference": reference} for label, reference in sources(sweep)],
        "chunks": firsts,
        "loops": [entry.loops for entry in told],
        "longest": [entry.longest for entry in told],
        "difference": [round(entry.difference(), 4) for entry in told],
        "tops": {"surprisal": tops[0], "entropy": tops[1]},
        "levels": pack.LEVELS,
    }


def _joined(names: Sequence[str], kind: str) -> Markup:
    """Files of static/, one after the other, as they stand in a script or style element."""
    folder = files("harness.report.page") / "static"
    return Markup("\n" + "\n".join((folder / f"{name}.{kind}").read_text(encoding="utf-8") for name in names))


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode('ascii')}'"
