"""GPT-2 in OpenAI's own files: whether they are whole and fit together, without reading the weights. Needs no torch.

A folder holds hparams.json, encoder.json, vocab.bpe, checkpoint, model.ckpt.index and model.ckpt.data-00000-of-00001.
The graph in model.ckpt.meta is not read: the network is GPT-2's, with the numbers of hparams.json, all of which but
n_head show in the shapes of the weights too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import Any

from numpy.typing import NDArray

from harness.errors import InputError
from harness.models import directory
from harness.models.bpe import BPE
from harness.models.gpt2_files import shapes
from harness.models.tensor_bundle import Bundle, open_bundle

LAYERS = {"124M": 12, "355M": 24, "774M": 36, "1558M": 48}  # of the published sizes
HPARAMS, STATE = "hparams.json", "checkpoint"
ENCODER, MERGES = "encoder.json", "vocab.bpe"
END = "<|endoftext|>"
NAMES = {"n_vocab": "vocab_size", "n_ctx": "n_positions", "n_embd": "n_embd", "n_head": "n_head", "n_layer": "n_layer"}
"""The keys of hparams.json, and what transformers calls them."""

_PREFIX = re.compile(r'^model_checkpoint_path:\s*"(.+)"', re.MULTILINE)
_LAYER = re.compile(r"model/h(\d+)/")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checked checkpoint."""

    folder: Path
    config: Mapping[str, Any]  # hparams.json, in transformers' words
    bpe: BPE
    bundle: Bundle

    @property
    def end(self) -> int:
        """The token that ends a text."""
        return self.bpe.vocab[END]

    @property
    def fingerprint(self) -> str:
        """A hash of the files that fix the model."""
        data = [self.bundle.file(shard) for shard in range(self.bundle.shards)]
        return directory.content_hash(
            [*(self.folder / f for f in (HPARAMS, ENCODER, MERGES)), self.bundle.index, *data]
        )

    def weights(self) -> dict[str, NDArray[Any]]:
        """All weights by transformers' names, as in "h.0.attn.c_attn.weight", and in its shapes.

        Raises:
            InputError: one of them has changed since it was saved.
        """
        return {name: self.bundle.read(variable(name)).reshape(shape) for name, shape in shapes(self.config).items()}


def check(path: Path, size: str | None, shown: str) -> Checkpoint:
    """Find a checkpoint and check what can be checked without reading weights.

    Args:
        path: the folder of a checkpoint, or one that has such folders in it.
        size: which of those, or None.
        shown: what a message calls the path: "model.path='models'".

    Raises:
        InputError: a file is missing, cut off, or does not fit the others; the message names it.
    """
    folder = _folder(path, size, shown)
    for name in (HPARAMS, ENCODER, MERGES, STATE):
        if not (folder / name).is_file():
            raise InputError(f"{folder}: has no {name}, which OpenAI's checkpoints have beside model.ckpt.*")
    config = _config(folder)
    found = Checkpoint(folder, config, _bpe(folder, config["vocab_size"]), open_bundle(folder / _prefix(folder)))
    _fit(found)
    return found


def variable(name: str) -> str:
    """OpenAI's name of a weight: "h.0.attn.c_attn.weight" -> "model/h0/attn/c_attn/w"."""
    *place, kind = re.sub(r"^h\.", "h", name).split(".")
    if place[0] in ("wte", "wpe"):
        return f"model/{place[0]}"
    letter = "b" if kind == "bias" else "g" if place[-1].startswith("ln_") else "w"
    return "/".join(["model", *place, letter])


def _folder(path: Path, size: str | None, shown: str) -> Path:
    """The folder of the checkpoint: the one called `size` in `path`, or `path` itself."""
    if not path.is_dir():
        raise InputError(f"{shown}: {'is a file, not a directory' if path.exists() else 'there is no such directory'}")
    if size is not None and (path / size).is_dir():
        return path / size
    if (path / HPARAMS).is_file():
        layers = _config(path)["n_layer"]
        if size is None or size == path.resolve().name or LAYERS.get(size) == layers:
            return path
        raise InputError(
            f"model.size={size!r}: {shown} is itself a checkpoint, of {layers} layers; set model.size=null"
        )
    there = ", ".join(sorted(file.parent.name for file in path.glob(f"*/{HPARAMS}")))
    if size is not None:
        raise InputError(f"model.size={size!r}: {shown} has no such folder; allowed: {there or 'nothing'}")
    if there:
        raise InputError(f"model.size is not set: {shown} has a folder for each size; allowed: {there}")
    raise InputError(f"{shown}: the directory has no {HPARAMS}, nor has a folder in it")


def _config(folder: Path) -> dict[str, Any]:
    """The numbers of hparams.json in transformers' words. As in OpenAI's code, no others may be there."""
    found, file = directory.json_object(folder / HPARAMS, str(folder)), folder / HPARAMS
    for key, value in found.items():
        if key not in NAMES:
            raise InputError(f"{file}: {key}={value!r} is not known (allowed: {', '.join(NAMES)})")
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise InputError(f"{file}: {key}={value!r} must be a positive integer")
    if missing := [key for key in NAMES if key not in found]:
        raise InputError(f"{file}: has no {missing[0]}")
    if found["n_embd"] % found["n_head"]:
        raise InputError(f"{file}: n_head={found['n_head']} does not divide n_embd={found['n_embd']}")
    return {NAMES[key]: value for key, value in found.items()} | {"n_inner": None, "tie_word_embeddings": True}


def _bpe(folder: Path, vocab: int) -> BPE:
    """The tokenizer, with as many tokens as hparams.json says."""
    file = folder / ENCODER
    try:
        bpe = BPE.read(folder)
        ids = sorted(bpe.vocab.values())
    except TypeError as error:  # ids that are no numbers
        raise InputError(f"{file}: is no mapping of tokens to ids ({error})") from None
    if len(ids) != vocab or ids != list(range(vocab)):
        raise InputError(
            f"{file}: has {len(ids)} tokens, the last is {ids[-1]}; {HPARAMS} has n_vocab={vocab}, so it needs one for "
            f"each number from 0 to {vocab - 1}"
        )
    if END not in bpe.vocab:
        raise InputError(f"{file}: has no token {END!r}")
    return bpe


def _prefix(folder: Path) -> str:
    """What the checkpoint's files are called, by the file `checkpoint`. Where it says they lie makes no difference."""
    file = folder / STATE
    try:
        found = _PREFIX.search(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{file}: cannot be read ({error})") from None
    if not found:
        raise InputError(f'{file}: has no line model_checkpoint_path: "model.ckpt"')
    return PureWindowsPath(found[1]).name  # which knows both kinds of slashes


def _fit(found: Checkpoint) -> None:
    """Compare the checkpoint's index with hparams.json, and the sizes of its data files with the index."""
    bundle, layers = found.bundle, found.config["n_layer"]
    there = {int(match[1]) for match in map(_LAYER.match, bundle.entries) if match}
    if len(there) != layers or max(there) >= layers:
        last = f", the last is model/h{max(there)}" if there else ""
        raise InputError(
            f"{found.folder / HPARAMS}: has n_layer={layers}, but {bundle.index.name} has {len(there)} layers{last}"
        )
    for name, shape in shapes(found.config).items():
        entry, saved = bundle.check(variable(name)), variable(name)
        expected = (1, *shape) if saved.endswith("/w") else shape  # a product is saved as a convolution of width 1
        if entry.shape != expected:
            raise InputError(
                f"{bundle.index}: {saved} has shape {list(entry.shape)}, {HPARAMS} makes it {list(expected)}"
            )
        if "float" not in entry.dtype:
            raise InputError(f"{bundle.index}: {saved} holds {entry.dtype}; weights have to be floating-point numbers")
