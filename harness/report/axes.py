"""The figures of a report one by one, on matplotlib axes: for notebooks.

    sweep = read_sweep(Path("results/2026-01-31_12-00-00_sweep"))
    plane(sweep.jobs, sweep.references)

Each function draws on the axes that it is given, or on new ones, and returns them. The jobs are those of one set of
references: of a sweep over models, those of one model. Seeds are put together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from matplotlib.axes import Axes

from harness.errors import InputError
from harness.report import curves, frontier, lines, perplexities, style
from harness.report import example as examples
from harness.report import frequencies as ranks
from harness.report import knob as knobs
from harness.report import plane as planes
from harness.report.series import Panel, panels
from harness.report.tables import find
from harness.report.turns import turns
from harness.results import JobResult, References

Jobs = Sequence[JobResult]
Humans = Sequence[References]


def plane(jobs: Jobs, references: Humans = (), axes: Axes | None = None) -> Axes:
    """Perplexity against diversity, with intervals and the reference as a star."""
    panel, diversity = _only(jobs, references), planes.measured(jobs)
    if diversity is None:
        raise InputError(f"jobs: the plane takes {planes.QUALITY} and one of {', '.join(planes.DIVERSITY)}")
    return _drawn(axes, lambda on: planes.scatter(on, panel, diversity))


def perplexity(jobs: Jobs, references: Humans = (), axes: Axes | None = None) -> Axes:
    """The perplexity of every text, a row per strategy, against the reference's median and middle half."""
    panel = _only(*_read(jobs, references))

    def draw(on: Axes) -> None:
        perplexities.rows(on, panel)
        on.set_xlabel(perplexities.AXIS)

    return _drawn(axes, draw)


def repetition(jobs: Jobs, references: Humans = (), axes: Axes | None = None) -> Axes:
    """The share of texts that repeat a 4-gram, token by token."""
    return _lines(curves.sheets(curves.REPETITION, *_read(jobs, references)), curves.REPETITION.scales, axes)


def probability(jobs: Jobs, references: Humans = (), axes: Axes | None = None) -> Axes:
    """The median probability of the chosen token, token by token, with the middle half of the reference texts."""
    return _lines(curves.sheets(curves.PROBABILITY, *_read(jobs, references)), curves.PROBABILITY.scales, axes)


def entropy(jobs: Jobs, references: Humans = (), axes: Axes | None = None) -> Axes:
    """The model's median entropy, token by token, with the middle half of the reference texts."""
    return _lines(curves.sheets(curves.ENTROPY, *_read(jobs, references)), curves.ENTROPY.scales, axes)


def example(jobs: Jobs, references: Humans, prompt_id: str | None = None, axes: Axes | None = None) -> Axes:
    """The probability of every token of one text of each job and of the reference; without a prompt, of the first."""
    chosen = examples.prompt(*_read(jobs, references), prompt_id)
    if chosen is None:
        raise InputError(f"prompt_id={prompt_id!r}: no prompt that has a text of every job and a reference")
    return _lines(examples.sheets(jobs, references, chosen), examples.scales(chosen), axes)


def frequency(jobs: Jobs, references: Humans = (), axes: Axes | None = None) -> Axes:
    """Rank and frequency of the tokens, both on logarithmic axes."""
    return _lines(ranks.sheets(*_read(jobs, references)), ranks.SCALES, axes)


def divergence(jobs: Jobs, references: Humans = (), axes: Axes | None = None) -> Axes:
    """MAUVE's divergence curves."""
    return _lines(frontier.sheets(*_checked(jobs, references)), frontier.SCALES, axes)


def knob(jobs: Jobs, score: str, name: str | None = None, axes: Axes | None = None) -> Axes:
    """A score against a knob that the jobs turn; against the first one that turns if none is named."""
    found = [turn for turn in turns(jobs) if name in (None, turn.knob)]
    if not found:
        raise InputError(f"jobs: {name or 'no knob'} has three values or more in jobs that differ in nothing else")
    if not any(find(job.scores, score) for line in found[0].lines for job in line):
        raise InputError(f"score={score!r}: no job has it")

    def draw(on: Axes) -> None:
        knobs.panel(on, found[0], score)
        on.set_ylabel(score)
        on.legend(frameon=False, fontsize=7.5)

    return _drawn(axes, draw)


def _lines(sheets: Sequence[lines.Sheet], scales: lines.Scales, axes: Axes | None) -> Axes:
    if not any(sheet.has(2) for sheet in sheets):
        raise InputError("jobs: they have nothing to draw here")

    def draw(on: Axes) -> None:
        lines.together(on, sheets[0], scales)
        on.set(xlabel=scales.x, ylabel=scales.y)

    return _drawn(axes, draw)


def _drawn(axes: Axes | None, draw: Callable[[Axes], None]) -> Axes:
    with style.styled():
        if axes is None:
            from matplotlib import pyplot  # which notebooks look to for figures to show

            axes = pyplot.subplots(figsize=(6.8, 3.8), layout="constrained")[1]
        draw(axes)
    return axes


def _only(jobs: Jobs, references: Humans) -> Panel:
    """The panel of the jobs, of which there must be one."""
    found = panels(jobs, references)
    if len(found) != 1:
        sets = ", ".join(panel.title for panel in found) or "there are no jobs"
        raise InputError(f"jobs: give those that are compared with one set of references, not {len(found)} ({sets})")
    return found[0]


def _checked(jobs: Jobs, references: Humans) -> tuple[Jobs, Humans]:
    _only(jobs, references)
    return jobs, references


def _read(jobs: Jobs, references: Humans) -> tuple[Jobs, Humans]:
    """Those, if they are one panel's and hold texts."""
    _only(jobs, references)
    for name, frames in (("jobs", [j.generations for j in jobs]), ("references", [r.frame for r in references])):
        if not all({"tokens", "logprob"} <= set(frame) for frame in frames):
            raise InputError(f"{name}: they hold no texts; read_sweep gives {name} that do")
    return jobs, references
