"""A model in a local directory: what has to be there, and what identifies it. Needs no torch."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from harness.errors import InputError

SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"
OTHER_WEIGHTS = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.h5", "*.msgpack", "*.gguf")
TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "spiece.model")
TOKENIZER_FILES = (*TOKENIZERS, "tokenizer_config.json", "merges.txt", "special_tokens_map.json", "added_tokens.json")

SIZES = ("vocab_size", "n_embd", "n_head", "n_layer", "n_positions", "hidden_size", "num_hidden_layers")
"""Of config.json, where it has them; transformers builds a network of -1 layers."""

_COMMIT = re.compile(r"[0-9a-f]{40}")
_FILE = re.compile(r"[^/\\:\0]+\.safetensors")  # in the directory itself: an index could name any other


def check(path: Path, shown: str) -> None:
    """Look, without reading any weights, whether a causal language model can be loaded from `path`.

    Args:
        path: the directory.
        shown: what the messages call it: "model.name='./llama'".

    Raises:
        InputError: it has no readable config.json, whole safetensors or tokenizer, or holds another kind of model.
    """
    if not path.is_dir():
        raise InputError(f"{shown}: {'is a file, not a directory' if path.exists() else 'there is no such directory'}")
    if not (path / "config.json").exists() and (path / "hparams.json").exists():
        raise InputError(f"{shown}: the directory holds OpenAI's own files; set model=openai model.path={path}")
    config = json_object(path / "config.json", shown)
    if config.get("is_encoder_decoder"):
        raise InputError(
            f"{shown}: config.json describes an encoder-decoder; only causal language models can be decoded"
        )
    if not config.get("model_type"):
        raise InputError(f"{shown}: config.json has no 'model_type', so the architecture is unknown")
    for key in SIZES:
        if key in config and (type(config[key]) is not int or config[key] < 1):
            raise InputError(f"{shown}: config.json has {key}={config[key]!r:.60}, which must be a positive integer")
    for file in weights(path, shown):
        _whole(file, shown)
    if not any((path / name).is_file() for name in TOKENIZERS):
        raise InputError(f"{shown}: the directory has no tokenizer ({', '.join(TOKENIZERS)})")


def place(name: str, shown: str) -> Path:
    """The path that a name means, `~` being the home folder.

    Raises:
        InputError: no path can be called that.
    """
    try:
        path = Path(name).expanduser()
        path.exists()
    except (OSError, RuntimeError) as error:  # longer than a file name can be, a loop of links, the home of nobody
        raise InputError(
            f"{shown}: is not a path ({error.strerror if isinstance(error, OSError) else error})"
        ) from None
    return path


def weights(path: Path, shown: str) -> list[Path]:
    """The safetensors files of the model: one, or the shards that the index names.

    Raises:
        InputError: there are none, or a shard is missing.
    """
    if (path / SINGLE).is_file():
        return [path / SINGLE]
    if (path / INDEX).is_file():
        names = json_object(path / INDEX, shown).get("weight_map")
        if not isinstance(names, dict) or not names:
            raise InputError(f"{shown}: {INDEX} names no shards")
        if outside := [name for name in names.values() if not isinstance(name, str) or not _FILE.fullmatch(name)]:
            raise InputError(f"{shown}: {INDEX} names {outside[0]!r}, which is no safetensors file of the directory")
        files = [path / name for name in sorted(set(names.values()))]
        if missing := [f.name for f in files if not f.is_file()]:
            raise InputError(f"{shown}: {len(missing)} of {len(files)} shards are missing, the first is {missing[0]}")
        return files
    others = sorted(f.name for pattern in OTHER_WEIGHTS for f in path.glob(pattern))
    if others:
        raise InputError(
            f"{shown}: the weights are in {others[0]}, but only safetensors are read; convert them once with "
            "transformers: AutoModelForCausalLM.from_pretrained(DIR).save_pretrained(DIR)"
        )
    raise InputError(f"{shown}: the directory has no {SINGLE} and no {INDEX}")


def fingerprint(path: Path) -> str:
    """What fixes the model: the commit of a hub snapshot, else a hash of its files.

    The hash is over the names and contents of the weights, config.json, generation_config.json (it holds the eos) and
    the tokenizer files. It reads every weight once, at about a gigabyte a second.
    """
    if path.parent.name == "snapshots" and _COMMIT.fullmatch(path.name):
        return path.name
    names = ["config.json", "generation_config.json", *sorted(TOKENIZER_FILES)]
    return content_hash([*(path / name for name in names if (path / name).is_file()), *weights(path, str(path))])


def content_hash(files: Iterable[Path]) -> str:
    """blake2b, of 128 bits, over the names and contents of files."""
    total = hashlib.blake2b(digest_size=16)
    for file in files:
        with file.open("rb") as stream:
            content = hashlib.file_digest(stream, hashlib.blake2b)
        total.update(file.name.encode() + b"\0" + content.digest())
    return total.hexdigest()


def json_object(file: Path, shown: str) -> dict[str, Any]:
    """What a file of the directory called `shown` holds.

    Raises:
        InputError: it is not there, not to be read, or holds something else.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{shown}: the directory has no {file.name}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{shown}: {file.name} cannot be read ({error})") from None
    if not isinstance(content, dict):
        raise InputError(f"{shown}: {file.name} holds no JSON object")
    return content


def _whole(file: Path, shown: str) -> None:
    """A safetensors header says how long its file is; opening it compares."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="numpy"):
            pass
    except (SafetensorError, OSError) as error:
        raise InputError(
            f"{shown}: {file.name} is no whole safetensors file ({error}); copy or download it again"
        ) from None
