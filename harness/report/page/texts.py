"""The texts of a sweep by prompt, in the order in which a page shows them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.metrics.loops import Loop
from harness.report.page.rules import Rule, rules
from harness.report.page.spans import covered, difference
from harness.results import Sweep

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Text:
    """One continuation. The arrays are of equal length: one entry per token, or none where tokens are not known."""

    source: int
    sample: int
    text: str
    finish: str
    count: int  # tokens, a closing end-of-text left out, as in the score `length`
    loop: Loop | None
    lengths: NDArray[np.int64]  # how long what each token wrote is, in UTF-16 units, as browsers count
    surprisal: Values  # nats
    entropy: Values  # nats
    rank: Values
    repeated: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Entry:
    """A prompt and all its continuations, the sources in their order."""

    prompt: str
    texts: list[Text] = field(default_factory=list)

    @property
    def loops(self) -> int:
        """How many texts end in a loop."""
        return sum(text.loop is not None for text in self.texts)

    @property
    def longest(self) -> int:
        """Tokens of the longest text that was generated, end-of-text left out."""
        return max((text.count for text in self.texts if text.finish), default=0)

    @property
    def tokens(self) -> int:
        """Of all texts."""
        return sum(len(text.lengths) for text in self.texts)

    def difference(self) -> float:
        """How little the generated texts have in common; of several samples the first counts."""
        first = {text.source: text.text for text in reversed(self.texts) if text.finish}
        return difference(list(first.values()))


def sources(sweep: Sweep) -> list[tuple[str, bool]]:
    """What texts come from, the references first: a label, and whether it is references."""
    return [(each.label, True) for each in sweep.references if len(each.frame)] + [(j.label, False) for j in sweep.jobs]


def entries(sweep: Sweep) -> list[Entry]:
    """All prompts in the order in which jobs name them, with the texts of all sources; prompts without one are none."""
    frames = [each.frame for each in sweep.references if len(each.frame)] + [job.generations for job in sweep.jobs]
    prompts: dict[str, Entry] = {}
    for job in sweep.jobs:
        for prompt_id, prompt in zip(job.generations["prompt_id"], job.generations["prompt"], strict=True):
            prompts.setdefault(prompt_id, Entry(prompt))
    for source, (frame, rule) in enumerate(zip(frames, rules(sweep), strict=True)):
        for row in frame.to_dict("records"):
            if row["prompt_id"] in prompts:
                prompts[row["prompt_id"]].texts.append(_text(source, row, rule))
    return list(prompts.values())


def _text(source: int, row: dict[Any, Any], rule: Rule) -> Text:
    tokens = np.asarray(row["tokens"])
    ends = np.asarray(row.get("ends", ()), dtype=np.int64)  # runs of older versions have none
    if len(ends) != len(tokens) or (len(ends) and ends[-1] != len(row["text"])) or (np.diff(ends) < 0).any():
        ends = ends[:0]
    finish = str(row.get("finish", ""))
    written = tokens[:-1] if finish == "eos" else tokens

    def values(name: str) -> Values:
        found = row.get(name)
        known = found is not None and not pd.api.types.is_scalar(found) and len(found) == len(tokens)
        return np.asarray(found, dtype=np.float64)[: len(ends)] if known else np.full(len(ends), np.nan)

    return Text(
        source=source,
        sample=int(row.get("sample", 0)),
        text=row["text"],
        finish=finish,
        count=len(written),
        loop=rule.find(written.tolist()),
        lengths=_utf16(row["text"], ends),
        surprisal=-values("logprob"),
        entropy=values("entropy"),
        rank=values("rank"),
        repeated=covered(tokens)[: len(ends)],
    )


def _utf16(text: str, ends: NDArray[np.int64]) -> NDArray[np.int64]:
    """What lies between ends given in code points, in UTF-16 units."""
    if max(text, default="") > "\uffff":
        units = np.cumsum([0, *(1 + (char > "\uffff") for char in text)])
        ends = units[ends]
    return np.diff(ends, prepend=0)
