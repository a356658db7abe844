"""report.html in a browser: its table, how it fits screens and paper, and that it runs nothing but its own.

After every test the `page` fixture sees to it that nothing came to the console and nothing was asked of a network.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.report.page import compose
from harness.report.tables import tabulate
from harness.results import Sweep
from tests import sweeps
from tests.browser.conftest import Page
from tests.browser.made_up import ESCAPE, body, click, generations


def first_column(page: Page) -> list[str]:
    return page.texts("#scores-table tbody:not(.references) th")


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


@pytest.mark.parametrize(("width", "dark"), [(320, True), (400, False), (1280, False), (1280, True)])
def test_it_fits_the_screen(page: Page, file: Path, width: int, dark: bool) -> None:
    page.look(width, dark=dark)
    page.open(file)
    page.until(lambda: page.texts(".card"))
    assert page.js("return document.documentElement.scrollWidth") <= width
    style = page.js("const s = getComputedStyle(document.documentElement); return [s.backgroundColor, s.color]")
    paper, ink = (int(colour.removeprefix("rgb(").split(",")[0]) for colour in style)
    assert (paper > ink) is not dark
    stops = page.js(
        "return [...document.querySelectorAll('[tabindex]:not(.text, #status span)')].map(e => e.className)"
    )
    assert stops == (["wide", "paper"] if width < 1280 else [])  # what can be scrolled
    assert page.js("return document.querySelector('.broad img').clientWidth") >= (700 if width < 1280 else 860)


def test_paper_shows_the_texts_and_no_buttons(report: Page) -> None:
    report.look(800, paper=True)
    assert report.find(".card").is_displayed()
    for hidden in (".tools", ".screen", "nav"):
        assert not report.find(hidden).is_displayed()
    opened = "return [...document.querySelectorAll('details')].filter(e => e.open).length"
    report.js("dispatchEvent(new Event('beforeprint'))")
    assert report.js(opened) == report.js("return document.querySelectorAll('details:not(#shown)').length") > 0
    report.js("dispatchEvent(new Event('afterprint'))")
    assert report.js(opened) == 0


def test_one_job_is_not_compared(page: Page, sweep: Sweep, tmp_path: Path) -> None:
    one = replace(sweep, jobs=sweep.jobs[:1], references=[])
    path = tmp_path / "report.html"
    path.write_text(compose(one, tabulate(one.jobs), [], tmp_path), encoding="utf-8")
    page.open(path)
    page.until(lambda: page.texts(".card"))
    assert page.texts("#status") == ["the text does not loop"]
    assert len(page.texts("#choose label")) == 3


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
