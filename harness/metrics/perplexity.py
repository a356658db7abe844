"""How surprised a model is by the continuations."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from harness.metrics.base import Corpus, Metric, Score, Tools, combined, mean_of
from harness.metrics.compat import hf_evaluate, signed
from harness.metrics.reading import GENERATOR, Reading, read
from harness.metrics.tokenwise import lacking, micro, totals
from harness.signature import sign
from harness.stats import exp_ratio


@dataclass(frozen=True)
class Perplexity(Metric):
    """Perplexity of the continuation, given the prompt, under the model that wrote it or any other.

    `perplexity` is exp(-sum of log-probabilities / tokens) over all texts: every token weighs the same. A long text
    weighs more, and a few dull loops or a few wild texts move it, so `perplexity-median` stands beside it: the median
    over texts of exp(mean negative log-probability). The log-probabilities are the model's own, before temperature,
    truncation or penalties, and those of the prompt are left out. The mean of per-text perplexities, which some
    libraries report (`compat`), is neither.

    The generator has read what it wrote, and a closing end-of-text token counts. Any other scorer reads the prompt and
    the text with its own tokenizer, without an end of text; what does not fit its context is read in windows in which
    each token has at least half a context before it. Perplexities per token of different tokenizers are on different
    scales, so other scorers give `bits-per-byte` too: their negative log2-probabilities over the bytes of the texts in
    UTF-8.

    Nearer to the references is better: loops push it towards 1, incoherence far above human text (Holtzman et al.,
    2020).

    Attributes:
        scorers: "generator", and names of yamls in `conf/model`, whose scores are called `perplexity[gpt2-large]`.
        compat: `hf_evaluate`: the mean of per-text perplexities (`harness.metrics.compat.hf_evaluate`). What is read
            stays as it is: texts given their prompts, where that code reads them alone.
    """

    scorers: Annotated[tuple[str, ...], Field(min_length=1)] = (GENERATOR,)
    compat: Literal["hf_evaluate"] | None = None

    def __call__(self, corpus: Corpus, tools: Tools) -> list[Score]:
        """The scores of each scorer in turn; a text of no tokens has no value."""
        readings = [read(name, corpus, tools, "metrics.perplexity") for name in dict.fromkeys(self.scorers)]
        if self.compat is not None:
            return [_published(reading) for reading in readings]
        return [score for reading in readings for score in _scores(reading, corpus)]


def _published(reading: Reading) -> Score:
    name, items = reading.title("perplexity"), hf_evaluate.perplexities(reading.logprobs)
    signature = sign(name, **reading.signed, avg="macro", **signed("hf_evaluate"))
    return mean_of(name, items, "reference", signature, bounds=(1.0, math.inf))


def _scores(reading: Reading, corpus: Corpus) -> list[Score]:
    surprise = totals([-values for values in reading.logprobs])
    items = exp_ratio(surprise)
    name, median = reading.title("perplexity"), reading.title("perplexity-median")
    scores = [
        micro(name, surprise, sign(name, **reading.signed, avg="micro"), "exp-ratio"),
        combined(
            median,
            items[:, None],
            "median",
            "reference",
            sign(median, **reading.signed, avg="median"),
            notes=lacking(items),
        ),
    ]
    if reading.scorer != GENERATOR:
        name = reading.title("bits-per-byte")
        sizes = [
            len(text.encode("utf-8", "surrogatepass")) if n else 0
            for text, n in zip(corpus.texts, surprise[:, 1], strict=True)
        ]
        bits = np.stack([surprise[:, 0] / np.log(2), np.array(sizes, dtype=np.float64)], axis=1)
        signed = {**reading.signed, "unit": "utf-8-bytes"}
        scores.append(micro(name, bits, sign(name, **signed, avg="micro"), bounds=(0.0, math.inf)))
    return scores
