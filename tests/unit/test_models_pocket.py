"""The embedded models are whole, small, and of one family."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from harness.errors import InputError
from harness.models import pocket as module
from harness.models.loading import load, preflight
from harness.models.pocket import Size

SIZES: list[Size] = ["s", "m", "l"]
FACTORY = "harness.models.pocket.pocket"
HERE = Path(module.__file__).parent


@pytest.mark.parametrize("size", SIZES)
def test_each_size_loads_and_reads(size: Size) -> None:
    model = load({"factory": FACTORY, "size": size, "device": "cpu"})
    assert model.name == f"pocket-{size}"
    assert model.dtype == torch.float32
    assert model.context == 512
    text = "Once upon a time there was an old woman who lived in a little house — quite alone."
    assert model.decode(model.encode(text)) == text
    assert model.prefill([model.encode(text), model.encode("")])[0].logits.isfinite().all()


def test_they_are_three_sizes_and_fit_the_package() -> None:
    folders = [[f for f in (HERE / f"pocket-{size}").rglob("*") if f.is_file()] for size in SIZES]
    small, medium, large = (sum(f.stat().st_size for f in files) for files in folders)
    assert small < medium < large
    assert small + medium + large <= 32_000_000


@pytest.mark.parametrize("knobs", [{"size": "xl"}, {}])
def test_other_sizes_are_refused(knobs: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"model\.size"):
        preflight({"factory": FACTORY, **knobs})


def test_a_broken_installation_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(HERE / "pocket-s", tmp_path / "pocket-s")
    (tmp_path / "pocket-s" / "model.safetensors").unlink()
    monkeypatch.setattr(module, "__file__", str(tmp_path / "pocket.py"))
    with pytest.raises(
        InputError, match=r"^pocket-s, which is part of this package: the directory has no model.safete"
    ):
        preflight({"factory": FACTORY, "size": "s"})
