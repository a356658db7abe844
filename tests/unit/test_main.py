from __future__ import annotations

import pytest

from harness.__main__ import job_folder, slug


@pytest.mark.parametrize(
    ("text", "folder"),
    [
        ("top_p=0.9,seed=1", "top_p=0.9,seed=1"),
        ("../../etc/passwd", "etc-passwd"),
        ("a b\n'c' $(d)", "a-b-c-d"),
        ("model.name=/some/where", "model.name=-some-where"),
        ("..", ""),
        ("x" * 500, "x" * 120),
    ],
)
def test_a_slug_is_one_plain_folder_name(text: str, folder: str) -> None:
    assert slug(text) == folder


def test_an_empty_name_gives_way_to_the_default() -> None:
    assert slug(None, "sweep") == "sweep"
    assert slug("", "sweep") == "sweep"


def test_a_job_folder_keeps_what_tells_jobs_apart() -> None:
    overrides = ["strategy=top_p", "prompts.limit=3", "+strategy.top_p=0.8", "seed=1", "model=pocket-s"]
    assert job_folder("top_p", overrides) == "top_p_top_p=0.8_seed=1_model=pocket-s"
