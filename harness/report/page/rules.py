"""By which rule a page marks loops: that of each job's score, where it is one of tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.metrics.loops import Loop, Loops, find_loop
from harness.results import ScoreRecord, Sweep
from harness.signature import parse

SCORE = "loops"


@dataclass(frozen=True, slots=True)
class Rule:
    """When a text ends in a loop, as in `harness.metrics.loops.find_loop`."""

    period: int = Loops.min_period
    repeats: int = Loops.min_repeats
    window: int = Loops.window

    @classmethod
    def of(cls, scores: Sequence[ScoreRecord]) -> Rule | None:
        """That of the score `loops`; None where there is no such score, or it is of words or of published code."""
        fields = parse(next((score.signature for score in scores if score.name == SCORE), SCORE))
        try:
            rule = cls(int(fields["period"]), int(fields["repeats"]), int(fields["window"]))
        except (KeyError, ValueError):
            return None
        return rule if fields.get("unit") == "model-tokens" and min(rule.period, rule.repeats) > 0 else None

    def find(self, tokens: Sequence[int]) -> Loop | None:
        """The loop that a text ends in, or None."""
        return find_loop(tokens, self.period, self.repeats, self.window)

    def said(self) -> str:
        """In words."""
        return (
            f"a phrase of at least {self.period} token{'s' * (self.period > 1)} that stands at least {self.repeats} "
            f"times in a row at the end of a text, within its last {self.window} tokens"
        )


def rules(sweep: Sweep) -> list[Rule]:
    """Of each source of texts, in the order of `harness.report.page.texts.sources`."""
    usual = next(filter(None, _given(sweep)), Rule())  # of references that are not scored: that of the jobs
    human = [Rule.of(each.scores) or usual for each in sweep.references if len(each.frame)]
    return human + [rule or Rule() for rule in _given(sweep)]


def told(sweep: Sweep) -> str:
    """What a loop is, for the reader of the page: one sentence."""
    given = _given(sweep)
    applied = dict.fromkeys(rule or Rule() for rule in given)
    if len(applied) > 1:
        return f"Loops are marked by the rule of each strategy's own score, {SCORE}, which its signature says."
    (rule,) = applied
    if None not in given:
        return f"A loop is {rule.said()}, as for the score {SCORE}."
    scored = any(score.name == SCORE for job in sweep.jobs for score in job.scores)
    other = f" The score {SCORE} goes by another rule, which its signature says." if scored else ""
    return f"A loop is {rule.said()}.{other}"


def _given(sweep: Sweep) -> list[Rule | None]:
    return [Rule.of(job.scores) for job in sweep.jobs]
