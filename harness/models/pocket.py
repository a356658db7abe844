"""The embedded models: three sizes of one family, inside the package, so that nothing has to be downloaded."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from harness.knobs import checked
from harness.models import directory
from harness.models.base import LanguageModel
from harness.models.loading import Device, Dtype, preceded_by

Size = Literal["s", "m", "l"]


def where(size: Size, device: Device = "auto", dtype: Dtype = "auto", packed: bool = True) -> Path:
    """The directory of an embedded model.

    Raises:
        InputError: it is not there, or not whole: the installation lacks files.
    """
    path = Path(__file__).with_name(f"pocket-{size}")
    directory.check(path, f"pocket-{size}, which is part of this package")
    return path


@preceded_by(where)
@checked
def pocket(size: Size, device: Device = "auto", dtype: Dtype = "auto", packed: bool = True) -> LanguageModel:
    """One of the embedded models (experiments/pocket has the model card).

    Args:
        size: s, m or l.
        device: as in `harness.models.loading.hf`.
        dtype: as there.
        packed: as there.
    """
    path = where(size)
    from harness.models.checkpoint import from_directory

    return from_directory(path, name=path.name, shown=path.name, device=device, dtype=dtype, packed=packed)
