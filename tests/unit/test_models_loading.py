"""Model nodes of the config: what is refused before anything slow, and how the yaml files hang together."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.errors import InputError
from harness.models.loading import hf, load, locate, preflight

CONF = Path(__file__).parents[2] / "conf" / "model"
FACTORY = "harness.models.loading.hf"


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"name": "/nowhere"}, "model.name='/nowhere': there is no such directory"),
        ({"name": "./x"}, "model.name='./x': there is no such directory"),
        ({"name": "a/b/c"}, "model.name='a/b/c': there is no such directory"),
        ({"name": __file__}, "is a file, not a directory"),
        ({"name": None}, "model.name is not set"),
        ({"name": "???"}, "model.name is not set"),
        ({"name": ""}, "model.name is not set"),
        ({}, "model.name is not set"),
        ({"name": 3}, "model.name=3: .*valid string"),
        ({"name": ".", "revision": "main"}, "model.revision='main': model.name='.' is a local directory"),
        ({"name": ".", "dtype": "int8"}, "model.dtype='int8'.*'float32'"),
        ({"name": ".", "device": "gpu"}, "model.device='gpu'.*auto"),
        ({"name": ".", "device": "cpu", "device_map": "auto"}, "model.device='cpu': cannot be set together"),
        ({"nme": "."}, "unknown key model.nme='.': did you mean 'name'"),
    ],
)
def test_mistakes_are_one_sentence(knobs: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        preflight({"factory": FACTORY, **knobs})
    assert "\n" not in str(caught.value)


def test_a_device_map_needs_accelerate(tiny_gpt2_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.models.loading.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"model.device_map='auto': needs accelerate; pip install"):
        locate(name=str(tiny_gpt2_dir), device_map="auto")


def test_preflight_imports_no_torch(tiny_gpt2_dir: Path) -> None:
    code = (
        "import sys\n"
        "from harness.models.loading import preflight\n"
        f"preflight({{'factory': {FACTORY!r}, 'name': {str(tiny_gpt2_dir)!r}}})\n"
        "assert not {'torch', 'transformers', 'pandas', 'pyarrow'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=CONF.parents[1])


def test_a_directory_is_called_by_its_last_part(tiny_llama_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load({"factory": FACTORY, "name": str(tiny_llama_dir)}).name == "tiny-llama"
    monkeypatch.chdir(tiny_llama_dir)
    assert locate(name=".").name == "tiny-llama"
    monkeypatch.chdir(tiny_llama_dir.parent)
    assert locate(name="tiny-llama/").path == Path("tiny-llama")
    assert locate(name="tiny-llama").path == Path("tiny-llama")  # a directory comes before the hub


def test_python_callers_get_the_same_checks() -> None:
    with pytest.raises(InputError, match="dtype='half'"):
        hf(name=".", dtype="half")  # type: ignore[arg-type]


def test_factories_without_a_check_of_their_own_pass() -> None:
    preflight({"factory": "tests.tiny_models.byte_level_tokenizer"})
    with pytest.raises(InputError, match=r"model.factory='harness.models.nope.hf': cannot be imported"):
        preflight({"factory": "harness.models.nope.hf"})


@pytest.mark.parametrize("file", sorted(CONF.glob("*.yaml")), ids=lambda f: f.stem)
def test_every_yaml_names_a_factory_and_its_keys(file: Path) -> None:
    from harness.knobs import verify

    node: dict[str, Any] = yaml.safe_load(file.read_text())
    for base in node.pop("defaults", []):
        if base != "_self_":
            node = {**yaml.safe_load((CONF / f"{base}.yaml").read_text()), **node}
    verify(node, "model")
    if file.stem not in {"hf"} and "name" in node:
        assert node["name"].endswith(f"/{file.stem}")
