"""Model folders that are broken, of another kind, or out to do harm: one sentence before anything is decoded."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from harness import __main__ as cli
from harness.models.pocket import pocket
from tests import command_line

POCKET = Path(pocket.__wrapped__.__code__.co_filename).parent / "pocket-s"  # type: ignore[attr-defined]
OPENAI = Path(__file__).parents[1] / "data" / "tensorflow" / "gpt2" / "tiny"
WEIGHTS = (POCKET / "model.safetensors").read_bytes()
HEADER = int.from_bytes(WEIGHTS[:8], "little")
Damage = Callable[[Path], object]


class Decoding(BaseException):
    """Decoding began: the model was taken as it is."""


def began(*_: object, **__: object) -> None:
    raise Decoding


def ended(source: Path, damage: Damage, *arguments: str, taken: bool = False) -> str:
    """What is said of a damaged copy of a model; "" if it is `taken` all the same, where it may be."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        shutil.copytree(source, folder / "mine")
        damage(folder / "mine")
        before = command_line.contents(folder)
        with patch("harness.engine.Batch.step", began):
            try:
                small = ("prompts.limit=2", "max_new_tokens=2", "metrics=[]", "report.figures=false")
                end = command_line.run(cli.main, *(arguments or ("model=hf", "model.name=mine")), *small, folder=folder)
            except Decoding:
                assert taken, "it was taken for a model"
                return ""
        message = end.message()
        assert "mine" in message
        assert {k: v for k, v in command_line.contents(folder).items() if k != "results"} == before
        return message


def written(name: str, content: bytes | str) -> Damage:
    return lambda folder: (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)


def reconfigured(name: str = "config.json", /, **changes: Any) -> Damage:
    def damage(folder: Path) -> None:
        content = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps({**content, **changes}))

    return damage


def reweighed(change: Callable[[dict[str, torch.Tensor]], object]) -> Damage:
    def damage(folder: Path) -> None:
        weights = load_file(folder / "model.safetensors")
        change(weights)
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})

    return damage


def sharded(*names: str) -> Damage:
    def damage(folder: Path) -> None:
        (folder / "model.safetensors").unlink()
        shards = {str(i): name for i, name in enumerate(names)}
        (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": shards}))

    return damage


def instead(name: str, make: Callable[[Path], object]) -> Damage:
    """The file is gone, and something made in its place."""

    def damage(folder: Path) -> None:
        (folder / name).unlink()
        make(folder)

    return damage


def linked(name: str) -> Damage:
    def damage(folder: Path) -> None:
        (folder / name).unlink()
        os.symlink(name, folder / name)

    return damage


def header(content: bytes) -> Damage:
    return written("model.safetensors", len(content).to_bytes(8, "little") + content + WEIGHTS[8 + HEADER :])


TOKENIZER = json.loads((POCKET / "tokenizer.json").read_text())
NO_JSON = st.sampled_from(["", " ", "{", "[]", "null", "3", '"x"', "{}", "\0", "[" * 100_000, '{"a": NaN'])
KINDS: dict[str, st.SearchStrategy[Damage]] = {
    "weights cut off": st.integers(0, len(WEIGHTS) - 1).map(lambda n: written("model.safetensors", WEIGHTS[:n])),
    "header of another length": st.integers(0, 2**64 - 1)
    .filter(lambda n: n != HEADER)
    .map(lambda n: written("model.safetensors", n.to_bytes(8, "little") + WEIGHTS[8:])),
    "header that is none": NO_JSON.map(lambda text: header(text.encode())),
    "config that is none": NO_JSON.map(lambda text: written("config.json", text)),
    "index that is none": NO_JSON.map(
        lambda text: instead("model.safetensors", written("model.safetensors.index.json", text))
    ),
    "another type": st.sampled_from(["nope", "bert", "t5", "clip", "", 5, None, ["gpt2"], {"a": 1}, "../x"]).map(
        lambda kind: reconfigured(model_type=kind)
    ),
    "sizes": st.tuples(
        st.sampled_from(["n_embd", "n_head", "n_layer", "vocab_size", "n_positions"]),
        st.sampled_from([0, -1, 7, 5000, 1.5, "x", None, [1], 2**70]),
    ).map(lambda change: reconfigured("config.json", **{change[0]: change[1]})),
    "weights missing": st.integers(0, 5).map(lambda i: reweighed(lambda w: w.pop(sorted(w)[i]))),
    "weights renamed": st.integers(0, 5).map(lambda i: reweighed(lambda w: w.update(odd=w.pop(sorted(w)[i])))),
    "weights of other shapes": st.tuples(st.integers(0, 5), st.sampled_from([(1,), (3, 5), (0,), ()])).map(
        lambda c: reweighed(lambda w: w.update({sorted(w)[c[0]]: torch.zeros(c[1])}))
    ),
    "shards": st.sampled_from(
        [("gone.safetensors",), ("../../../etc/passwd",), ("/etc/passwd",), ("..",), (".",), ("config.json",), ("\0",)]
    ).map(lambda names: sharded(*names)),
    "pickle": st.just(
        instead("model.safetensors", lambda f: torch.save({"a": torch.zeros(1)}, f / "pytorch_model.bin"))
    ),
    "a folder for a file": st.sampled_from(["config.json", "model.safetensors", "tokenizer.json"]).map(
        lambda name: instead(name, lambda f: (f / name).mkdir())
    ),
    "a loop of links": st.sampled_from(["config.json", "model.safetensors", "tokenizer.json"]).map(linked),
    "tokenizer gone": st.just(instead("tokenizer.json", Path.exists)),
    "tokenizer that is none": NO_JSON.map(lambda text: written("tokenizer.json", text)),
    "tokenizer cut off": st.integers(0, 4000).map(
        lambda n: written("tokenizer.json", (POCKET / "tokenizer.json").read_bytes()[:n])
    ),
    "tokenizer of more tokens": st.integers(4096, 2**31).map(
        lambda n: reconfigured(
            "tokenizer.json", model={**TOKENIZER["model"], "vocab": {**TOKENIZER["model"]["vocab"], "odd token": n}}
        )
    ),
    "tokenizer without tokens": st.sampled_from(
        [{"type": "BPE", "vocab": {}, "merges": []}, {"type": "nope"}, None, 5, {"type": "WordLevel", "vocab": {}}]
    ).map(lambda model: reconfigured("tokenizer.json", model=model)),
    "tokens that are none": st.sampled_from([-1, "x", 1.5, None, [1]]).map(
        lambda n: reconfigured(
            "tokenizer.json", model={**TOKENIZER["model"], "vocab": {**TOKENIZER["model"]["vocab"], "odd": n}}
        )
    ),
}
PASSABLE: dict[str, st.SearchStrategy[Damage]] = {  # may load, and may be refused; nothing else
    "header bytes changed": st.tuples(st.integers(8, 8 + HEADER - 1), st.integers(0, 255)).map(
        lambda c: written("model.safetensors", WEIGHTS[: c[0]] + bytes([c[1]]) + WEIGHTS[c[0] + 1 :])
    ),
    "more weights": st.just(reweighed(lambda w: w.update(odd=torch.zeros(3)))),
    "weights of another dtype": st.sampled_from([torch.float16, torch.int8, torch.bool, torch.complex64]).map(
        lambda kind: reweighed(lambda w: w.update({name: weight.to(kind) for name, weight in w.items()}))
    ),
    "weights that are no numbers": st.sampled_from([float("nan"), float("inf")]).map(
        lambda x: reweighed(lambda w: w[sorted(w)[0]].fill_(x))
    ),
    "generation config": NO_JSON.map(lambda text: written("generation_config.json", text)),
    "odd eos": st.sampled_from([-1, 2**70, "x", [None], [[1]], {"a": 1}, 1.5, []]).map(
        lambda eos: reconfigured("generation_config.json", eos_token_id=eos)
    ),
    "tokenizer config": NO_JSON.map(lambda text: written("tokenizer_config.json", text)),
    "tokenizer class": st.sampled_from(["Nope", "BertTokenizer", 5, None, "../x"]).map(
        lambda name: reconfigured("tokenizer_config.json", tokenizer_class=name)
    ),
    "parts of a tokenizer": st.tuples(
        st.sampled_from(["normalizer", "pre_tokenizer", "post_processor", "decoder", "added_tokens", "truncation"]),
        st.sampled_from([None, 5, {"type": "Nope"}, [], {}, [{"id": -1}], [{"id": 9999, "content": "odd"}]]),
    ).map(lambda c: reconfigured("tokenizer.json", **{c[0]: c[1]})),
}


QUICK = (Phase.explicit, Phase.reuse, Phase.generate)  # shrinking would take minutes


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_model_is_named(kind: str) -> None:
    @settings(max_examples=3, phases=QUICK)
    @given(KINDS[kind])
    def ends(damage: Damage) -> None:
        ended(POCKET, damage)

    ends()


@pytest.mark.parametrize("kind", PASSABLE)
def test_what_may_be_a_model_is_taken_or_named(kind: str) -> None:
    @settings(max_examples=3, phases=QUICK)
    @given(PASSABLE[kind])
    def ends(damage: Damage) -> None:
        ended(POCKET, damage, taken=True)

    ends()


def test_code_that_comes_with_a_model_does_not_run() -> None:
    def damage(folder: Path) -> None:
        run = "import pathlib; pathlib.Path('pwned').touch()\n"
        (folder / "modeling_odd.py").write_text(run)
        odd = {"AutoConfig": "modeling_odd.Config", "AutoModelForCausalLM": "modeling_odd.Model"}
        reconfigured(model_type="odd", auto_map=odd)(folder)
        reconfigured("tokenizer_config.json", auto_map={"AutoTokenizer": ["modeling_odd.T", None]})(folder)

    assert "code" in ended(POCKET, damage)  # which compares the folder's files with those there were before


@pytest.mark.parametrize("name", ["hparams.json", "encoder.json", "vocab.bpe", "checkpoint", "model.ckpt.index"])
def test_half_of_openais_files_are_named(name: str) -> None:
    whole = (OPENAI / name).read_bytes().rstrip()

    def ends(share: float) -> None:
        content = whole[: int(share * (len(whole) - 1))]
        ended(OPENAI, written(name, content), "model=openai", "model.path=mine", taken=name == "vocab.bpe")

    settings(max_examples=2, phases=QUICK)(given(st.floats(0, 1))(ends))()
