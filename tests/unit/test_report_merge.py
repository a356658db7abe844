"""Sweeps of different days as one comparison: who is who."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import InputError
from harness.report import seeds
from harness.report.gather import gather
from harness.report.merge import baseline, merge
from harness.report.remarks import remarks
from harness.report.tables import tabulate
from harness.results import References, ScoreRecord, Sweep
from tests import sweeps

GREEDY = {"greedy": sweeps.SIX["greedy"]}
TOP_P = {"top_p": sweeps.SIX["top_p"]}
ELSEWHERE: dict[str, object] = {
    "greedy": (0.02, {})
}  # what another device makes of it: other texts of the same signature


def merged(*found: Sweep) -> Sweep:
    return merge(found, Path("out"), "python -m harness.report a b")


def made(folder: Path, strategies: object = GREEDY, models: tuple[str, ...] = ("pocket-m",), seed: int = 0) -> Sweep:
    (found,) = gather([sweeps.sweep(folder, strategies, models=models, seeds=(seed,), prompts=3)])  # type: ignore[arg-type]
    return replace(found, name=folder.name)


def labels(sweep: Sweep) -> list[str]:
    return [job.label for job in sweep.jobs]


def test_one_sweep_stays_as_it_is(tmp_path: Path) -> None:
    one = made(tmp_path / "a")
    assert merged(one) is one


def test_other_strategies_keep_their_labels_and_share_the_references(tmp_path: Path) -> None:
    both = merged(made(tmp_path / "a"), made(tmp_path / "b", TOP_P))
    assert labels(both) == ["greedy", "top_p"]
    assert [each.label for each in both.references] == ["reference"]
    assert [job.reference for job in both.jobs] == ["reference", "reference"]
    assert both.command.splitlines() == ["python -m harness -m strategy=made,up", "python -m harness.report a b"]


def test_the_same_strategy_is_told_apart_by_its_sweep(tmp_path: Path) -> None:
    both = merged(made(tmp_path / "monday"), made(tmp_path / "tuesday", ELSEWHERE))
    assert labels(both) == ["greedy monday", "greedy tuesday"]
    assert [each.label for each in both.references] == ["reference"]


def test_sweeps_of_one_name_are_numbered(tmp_path: Path) -> None:
    both = merged(made(tmp_path / "1" / "a"), made(tmp_path / "2" / "a", ELSEWHERE))
    assert labels(both) == ["greedy a #1", "greedy a #2"]


def test_what_differs_is_said_by_labels_as_a_sweep_says_it(tmp_path: Path) -> None:
    small, large = made(tmp_path / "a", models=("pocket-s",)), made(tmp_path / "b", models=("pocket-l",), seed=1)
    both = merged(small, large)
    assert labels(both) == ["greedy pocket-s seed=0", "greedy pocket-l seed=1"]
    assert [each.label for each in both.references] == ["reference pocket-s", "reference pocket-l"]
    assert [job.reference for job in both.jobs] == ["reference pocket-s", "reference pocket-l"]


def test_what_a_label_says_already_is_not_said_twice(tmp_path: Path) -> None:
    both = merged(made(tmp_path / "a", models=("s", "m")), made(tmp_path / "b", TOP_P, models=("s",)))
    assert labels(both) == ["greedy s", "greedy m", "top_p s"]
    assert [each.label for each in both.references] == ["reference s", "reference m"]
    assert [job.reference for job in both.jobs] == ["reference s", "reference m", "reference s"]


def test_references_of_another_length_are_others(tmp_path: Path) -> None:
    one, other = made(tmp_path / "a"), made(tmp_path / "b", TOP_P)
    (human,) = other.references
    cut = human.frame.assign(text=human.frame["text"].str[:20])
    longer = [replace(job, config=job.config | {"max_new_tokens": 64}) for job in other.jobs]
    both = merged(one, replace(other, jobs=longer, references=[replace(human, frame=cut)]))
    assert [each.label for each in both.references] == ["reference of 32", "reference of 64"]
    assert labels(both) == ["greedy max_new_tokens=32", "top_p max_new_tokens=64"]


def test_references_scored_otherwise_are_others(tmp_path: Path) -> None:
    one, other = made(tmp_path / "a"), made(tmp_path / "b", TOP_P)
    (human,) = other.references
    scores = [replace(score, signature=score.signature.replace("model-tokens", "words")) for score in human.scores]
    both = merged(one, replace(other, references=[replace(human, scores=scores)]))
    assert [each.label for each in both.references] == ["reference of a", "reference of b"]
    assert [job.reference for job in both.jobs] == ["reference of a", "reference of b"]


def test_the_same_references_have_the_scores_of_both(tmp_path: Path) -> None:
    one, other = made(tmp_path / "a"), made(tmp_path / "b", TOP_P)
    (human,) = other.references
    more = ScoreRecord("zipf", 1.0, "reference", "zipf|v:1")
    fewer = References(human.label, human.frame, [human.scores[0], more])
    (found,) = merged(one, replace(other, references=[fewer])).references
    assert [score.name for score in found.scores] == [*(score.name for score in human.scores), "zipf"]


def test_unfinished_jobs_are_named_with_their_sweep(tmp_path: Path) -> None:
    both = merged(replace(made(tmp_path / "a"), unfinished=["3_beam"]), made(tmp_path / "b"))
    assert both.unfinished == ["a/3_beam"]


def test_the_same_job_again_is_left_out_and_said(tmp_path: Path) -> None:
    both = merged(made(tmp_path / "a", GREEDY | TOP_P), made(tmp_path / "b"))
    assert labels(both) == ["greedy", "top_p"]
    assert [job.folder.parent.name for job in both.jobs] == ["a", "a"]
    said = "left out, as another job has the same signature and the same texts: greedy of b (here greedy)"
    assert both.notes == [said]
    table = tabulate(both.jobs, both.references)
    assert said in remarks(both, table)
    assert table.tests == tabulate(both.jobs[:2], both.references).tests == 1
    assert seeds.grid(both.jobs, table) is None
    assert len({id(each) for each in both.references}) == 1


def test_the_scores_of_the_same_job_come_together(tmp_path: Path) -> None:
    one, other = made(tmp_path / "a"), made(tmp_path / "b")
    more = ScoreRecord("zipf", 1.0, "reference", "zipf|v:1")
    scored = [replace(job, scores=[*job.scores[:2], more]) for job in other.jobs]
    (found,) = merged(one, replace(other, jobs=scored)).jobs
    assert [score.name for score in found.scores] == [*(score.name for score in one.jobs[0].scores), "zipf"]
    words = [replace(job, scores=[replace(job.scores[0], signature="rep-1|unit:words|v:1")]) for job in other.jobs]
    assert len(merged(one, replace(other, jobs=words)).jobs) == 2  # another score of the same name


def test_references_of_jobs_that_are_left_out_are_no_row(tmp_path: Path) -> None:
    one, other = made(tmp_path / "a"), made(tmp_path / "b")
    (human,) = other.references
    cut = replace(human, frame=human.frame.assign(text=human.frame["text"].str[:20]))
    assert [each.label for each in merged(one, replace(other, references=[cut])).references] == ["reference"]


def test_the_notes_of_sweeps_are_said_once(tmp_path: Path) -> None:
    parts = [
        replace(made(tmp_path / name, strategies), notes=["x"]) for name, strategies in (("a", GREEDY), ("b", TOP_P))
    ]
    assert merged(*parts).notes == ["a, b: x"]


def test_a_baseline_is_found_by_the_label_of_a_job_that_is_left_out(tmp_path: Path) -> None:
    one, other = made(tmp_path / "a", GREEDY | TOP_P), made(tmp_path / "b")
    renamed = replace(other, jobs=[replace(job, label="greedy on tuesday") for job in other.jobs])
    both = merged(one, renamed)
    assert baseline([one, renamed], both, "greedy on tuesday") == "greedy"


def test_a_baseline_is_found_by_the_label_that_it_had(tmp_path: Path) -> None:
    parts = [made(tmp_path / "a"), made(tmp_path / "b", TOP_P, seed=1), made(tmp_path / "c", TOP_P, seed=2)]
    both = merged(*parts)
    assert labels(both) == ["greedy seed=0", "top_p seed=1", "top_p seed=2"]
    assert baseline(parts, both, "greedy") == "greedy seed=0"
    assert baseline(parts, both, "top_p seed=2") == "top_p seed=2"
    assert baseline(parts, both, None) is None
    with pytest.raises(InputError, match=r"^--baseline 'top_p': .* top_p seed=1, top_p seed=2$"):
        baseline(parts, both, "top_p")
    with pytest.raises(InputError, match=r"^--baseline 'gredy': there is no such job; allowed: greedy seed=0"):
        baseline(parts, both, "gredy")
