"""What the pages of these tests show, and the words that drive them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
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


def click(page: Page, selector: str) -> None:
    page.js("arguments[0].scrollIntoView({block: 'center'})", page.find(selector))
    page.find(selector).click()


def body(page: Page, label: str) -> str:
    """What a card says, without its notes."""
    return page.texts(f'[aria-label^="Text of {label}"]')[0]


def turned(page: Page, prompt: int) -> None:
    """Wait for this prompt of the sweep."""
    page.until(lambda: page.texts("#prompt") == [f"Once upon a time number {prompt}"])
