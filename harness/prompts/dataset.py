"""Prompts from Hugging Face `datasets`: one of the hub's, or a local folder of data files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness.errors import InputError
from harness.knobs import PositiveCount, checked
from harness.prompts.base import Prompt, first
from harness.prompts.records import Recipe, Record, pairs

_PATIENCE = 5.0  # seconds the hub has to answer; the libraries' own retries take 23 to find out that it does not


@checked
def dataset(
    name: str | None = None,
    config: str | None = None,
    split: str = "test",
    revision: str | None = None,
    streaming: bool = False,
    column: str = "text",
    reference_column: str | None = None,
    prompt_words: PositiveCount | None = None,
    min_words: PositiveCount | None = None,
    limit: PositiveCount | None = None,
) -> list[Prompt]:
    """Prompts from a data set. The usual recipe: take the long passages, in order, and cut words off their front.

    Args:
        name: a data set of the hub, such as "Salesforce/wikitext", or a local folder.
        config: which configuration of the data set.
        split: which split; slices as `datasets` writes them ("test[:10%]") work too.
        revision: a branch, tag or commit on the hub.
        streaming: fetch only what is read: for data sets much larger than what is needed. Nothing is kept locally.
        column: what holds the texts.
        reference_column: what holds the references, where the texts are not cut.
        prompt_words: cut each text after so many words; None: each text is a prompt as it stands.
        min_words: leave out shorter texts.
        limit: how many prompts, from the front; None: all.

    Raises:
        InputError: `datasets` is not installed; the hub does not answer and there is no local copy; there is no such
            data set, configuration, split or column; no text is long enough.
    """
    if name is None:
        raise InputError("prompts.name is not set: give a data set of the hub, or a local folder")
    recipe = Recipe(column, reference_column, prompt_words, min_words)
    rows = records(name, config, split, revision, streaming)
    return first(pairs(rows, recipe), limit, f"prompts.name={name!r}, split {split!r}: {recipe.nothing}")


def records(
    name: str, config: str | None, split: str, revision: str | None = None, streaming: bool = False
) -> Iterator[Record]:
    """The rows of a split, in order. See `dataset` for the arguments and what is raised."""
    place = f", config {config!r}" if config else ""
    try:
        for number, values in enumerate(_rows(name, config, split, revision, streaming), 1):
            yield f"{name}, split {split!r}, row {number}", values
    except InputError:
        raise
    except Exception as error:  # `datasets` raises two dozen kinds, StopIteration and bare ValueError among them
        reason = str(error.__cause__ or error).partition("\n")[0] or "there is nothing in it"
        raise InputError(f"prompts.name={name!r}{place}, split {split!r}: cannot be loaded ({reason})") from error


def _rows(name: str, config: str | None, split: str, revision: str | None, streaming: bool) -> Any:
    try:
        import datasets
    except ImportError:
        raise InputError(f"prompts.name={name!r}: needs the library `datasets`: pip install datasets") from None
    folder = Path(name).expanduser()
    if folder.is_dir():
        return datasets.load_dataset(str(folder), config, split=split, streaming=streaming)
    silence = _ask_hub(name, revision)
    if silence is None:
        return datasets.load_dataset(name, config, split=split, revision=revision, streaming=streaming)
    try:
        if streaming or revision is not None:  # a local copy is of the whole, and does not tell its revision
            raise ConnectionError
        with _offline(datasets.config):
            return datasets.load_dataset(name, config, split=split)
    except (ConnectionError, FileNotFoundError):
        raise InputError(
            f"prompts.name={name!r}: there is no such folder, no local copy, and the Hugging Face hub does not answer "
            f"({silence}); give a local folder, or prompts=file, or prompts=fables, which comes with the harness"
        ) from None


def _ask_hub(name: str, revision: str | None) -> str | None:
    """None: the hub has it; a reason: the hub does not answer. What the hub does not have is an InputError."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError, RevisionNotFoundError

    try:
        HfApi().dataset_info(name, revision=revision, timeout=_PATIENCE)
    except RevisionNotFoundError:
        raise InputError(f"prompts.revision={revision!r}: {name} has no such revision on the hub") from None
    except (HFValidationError, RepositoryNotFoundError):
        raise InputError(
            f"prompts.name={name!r}: neither a local folder nor a data set on the hub (if private: `hf auth login`)"
        ) from None
    except Exception as error:  # which HTTP library raises here depends on the version of huggingface_hub
        return str(error).partition("\n")[0] or type(error).__name__
    return None


@contextmanager
def _offline(config: Any) -> Iterator[None]:
    """Let `datasets` go to its local copies without asking the hub first."""
    before, config.HF_HUB_OFFLINE = config.HF_HUB_OFFLINE, True
    try:
        yield
    finally:
        config.HF_HUB_OFFLINE = before
