"""GPT-2 as OpenAI published it (Radford et al., 2019): `model=openai model.path=DIR model.size=124M`."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from harness.errors import InputError
from harness.knobs import checked, neutral
from harness.models import directory, gpt2_files, openai_files
from harness.models.base import LanguageModel
from harness.models.bpe import BPE
from harness.models.loading import Backend, Device, Dtype, preceded_by

Size = Annotated[str, Field(pattern=r"^\w[\w.-]*$")]


def where(
    path: str | None = None,
    size: Size | None = None,
    device: Device = "auto",
    dtype: Dtype = "auto",
    packed: bool = True,
    backend: Backend = "torch",
) -> openai_files.Checkpoint:
    """The checkpoint of these arguments of `openai`, of which no weights have been read.

    Raises:
        InputError: a file is missing, cut off, or does not fit the others; or the backend cannot run it.
    """
    if not path:
        raise InputError(
            "model.path is not set: model=openai needs model.path=DIR, of which DIR/124M/hparams.json is one"
        )
    if backend == "numpy":
        gpt2_files.supported(dtype, device)
    shown = f"model.path={path!r}"
    return openai_files.check(directory.place(path, shown), size, shown)


@neutral("path", "size", "device", "dtype", "packed", "backend")
@preceded_by(where)
@checked
def openai(
    path: str | None = None,
    size: Size | None = None,
    device: Device = "auto",
    dtype: Dtype = "auto",
    packed: bool = True,
    backend: Backend = "torch",
) -> LanguageModel:
    """GPT-2 from the files that OpenAI published, or from files like them, as fine-tuned ones are, without TensorFlow.

    Every weight is compared with its checksum. What is no weight of GPT-2, as an optimiser's state, is left alone.

    Args:
        path: the folder of a checkpoint, or one that has such folders in it.
        size: which of the folders in `path`: 124M, 355M, 774M, 1558M, or of another name. None: `path` itself. It may
            also be the name of `path` itself, or the size of the checkpoint in it.
        device: as in `harness.models.loading.hf`.
        dtype: as there; what OpenAI published is float32.
        packed: as there.
        backend: as there.

    Raises:
        InputError: as `where`; a weight has changed since it was saved; or there is no such device.
    """
    found = where(path, size, device, dtype, packed, backend)
    weights = found.weights()
    name = f"openai-{found.folder.resolve().name}"
    if backend == "numpy":
        from harness.models.gpt2_numpy import GPT2
        from harness.models.numpy_model import NumpyModel

        cast = {key: weight.astype(gpt2_files.dtype_of(dtype), copy=False) for key, weight in weights.items()}
        network, eos = GPT2(cast, found.config["n_head"]), frozenset([found.end])
        return NumpyModel(network, tokenizer(found.bpe), name=name, fingerprint=found.fingerprint, eos=eos)
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    from harness.models.checkpoint import from_weights

    return from_weights(
        GPT2LMHeadModel,
        GPT2Config(**found.config, bos_token_id=found.end, eos_token_id=found.end),
        {f"transformer.{key}": torch.from_numpy(weight) for key, weight in weights.items()},
        tokenizer(found.bpe),
        name=name,
        shown=f"{found.folder}",
        fingerprint=found.fingerprint,
        device=device,
        dtype=dtype,
        packed=packed,
    )


def tokenizer(bpe: BPE) -> Any:
    """GPT-2's tokenizer in transformers, which unlike OpenAI's own makes "<|endoftext|>" in a text that one token."""
    from transformers import GPT2Tokenizer

    return GPT2Tokenizer(vocab=bpe.vocab, merges=list(bpe.ranks))
