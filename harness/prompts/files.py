"""Prompts from files: txt, jsonl, csv, parquet.

A reader of our own: the `datasets` loaders name no line for broken JSON, end in a bare StopIteration on an empty file,
turn missing keys into nulls and let numbers through as prompts.
"""

from __future__ import annotations

import csv
import glob
import json
from collections.abc import Callable, Iterator
from pathlib import Path

from harness.errors import InputError
from harness.knobs import PositiveCount, checked
from harness.prompts.base import Prompt, first
from harness.prompts.records import Recipe, Record, pairs


@checked
def files(
    path: str | None = None,
    column: str = "prompt",
    reference_column: str | None = None,
    prompt_words: PositiveCount | None = None,
    min_words: PositiveCount | None = None,
    limit: PositiveCount | None = None,
) -> list[Prompt]:
    """Prompts from a file, from every readable file of a folder, or from all that a glob finds; sorted by name.

    Text is UTF-8, with or without a byte order mark. In a .txt file each line with something on it is a prompt, exactly
    as it stands, in a column called `prompt`.

    Args:
        path: the file, folder or glob; `~` is the home folder.
        column: see `Recipe`, also for the next three.
        reference_column: where the references are.
        prompt_words: cut long texts after so many words.
        min_words: leave out shorter texts.
        limit: how many prompts, from the front; None: all. What is behind them is not read.

    Raises:
        InputError: names the file, and the line or row and column where there is one.
    """
    if not path:
        raise InputError("prompts.path is not set: give a file, a folder or a glob, as in prompts.path=prompts.txt")
    recipe = Recipe(column, reference_column, prompt_words, min_words)
    records = (record for file in _find(path) for record in read(file))
    return first(pairs(records, recipe), limit, f"prompts.path={path!r}: {recipe.nothing}")


def _find(path: str) -> list[Path]:
    """The files that a path means, at least one, all with a suffix that has a reader."""
    try:
        given = Path(path).expanduser()
        exists = given.exists()
    except (OSError, RuntimeError) as error:  # longer than a file name can be, or the home of nobody
        raise InputError(f"prompts.path={path!r}: is not a path ({error})") from None
    if given.is_dir():
        found = sorted(file for file in given.iterdir() if file.suffix.lower() in READERS and file.is_file())
        if not found:
            raise InputError(f"prompts.path={path!r}: no file in this folder ends in {_KNOWN}")
        return found
    found = [given] if exists else sorted(map(Path, glob.glob(str(given), recursive=True)))
    found = [file for file in found if file.is_file()]
    if not found:
        raise InputError(f"prompts.path={path!r}: there is no such file or folder, and no file matches it as a glob")
    for file in found:
        if file.suffix.lower() not in READERS:
            raise InputError(f"prompts.path={path!r}: {file} must end in {_KNOWN}")
    return found


def read(file: Path) -> Iterator[Record]:
    """The records of one file whose suffix is among `READERS`, at least one.

    Raises:
        InputError: the file cannot be read as what its suffix says; names the line or row where there is one.
    """
    count = 0
    try:
        for where, values in READERS[file.suffix.lower()](file):
            count += 1
            yield f"{file}, {where}", values
    except UnicodeDecodeError as error:
        raise InputError(
            f"{file}: is not UTF-8 text (byte {error.object[error.start]:#04x}); save it as UTF-8"
        ) from None
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error})") from None
    if not count:
        raise InputError(f"{file}: is empty, there is not one text in it")


def _txt(file: Path) -> Iterator[Record]:
    with file.open(encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield f"line {number}", {"prompt": line.removesuffix("\n")}


def _jsonl(file: Path) -> Iterator[Record]:
    with file.open(encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                values = json.loads(line)
            except json.JSONDecodeError as error:
                raise InputError(f"{file}, line {number}: is not JSON ({error.msg}, column {error.colno})") from None
            except ValueError:  # Python reads no integer of more than 4,300 digits
                raise InputError(f"{file}, line {number}: holds a number of too many digits") from None
            except RecursionError:
                raise InputError(f"{file}, line {number}: is nested too deep") from None
            if not isinstance(values, dict):
                raise InputError(f'{file}, line {number}: must be an object, as in {{"prompt": "..."}}')
            yield f"line {number}", values


def _csv(file: Path) -> Iterator[Record]:
    csv.field_size_limit(2**31 - 1)  # the standard limit, 131,072 characters, is less than a long human text
    with file.open(encoding="utf-8-sig", newline="") as lines:
        rows = csv.reader(lines, strict=True)
        line = 1  # where the row begins; one row is several lines where a quoted field holds line breaks
        try:
            header = next(rows, [])
            line = rows.line_num + 1
            for row in rows:
                if row and len(row) != len(header):
                    raise InputError(f"{file}, line {line}: has {len(row)} fields, and the header {len(header)}")
                if row:
                    yield f"line {line}", dict(zip(header, row, strict=True))
                line = rows.line_num + 1
        except csv.Error as error:
            raise InputError(f"{file}, line {line}: is not csv ({error})") from None


def _parquet(file: Path) -> Iterator[Record]:
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile

    try:
        with ParquetFile(file) as table:
            batches = table.iter_batches(batch_size=1024)
            rows = (row for batch in batches for row in batch.to_pylist())
            for number, values in enumerate(rows, 1):
                yield f"row {number}", values
    except pa.ArrowInvalid as error:
        raise InputError(f"{file}: is not parquet ({error})") from None


READERS: dict[str, Callable[[Path], Iterator[Record]]] = {
    ".csv": _csv,
    ".jsonl": _jsonl,
    ".parquet": _parquet,
    ".txt": _txt,
}
_KNOWN = ".csv, .jsonl, .parquet or .txt"
