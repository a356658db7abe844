"""Phrases in knobs: texts, whose tokens are known once a model is, or the tokens themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import PlainValidator
from pydantic_core import PydanticCustomError

from harness.errors import InputError

if TYPE_CHECKING:
    from harness.models.base import LanguageModel


def _phrase(value: Any) -> str | int | tuple[int, ...]:
    tokens = value if isinstance(value, tuple) else (value,)
    if isinstance(value, str) and value:
        return value
    if tokens and all(isinstance(t, int) and not isinstance(t, bool) and t >= 0 for t in tokens):
        return tokens
    raise PydanticCustomError("phrase", "input should be a text, a token id, or a list of token ids")


Phrase = Annotated[str | int | tuple[int, ...], PlainValidator(_phrase)]
"""A text, a token id, or the token ids of a phrase; not an empty one."""


def tokens_of(phrase: Phrase, model: LanguageModel, knob: str) -> tuple[int, ...]:
    """The tokens of a phrase, a text exactly as it stands.

    Raises:
        InputError: the model has no such tokens; the message begins with the knob.
    """
    if isinstance(phrase, str):
        if tokens := tuple(model.continuation(phrase)):
            return tokens
        raise InputError(f"{knob}={phrase!r}: {model.name} has no tokens for it")
    tokens = phrase if isinstance(phrase, tuple) else (phrase,)
    for token in tokens:
        if token >= model.vocab:
            raise InputError(f"{knob}={phrase!r}: {model.name} has tokens 0 to {model.vocab - 1}")
    return tokens


def readings(phrase: Phrase, model: LanguageModel, knob: str) -> tuple[tuple[int, ...], ...]:
    """The token sequences that a phrase may be written as.

    A text as it stands and, unless it begins with a space itself, after a space: to most tokenizers a word within a
    sentence is another token than the bare word. It may be spelled by other tokens yet, which are not among these.

    Raises:
        InputError: the model has no such token.
    """
    found = [tokens_of(phrase, model, knob)]
    if isinstance(phrase, str) and not phrase[0].isspace():
        found.append(tokens_of(" " + phrase, model, knob))
    return tuple(dict.fromkeys(found))
