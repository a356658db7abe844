from __future__ import annotations

import math
from fractions import Fraction
from typing import Any, Literal

import numpy as np
import pytest

from harness.errors import InputError
from harness.knobs import Count, PositiveCount, Seed, Share, Temperature, build, checked, verify


@checked
def factory(
    share: Share = 0.5, *, heat: Temperature = 1.0, count: Count = 0, name: str | None = None, ids: tuple[int, ...] = ()
) -> dict[str, Any]:
    return {"share": share, "heat": heat, "count": count, "name": name, "ids": ids}


@checked
def choosing(
    stop: bool | Literal["never", "always"] = False,
    text: str | tuple[str, ...] | None = None,
    buckets: Literal["auto"] | PositiveCount = "auto",
    place: str | dict[str, Any] | None = None,
    count: Count | None = None,
    seed: Seed = 0,
) -> tuple[Any, ...]:
    return stop, text, buckets, place, count, seed


def needing(path: str, rows: int) -> tuple[str, int]:
    return path, rows


NODE = {"factory": f"{__name__}.factory"}


def test_ints_are_numbers_lists_are_tuples_and_infinity_is_a_temperature() -> None:
    assert build({**NODE, "share": 1, "heat": math.inf, "ids": [1, 2]}, "k") == {
        "share": 1.0, "heat": math.inf, "count": 0, "name": None, "ids": (1, 2),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("knobs", "says"),
    [
        ({"share": 1.5}, r"^k.share=1.5: .*allowed: 0 < value <= 1"),
        ({"share": 0}, r"^k.share=0: .*allowed: 0 < value <= 1"),
        ({"share": "0.5"}, r"^k.share='0.5': .*number"),
        ({"share": True}, r"^k.share=True: .*number"),
        ({"heat": math.nan}, r"^k.heat=nan: .*allowed: 0 <= value"),
        ({"count": 2.5}, r"^k.count=2.5: .*integer"),
        ({"count": None}, r"^k.count=None: .*integer"),
        ({"name": 3}, r"^k.name=3: .*string"),
        ({"ids": [1, "a"]}, r"^k.ids=\[1, 'a'\]: \[1\] .*integer"),
        ({"shaer": 0.5}, r"^unknown key k.shaer=0.5: did you mean 'share'\? allowed: count, heat, ids, name, share"),
    ],
)
def test_a_wrong_knob_is_named_with_what_is_allowed(knobs: dict[str, Any], says: str) -> None:
    for way in (build, verify):
        with pytest.raises(InputError, match=says):
            way({**NODE, **knobs}, "k")


@pytest.mark.parametrize(
    ("knobs", "says"),
    [
        ({"stop": "maybe"}, "k.stop='maybe': allowed: true, false, 'never' or 'always'"),
        ({"stop": 1}, "k.stop=1: allowed: true, false, 'never' or 'always'"),
        ({"text": 5}, "k.text=5: allowed: a string, a list of strings or null"),
        ({"text": ["a", 5]}, "k.text=['a', 5]: allowed: a string, a list of strings or null"),
        ({"buckets": 0}, "k.buckets=0: allowed: 'auto' or an integer (1 <= value)"),
        ({"place": 3}, "k.place=3: allowed: a string, a mapping or null"),
        ({"count": -1}, "k.count=-1: input should be greater than or equal to 0"),
    ],
)
def test_a_knob_of_several_types_says_what_is_allowed_once(knobs: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError) as raised:
        build({"factory": f"{__name__}.choosing", **knobs}, "k")
    assert str(raised.value) == says


def test_a_seed_fits_into_64_bits() -> None:
    assert choosing(seed=2**63 - 1)[-1] == 2**63 - 1
    for seed in (-1, 2**63, 10**26):
        with pytest.raises(InputError, match=rf"seed={seed}: .*0 <= value < 9223372036854775808"):
            choosing(seed=seed)


def test_integers_of_numpy_are_integers_and_nothing_else_is() -> None:
    found = factory(count=np.int64(3), ids=(np.uint8(1), 2))  # type: ignore[arg-type]
    assert found["count"] == 3
    assert {type(each) for each in (found["count"], *found["ids"])} == {int}
    for wrong in (np.float64(3.0), np.bool_(True), True, 3.0, Fraction(3), "3"):
        with pytest.raises(InputError, match=r"count=.*integer"):
            factory(count=wrong)  # type: ignore[arg-type]


def test_python_callers_get_the_same_check() -> None:
    assert factory(0.25, ids=(3,))["share"] == 0.25
    with pytest.raises(InputError, match=r"share=1.5: "):
        factory(1.5)
    with pytest.raises(InputError, match=r"count=-1: "):
        factory(count=-1)


def test_what_the_program_gives_cannot_be_set_and_what_is_missing_is_said() -> None:
    node = {"factory": f"{__name__}.needing"}
    assert build({**node, "path": "a"}, "k", rows=3, other=4) == ("a", 3)
    with pytest.raises(InputError, match=r"missing key k.path"):
        build(node, "k", rows=3)
    with pytest.raises(InputError, match=r"unknown key k.rows=2"):
        build({**node, "path": "a", "rows": 2}, "k", rows=3)


@pytest.mark.parametrize(
    "path",
    [
        *(None, 3, "nowhere.at.all", "harness.nothing", "harness.errors", "math.pi", "", ".a.b", "a..b"),
        *("builtins.dict", "builtins.range", "numpy.add"),  # callable, but nobody can tell with what
    ],
)
def test_a_factory_that_is_none_is_refused(path: object) -> None:
    for way in (build, verify):
        with pytest.raises(InputError, match=r"^k.factory="):
            way({"factory": path, "size": 3}, "k")


@pytest.mark.parametrize("node", [3, None, "greedy", [{"factory": "builtins.dict"}]])
def test_a_node_that_is_no_mapping_is_refused(node: Any) -> None:
    for way in (build, verify):
        with pytest.raises(InputError, match=r"^metrics.mine=.*: must be a mapping"):
            way(node, "metrics.mine")


def test_keys_that_are_no_words_are_unknown_keys() -> None:
    with pytest.raises(InputError, match=r"^unknown key k.1=2: allowed: count"):
        build({**NODE, 1: 2}, "k")  # type: ignore[dict-item]
