"""What a model makes of the texts, for metrics that let the user choose who reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.errors import InputError
from harness.metrics.base import Corpus, Tools

GENERATOR = "generator"
"""The scorer that is the model which wrote the texts, and which tokenised the references."""


@dataclass(frozen=True)
class Reading:
    """A corpus as one scorer reads it."""

    scorer: str  # "generator", or the name of a yaml in conf/model
    logprobs: Sequence[NDArray[np.float64]]  # per text, of each token given the prompt and the tokens before it
    signed: Mapping[str, object]  # the fields of a signature

    def title(self, score: str) -> str:
        """What a score is called under this scorer: "perplexity", "perplexity[gpt2-large]"."""
        return score if self.scorer == GENERATOR else f"{score}[{self.scorer}]"


def own(corpus: Corpus) -> dict[str, object]:
    """The fields of a signature that say whose values of its own texts these are."""
    return {"scorer": corpus.reader or GENERATOR, "given": "prompt", "length": corpus.limit}


def read(scorer: str, corpus: Corpus, tools: Tools, asker: str) -> Reading:
    """Let a scorer read a corpus.

    The generator has read its texts while it wrote them, a closing end-of-text token included. Any other scorer reads
    prompts and texts as they stand, in tokens of its own, and no end of text after them.

    Raises:
        InputError: in the name of who asks ("metrics.perplexity"): the texts do not come with the generator's values,
            or nothing here can read them.
    """
    if scorer == GENERATOR:
        signed: dict[str, object] = {**own(corpus), "unit": "model-tokens", "eos": True}
        return Reading(scorer, corpus.per_token("logprob", asker), signed)
    if tools.scorer is None:
        raise InputError(f"{asker} wants {scorer} to read the texts, and nothing here can load it")
    found = tools.scorer(scorer, corpus)
    signed = {"scorer": found.signature, "given": "prompt", "length": corpus.limit}
    signed |= {"unit": "scorer-tokens", "eos": False, "long": "windows"}
    return Reading(scorer, found.logprobs, signed)
