"""The cache comes first; the hub is asked once, and whatever it answers is one sentence. The hub is a local one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import HfApi, constants

from harness.errors import InputError
from harness.models.loading import hf, locate, preflight
from tests.fake_hub import COMMIT, fake_hub

NODE = {"factory": "harness.models.loading.hf"}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub, and no network."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return tmp_path / "cache"


@pytest.fixture
def requests(cache: Path, tiny_gpt2_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A hub with org/tiny and others; the list is what it was asked for."""
    published = Path(shutil.copytree(tiny_gpt2_dir, tmp_path / "published"))
    (published / "pytorch_model.bin").write_bytes(b"not wanted")
    pickled = Path(shutil.copytree(published, tmp_path / "pickled"))
    (pickled / "model.safetensors").unlink()
    refusals = {"org/gated": (403, "GatedRepo"), "org/down": (503, "")}
    with fake_hub({"org/tiny": published, "org/pickled": pickled}, refusals) as (address, seen):
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "ENDPOINT", address)
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", address + "/{repo_id}/resolve/{revision}/{filename}"
        )
        yield seen


def put(cache: Path, repo: str, model: Path) -> Path:
    """Lay a model into the cache as a download would."""
    folder = cache / f"models--{repo.replace('/', '--')}"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text(COMMIT)
    return Path(shutil.copytree(model, folder / "snapshots" / COMMIT))


def test_a_cached_model_needs_no_network(cache: Path, tiny_gpt2_dir: Path) -> None:
    put(cache, "org/tiny", tiny_gpt2_dir)
    preflight({**NODE, "name": "org/tiny"})
    model = hf(name="org/tiny")
    assert (model.name, model.fingerprint) == ("tiny", COMMIT)
    assert locate(name="org/tiny", revision=COMMIT).name == f"tiny@{COMMIT}"


@pytest.mark.parametrize(("asked", "held"), [("openai-community/gpt2", "gpt2"), ("gpt2", "openai-community/gpt2")])
def test_moved_models_are_found_under_both_names(cache: Path, tiny_gpt2_dir: Path, asked: str, held: str) -> None:
    put(cache, held, tiny_gpt2_dir)
    found = locate(name=asked)
    assert found.name == "gpt2"
    assert found.path is not None
    assert found.path.name == COMMIT


def test_another_revision_is_not_the_cached_one(cache: Path, tiny_gpt2_dir: Path) -> None:
    put(cache, "org/tiny", tiny_gpt2_dir)
    with pytest.raises(InputError, match="the local cache does not hold"):
        locate(name="org/tiny", revision="v2")


def test_half_a_download_is_none(cache: Path, tiny_gpt2_dir: Path) -> None:
    (put(cache, "org/tiny", tiny_gpt2_dir) / "model.safetensors").unlink()
    with pytest.raises(InputError, match=r"^model.name='org/tiny': the local cache does not hold.*use model=pocket-m"):
        preflight({**NODE, "name": "org/tiny"})


def test_a_model_is_downloaded_once_and_nothing_but_what_it_takes(cache: Path, requests: list[str]) -> None:
    preflight({**NODE, "name": "org/tiny"})
    assert requests == ["api/models/org/tiny"]
    model = hf(name="org/tiny")
    assert (model.name, model.fingerprint) == ("tiny", COMMIT)
    fetched = {path.rpartition("/")[2] for path in requests if "/resolve/" in path}
    assert fetched == {
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    requests.clear()
    assert hf(name="org/tiny").fingerprint == COMMIT
    assert requests == []


@pytest.mark.parametrize(
    ("name", "revision", "message"),
    [
        ("org/none", None, "model.name='org/none': neither a local directory nor a model on the hub"),
        ("org/gated", None, "accepted its terms; run `hf auth login`"),
        ("org/tiny", "missing", "^model.revision='missing': org/tiny has no such revision on the hub"),
        ("org/pickled", None, "the hub has no safetensors of this model"),
        ("org/down", None, "the hub cannot be reached .*503.*; use model=pocket-m.*DIR.*`hf download org/down`"),
    ],
)
def test_what_the_hub_answers_is_one_sentence(
    requests: list[str], name: str, revision: str | None, message: str
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        locate(name=name, revision=revision)
    assert "\n" not in str(caught.value)
    assert len(requests) == 1


def test_a_hub_that_cannot_be_reached_is_one_sentence(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")  # nobody listens there
    with pytest.raises(InputError, match=r"the hub cannot be reached .*use model=pocket-m") as caught:
        locate(name="org/tiny")
    assert "\n" not in str(caught.value)


def test_the_question_has_a_short_timeout(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def model_info(*_: Any, timeout: float, **__: Any) -> None:
        assert timeout <= 5
        raise TimeoutError("timed out")

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(HfApi, "model_info", model_info)
    with pytest.raises(InputError, match=r"the hub cannot be reached \(timed out\)"):
        locate(name="org/tiny")


def test_a_download_that_breaks_off_is_one_sentence(requests: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> str:
        raise TimeoutError("the read timed out")

    monkeypatch.setattr("huggingface_hub.snapshot_download", fail)
    with pytest.raises(InputError, match=r"'org/tiny': the download broke off \(the read timed out\)"):
        hf(name="org/tiny")
