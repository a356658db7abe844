"""The texts of report.html in a browser: turning, searching, shading, and that anybody's text is shown as text."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from harness.results import Sweep
from tests.browser.conftest import Page
from tests.browser.made_up import LEFT, NASTY, RIGHT, TEXTS, body, click, turned


def test_all_strategies_stand_side_by_side_references_first(report: Page, sweep: Sweep) -> None:
    assert report.texts(".card h3") == ["reference", *(job.label for job in sweep.jobs)]


def test_texts_are_text(report: Page) -> None:
    assert body(report, "greedy") == TEXTS["p0"]
    assert report.js("return document.querySelectorAll('main img:not(.paper img)').length") == 0
    click(report, "#next")
    turned(report, 1)
    expected = "שלום ⟨U+202E⟩abc⟨U+0000⟩⟨U+001B⟩[1m\nlast    line"
    assert body(report, "greedy") == expected
    click(report, "#next")
    turned(report, 2)
    assert body(report, "greedy") == TEXTS["p2"]


def test_buttons_keys_and_numbers_turn_to_prompts(report: Page) -> None:
    assert not report.find("#previous").is_enabled()
    click(report, "#next")
    turned(report, 1)
    click(report, "#previous")
    turned(report, 0)
    report.js("document.activeElement.blur(); document.querySelector('#texts').scrollIntoView()")
    report.press(RIGHT, RIGHT)
    turned(report, 2)
    report.press(LEFT)
    turned(report, 1)
    report.find("#place").clear()
    report.find("#place").send_keys("5\n")
    turned(report, 4)
    assert not report.find("#next").is_enabled()
    report.find("#place").clear()
    report.find("#place").send_keys("99\n")
    assert report.find("#place").get_attribute("value") == "5"


def test_a_loop_is_underlined_from_where_it_starts(report: Page) -> None:
    click(report, "#choose label:nth-of-type(2)")  # loops
    turned(report, 3)
    assert report.texts("#of") == ["of 1"]
    inside = report.js("return [...document.querySelectorAll('.card:nth-child(2) .loop')].map(e => e.textContent)")
    assert TEXTS["p3"].endswith("".join(inside))
    assert len(inside) > len(TEXTS["p3"]) / 3 / 2
    assert report.find(".onset").is_displayed()
    assert "loops from token" in report.texts(".card:nth-child(2) .facts")[0]
    colour = "return getComputedStyle(document.querySelector('.loop')).borderBottomStyle"
    assert report.js(colour) == "solid"
    click(report, "#marks input[value=loops]")
    assert report.js(colour) == "none"
    grams = "return getComputedStyle(document.querySelector('.gram')).textDecorationLine"
    assert report.js(grams) == "none"
    click(report, "#marks input[value=grams]")
    assert report.js(grams) == "underline"


def test_filters_order_the_prompts(report: Page) -> None:
    click(report, "#choose label:nth-of-type(3)")  # longest: the text of p3
    turned(report, 3)
    assert report.texts("#of") == ["of 5"]
    click(report, "#choose label:nth-of-type(4)")  # most different
    report.until(lambda: "difference between the texts" in report.texts("#status")[0])
    seen = []
    for _ in range(5):
        seen.append(float(report.texts("#status")[0].split()[-1]))
        prompt = report.texts("#prompt")
        if report.find("#next").is_enabled():
            click(report, "#next")
            report.until(lambda before=prompt: report.texts("#prompt") != before)  # type: ignore[misc]
    assert seen == sorted(seen, reverse=True)


def test_search_finds_and_marks(report: Page) -> None:
    report.find("#search").send_keys("onerror=ALERT(1)>")
    report.until(lambda: report.texts("#of") == ["of 1"])
    assert "".join(report.texts("mark")) == "onerror=alert(1)>"
    report.find("#search").clear()
    report.find("#search").send_keys("日本")
    turned(report, 2)
    assert "".join(report.texts("mark")) == "日本"
    report.find("#search").send_keys("nowhere")
    report.until(lambda: report.texts("#of") == ["of 0"])
    assert report.texts(".card") == []
    assert "No prompt has a text with that in it." in report.texts("#status")
    report.find("#search").clear()
    report.find("#search").send_keys("[")  # no pattern
    report.until(lambda: report.texts("#of") == ["of 1"])
    report.find("#search").send_keys("\b")
    report.until(lambda: report.texts("#of") == ["of 5"])
    report.find("#search").send_keys("number 4")
    turned(report, 4)
    assert report.texts("mark") == ["number 4"]


def test_what_is_found_and_not_shown_is_said_and_shown_on_request(report: Page) -> None:
    click(report, "#shown summary")
    click(report, "#shown input[value='1']")  # greedy
    report.find("#search").send_keys("日本")
    turned(report, 2)
    assert report.texts("#elsewhere button") == ["greedy"]
    click(report, "#elsewhere button")
    report.until(lambda: "".join(report.texts("mark")) == "日本")
    assert not report.find("#elsewhere").is_displayed()
    assert report.js("return document.activeElement.getAttribute('aria-label')") == "Text of greedy"
    report.find("#search").clear()
    report.find("#search").send_keys("sample 1")
    report.until(lambda: report.texts("#elsewhere button") == [f"sample 2 of two {NASTY}"])
    assert report.texts("mark") == []
    click(report, "#elsewhere button")
    report.until(lambda: "".join(report.texts("mark")) == "sample1")
    assert report.js("return document.querySelector('#sample').value") == "1"


def test_a_text_that_loops_and_is_not_shown_is_said(report: Page) -> None:
    click(report, "#shown summary")
    click(report, "#shown input[value='1']")
    click(report, "#choose label:nth-of-type(2)")
    turned(report, 3)
    assert report.texts("#status")[0].startswith("1 of 5 prompts; this is number 4 · none of 6 texts loops")
    assert report.texts("#elsewhere") == ["Looping texts not shown: greedy"]


@pytest.mark.parametrize("by", ["surprisal", "entropy", "rank"])
def test_tokens_are_shaded(report: Page, by: str) -> None:
    tokens = "[...document.querySelectorAll('.card:nth-child(2) .token')]"
    darkness = f"return {tokens}.map(e => Number(e.style.getPropertyValue('--dark')))"
    assert not report.find("#scale").is_displayed()
    report.js(f"document.querySelector('#shade [value={by}]').click()")
    values = report.js(darkness)
    assert values == sorted(values)  # as the texts' numbers were made
    assert values[-1] > 0.3
    assert report.find("#scale").is_displayed()
    last = f"return getComputedStyle({tokens}.at(-1)).backgroundColor"
    assert report.js(last) != "rgba(0, 0, 0, 0)"
    report.js("document.querySelector('#shade [value=\"\"]').click()")
    assert report.js(last) == "rgba(0, 0, 0, 0)"


def test_numbers_of_a_token_show_under_the_pointer_and_with_the_keys(report: Page, sweep: Sweep) -> None:
    row: Any = sweep.jobs[0].generations.iloc[0]
    report.js("document.querySelectorAll('.text')[1].focus()")
    report.press(RIGHT, RIGHT)
    shown = dict(zip(report.texts("#tip th"), report.texts("#tip td"), strict=True))
    assert report.texts("#tip strong") == [row["text"][3:6]]
    assert shown["token"] == f"2 of {len(row['tokens'])}"
    assert float(shown["surprisal"].split()[0]) == pytest.approx(-row["logprob"][1], abs=0.01)
    assert float(shown["probability"]) == pytest.approx(np.exp(row["logprob"][1]), rel=0.02)
    assert float(shown["entropy"].split()[0]) == pytest.approx(row["entropy"][1], abs=0.01)
    assert shown["rank"] == f"{row['rank'][1] + 1}"  # counted from 1, as by `harness.inspect`
    assert report.texts("#prompt") == ["Once upon a time number 0"]  # in a text the keys turn no page
    report.press(LEFT)
    assert report.texts("#tip td")[0].startswith("1 of")
    report.js(
        "document.querySelectorAll('.card')[1].querySelectorAll('.token')[4]"
        ".dispatchEvent(new PointerEvent('pointerover', {bubbles: true}))"
    )
    assert report.texts("#tip td")[0].startswith("5 of")


def test_an_end_of_text_is_no_token_of_the_text(report: Page) -> None:
    report.find("#place").clear()
    report.find("#place").send_keys("5\n")
    turned(report, 4)
    assert report.texts(".card:nth-child(4) .facts")[0].startswith("1 token, ended by itself")  # "pla", "in"
    report.js("document.querySelectorAll('.text')[3].focus()")
    report.press(RIGHT, RIGHT)
    assert report.texts("#tip td")[0] == "end of text"
    report.press(LEFT)
    assert report.texts("#tip td")[0] == "1 of 1"


def test_tokens_that_share_a_character_are_one_span(report: Page, sweep: Sweep) -> None:
    report.find("#search").send_keys("日本")
    turned(report, 2)
    row: Any = sweep.jobs[0].generations.iloc[2]
    spans = report.js("return [...document.querySelectorAll('.card:nth-child(2) .token')].map(e => e.tokens)")
    assert [last for _, last in spans] == [i for i in range(len(row["ends"])) if row["ends"][i] > [0, *row["ends"]][i]]
    assert [1 + last - first for first, last in spans].count(2) == 1


def test_samples_and_strategies_are_chosen(report: Page) -> None:
    assert body(report, "two") == "sample 0"
    report.find("#sample").send_keys("2")
    report.until(lambda: body(report, "two") == "sample 1")
    assert body(report, "greedy") == TEXTS["p0"]  # which has one only
    click(report, "#shown summary")
    click(report, "#shown input[value='1']")
    report.until(lambda: "greedy" not in report.texts(".card h3"))
