"""Prompts from WikiText-103 (Merity et al., 2017), whose text is tokenised and has headings in between."""

from __future__ import annotations

import re

from harness.knobs import PositiveCount, checked
from harness.prompts.base import Prompt, first
from harness.prompts.dataset import records
from harness.prompts.records import Recipe, pairs


@checked
def wikitext(
    name: str = "Salesforce/wikitext",
    config: str | None = "wikitext-103-raw-v1",
    split: str = "test",
    detokenize: bool = True,
    prompt_words: PositiveCount = 24,
    min_words: PositiveCount = 120,
    limit: PositiveCount | None = None,
) -> list[Prompt]:
    """Paragraphs of Wikipedia articles of at least `min_words` words, in order; headings are left out.

    Args:
        name: the data set on the hub, or a local folder.
        config: which configuration of it.
        split: which split of it.
        detokenize: write "well-known, 1.5" for "well @-@ known , 1 @.@ 5". Published numbers are mostly for the text as
            it is (False), which no model writes by itself.
        prompt_words: cut each paragraph after so many words. 24 words are about 32 GPT-2 tokens.
        min_words: leave out shorter paragraphs.
        limit: how many prompts, from the front; None: all.

    Raises:
        InputError: see `harness.prompts.dataset.dataset`.
    """
    clean = _detokenized if detokenize else str.strip
    recipe = Recipe("text", None, prompt_words, min_words, lambda text: "" if _is_heading(text) else clean(text))
    rows = records(name, config, split)
    return first(pairs(rows, recipe), limit, f"prompts.name={name!r}, split {split!r}: {recipe.nothing}")


def _is_heading(text: str) -> bool:
    return re.fullmatch(r"(= )+.*( =)+", text.strip()) is not None


# In this order: quotes are recognised by the spaces around them, before punctuation takes those away.
_SPACES = [
    (r" @([-,.])@ ", r"\1"),  # well @-@ known, 1 @,@ 000, 1 @.@ 5
    (r'(?<!\S)" ([^"]+) "(?!\S)', r'"\1"'),  # the " Old Mill "
    (r" '(?=(?:s|t|re|ve|ll|d|m)\b)", "'"),  # it 's, don 't
    (r"(?<=s) '(?=\s)", "'"),  # the millers ' wives
    (r"([(\[{$£€]) ", r"\1"),  # ( 1842 ), $ 5
    (r" ([,.;:!?%)\]}]+)(?=[\s\",.;:!?%)\]}]|$)", r"\1"),
]


def _detokenized(text: str) -> str:
    for pattern, replacement in _SPACES:
        text = re.sub(pattern, replacement, text)
    return text.strip()
