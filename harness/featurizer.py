"""Vectors of texts for MAUVE, from one model for all jobs of a sweep."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from harness.configs import option, options
from harness.errors import InputError, did_you_mean
from harness.metrics.base import Corpus
from harness.models.base import LanguageModel
from harness.models.loading import load, preflight
from harness.progress import say


def choose(wanted: str, models: Sequence[str], key: str = "metrics.mauve.featurizer") -> str:
    """The yaml name of the featurizer.

    Args:
        wanted: a name in `conf/model`, or "auto": pocket-l where every model of the sweep is a pocket model, else
            gpt2-large (the MAUVE paper's choice), and pocket-l again, said aloud, where gpt2-large cannot be had.
        models: the yaml names of the sweep's models.
        key: where the user wrote `wanted`, for messages.

    Raises:
        InputError: `wanted` is no model, or cannot be had.
    """
    if wanted != "auto":
        names = options("model")
        if wanted not in names:
            allowed = did_you_mean(str(wanted), ["auto", *names])
            raise InputError(f"{key}={wanted!r:.60}: there is no such model; {allowed}")
        try:
            preflight(option("model", wanted))
        except InputError as error:
            raise InputError(f"{key}={wanted!r}: {error}") from None
        return wanted
    if all(name.startswith("pocket-") for name in models):
        return "pocket-l"
    try:
        preflight(option("model", "gpt2-large"))
    except InputError as error:
        say(f"MAUVE's features come from pocket-l: {error}")
        return "pocket-l"
    return "gpt2-large"


class Featurizer:
    """Chooses and loads its model when it is first asked, and remembers what it computed.

    The arguments are those of `choose`. A model that is asked for by name is checked at once; "auto" asks the hub only
    when there is something to read.
    """

    def __init__(self, wanted: str, models: Sequence[str] = (), key: str = "metrics.mauve.featurizer") -> None:
        self._choice = (wanted, models, key)
        self._known: dict[str, NDArray[np.float32]] = {}
        if wanted != "auto":
            choose(*self._choice)

    @cached_property
    def name(self) -> str:
        """The yaml name of the model."""
        return choose(*self._choice)

    @cached_property
    def model(self) -> LanguageModel:
        """The model that reads the texts."""
        return load(option("model", self.name))

    @property
    def signature(self) -> str:
        """The name and weights that fix the vectors."""
        return f"{self.name}@{self.model.fingerprint[:12]}"

    def __call__(self, corpus: Corpus) -> NDArray[np.float32]:
        """[texts, d_model] the last hidden state at the last token of every text, tokenised by the featurizer's own."""
        from harness.models.scoring import features  # imports torch

        unread = [text for text in dict.fromkeys(corpus.texts) if text not in self._known]
        if unread:
            tokens = [self.model.encode(text)[: self.model.context] for text in unread]
            self._known.update(zip(unread, features(self.model, tokens), strict=True))
        return np.stack([self._known[text] for text in corpus.texts])
