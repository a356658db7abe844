"""Models, data sets and results that bring code of their own: it is never run. Each would leave a file that says so."""

from __future__ import annotations

import io
import json
import pickle
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import datasets
import huggingface_hub
import pytest
import torch
import yaml
from safetensors.torch import load_file

from harness.errors import InputError
from harness.models.loading import load, preflight
from harness.prompts.dataset import dataset
from harness.report.gather import gather
from harness.results import read_sweep
from harness.scoring.tokens import of_tokenizer
from tests import sweeps


class Trap:
    """Unpickled, it makes a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.mark,))


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    return tmp_path / "somebody else's code ran"


@pytest.fixture
def model_dir(tiny_gpt2_dir: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_gpt2_dir, tmp_path / "model"))


def change(file: Path, **keys: Any) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | keys))


def plant(folder: Path, mark: Path, *names: str) -> None:
    """Modules that leave the mark when they are imported."""
    for name in names:
        (folder / f"{name}.py").write_text(f"from pathlib import Path\nPath({str(mark)!r}).touch()\n")


def model(folder: Path) -> object:
    node = {"factory": "harness.models.loading.hf", "name": str(folder), "device": "cpu"}
    preflight(node)
    return load(node)


def test_the_traps_work(tmp_path: Path, mark: Path) -> None:
    pickle.loads(pickle.dumps(Trap(mark)))
    assert mark.exists()
    mark.unlink()
    plant(tmp_path, mark, "planted")
    exec((tmp_path / "planted.py").read_text())
    assert mark.exists()


PARTS = ("AutoConfig", "AutoModelForCausalLM", "AutoTokenizer")


def test_a_model_s_own_modules_are_left_alone_where_the_library_knows_the_model(model_dir: Path, mark: Path) -> None:
    plant(model_dir, mark, "planted", "modeling_gpt2", "configuration_gpt2", "tokenization_gpt2", "setup", "__init__")
    change(model_dir / "config.json", auto_map=dict.fromkeys(PARTS, "planted.Planted"))
    change(model_dir / "tokenizer_config.json", auto_map={"AutoTokenizer": ["planted.Planted", "planted.Planted"]})
    (model_dir / "custom_generate").mkdir()
    plant(model_dir / "custom_generate", mark, "generate")
    assert model(model_dir)
    assert not mark.exists()


@pytest.mark.parametrize("part", ["config", "tokenizer"])
def test_a_model_that_needs_its_own_modules_is_refused(model_dir: Path, mark: Path, part: str) -> None:
    plant(model_dir, mark, "planted")
    if part == "config":
        change(model_dir / "config.json", model_type="planted", auto_map=dict.fromkeys(PARTS, "planted.Planted"))
        says = "model cannot be loaded"
    else:
        own = {"AutoTokenizer": ["planted.Planted", None]}
        change(model_dir / "tokenizer_config.json", auto_map=own, tokenizer_class="Planted")
        change(model_dir / "config.json", model_type="planted")
        says = "cannot be loaded"
    with pytest.raises(InputError, match=says):
        model(model_dir)
    assert not mark.exists()


def test_a_tokenizer_s_own_module_is_left_alone_when_texts_are_scored(model_dir: Path, mark: Path) -> None:
    plant(model_dir, mark, "planted")
    change(
        model_dir / "tokenizer_config.json",
        auto_map={"AutoTokenizer": ["planted.Planted", "planted.Planted"]},
        tokenizer_class="Planted",
    )
    (model_dir / "config.json").unlink()
    with suppress(InputError):
        of_tokenizer(str(model_dir))()
    assert not mark.exists()


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "pytorch_model-00001-of-00002.bin", "model.ckpt"])
def test_pickled_weights_alone_are_refused(model_dir: Path, mark: Path, name: str) -> None:
    (model_dir / "model.safetensors").unlink()
    (model_dir / name).write_bytes(pickle.dumps(Trap(mark)))
    with pytest.raises(InputError, match="only safetensors are read"):
        model(model_dir)
    assert not mark.exists()


def test_pickled_weights_beside_safetensors_are_not_opened(model_dir: Path, mark: Path) -> None:
    names = ("pytorch_model.bin", "training_args.bin", "optimizer.pt", "adapter_model.bin")
    for name in names:
        (model_dir / name).write_bytes(pickle.dumps(Trap(mark)))
    (model_dir / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": {"a": "pytorch_model.bin"}}))
    assert model(model_dir)
    assert not mark.exists()


def test_a_pickle_called_safetensors_is_no_safetensors(model_dir: Path, mark: Path) -> None:
    file = model_dir / "model.safetensors"
    tensors = load_file(file)
    torch.save(tensors | {"trap": Trap(mark)}, file.with_suffix(".pt"))  # the tensors are that file
    file.with_suffix(".pt").replace(file)
    with pytest.raises(InputError, match="no whole safetensors file"):
        model(model_dir)
    assert not mark.exists()


@pytest.mark.parametrize("name", ["../elsewhere.safetensors", "/elsewhere.safetensors"])
def test_shards_lie_in_the_model_s_folder(model_dir: Path, tmp_path: Path, name: str) -> None:
    (model_dir / "model.safetensors").rename(tmp_path / "elsewhere.safetensors")
    name = str(tmp_path / name[1:]) if name.startswith("/") else name
    index = {"metadata": {}, "weight_map": {"transformer.wte.weight": name}}
    (model_dir / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(InputError, match=r"model\.safetensors\.index\.json names .*elsewhere\.safetensors"):
        model(model_dir)


def test_a_template_of_a_tokenizer_is_not_filled_in(model_dir: Path, mark: Path) -> None:
    (model_dir / "chat_template.jinja").write_text(
        "{% for c in ''.__class__.__mro__[1].__subclasses__() %}{% if c.__name__ == 'Path' %}"
        + f"{{{{ c({str(mark)!r}).touch() }}}}"
        + "{% endif %}{% endfor %}"
    )
    assert model(model_dir)
    assert not mark.exists()


def packed(folder: Path, mark: Path) -> None:
    """A tar of samples, one of them a pickle."""
    with tarfile.open(folder / "train.tar", "w") as file:
        for name, content in (("0.txt", b"a text"), ("0.pickle", pickle.dumps(Trap(mark)))):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))


def arrays(folder: Path, mark: Path) -> None:
    """A file of numpy's that holds objects, in a zip as numpy packs them."""
    content = io.BytesIO()
    import numpy as np

    np.save(content, np.array([Trap(mark)], dtype=object), allow_pickle=True)
    with zipfile.ZipFile(folder / "train.npz", "w") as file:
        file.writestr("text.npy", content.getvalue())


def script(folder: Path, mark: Path) -> None:
    """What used to be a data set's loading script."""
    plant(folder, mark, folder.name, "dataset", "conftest", "train")


BRINGS: dict[str, Callable[[Path, Path], object]] = {
    "a script": script,
    "a pickle": lambda folder, mark: (folder / "train.pkl").write_bytes(pickle.dumps(Trap(mark))),
    "a tensor file": lambda folder, mark: torch.save({"text": Trap(mark)}, folder / "train.pt"),
    "a tar of pickles": packed,
    "an array of objects": arrays,
}


@pytest.mark.parametrize("what", BRINGS)
@pytest.mark.parametrize("beside", [False, True])
def test_a_data_set_s_code_is_not_run(
    tmp_path: Path, mark: Path, monkeypatch: pytest.MonkeyPatch, what: str, beside: bool
) -> None:
    """Alone, or beside a file of texts."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    folder = tmp_path / "tales"
    folder.mkdir()
    BRINGS[what](folder, mark)
    if beside:
        (folder / "train.jsonl").write_text('{"text": "once upon a time"}\n')
    prompts = []
    with suppress(InputError):
        prompts = dataset(str(folder), split="train")
    if beside and what != "a script":  # which `datasets` refuses by its name
        assert "once upon a time" in [prompt.text for prompt in prompts]
    assert not mark.exists()


def test_nothing_that_a_folder_of_results_names_is_imported(
    tmp_path: Path, mark: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its configs name factories, as every job's do; the files of a report are made from values alone."""
    folder = sweeps.sweep(tmp_path / "a", dict(list(sweeps.SIX.items())[:1]), prompts=2)
    plant(tmp_path, mark, "planted")
    plant(folder, mark, "planted", "conftest")
    monkeypatch.syspath_prepend(tmp_path)
    factory = {"factory": "planted.make", "_target_": "planted.make"}
    config = dict.fromkeys(("model", "prompts", "strategy", "metrics", "engine", "study"), factory) | {"seed": 0}
    (folder / "0" / "config.yaml").write_text(yaml.safe_dump(config))
    assert read_sweep(folder).jobs[0].config["strategy"] == factory
    assert gather([folder])
    (folder / "0" / "config.yaml").write_text("a: !!python/object/apply:planted.make []\n")
    with pytest.raises(InputError, match="not a whole result folder of a job"):
        read_sweep(folder)
    assert not mark.exists()
