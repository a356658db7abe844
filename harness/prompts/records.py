"""From records with columns to prompts with references: what files and data sets have in common."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from harness.errors import InputError
from harness.prompts.base import writable

Record: TypeAlias = tuple[str, Mapping[str, object]]  # where it stands ("tales.jsonl, line 3"), and its columns


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a record becomes a prompt.

    Attributes:
        column: holds the prompts; with `prompt_words`, the long human texts to cut.
        reference_column: holds the references. None: `reference`, where a record has it. An empty one counts as none.
        prompt_words: cut each text after so many words, as white space separates them: the front is the prompt, the
            rest (white space first) the reference. Words, not tokens of a model: all models get the same prompts.
        min_words: with `prompt_words`, leave out texts of fewer words; None: texts with nothing behind the cut.
        clean: applied to a text before it is cut; what it makes empty is left out.
    """

    column: str
    reference_column: str | None = None
    prompt_words: int | None = None
    min_words: int | None = None
    clean: Callable[[str], str] = str

    def __post_init__(self) -> None:
        if self.prompt_words is None and self.min_words is not None:
            raise InputError(f"prompts.min_words={self.min_words}: only with prompts.prompt_words, which cuts texts")
        if self.prompt_words is not None and self.reference_column is not None:
            raise InputError(
                f"prompts.reference_column={self.reference_column!r} and prompts.prompt_words={self.prompt_words}: "
                "give one of them, the references are either a column or what is cut off"
            )
        if self.prompt_words is not None and self.min_words is not None and self.min_words <= self.prompt_words:
            raise InputError(
                f"prompts.min_words={self.min_words}: must be more than prompts.prompt_words={self.prompt_words}, "
                "or nothing is left for the reference"
            )

    @property
    def nothing(self) -> str:
        """What to say where no record gave a prompt."""
        if self.prompt_words is None:
            return "there is not one prompt in it"
        return f"there is no text of {self.least} words or more in it"

    @property
    def least(self) -> int:
        """How many words a text needs to be taken, where texts are cut."""
        return self.min_words or (self.prompt_words or 0) + 1


def pairs(records: Iterable[Record], recipe: Recipe) -> Iterator[tuple[str, str | None]]:
    """(text, reference) of each record that gives one.

    Raises:
        InputError: a column is missing (names those there are), or holds something other than text.
    """
    for where, values in records:
        text = text_in(where, values, recipe.column)
        if text is None:
            raise InputError(f"{where}: column '{recipe.column}' is empty (null), and must be text")
        if recipe.prompt_words is None:
            yield text, _reference(where, values, recipe.reference_column)
        else:
            parted = cut(recipe.clean(text), recipe.prompt_words, recipe.least)
            if parted is not None:
                yield parted


def cut(text: str, prompt_words: int, min_words: int) -> tuple[str, str] | None:
    """The first `prompt_words` words, and the rest with its leading white space; None for fewer than `min_words`."""
    stripped = text.strip()
    ends = [word.end() for word in re.finditer(r"\S+", stripped)]
    if len(ends) < min_words:
        return None
    end = ends[prompt_words - 1]
    return stripped[:end], stripped[end:]


def _reference(where: str, values: Mapping[str, object], column: str | None) -> str | None:
    if column is None and "reference" not in values:
        return None
    return text_in(where, values, column or "reference") or None


def text_in(where: str, values: Mapping[str, object], column: str) -> str | None:
    """What a record holds in a column; None for a null.

    Raises:
        InputError: the record has no such column (names those there are), or it holds something other than text, or
            what UTF-8 cannot write and so no result file could hold.
    """
    if column not in values:
        raise InputError(f"{where}: there is no column '{column}'; there are: {', '.join(map(str, values)) or 'none'}")
    value = values[column]
    if value is not None and not isinstance(value, str):
        raise InputError(f"{where}: column '{column}' is {value!r:.60} ({type(value).__name__}), and must be text")
    if value is not None and not writable(value):
        raise InputError(f"{where}: column '{column}' holds half of a surrogate pair, which is not Unicode text")
    return value
