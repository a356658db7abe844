"""Every way OpenAI's files can be broken is one sentence, before a weight is read."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.errors import InputError
from harness.models import openai_files
from harness.models.gpt2_files import shapes
from harness.models.openai_files import check, variable
from tests.data.tensorflow import write

DATA, INDEX = f"{write.PREFIX}.data-00000-of-00001", f"{write.PREFIX}.index"
SHOWN = "model.path='x'"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy that a test may break."""
    return Path(shutil.copytree(write.HERE / "gpt2" / "tiny", tmp_path / "models" / "tiny"))


def test_every_variable_has_its_place(folder: Path) -> None:
    found = check(folder, None, SHOWN)
    assert {variable(name) for name in shapes(found.config)} == set(write.gpt2()) == set(found.bundle.entries)
    assert variable("h.11.mlp.c_proj.bias") == "model/h11/mlp/c_proj/b"
    weights = found.weights()
    for name, value in write.gpt2().items():
        assert any(variable(each) == name and (value.reshape(w.shape) == w).all() for each, w in weights.items()), name


def change(**numbers: Any) -> Callable[[Path], object]:
    """Other numbers in hparams.json; None takes one away."""

    def damage(folder: Path) -> None:
        hparams = {key: value for key, value in (write.HPARAMS | numbers).items() if value is not None}
        (folder / "hparams.json").write_text(json.dumps(hparams))

    return damage


def text(name: str, content: str) -> Callable[[Path], object]:
    """Another content of a file."""
    return lambda folder: (folder / name).write_text(content)


def cut(name: str, count: int) -> Callable[[Path], object]:
    """A file without its last bytes."""
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:-count])


def gone(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).unlink()


def other_tokens(*tokens: str, first: int = 0) -> Callable[[Path], object]:
    """The last tokens of encoder.json by other names, or numbered from another number on."""

    def damage(folder: Path) -> None:
        names = list(json.loads((folder / "encoder.json").read_text()))
        names[len(names) - len(tokens) :] = tokens
        (folder / "encoder.json").write_text(json.dumps({name: first + i for i, name in enumerate(names)}))

    return damage


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        *((gone(name), f"has no {name}") for name in ("hparams.json", "encoder.json", "vocab.bpe", "checkpoint")),
        (gone(INDEX), rf"{INDEX}: cannot be read \(No such file"),
        (gone(DATA), rf"{DATA}: cannot be read \(No such file"),
        (cut(INDEX, 1), f"{INDEX}: is cut off, or no index"),
        (cut(INDEX, 60), f"{INDEX}: is cut off, or no index"),
        (cut(DATA, 1), rf"{DATA}: is cut off: it has 17183 bytes, 'model/\w+' ends at 17184"),
        (text(INDEX, "version https://git-lfs.github.com/spec/v1\n" * 9), f"{INDEX}: is cut off, or no index"),
        (text("hparams.json", "{"), "hparams.json cannot be read"),
        (text("hparams.json", "[]"), "hparams.json holds no JSON object"),
        (change(n_layer=None), "hparams.json: has no n_layer"),
        (change(n_embd=0), "hparams.json: n_embd=0 must be a positive integer"),
        (change(n_embd="8"), "hparams.json: n_embd='8' must be a positive integer"),
        (change(n_layer=True), "hparams.json: n_layer=True must be a positive integer"),
        (change(n_heads=2), "hparams.json: n_heads=2 is not known .allowed: n_vocab, "),
        (change(n_head=3), "hparams.json: n_head=3 does not divide n_embd=8"),
        (change(n_layer=1), f"hparams.json: has n_layer=1, but {INDEX} has 2 layers, the last is model/h1"),
        (change(n_layer=10**12), f"hparams.json: has n_layer=1000000000000, but {INDEX} has 2 layers"),
        (change(n_ctx=32), rf"{INDEX}: model/wpe has shape \[48, 8\], hparams.json makes it \[32, 8\]"),
        (change(n_embd=16), rf"{INDEX}: model/wte has shape \[269, 8\], hparams.json makes it \[269, 16\]"),
        (
            change(n_vocab=10**12),
            "encoder.json: has 269 tokens, the last is 268; hparams.json has n_vocab=1000000000000",
        ),
        (text("encoder.json", "{"), "encoder.json and vocab.bpe cannot be read"),
        (text("encoder.json", "[]"), "encoder.json and vocab.bpe cannot be read"),
        (text("encoder.json", '{"a": [1]}'), "encoder.json"),
        (text("encoder.json", '{"a": 0, "b": "c"}'), "encoder.json"),
        (other_tokens("one more"), r"encoder.json: has no token '<\|endoftext\|>'"),
        (other_tokens(first=1), "encoder.json: has 269 tokens, the last is 269"),
        (other_tokens("x", "<|endoftext|>"), "vocab.bpe cannot be read .*'ing'"),
        (text("vocab.bpe", "#version: 0.2\na b c\n"), "vocab.bpe cannot be read"),
        (text("checkpoint", ""), 'checkpoint: has no line model_checkpoint_path: "model.ckpt"'),
        (text("checkpoint", 'model_checkpoint_path: "other"\n'), r"other.index: cannot be read \(No such file"),
    ],
)
def test_damage_is_named(folder: Path, damage: Callable[[Path], object], message: str) -> None:
    damage(folder)
    with pytest.raises(InputError, match=message) as caught:
        check(folder.parent, "tiny", SHOWN)
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)


def test_a_missing_variable_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai_files, "shapes", lambda config: {"h.0.extra.weight": (8,)} | shapes(config))
    with pytest.raises(InputError, match=rf"{INDEX}: has no variable 'model/h0/extra/w'"):
        check(folder, None, SHOWN)


def test_whole_numbers_are_no_weights(folder: Path) -> None:
    for file in (INDEX, DATA):
        shutil.copy(write.HERE / "integers" / file, folder / file)
    with pytest.raises(InputError, match=rf"{INDEX}: model/wte holds int8; weights have to be floating-point"):
        check(folder, None, SHOWN)


def test_where_the_checkpoint_was_written_makes_no_difference(folder: Path) -> None:
    for elsewhere in ("/content/run1/", "C:\\\\models\\\\124M\\\\", ""):
        state = f'model_checkpoint_path: "{elsewhere}{write.PREFIX}"\nall_model_checkpoint_paths: "x"\n'
        (folder / "checkpoint").write_text(state)
        assert check(folder, None, SHOWN).bundle.index == folder / INDEX


def test_the_folder_is_in_the_path_or_is_the_path(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path, size in ((folder.parent, "tiny"), (folder, None), (folder, "tiny")):
        assert check(path, size, SHOWN).folder == folder
    monkeypatch.chdir(folder)
    assert check(Path("."), "tiny", SHOWN).folder == Path(".")
    monkeypatch.setitem(openai_files.LAYERS, "124M", 2)
    assert check(folder, "124M", SHOWN).folder == folder  # the folder of that size under another name
    (folder.parent / "124M").mkdir()
    with pytest.raises(InputError, match=r"models/124M: has no hparams\.json"):
        check(folder.parent, "124M", SHOWN)


@pytest.mark.parametrize(
    ("place", "size", "message"),
    [
        (
            "models/tiny",
            "355M",
            "model.size='355M': model.path='x' is itself a checkpoint, of 2 layers; set model.size=null",
        ),
        ("models", "355M", "model.size='355M': model.path='x' has no such folder; allowed: tiny"),
        ("models", None, "model.size is not set: model.path='x' has a folder for each size; allowed: tiny"),
        ("empty", None, "model.path='x': the directory has no hparams.json, nor has a folder in it"),
        ("empty", "124M", "model.size='124M': model.path='x' has no such folder; allowed: nothing"),
        ("nowhere", "124M", "model.path='x': there is no such directory"),
        ("models/tiny/checkpoint", None, "model.path='x': is a file, not a directory"),
    ],
)
def test_a_wrong_path_or_size_is_named(folder: Path, place: str, size: str | None, message: str) -> None:
    (folder.parents[1] / "empty").mkdir()
    with pytest.raises(InputError, match=f"^{message}$"):
        check(folder.parents[1] / place, size, SHOWN)


def test_a_changed_weight_is_found_when_it_is_read(folder: Path) -> None:
    file = folder / DATA
    whole = bytearray(file.read_bytes())
    whole[5000] ^= 1
    file.write_bytes(whole)
    found = check(folder, None, SHOWN)
    with pytest.raises(InputError, match=rf"^{file}: is damaged: the checksum of 'model/\S+' is another"):
        found.weights()


def test_the_fingerprint_is_of_the_content(folder: Path, tmp_path: Path) -> None:
    def of(path: Path) -> str:
        return check(path, None, SHOWN).fingerprint

    before = of(folder)
    assert of(Path(shutil.copytree(folder, tmp_path / "elsewhere"))) == before
    (folder / "model.ckpt.meta").write_text("a graph")
    assert of(folder) == before
    seen = {before}
    for name, damage in (("hparams.json", change(n_head=4)), ("vocab.bpe", text("vocab.bpe", "#version: 0.2\nh e\n"))):
        damage(folder)
        seen.add(of(folder))
        shutil.copy(write.HERE / "gpt2" / "tiny" / name, folder / name)
    (folder / DATA).write_bytes(bytes((folder / DATA).stat().st_size))
    seen.add(of(folder))
    assert len(seen) == 4
