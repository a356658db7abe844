"""Tokens for texts that came without: a tokenizer's, or those of a model that reads each text after its prompt."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from harness.configs import option, options
from harness.errors import InputError, did_you_mean
from harness.knobs import import_path
from harness.models.directory import TOKENIZER_FILES, TOKENIZERS
from harness.models.loading import Found, load, preflight

Row = tuple[str, str]  # a prompt and its continuation


@dataclass(frozen=True)
class Tokens:
    """What gives texts their tokens.

    Attributes:
        source: what a signature calls it.
        columns: from (prompt, text) rows to columns of a frame, with one entry per row: "tokens", and of a model the
            values of each token that `harness.models.scoring` knows.
        decode: from the tokens of a continuation back to its text.
    """

    source: str
    columns: Callable[[Sequence[Row]], Mapping[str, Sequence[Any]]]
    decode: Callable[[Sequence[int]], str]


def model_node(given: str, flag: str) -> dict[str, Any]:
    """The config node of a model: a yaml of conf/model by its name, or a local directory.

    Raises:
        InputError: it is neither; the message begins with the flag.
    """
    if given in options("model"):
        return option("model", given)
    if Path(given).expanduser().is_dir():
        return option("model", "hf") | {"name": given}
    raise InputError(
        f"{flag}={given!r}: is neither a directory nor a yaml of conf/model; {did_you_mean(given, options('model'))}"
    )


def of_model(given: str) -> Callable[[], Tokens]:
    """Those of a model, each with what the model makes of it after the prompt. The call loads the model.

    Raises:
        InputError: there is no such model, as far as it shows without reading weights.
    """
    node = model_node(given, "--model")
    _sure(node, f"--model={given!r}")

    def loaded() -> Tokens:
        from harness.models.scoring import TokenScores, score_continuations

        model = load(node)

        def columns(rows: Sequence[Row]) -> Mapping[str, Sequence[Any]]:
            contexts = {prompt: model.encode(prompt) for prompt in dict.fromkeys(prompt for prompt, _ in rows)}
            tokens = [model.continuation(text) for _, text in rows]
            scores = score_continuations(model, [contexts[prompt] for prompt, _ in rows], tokens)
            values = {f.name: [getattr(each, f.name) for each in scores] for f in fields(TokenScores)}
            return {"tokens": tokens} | values

        return Tokens(f"{model.name}@{model.fingerprint[:12]}", columns, model.decode)

    return loaded


def of_tokenizer(given: str) -> Callable[[], Tokens]:
    """Those of a tokenizer alone: a model's of conf/model that is here already, or one in a local directory.

    Raises:
        InputError: there is no such model or directory, or no tokenizer in it; from the call: it cannot be loaded.
    """
    folder = _folder(given)

    def loaded() -> Tokens:
        from transformers import AutoTokenizer

        from harness.models.text import Text

        try:
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        except Exception as error:  # whatever a tokenizer's files can be broken by
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise InputError(f"--tokenizer={given!r}: cannot be loaded ({reason})") from error
        text = Text(tokenizer, given)

        def columns(rows: Sequence[Row]) -> Mapping[str, Sequence[Any]]:
            return {"tokens": [text.continuation(each) for _, each in rows]}

        return Tokens(f"{Path(given).name}@{_fingerprint(folder)}", columns, text.decode)

    return loaded


def _folder(given: str) -> Path:
    """Where the tokenizer's files are."""
    if given in options("model"):
        node = option("model", given)
        _sure(node, f"--tokenizer={given!r}")
        knobs = {key: value for key, value in node.items() if key != "factory"}
        found = import_path(node["factory"], "model.factory").precheck(**knobs)  # type: ignore[attr-defined]
        folder = found.path if isinstance(found, Found) else found
        if folder is None:
            raise InputError(f"--tokenizer={given!r}: the local cache does not hold this model; give a directory")
        return Path(folder)
    folder = Path(given).expanduser()
    if not folder.is_dir():
        model_node(given, "--tokenizer")  # says what is allowed
    if not any((folder / name).is_file() for name in TOKENIZERS):
        raise InputError(f"--tokenizer={given!r}: the directory has no tokenizer ({', '.join(TOKENIZERS)})")
    return folder


def _sure(node: Mapping[str, Any], shown: str) -> None:
    """`preflight`, in the name of the flag."""
    try:
        preflight(node)
    except InputError as error:
        raise InputError(f"{shown}: {error}") from None


def _fingerprint(folder: Path) -> str:
    """What fixes a tokenizer: a hash of its files."""
    total = hashlib.blake2b(digest_size=6)
    for name in sorted(TOKENIZER_FILES):
        if (folder / name).is_file():
            total.update(name.encode() + b"\0" + (folder / name).read_bytes())
    return total.hexdigest()
