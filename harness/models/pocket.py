"""The embedded models: three sizes of one family, inside the package, so that nothing has to be downloaded."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from harness.knobs import checked, neutral
from harness.models import directory, gpt2_files
from harness.models.base import LanguageModel
from harness.models.loading import Backend, Device, Dtype, preceded_by

Size = Literal["s", "m", "l"]


def where(
    size: Size, device: Device = "auto", dtype: Dtype = "auto", packed: bool = True, backend: Backend = "torch"
) -> Path:
    """The directory of an embedded model.

    Raises:
        InputError: it is not there, or not whole: the installation lacks files; or the backend lacks what is asked.
    """
    if backend == "numpy":
        gpt2_files.supported(dtype, device)
    path = Path(__file__).with_name(f"pocket-{size}")
    directory.check(path, f"pocket-{size}, which is part of this package")
    return path


@neutral("size", "device", "dtype", "packed", "backend")
@preceded_by(where)
@checked
def pocket(
    size: Size, device: Device = "auto", dtype: Dtype = "auto", packed: bool = True, backend: Backend = "torch"
) -> LanguageModel:
    """One of the embedded models (experiments/pocket has the model card).

    Args:
        size: s, m or l.
        device: as in `harness.models.loading.hf`.
        dtype: as there.
        packed: as there.
        backend: as there.
    """
    path = where(size, device, dtype, packed, backend)
    from harness.models.checkpoint import from_directory

    return from_directory(
        path, name=path.name, shown=path.name, device=device, dtype=dtype, packed=packed, backend=backend
    )
