"""report.html in a browser: what its buttons and keys do, and that it shows anybody's text as text.

After every test the `page` fixture sees to it that nothing came to the console and nothing was asked of a network.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from harness.report.page import compose
from harness.report.tables import tabulate
from harness.results import Sweep, read_sweep
from tests import sweeps
from tests.browser.conftest import Page

LEFT, RIGHT, ESCAPE = "\ue012", "\ue014", "\ue00c"  # as WebDriver names keys
NASTY = "<img src=x onerror=alert(1)></script><script>alert(2)</script>"
TEXTS = {
    "p0": f"{NASTY} said & so",
    "p1": "שלום \u202eabc\u0000\x1b[1m\r\nlast\tline",
    "p2": "emoji 👩‍🚀😀 日本語",
    "p3": "so it went:" + " on and on and" * 8,  # tokens of three characters: a phrase of seven
    "p4": "",
}


def generations(frame: pd.DataFrame, texts: dict[str, str], sample: int = 0) -> pd.DataFrame:
    """The frame with other texts: tokens of three characters, and of half a character where they are wide."""
    made = []
    for row in frame.to_dict("records"):
        text = texts.get(str(row["prompt_id"]), "plain")
        ends = [*range(3, len(text), 3), len(text)] if text else []
        pieces = [text[a:b] for a, b in zip([0, *ends], ends, strict=False)]
        wide = next((i for i, piece in enumerate(pieces) if "😀" in piece), None)
        if wide is not None:  # shared by two tokens, of which the first writes nothing
            ends.insert(wide, ends[wide - 1])
            pieces.insert(wide, "")
        count = len(ends)
        values = np.linspace(0.1, 12, count, dtype=np.float32)
        changes: dict[str, Any] = {
            "text": text,
            "tokens": np.array([sum(map(ord, p)) for p in pieces]),
            "ends": np.array(ends),
        }
        made.append(
            row | changes | {"logprob": -values, "entropy": values / 2, "rank": np.arange(count), "sample": sample}
        )
    return pd.DataFrame(made)


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    """Six jobs and references on five prompts; one job has two samples, one says nasty things, one has other texts."""
    made = read_sweep(sweeps.sweep(tmp_path_factory.mktemp("sweep"), sweeps.SIX, prompts=5))
    jobs = [replace(job, generations=generations(job.generations, {})) for job in made.jobs]
    first = made.jobs[0].generations
    jobs[0] = replace(jobs[0], generations=generations(first, TEXTS))
    twice = [generations(first, {"p0": f"sample {i}"}, sample=i) for i in (0, 1)]
    jobs[1] = replace(jobs[1], generations=pd.concat(twice), label=f"two {NASTY}")
    return replace(made, jobs=jobs)


@pytest.fixture(scope="module")
def file(sweep: Sweep, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of that sweep."""
    path = tmp_path_factory.mktemp("page") / "report.html"
    html = compose(sweep, tabulate(sweep.jobs, sweep.references), [], sweep.folder / "figures")
    path.write_text(html, encoding="utf-8")
    return path


@pytest.fixture
def report(page: Page, file: Path) -> Page:
    """The page, open, its first texts shown."""
    page.open(file)
    page.until(lambda: page.texts(".card"))
    return page


def first_column(page: Page) -> list[str]:
    return page.texts("#scores-table tbody:not(.references) th")


def click(page: Page, selector: str) -> None:
    page.js("arguments[0].scrollIntoView({block: 'center'})", page.find(selector))
    page.find(selector).click()


def body(page: Page, label: str) -> str:
    """What a card says, without its notes."""
    return page.texts(f'[aria-label^="Text of {label}"]')[0]


def turned(page: Page, prompt: int) -> None:
    """Wait for this prompt of the sweep."""
    page.until(lambda: page.texts("#prompt") == [f"Once upon a time number {prompt}"])


def test_a_head_sorts_by_closeness_then_up_then_down_then_not_at_all(report: Page, sweep: Sweep) -> None:
    given = first_column(report)
    table = tabulate(sweep.jobs, sweep.references)
    place = next(i for i, column in enumerate(table.columns) if column.name == "perplexity")
    head = f"#scores-table thead th:nth-child({place + 2})"
    scores = {row: cell.score for row, cell in zip(given, table.columns[place].cells, strict=False) if cell}
    orders = {
        "other": sorted(given, key=lambda row: abs(scores[row].value - (scores[row].reference or 0))),
        "ascending": sorted(given, key=lambda row: scores[row].value),
        "descending": sorted(given, key=lambda row: -scores[row].value),
        "none": given,
    }
    for order, expected in orders.items():
        click(report, f"{head} button")
        assert report.find(head).get_attribute("aria-sort") == order
        assert first_column(report) == expected
        assert report.texts("#scores-table tr:last-child th")[-1] == "reference"


def test_scores_and_p_values_come_on_request(report: Page) -> None:
    assert not report.find(".more").is_displayed()
    click(report, "[data-toggle=all]")
    assert report.find(".more").is_displayed()
    assert report.find("[data-toggle=all]").get_attribute("aria-pressed") == "true"
    assert not report.find(".p").is_displayed()
    click(report, "[data-toggle=ps]")
    assert report.find(".p").is_displayed()


def test_a_head_with_the_focus_shows_its_signature(report: Page) -> None:
    report.js("document.querySelector('th.number:not(.more) button').focus()")
    assert "|unit:model-tokens" in report.find("#tip").text
    report.press(ESCAPE)
    assert not report.find("#tip").is_displayed()


def test_all_strategies_stand_side_by_side_references_first(report: Page, sweep: Sweep) -> None:
    assert report.texts(".card h3") == ["reference", *(job.label for job in sweep.jobs)]


def test_texts_are_text(report: Page) -> None:
    assert body(report, "greedy") == TEXTS["p0"]
    assert report.js("return document.querySelectorAll('main img').length") == 0
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
    assert shown["rank"] == "1"
    assert report.texts("#prompt") == ["Once upon a time number 0"]  # in a text the keys turn no page
    report.press(LEFT)
    assert report.texts("#tip td")[0].startswith("1 of")
    report.js(
        "document.querySelectorAll('.card')[1].querySelectorAll('.token')[4]"
        ".dispatchEvent(new PointerEvent('pointerover', {bubbles: true}))"
    )
    assert report.texts("#tip td")[0].startswith("5 of")


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


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [400, 1280])
def test_it_fits_the_screen(page: Page, file: Path, width: int, dark: bool) -> None:
    page.look(width, dark=dark)
    page.open(file)
    page.until(lambda: page.texts(".card"))
    assert page.js("return document.documentElement.scrollWidth") <= width
    style = page.js("const s = getComputedStyle(document.documentElement); return [s.backgroundColor, s.color]")
    paper, ink = (int(colour.removeprefix("rgb(").split(",")[0]) for colour in style)
    assert (paper > ink) is not dark


def test_paper_shows_the_texts_and_no_buttons(report: Page) -> None:
    report.look(800, paper=True)
    assert report.find(".card").is_displayed()
    assert not report.find(".tools").is_displayed()


def test_a_page_whose_script_was_tampered_with_runs_nothing(page: Page, file: Path, tmp_path: Path) -> None:
    """The policy at its head does what it says."""
    bad = tmp_path / "bad.html"
    injected = "<script>document.title = 'run'</script><img src='http://example.invalid/x.png'><h1>"
    bad.write_text(file.read_text(encoding="utf-8").replace("<h1>", injected, 1), encoding="utf-8")
    page.open(bad)
    assert page.driver.title != "run"
    assert any("Content Security Policy" in said for said in page.complaints())
    assert page.requests() == []


def test_a_thousand_prompts_are_soon_there(page: Page, sweep: Sweep, tmp_path: Path) -> None:
    texts = {f"p{i}": " ".join(f"word{i * j % 97}" for j in range(60)) for i in range(1000)}
    rows = sweeps.rows(0.5, list(texts), new=4)
    jobs = [replace(job, generations=generations(rows, texts)) for job in sweep.jobs[:2]]
    large = replace(sweep, jobs=jobs, references=[])
    path = tmp_path / "report.html"
    path.write_text(compose(large, tabulate(jobs), [], tmp_path), encoding="utf-8")
    page.open(path)
    page.until(lambda: page.texts(".card .token"))
    assert page.js("return performance.now()") < 2000
    page.find("#place").clear()
    page.find("#place").send_keys("1000\n")
    page.until(lambda: body(page, "greedy") == texts["p999"])
