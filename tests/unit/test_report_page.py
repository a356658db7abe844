"""report.html as a file: whole, in order, nothing asked of anybody, and nobody's text is markup."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from harness.report import style
from harness.report.figures import Drawing
from harness.report.page import compose
from harness.report.tables import tabulate
from harness.results import Sweep, read_sweep
from tests import sweeps

NASTY = "</script><img src=x onerror=alert(1)> {{ 7*7 }} **b** \x1b[1m\u202e\ud800 😀"
SHOWN = "</script><img src=x onerror=alert(1)> {{ 7*7 }} **b** ⟨U+001B⟩[1m⟨U+202E⟩⟨U+D800⟩ 😀"


class Reader(HTMLParser):
    """The elements of a page: what ids and addresses it has, and what it says."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.said: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "input", "link", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("script", "style"):
            self.said.append(data)


def read(html: str) -> Reader:
    html.encode()  # UTF-8 can hold it
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    return reader


def page(sweep: Sweep, drawings: tuple[Drawing, ...] = (), baseline: str | None = None) -> str:
    return compose(sweep, tabulate(sweep.jobs, sweep.references, baseline), drawings, sweep.folder / "figures")


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    return read_sweep(sweeps.sweep(tmp_path_factory.mktemp("sweep"), sweeps.SIX, prompts=4))


def test_sections_come_in_the_order_of_a_reader_s_questions(sweep: Sweep) -> None:
    reader = read(page(sweep))
    sections = [attrs["id"] for tag, attrs in reader.tags if tag == "section"]
    assert sections == ["verdict", "scores", "texts", "configs", "again"]
    said = "".join(reader.said)
    assert "Which of 6 jobs comes closest to the reference texts?" in said
    assert "Model: pocket-m; 4 prompts (fables); up to 32 new tokens; seed 0." in said
    assert "python -m harness -m strategy=made,up" in said
    assert "strategy.top_k=50" in said
    assert "job|model:pocket-m|strategy:top_k|seed:0" in said
    assert "Python 3.11" in said


def test_the_table_shows_what_the_other_tables_show(sweep: Sweep) -> None:
    table = tabulate(sweep.jobs, sweep.references)
    said = "".join(read(page(sweep)).said)
    for column in table.columns:
        for cell in column.cells:
            assert cell is None or cell.value in said
            assert cell is None or cell.interval is None or "–".join(cell.interval) in said


def test_no_dash_stands_beside_a_minus(sweep: Sweep) -> None:
    scores = [replace(sweep.jobs[0].scores[0], value=-1.0, low=-2.0, high=-0.5)]
    one = replace(sweep, jobs=[replace(sweep.jobs[0], scores=scores)], references=[])
    assert "-2.000 to -0.500" in page(one)


def test_many_scores_are_shown_on_request(sweep: Sweep) -> None:
    heads = [attrs for tag, attrs in read(page(sweep)).tags if tag == "th" and "aria-sort" in attrs]
    assert len(heads) == 12
    assert sum("more" in (attrs["class"] or "") for attrs in heads) == 12 - 6
    few = replace(sweep, jobs=[replace(job, scores=job.scores[:5]) for job in sweep.jobs], references=[])
    assert "Show all" not in page(few)


def test_what_is_not_ranked_has_no_words_of_ranks(sweep: Sweep) -> None:
    def classes(html: str) -> str:
        return " ".join(attrs.get("class") or "" for tag, attrs in read(html).tags if tag == "td")

    ranked = page(sweep)
    assert "● the best by itself" in ranked
    assert "<small>baseline</small>" in ranked
    assert "best" in classes(ranked)
    jobs = [
        replace(job, signature=f"job|model:{i}|v:1", scores=[replace(s, low=None, high=None) for s in job.scores])
        for i, job in enumerate(sweep.jobs)
    ]
    human = [replace(each, scores=[replace(s, low=None, high=None) for s in each.scores]) for each in sweep.references]
    unranked = page(replace(sweep, jobs=jobs, references=human))
    assert "best" not in classes(unranked)
    for word in ("● the best", "<small>baseline</small>", "Which of", "95% interval"):
        assert word not in unranked.split("<script")[0], word
    assert "How do 6 jobs differ?" in unranked


def test_references_have_a_body_of_their_own(sweep: Sweep) -> None:
    assert [attrs.get("class") for tag, attrs in read(page(sweep)).tags if tag == "tbody"] == [None, "references"]


def test_scripts_and_styles_are_those_that_the_policy_names(sweep: Sweep) -> None:
    html = page(sweep)
    policy = next(a["content"] or "" for tag, a in read(html).tags if tag == "meta" and "http-equiv" in a)
    assert policy.startswith("default-src 'none'; img-src data:;")
    for element in ('<script type="module">', "<style>"):
        inside = html.split(element)[1].split("</")[0]
        assert base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode() in policy
    assert html.count("<script") == html.count('type="application/json"') + 1


def test_nothing_is_fetched(sweep: Sweep) -> None:
    for _, attrs in read(page(sweep)).tags:
        for name in ("src", "href"):
            assert (attrs.get(name) or "#").startswith(("#", "data:"))


def test_labels_of_controls_and_ids_meet(sweep: Sweep) -> None:
    tags = read(page(sweep)).tags
    ids = [attrs["id"] for _, attrs in tags if "id" in attrs]
    assert len(set(ids)) == len(ids)
    for _, attrs in tags:
        assert attrs.get("aria-labelledby", ids[0]) in ids
        assert (attrs.get("href") or f"#{ids[0]}").removeprefix("#") in ids


def test_anybody_s_words_are_text(sweep: Sweep) -> None:
    jobs = [
        replace(
            job,
            label=f"{i}{NASTY}",
            signature=NASTY,
            config={"x": f"{i}{NASTY}"},
            choices={"model": NASTY, "prompts": NASTY},
            provenance={"harness": NASTY, "packages": {NASTY: NASTY}},
            scores=[replace(s, name=f"{s.name}{NASTY}", signature=f"a|b:{NASTY}", notes=(NASTY,)) for s in job.scores],
        )
        for i, job in enumerate(sweep.jobs)
    ]
    reader = read(page(replace(sweep, jobs=jobs, command=NASTY, unfinished=[NASTY])))
    assert not [tag for tag, _ in reader.tags if tag in ("img", "b", "iframe", "object", "link")]
    assert not [name for _, attrs in reader.tags for name in attrs if name.startswith("on")]
    assert "".join(reader.said).count(SHOWN) > 40
    assert NASTY not in "".join(reader.said)


def test_figures_are_images_inside_the_page(sweep: Sweep, tmp_path: Path) -> None:
    figures = tmp_path / "figures"
    figures.mkdir()
    for stem, size in (("small", 10), ("large", 500_000)):
        (figures / f"{stem}.svg").write_text(f"<svg>{'x' * size}</svg>")
        (figures / f"{stem}.png").write_bytes(b"\x89PNG")
    drawings = [Drawing(stem, f"A {stem} one", "Read <it> so.", lambda *_: None) for stem in ("small", "large")]
    html = compose(sweep, tabulate(sweep.jobs, sweep.references), drawings, figures)
    images = [attrs for tag, attrs in read(html).tags if tag == "img"]
    assert [(attrs["src"] or "")[:23] for attrs in images] == ["data:image/svg+xml;base", "data:image/png;base64,i"]
    assert images[0]["alt"] == "A small one"  # the caption stands below


@pytest.mark.parametrize(("points", "size"), [(252.0, "narrow"), (489.6, "usual"), (626.4, "broad")])
def test_a_figure_too_wide_for_half_a_page_has_all_of_it(
    sweep: Sweep, tmp_path: Path, points: float, size: str
) -> None:
    with style.styled():
        style.save(style.new(points / 72, 2, layout=None), tmp_path / "one")
    drawing = Drawing("one", "One", "It.", lambda *_: None)
    html = compose(sweep, tabulate(sweep.jobs, sweep.references), [drawing], tmp_path)
    (figure,) = [attrs for tag, attrs in read(html).tags if tag == "figure"]
    assert figure["class"] == size


def test_a_sweep_of_one_and_a_sweep_without_texts(sweep: Sweep) -> None:
    one = replace(sweep, jobs=sweep.jobs[:1], references=[], command="")
    assert "What does greedy make of the prompts?" in "".join(read(page(one)).said)
    empty = replace(one, jobs=[replace(one.jobs[0], generations=one.jobs[0].generations.iloc[:0])])
    html = page(empty)
    assert 'class="chunk"' not in html
    about = json.loads(re.findall(r'id="about">(.*?)</script>', html)[0])
    assert about["chunks"] == []


def test_one_job_is_not_compared(sweep: Sweep) -> None:
    one = page(replace(sweep, jobs=sweep.jobs[:1]))
    assert "most different" not in one
    assert "most different" in page(sweep)


def test_several_commands_stand_on_lines_of_their_own(sweep: Sweep) -> None:
    commands = "python -m harness strategy=greedy\npython -m harness.report 'a\u202eb'"
    html = page(replace(sweep, command=commands))
    assert "<pre><code>python -m harness strategy=greedy\npython -m harness.report &#39;a⟨U+202E⟩b&#39;</code>" in html


def test_signatures_stand_at_the_end(sweep: Sweep) -> None:
    """Where paper, on which everything is open, has room for them."""
    html = page(sweep)
    places = [html.index(text) for text in ('id="scores-table"', 'id="texts"', 'id="again"', "<dd><code>mauve|")]
    assert places == sorted(places)
    assert html.count("<dd><code>mauve|") == 1


def test_over_seeds_and_distances_are_shown(tmp_path: Path) -> None:
    several = read_sweep(sweeps.sweep(tmp_path, {"top_p": (0.7, {})}, seeds=(0, 1), prompts=2))
    scores = [replace(several.jobs[0].scores[0], gap=-0.1, gap_low=-0.2, gap_high=0.05, gap_p=0.01)]
    jobs = [replace(several.jobs[0], scores=scores), *several.jobs[1:]]
    reader = read(page(replace(several, jobs=jobs)))
    assert {"distance", "seeds"} < {attrs.get("id") for tag, attrs in reader.tags if tag == "section"}
    assert "-0.200 to +0.050" in reader.said
