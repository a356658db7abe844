from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import harness
from harness.signature import comparable, differing, job_signature, parse, sign

JOB = {
    "model": "pocket-m@1a2b",
    "prompts": "fables/256",
    "new": 64,
    "samples": 1,
    "seed": 0,
    "strategy": "greedy()",
    "dtype": "float32",
    "packed": False,
    "engine": "fast",
}


def job(**changed: object) -> str:
    return job_signature(**{**JOB, **changed})  # type: ignore[arg-type]


def test_the_order_is_as_given_and_the_version_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.signature.__version__", "0.1.0")
    assert sign("rep-4", unit="model-tokens", avg="macro") == "rep-4|unit:model-tokens|avg:macro|v:0.1.0"
    assert sign("x", a=True, b=False, c=None, d=5.0, e=0.1, f=(1, 2)) == "x|a:yes|b:no|c:none|d:5|e:0.1|f:1,2|v:0.1.0"
    assert list(parse(job())) == ["name", *JOB, "v"]


def test_the_version_is_the_packages() -> None:
    assert parse(sign("x"))["v"] == harness.__version__


@given(st.text(max_size=8), st.dictionaries(st.from_regex(r"[a-z-]+", fullmatch=True), st.text(max_size=8), max_size=4))
def test_parse_undoes_sign(name: str, fields: dict[str, str]) -> None:
    fields = {key: value for key, value in fields.items() if key not in {"name", "v"}}
    signature = sign(name, **fields)
    assert parse(signature) == {"name": name, **fields, "v": harness.__version__}
    assert len(signature.splitlines()) <= 1


def test_what_means_something_in_a_signature_is_escaped() -> None:
    signature = sign("a|b", path="C:\\x|50%7C\n")
    assert signature.count("|") == 2
    assert parse(signature)["path"] == "C:\\x|50%7C\n"
    assert parse(signature)["name"] == "a|b"


def test_it_holds_every_digit_of_a_number() -> None:
    assert sign("x", p=0.1 + 0.2) != sign("x", p=0.3)


def test_differing_names_the_field_with_both_values() -> None:
    assert differing(job(), job(model="gpt2@9", seed=1)) == {"model": ("pocket-m@1a2b", "gpt2@9"), "seed": ("0", "1")}
    assert differing(sign("rep-2"), sign("rep-4", n=1)) == {"name": ("rep-2", "rep-4"), "n": (None, "1")}
    assert differing(job(), job()) == {}


@pytest.mark.parametrize("field", JOB)
def test_only_strategy_and_seed_may_differ(field: str) -> None:
    changed = job(**{field: 99 if isinstance(JOB[field], int) else "other"})
    assert comparable(job(), changed) == comparable(changed, job()) == (field in {"strategy", "seed"})
    assert changed != job()
