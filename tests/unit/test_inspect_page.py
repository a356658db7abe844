from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.configs import option
from harness.errors import InputError
from harness.inspect import page as module
from harness.inspect.command import Choice
from harness.inspect.outcome import built
from harness.inspect.page import page, write
from harness.inspect.step import Step, look
from tests.table_model import TableModel, table_model

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>&amp;\u2028{{ 7 * 7 }}"


class Hostile(TableModel):
    def pieces(self, tokens: Sequence[int]) -> list[str]:
        return [HOSTILE for _ in tokens]


def data(text: str) -> Any:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)
    assert found
    return json.loads(found[1])


def strategy(name: str, **knobs: Any) -> tuple[Choice, Any]:
    choice = Choice(name, option("strategy", name) | knobs)
    return choice, built(choice)


@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_the_logits_are_in_it_bit_for_bit(kind: str) -> None:
    import torch

    step = look(table_model(50, dtype=getattr(torch, kind)), "abc")
    found = data(page(step, []))
    assert found["dtype"] == kind
    held = np.frombuffer(b64decode(found["logits"]), "<f4" if kind == "float32" else "<f8")
    assert np.array_equal(held, step.nodes.logits[0].numpy())
    assert found["tokens"] == [0, 1, 2]
    assert len(found["pieces"]) == 50


def test_strategies_that_the_settings_can_express_become_buttons() -> None:
    step = look(table_model(5), "abc")
    chosen = [
        strategy("greedy"),
        strategy("repetition_penalty"),
        strategy("temperature", temperature=float("inf")),
        strategy("beam"),
        strategy("top_p", top_k=3),
    ]
    buttons = {button["label"]: button["settings"] for button in data(page(step, chosen))["presets"]}
    assert list(buttons) == [
        "the model’s own",
        "greedy",
        "repetition_penalty 1.2",
        "temperature inf",
        "top_p 0.9 top_k=3",
    ]
    assert buttons["greedy"] == {"temperature": "0"}
    assert buttons["temperature inf"] == {"temperature": "inf"}
    assert buttons["top_p 0.9 top_k=3"] == {"top_k": "3", "top_p": "0.9"}


def test_an_order_that_is_not_the_pages_makes_no_button() -> None:
    step = look(table_model(5), "abc")
    kept = {"temperature": 0.7, "order": ["temperature", "top_p"]}
    moved = {"temperature": 0.7, "order": "llama.cpp"}
    alone = {"order": "llama.cpp"}  # of one stage: any order is the page's
    chosen = [strategy("top_p", **knobs) for knobs in (kept, moved, alone)]
    labels = [button["label"] for button in data(page(step, chosen))["presets"]]
    assert labels[1:] == ["top_p 0.9 temperature=0.7 order=['temperature', 'top_p']", "top_p 0.9 order=llama.cpp"]


def test_a_knob_that_the_page_has_no_setting_for_makes_no_button_unless_it_is_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "KNOBS", tuple(name for name in module.KNOBS if name != "top_k"))
    step = look(table_model(5), "abc")
    presets = data(page(step, [strategy("top_k"), strategy("top_p")]))["presets"]
    assert [button["label"] for button in presets] == ["the model’s own", "top_p 0.9"]


def test_nothing_in_a_text_becomes_part_of_the_page() -> None:
    tame, model = table_model(5), table_model(5)
    step = look(Hostile(model.table, model.embedding, name=HOSTILE), "abc")
    wild = page(Step(step.model, HOSTILE, step.tokens, step.nodes, None), [])
    plain = page(look(tame, "abc"), [])
    tags = re.compile(r"<\s*(script|img)", re.I)
    assert len(tags.findall(wild)) == len(tags.findall(plain)) == 4
    assert "49" not in re.findall("<title>(.*)</title>", wild)[0]
    assert (
        data(wild)["pieces"]
        == ["</script><script>alert(1)</script><img␣src=x␣onerror=alert(1)>&amp;⟨U+2028⟩{{␣7␣*␣7␣}}"] * 5
    )


def test_the_page_needs_nothing_from_elsewhere() -> None:
    text = page(look(table_model(5), "abc"), [])
    assert "default-src 'none'" in text
    assert not re.search(r"(src|href)=(?!\"(#settings|data:))", text)
    assert not re.search(r"https?:|@import|url\(", text)


def test_no_script_can_end_early() -> None:
    for file in (Path(module.__file__).parent / "assets").glob("*.js"):
        assert "</script" not in file.read_text("utf-8").lower()


def test_a_file_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written"):
        write(tmp_path / "file" / "page.html", look(table_model(5), "abc"), [])


def test_writing_returns_the_size(tmp_path: Path) -> None:
    size = write(tmp_path / "page.html", look(table_model(5), "abc"), [])
    assert (tmp_path / "page.html").stat().st_size == size
