from __future__ import annotations

import io
import math
import re
from collections.abc import Sequence

import pytest
import scipy.stats
from rich.cells import cell_len
from rich.console import Console

from harness.configs import option
from harness.inspect.command import USUAL, Choice
from harness.inspect.outcome import built, outcome
from harness.inspect.step import Step, look
from harness.inspect.terminal import number, print_step
from tests.table_model import TableModel, table_model


class Wild(TableModel):
    """Pieces that a terminal would obey."""

    def pieces(self, tokens: Sequence[int]) -> list[str]:
        return [("\x1b[31mred", "[bold]b", " the", "", "国" * 30, "\u202eabc")[token] for token in tokens]


def printed(
    step: Step, names: tuple[str, ...] = USUAL, *, top: int = 4, width: int = 80, encoding: str = "utf-8"
) -> str:
    choices = [Choice(name, option("strategy", name)) for name in names]
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, write_through=True)
    print_step(step, [outcome(step, c, built(c)) for c in choices], top, Console(file=file, width=width))
    return raw.getvalue().decode(encoding)


@pytest.fixture
def step() -> Step:
    return look(table_model(26, scale=2.0), "hello")


def test_the_next_tokens_come_with_their_probabilities(step: Step) -> None:
    text = printed(step)
    p = step.nodes.logits[0].softmax(-1).sort(descending=True)
    total = 0.0
    for rank in range(4):
        total += float(p.values[rank])
        token, logit = int(p.indices[rank]), float(step.nodes.logits[0, p.indices[rank]])
        cells = [rank + 1, chr(97 + token), token, f"{logit:.3f}", f"{float(p.values[rank]):.4f}", f"{total:.4f}"]
        assert re.search(r"^\s*" + r"\s+".join(re.escape(str(cell)) for cell in cells) + r"\s*$", text, re.M), cells
    entropy = float(scipy.stats.entropy(step.nodes.logits[0].softmax(-1)))
    assert f"entropy {entropy:.3f} nats (as much as {math.exp(entropy):,.1f} " in text
    gap = float(step.nodes.logits[0].topk(2).values.diff().abs())
    assert f"{gap:.3f} nats" in " ".join(text.split())


def test_the_prompt_comes_with_its_ids(step: Step) -> None:
    lines = printed(step).splitlines()
    assert lines[0] == "prompt: 5 tokens of table"
    assert lines[1].split() == list("hello")
    assert lines[2].split() == ["7", "4", "11", "11", "14"]


def test_a_search_says_that_it_has_no_distribution(step: Step) -> None:
    text = " ".join(printed(step, ("beam",)).split())
    assert "beam: a search, with no distribution of its own" in text
    best = int(step.nodes.logits.argmax())
    assert f"{chr(97 + best)} {float(step.nodes.logits[0].log_softmax(-1)[best]):.2f}" in text


@pytest.mark.parametrize("width", [40, 60, 80, 200])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "cp1252"])
def test_it_fits_any_width_and_encoding(step: Step, width: int, encoding: str) -> None:
    text = printed(step, width=width, encoding=encoding)
    assert max(map(cell_len, text.splitlines())) <= width
    for name in ("greedy", "temperature", "top_k", "top_p", "probability"):
        assert name in text
    assert "\x1b" not in text


def test_pieces_are_shown_and_not_obeyed() -> None:
    model = table_model(6)
    text = printed(look(Wild(model.table, model.embedding), "abcdef"), top=6)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "⟨U+001B⟩[31mred" in text
    assert "[bold]b" in text


def test_more_tokens_than_there_are_is_all_of_them() -> None:
    assert "the likeliest of 5" in printed(look(table_model(5), "a"), top=99)


@pytest.mark.parametrize(
    ("probability", "says"), [(0.5, "0.5000"), (0.0, "0.0000"), (3e-9, "3e-09"), (1.0, "1.0000"), (4.9e-5, "5e-05")]
)
def test_a_small_probability_does_not_look_like_none(probability: float, says: str) -> None:
    assert number(probability) == says
