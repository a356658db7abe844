from __future__ import annotations

import subprocess
import sys
from hashlib import blake2s
from itertools import combinations
from typing import Any

import pytest
import yaml

from harness.configs import CONF
from harness.errors import InputError
from harness.knobs import build, verify
from harness.prompts import Prompt, identified
from harness.prompts.embedded import fables, notebooks
from harness.prompts.text import text

SETS = sorted(path.stem for path in (CONF / "prompts").glob("*.yaml"))


def node(name: str, **overrides: Any) -> dict[str, Any]:
    loaded = yaml.safe_load((CONF / "prompts" / f"{name}.yaml").read_text(encoding="utf-8"))
    return dict(loaded) | overrides


# ids: other people's result folders name prompts by them, so these must never change


def test_the_id_is_a_hash_of_the_text_alone() -> None:
    [plain] = identified([("The theory of relativity is", None)])
    [with_reference] = identified([("The theory of relativity is", " Einstein's.")])
    assert plain.id == with_reference.id == "85fbbd42e683"
    assert identified([("Fünf Bäche — 五", None)])[0].id == "fddb9d43389b"
    assert plain.id == blake2s(b"The theory of relativity is", digest_size=6).hexdigest()


def test_repeats_of_a_text_get_ids_of_their_own() -> None:
    prompts = identified([("a", None), ("b", None), ("a", " x"), ("a", None)])
    a, b = prompts[0].id, prompts[1].id
    assert [p.id for p in prompts] == [a, b, f"{a}-2", f"{a}-3"]


def test_text_that_no_file_could_hold_is_refused() -> None:
    with pytest.raises(InputError, match="surrogate"):
        identified([("half \ud800", None)])
    with pytest.raises(InputError, match="surrogate"):
        identified([("whole", "half \udcff")])


# text


def test_text_takes_one_prompt_or_several() -> None:
    assert [p.text for p in text("Once upon a time, ")] == ["Once upon a time, "]
    assert [p.text for p in text(("Once", "", "Once"), limit=2)] == ["Once", ""]
    assert build(node("text", text=["Once", "Twice"]), "prompts") == text(("Once", "Twice"))
    assert [p.reference for p in text("Once")] == [None]


def test_the_empty_prompt_is_a_prompt() -> None:
    assert [p.text for p in text("")] == [""]


@pytest.mark.parametrize(
    ("given", "complaint"),
    [(None, "prompts.text is not set"), ([], "at least one"), (5, "prompts.text=5"), (["a", 5], "string")],
)
def test_text_says_what_is_wrong(given: Any, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        build(node("text", text=given), "prompts")


# embedded sets


def test_notebooks_are_worded_as_in_the_notebooks() -> None:
    assert [p.text for p in notebooks()] == [
        "Barack Obama taught constitutional law at the University of",
        "The great scientist Albert Einstein",
        "The theory of relativity is",
        "The theory of relativity",
        "Alan Turing theorized that computers would one day become",
        "One day a golden retriever sees another golden retriever, they",
        "If computers were one day exceeded human level intelligence,",
        "The future of AI is",
        "Hello, I am an language model,",
    ]
    assert {p.reference for p in notebooks()} == {None}


def whole(fable: Prompt) -> str:
    assert fable.reference is not None
    return fable.text + fable.reference


def test_fables_are_many_and_each_has_a_prompt_and_a_reference_of_the_promised_length() -> None:
    prompts = fables()
    assert len(prompts) == 288
    assert len({p.id for p in prompts}) == len({p.text for p in prompts}) == 288
    for fable in prompts:
        tale = whole(fable)
        assert 60 <= len(tale.split()) <= 120, tale
        assert 10 <= len(fable.text.split()) <= 14, tale
        assert (fable.reference or "")[0] == " "
        assert (fable.reference or "")[1] != " "


def test_fables_are_plain_well_formed_english_text() -> None:
    for tale in map(whole, fables()):
        assert tale.isascii()
        assert tale.isprintable()
        assert tale == " ".join(tale.split())
        assert tale[0].isupper() or tale[0] == '"'
        assert tale.rstrip('"')[-1] in ".!?"
        assert tale.count('"') % 2 == 0
        assert not any(f" {mark}" in tale for mark in ",.;:!?")


def test_no_two_fables_are_alike() -> None:
    def grams(tale: str) -> set[tuple[str, ...]]:
        words = "".join(c if c.isalpha() or c == "'" else " " for c in tale.lower()).split()
        return set(zip(*(words[i:] for i in range(5)), strict=False))

    sets = [grams(tale) for tale in map(whole, fables())]
    assert max(len(a & b) / len(a | b) for a, b in combinations(sets, 2)) < 0.03


@pytest.mark.parametrize("source", [fables, notebooks])
def test_limit_takes_the_first_with_the_same_ids(source: Any) -> None:
    assert source(limit=5) == source()[:5]
    assert source(limit=10**6) == source()
    with pytest.raises(InputError, match="limit=0"):
        source(limit=0)


# conf/prompts


@pytest.mark.parametrize("name", SETS)
def test_every_yaml_fits_its_factory_and_takes_a_limit(name: str) -> None:
    verify(node(name, limit=3), "prompts")
    with pytest.raises(InputError, match=r"unknown key prompts\.limits=3: did you mean 'limit'"):
        verify(node(name, limits=3), "prompts")


@pytest.mark.parametrize("name", ["text", "file", "dataset"])
def test_what_must_be_given_is_asked_for(name: str) -> None:
    with pytest.raises(InputError, match=r"prompts\.(text|path|name) is not set"):
        build(node(name), "prompts")


def test_build_gives_the_prompts() -> None:
    assert build(node("fables", limit=2), "prompts") == fables(limit=2)
    assert len(build(node("notebooks"), "prompts")) == 9


def test_importing_the_sources_imports_nothing_heavy() -> None:
    heavy = ["torch", "transformers", "pandas", "pyarrow", "datasets", "numpy", "huggingface_hub"]
    code = (
        "import sys, harness.prompts.embedded, harness.prompts.text, harness.prompts.dataset, harness.prompts.wikitext;"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
