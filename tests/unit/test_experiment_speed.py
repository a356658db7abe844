"""What experiments/speed measures with: each contender does the work it is given, and ratios are paired."""

from __future__ import annotations

import time
from dataclasses import asdict, replace

import pytest
import torch

from experiments.speed import table
from experiments.speed.baselines import generate, notebook, pick
from experiments.speed.contender import Contender, Lap, Stopwatch
from experiments.speed.limit import recorded, replay
from experiments.speed.measure import agreement, interleave
from experiments.speed.ours import Harness
from experiments.speed.ratios import Spread, rates, ratio
from experiments.speed.subject import Subject
from experiments.speed.workload import TINY, Cell, Setting, Work, eight, grid, prompts

SMALL = replace(TINY, prompts=3, tokens=4, layers=1, vocab=61, width=16)


@pytest.fixture(scope="module")
def subject() -> Subject:
    return Subject(SMALL)


def test_ratios_are_made_within_a_repetition() -> None:
    laps = [
        {"contender": key, "repetition": r, "lap": "x", "seconds": seconds, "tokens": 10}
        for key, times in {"f": [1.0, 2.0, 4.0], "c": [2.0, 8.0, 12.0]}.items()
        for r, seconds in enumerate(times)
    ]
    found = rates(laps)
    assert found == {"f": [10.0, 5.0, 2.5], "c": [5.0, 1.25, 10 / 12]}
    assert ratio(found["f"], found["c"]) == Spread(3.0, 2.0, 4.0)


def test_stopwatch_leaves_out_pauses() -> None:
    with Stopwatch() as watch:
        watch.pause()
        time.sleep(0.05)
        watch.go()
    assert watch.seconds < 0.04


def test_every_contender_is_given_the_same_knobs() -> None:
    cell = Cell("x", "top_p", {"temperature": 0.8, "top_p": 0.9})
    assert cell.generate() == {"do_sample": True, "temperature": 0.8, "top_k": 0, "top_p": 0.9}
    assert cell.translator() == {"sampling_topk": 0, "sampling_temperature": 0.8, "sampling_topp": 0.9}
    cold = Cell("x", "temperature", {"temperature": 0.0})
    assert cold.generate() == {"do_sample": False}
    assert cold.translator() == {"sampling_topk": 1}
    assert Cell("x", "typical", {"typical_p": 0.9}).translator() is None
    assert len(grid()) == 24
    assert {c.knobs["temperature"] for c in grid()} >= {0.0, 2.0}


def test_teaching_code_cuts_what_transformers_cuts() -> None:
    from transformers import TopKLogitsWarper, TopPLogitsWarper

    torch.manual_seed(0)
    logits = torch.randn(50) * 2
    for knobs, warper in (({"top_k": 3}, TopKLogitsWarper(3)), ({"top_p": 0.5}, TopPLogitsWarper(0.5))):
        kept = set((warper(torch.zeros(1, 0, dtype=torch.long), logits[None])[0] > -torch.inf).nonzero()[:, 0].tolist())
        drawn = {int(pick(logits.clone(), Cell("x", next(iter(knobs)), knobs))) for _ in range(400)}
        assert drawn == kept


def test_the_subject_has_the_entropy_asked_for() -> None:
    subject = Subject(replace(SMALL, vocab=997, entropy=2.0))
    assert subject.entropy() == pytest.approx(2.0, abs=0.01)
    assert Subject(replace(SMALL, flat=True)).entropy() > 3.9  # ln 61 = 4.1


def test_contenders_agree_and_make_all_tokens(subject: Subject) -> None:
    harness = Harness(subject)
    work = Work([c for c in eight() if not c.draws], prompts(SMALL), SMALL.tokens)
    contenders = [
        Contender("a", "a", lambda w: notebook(subject.network, w), lambda w: w.part(2, ["greedy"])),
        Contender("c", "c", lambda w: generate(subject.network, w, 2)),
        Contender("e", "e", harness.one_by_one),
        Contender("f", "f", harness.sweep),
    ]
    runs = interleave(contenders, work, 2)
    assert [run.key for run in runs] == ["a", "c", "e", "f", "c", "e", "f", "a"]
    found = agreement(runs)
    assert found["greedy"] == {"a": "2/2", "e": "3/3", "f": "3/3"}
    assert found["beam 4"] == {"e": "3/3", "f": "3/3"}


def test_whoever_stops_early_is_caught() -> None:
    lazy = Contender("x", "lazy", lambda work: [Lap("greedy", 1.0, [[1]] * len(work.prompts))])
    with pytest.raises(AssertionError, match=r"lazy: made texts of \[1\] tokens"):
        interleave([lazy], Work([Cell("greedy", "greedy")], [(1,), (2,)], 5), 1)


def test_the_limit_repeats_the_passes_of_the_sweep(subject: Subject) -> None:
    harness = Harness(subject)
    work = Work(eight(), prompts(SMALL), SMALL.tokens)
    harness.sweep(work)
    extended = [c for c in harness.passes.calls if c.kind == "extend"]
    assert 0 < harness.passes.rows("extend") <= harness.asked(work)
    assert "extend" not in vars(subject.model)  # nothing is recorded any more
    with recorded(subject.model) as again:
        replay(subject.model, harness.passes)
    assert [c for c in again.calls if c.kind == "extend"] == extended


def test_targets_are_for_the_setting_they_were_set_for() -> None:
    assert table.aimed(asdict(Setting()))
    assert table.aimed(asdict(Setting(dtype="bfloat16")))
    assert not table.aimed(asdict(Setting(threads=16)))
    assert not table.aimed(asdict(Setting(flat=True)))
    assert not table.aimed(asdict(TINY))
