"""Facts that should hold."""

from __future__ import annotations

import math

from harness.studies.checks import close, failures, markdown_table, same, skipped


def test_texts_that_part_say_where() -> None:
    assert same("greedy", "abcd", "abcd").held
    check = same("greedy", "abcd", "abXd")
    assert check.held is False
    assert check.note == "first 2 characters equal"
    assert same("ids", [1, 2, 3], (1, 2)).note == "first 2 elements equal"
    assert same("ids", (1, 2), [1, 2]).held


def test_numbers_are_close_or_not() -> None:
    assert close("nll", -1.414, -1.4144, 5e-4).held
    assert close("nll", -1.414, -1.4146, 5e-4).held is False
    assert close("nll", 1.0, math.nan, 5e-4).held is False
    assert close("limit", math.inf, math.inf, 0.1).held


def test_only_what_was_seen_to_fail_fails() -> None:
    checks = [same("one", 1, 1), same("two", 2, 3), skipped("three", 3, "needs the weights of GPT-2")]
    assert failures(checks) == ["1 of 3 checks failed: two"]
    assert failures(checks[::2]) == []
    shown = markdown_table(checks)
    assert "| three | `3` |  | skipped | needs the weights of GPT-2 |" in shown
    assert "**fail**" in shown


def test_texts_stay_texts_in_the_table() -> None:
    shown = markdown_table([same("a|b", "x|y\n<b>", "x|y\n<b>")])
    assert "a\\|b" in shown
    assert "`x\\|y↵<b>`" in shown
