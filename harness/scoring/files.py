"""Texts that somebody else generated: read from files, with the prompts and references that stand beside them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from math import gcd
from pathlib import Path

from harness.errors import InputError
from harness.prompts.base import prompt_id
from harness.prompts.files import READERS, read
from harness.prompts.records import Record, text_in

TEXT = "generation"
PROMPTS = ("prompt", "prefix")
REFERENCES = ("reference",)
SUFFIXES = tuple(suffix for suffix in READERS if suffix != ".txt")  # a line of plain text has no columns


@dataclass(frozen=True)
class Columns:
    """Which columns to read. None: the usual ones, where a file has one; "": none."""

    text: str = TEXT
    prompt: str | None = None
    reference: str | None = None


@dataclass(frozen=True)
class Texts:
    """The texts of one file, in its order. All sequences have one entry per text."""

    label: str  # what a table calls them: the file's name without its suffix
    texts: Sequence[str]
    prompts: Sequence[str] | None  # None: the file has none
    references: Sequence[str | None] | None  # None: the file has none
    used: Columns  # those that were found, "" for none

    @property
    def prompt_ids(self) -> list[str]:
        """The unit of resampling: equal prompts are one; without prompts every text has one of its own."""
        return [str(i) for i in range(len(self.texts))] if self.prompts is None else list(map(prompt_id, self.prompts))


@dataclass(frozen=True)
class References:
    """Human continuations, each once. All sequences have one entry per text."""

    prompt_ids: Sequence[str]
    prompts: Sequence[str] | None
    texts: Sequence[str]


def load(files: Sequence[Path], columns: Columns) -> list[Texts]:
    """Read every file; files of one name without suffix get a number.

    Raises:
        InputError: names the file, and the line or row and column where there is one.
    """
    for file in files:  # a wrong name at the end is better known before a long file at the front is read
        if not file.is_file():
            raise InputError(f"{file}: {'is no file' if file.exists() else 'there is no such file'}")
        if file.suffix.lower() not in SUFFIXES:
            raise InputError(f"{file}: must end in {', '.join(SUFFIXES)}")
    names = [file.stem.strip(".") or file.name.strip(".") for file in files]
    counts, seen, labels = Counter(names), Counter[str](), []
    for name in names:
        seen[name] += 1
        labels.append(f"{name} #{seen[name]}" if counts[name] > 1 or name == "reference" else name)
    return [_texts(file, label, columns) for file, label in zip(files, labels, strict=True)]


def references(texts: Texts) -> References | None:
    """The references of a file; None where it has none.

    A file with k texts of every prompt holds every reference k times: each counts once then.
    """
    if texts.references is None:
        return None
    prompts = texts.prompts or [""] * len(texts.texts)
    rows = [row for row in zip(texts.prompt_ids, prompts, texts.references, strict=True) if row[2]]
    if not rows:
        return None
    counts = Counter(rows)
    samples = reduce(gcd, counts.values())
    seen: Counter[tuple[str, str, str | None]] = Counter()
    kept = []
    for row in rows:
        if seen[row] < counts[row] // samples:
            kept.append(row)
        seen[row] += 1
    return References(
        [row[0] for row in kept],
        None if texts.prompts is None else [row[1] for row in kept],
        [str(row[2]) for row in kept],
    )


def _texts(file: Path, label: str, columns: Columns) -> Texts:
    records = list(read(file))
    prompt = _usual(records[0], PROMPTS) if columns.prompt is None else columns.prompt
    reference = _usual(records[0], REFERENCES) if columns.reference is None else columns.reference
    return Texts(
        label,
        [_text(record, columns.text) for record in records],
        [_text(record, prompt) for record in records] if prompt else None,
        [_cell(record, reference) for record in records] if reference else None,
        Columns(columns.text, prompt, reference),
    )


def _usual(record: Record, names: Sequence[str]) -> str:
    """The first of the names that a record has as a column; "" for none."""
    return next((name for name in names if name in record[1]), "")


def _text(record: Record, column: str) -> str:
    text = _cell(record, column)
    if text is None:
        raise InputError(f"{record[0]}: column '{column}' is empty (null), and must be text")
    return text


def _cell(record: Record, column: str) -> str | None:
    where, values = record
    return text_in(where, values, column)
