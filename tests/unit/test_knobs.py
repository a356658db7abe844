from __future__ import annotations

import math
from typing import Any

import pytest

from harness.errors import InputError
from harness.knobs import Count, Share, Temperature, build, checked, verify


@checked
def factory(
    share: Share = 0.5, *, heat: Temperature = 1.0, count: Count = 0, name: str | None = None, ids: tuple[int, ...] = ()
) -> dict[str, Any]:
    return {"share": share, "heat": heat, "count": count, "name": name, "ids": ids}


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


@pytest.mark.parametrize("path", [None, 3, "nowhere.at.all", "harness.nothing", "harness.errors", "math.pi", ""])
def test_a_factory_that_is_none_is_refused(path: object) -> None:
    with pytest.raises(InputError, match=r"^k.factory="):
        build({"factory": path}, "k")
