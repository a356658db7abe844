"""The page of `python -m harness.inspect` works out what the library does, and what transformers does after it."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import MinPLogitsWarper, TypicalLogitsWarper

from harness.configs import option
from harness.inspect.command import Choice
from harness.inspect.outcome import built, transformed
from harness.inspect.page import KNOBS, write
from harness.inspect.step import Step, look
from harness.loaders import load_model
from harness.strategies.sampling import sample
from tests.browser.conftest import Page
from tests.table_model import TableModel, table_model

Settings = dict[str, float]
OFF: Settings = {"repetition_penalty": 1, "temperature": 1, "top_k": 0, "top_p": 1, "min_p": 0, "typical_p": 1}
INF = math.inf
ENDS: dict[str, Sequence[float]] = {
    "repetition_penalty": (0.5, 1, 1.2, 10),
    "temperature": (0, 0.05, 0.7, 1, 2, 100, INF),
    "top_k": (0, 1, 2, 50, 2000, 10**6),
    "top_p": (0.01, 0.5, 0.9, 0.999, 1),
    "min_p": (0, 0.001, 0.1, 0.95, 1),
    "typical_p": (0.01, 0.2, 0.9, 0.999, 1),
}

# Puts settings into the number fields as typing does, and gives what the page made of them.
DRIVE = """
return arguments[0].map((wanted) => {
  for (const [name, value] of Object.entries(wanted)) {
    const field = document.getElementById(`${name}-number`);
    field.value = value;
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }
  const tokens = [...found.tokens.subarray(found.from, found.to)];
  return { settings: Object.values(settings).map(String), tokens, entropy: found.entropy, mass,
           probabilities: tokens.map((token) => found.probability[token]),
           sum: found.probability.reduce((a, b) => a + b), left: found.left,
           shown: ["kept", "mass", "entropy"].map((id) => document.getElementById(id).firstChild.textContent) };
});
"""


def grid() -> list[Settings]:
    """Every value of every setting alone, pairs of neighbours, edges between equal tokens, and a hundred mixtures."""
    alone = [OFF | {name: value} for name, values in ENDS.items() for value in values]
    pairs = itertools.pairwise(KNOBS)
    near = [OFF | {a: x, b: y} for a, b in pairs for x in ENDS[a][1:4] for y in ENDS[b][1:4]]
    edges = [OFF | {"repetition_penalty": x, "top_p": p / 100} for x in (0.5, 2) for p in range(2, 100, 2)]
    chance = random.Random(0)
    mixed = [{name: chance.choice(values) for name, values in ENDS.items()} for _ in range(100)]
    return alone + near + edges + mixed


def expected(step: Step, settings: Settings) -> tuple[Tensor, Tensor, float]:
    """[vocab] probabilities and whether a token is kept, and the kept mass: the library's, then transformers'."""
    knobs: dict[str, Any] = {name: settings[name] for name in ("repetition_penalty", "temperature", "top_p")}
    ours = transformed(sample(**knobs, top_k=int(settings["top_k"])).transform, step.view(1))
    logits = ours.probabilities.log().masked_fill(~ours.kept, -torch.inf)[None]
    history = torch.tensor([step.tokens])
    if settings["min_p"] > 0:
        logits = MinPLogitsWarper(settings["min_p"])(history, logits)
    if settings["typical_p"] < 1:
        logits = TypicalLogitsWarper(settings["typical_p"])(history, logits)
    if settings["min_p"] == 0 and settings["typical_p"] == 1:
        return ours.probabilities, ours.kept, ours.mass
    kept = logits[0] > -torch.inf
    return logits[0].softmax(-1), kept, float(step.nodes.logits[0].double().softmax(-1)[kept].sum())


def tied() -> Step:
    """Logits with many ties, some impossible."""
    model = table_model(400, seed=5, scale=3.0)
    model.table = (2 * model.table).round() / 2
    model.table[:, 7::13] = -torch.inf
    return look(model, "abcabd")


@pytest.fixture(scope="module")
def real() -> Step:
    return look(load_model("pocket-m"), "The theory of relativity is")


@pytest.fixture(scope="module", params=["real", "tied"])
def step(request: pytest.FixtureRequest) -> Step:
    found: Step = request.getfixturevalue("real") if request.param == "real" else tied()
    return found


def opened(page: Page, folder: Path, step: Step, hash_: str = "", names: Sequence[str] = ()) -> None:
    choices = [Choice(name, option("strategy", name)) for name in names]
    file = folder / "page.html"
    write(file, step, [(choice, built(choice)) for choice in choices])
    page.open(file)
    if hash_:
        page.js("location.hash = arguments[0]", hash_)
        page.until(lambda: page.js("return settings.temperature !== 1"))


def test_its_numbers_are_the_librarys(page: Page, tmp_path: Path, step: Step) -> None:
    opened(page, tmp_path, step)
    settings = grid()
    for given, got in zip(settings, drive(page, settings), strict=True):
        probabilities, kept, mass = expected(step, given)
        tokens = np.array(got["tokens"])
        assert sorted(tokens) == kept.nonzero()[:, 0].tolist(), given
        # Far below 1e-6, which is what the page promises.
        assert np.allclose(got["probabilities"], probabilities[tokens], atol=1e-12, rtol=1e-9), given
        assert got["sum"] == pytest.approx(1, abs=1e-12), given
        assert got["entropy"] == pytest.approx(float(torch.special.entr(probabilities).sum()), abs=1e-9), given
        assert got["mass"] == pytest.approx(mass, abs=1e-12), given
        assert list(got["left"].values())[-1] == len(tokens), given
        assert got["shown"][0] == f"{len(tokens):,}"
        assert got["shown"][2] == f"{got['entropy']:.3f}"


def drive(page: Page, settings: Sequence[Settings]) -> list[Any]:
    texts = [{name: "inf" if value == INF else repr(value) for name, value in each.items()} for each in settings]
    found: list[Any] = page.js(DRIVE, texts)
    return found


def test_typical_p_keeps_a_run_of_ranks_on_both_sides_of_the_entropy(page: Page, tmp_path: Path, real: Step) -> None:
    opened(page, tmp_path, real)
    (got,) = drive(page, [OFF | {"typical_p": 0.2}])
    assert real.nodes.logits[0].argmax() not in got["tokens"], "the likeliest token is too likely to be typical"
    assert page.texts("#rows tr:first-child td:last-child") == ["cut"]
    page.js("const s = document.getElementById('rows-order'); s.value = 'now'; s.dispatchEvent(new Event('change'))")
    assert page.texts("#rows tr:first-child td.id") == [str(got["tokens"][0])]
    assert "cut" not in page.texts("#rows td:last-child")


def test_sliders_go_by_keyboard_through_round_values_to_both_ends(page: Page, tmp_path: Path, real: Step) -> None:
    from selenium.webdriver.common.keys import Keys

    opened(page, tmp_path, real)
    ends = {"temperature": ("0", "inf"), "top_k": ("1", "0"), "top_p": ("0.01", "1"), "min_p": ("0", "1")}
    for name, (low, high) in ends.items():
        slider = page.find(f"#{name}")
        for key, value in ((Keys.HOME, low), (Keys.END, high)):
            slider.send_keys(key)
            assert page.find(f"#{name}-number").get_attribute("value") == value
            assert page.js("return String(settings[arguments[0]])", name).replace("Infinity", "inf") == value
        assert slider.get_attribute("aria-valuetext") == ("off" if float(high) == OFF[name] else high)
    page.find("#temperature").send_keys(Keys.HOME, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    assert page.find("#temperature-number").get_attribute("value") == "0.1"
    page.press(Keys.TAB)
    assert page.js("return document.activeElement.id") == "top_k-number", (
        "the order of the page is that of the keyboard"
    )


def test_every_control_has_a_name(page: Page, tmp_path: Path, real: Step) -> None:
    opened(page, tmp_path, real, names=["greedy"])
    for control in page.driver.find_elements("css selector", "input, select, button"):
        assert control.accessible_name.strip(), control.get_attribute("outerHTML")


def test_a_value_that_is_not_allowed_changes_nothing_and_is_said(page: Page, tmp_path: Path, real: Step) -> None:
    opened(page, tmp_path, real)
    for name, wrong in {"temperature": "-1", "top_k": "2.5", "top_p": "0", "min_p": "1.1", "typical_p": "x"}.items():
        page.js(
            "const f = document.getElementById(arguments[0] + '-number'); f.value = arguments[1];"
            "f.dispatchEvent(new Event('input'))",
            name,
            wrong,
        )
        assert page.find(f"#{name}-wrong").text.startswith("allowed: ")
        assert page.find(f"#{name}-number").get_attribute("aria-invalid") == "true"
        assert page.js("return settings[arguments[0]]", name) == OFF[name]
    page.find("#top_k").click()
    assert page.texts(".wrong:not([hidden])") == [], "a slider puts the fields right"


def test_the_address_keeps_the_settings(page: Page, tmp_path: Path, real: Step) -> None:
    from selenium.webdriver.common.keys import Keys

    opened(page, tmp_path, real, "#temperature=0.5&top_k=7&top_p=nonsense&color=red")
    assert page.js("return [settings.temperature, settings.top_k, settings.top_p]") == [0.5, 7, 1]
    page.find("#top_k").send_keys(Keys.HOME)
    assert page.driver.current_url.endswith("#temperature=0.5&top_k=1")
    assert page.find("#said").get_attribute("textContent").startswith("tokens kept: 1,")


def test_buttons_are_the_strategies(page: Page, tmp_path: Path, real: Step) -> None:
    opened(page, tmp_path, real, names=["greedy", "top_p", "beam"])
    assert page.texts("#presets button") == ["the model’s own", "greedy", "top_p 0.9"]
    page.find("#presets button:nth-child(2)").click()
    assert page.texts("#kept") == ["1of 4,096"]
    assert page.texts('button[aria-pressed="true"]') == ["greedy"]
    assert page.driver.current_url.endswith("#temperature=0")
    page.find("#presets button:first-child").click()
    assert page.texts("#kept") == ["4,096of 4,096"]
    assert "#" not in page.driver.current_url


def test_the_table_is_what_the_terminal_shows(page: Page, tmp_path: Path, real: Step) -> None:
    opened(page, tmp_path, real)
    p = real.nodes.logits[0].double().softmax(-1).sort(descending=True, stable=True)
    pieces = real.pieces(p.indices[:10].tolist())
    assert page.texts("#rows td.token") == pieces
    assert page.texts("#rows td.id") == [str(int(t)) for t in p.indices[:10]]
    assert page.texts("#rows td:nth-child(5)") == [f"{float(x):.4f}" for x in p.values[:10]]
    assert page.texts("#pieces .piece") == real.pieces(real.tokens)
    widths = page.js("return [...document.querySelectorAll('#rows .before')].map(e => e.getBoundingClientRect().width)")
    assert np.allclose(np.array(widths) / widths[0], p.values[:10] / p.values[0], atol=0.02), "bars are to scale"


class Hostile(TableModel):
    def pieces(self, tokens: Sequence[int]) -> list[str]:
        return [f"<img src=x onerror='window.ran=1'></script>\u202e{token}" for token in tokens]


def test_texts_are_shown_and_never_run(page: Page, tmp_path: Path) -> None:
    model = table_model(12)
    opened(page, tmp_path, look(Hostile(model.table, model.embedding), "<script>window.ran = 1</script>"))
    assert page.js("return [window.ran === undefined, document.images.length]") == [True, 0]
    assert all(text.startswith("<img␣src=x") and "⟨U+202E⟩" in text for text in page.texts("#rows .piece"))


@pytest.mark.parametrize("width", [400, 1280])
def test_it_fits_a_phone_and_a_projector(page: Page, tmp_path: Path, real: Step, width: int) -> None:
    opened(page, tmp_path, real)
    page.look(width)
    assert page.js("return document.documentElement.scrollWidth") <= width


def test_a_move_takes_less_than_50_ms_with_gpt2s_vocabulary(page: Page, tmp_path: Path) -> None:
    model = TableModel(torch.randn(1, 50257, generator=torch.Generator().manual_seed(0)) * 3, torch.zeros(1, 1))
    model.vocab = 50257
    opened(page, tmp_path, look(Words(model.table, model.embedding), "a"))
    moves = page.js(
        """
        const slider = document.getElementById(arguments[0]), took = [];
        for (let at = 0; at <= Number(slider.max); at++) {
          slider.value = at;
          const start = performance.now();
          slider.dispatchEvent(new Event("input"));
          document.body.offsetHeight;  // what is shown is laid out, too
          took.push(performance.now() - start);
        }
        return took;
        """,
        "repetition_penalty",
    )
    assert sorted(moves)[len(moves) // 4] < 50, moves  # a quarter of the moves, as a shared machine may stall in others


class Words(TableModel):
    def __post_init__(self) -> None:
        super().__post_init__()
        self.vocab = self.table.shape[1]

    def encode(self, text: str) -> list[int]:
        return [0]

    def pieces(self, tokens: Sequence[int]) -> list[str]:
        return [f" word{token}" for token in tokens]
