from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import Any

import pytest

from harness import configs
from harness.configs import options
from harness.errors import InputError
from harness.knobs import build
from harness.scoring.choice import Knobs, Nodes, nodes, usual

option = functools.cache(configs.option)  # composing takes a tenth of a second


@pytest.fixture(autouse=True)
def compose_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.scoring.choice.option", lambda *of: dict(option(*of)))


def chosen(names: Sequence[str], *settings: str, tokens: bool = False, generator: bool = False, **flags: Any) -> Nodes:
    return nodes(names, settings, Knobs(**flags), tokens=tokens, generator=generator)


def test_the_usual_metrics_are_those_of_a_run() -> None:
    from hydra import compose, initialize_config_dir

    from harness.configs import CONF

    with initialize_config_dir(str(CONF), version_base="1.3"):
        assert usual() == list(compose("config")["metrics"])


def test_every_metric_counts_words_unless_there_are_tokens() -> None:
    for name in options("metrics"):
        before = option("metrics", name)
        assert chosen([name], tokens=True)[name] == before
        after = chosen([name])[name]
        assert {key for key in before if before[key] != after[key]} <= {"unit"}
        assert after.get("unit", "words") == "words"
        build(after, f"metrics.{name}")


def test_a_knob_set_by_hand_stays() -> None:
    found = chosen(["distinct", "repetition"], "metrics.distinct.unit=tokens", "metrics.repetition.sizes=[2,3]")
    assert found["distinct"]["unit"] == "tokens"
    assert found["repetition"]["sizes"] == [2, 3]
    assert found["repetition"]["unit"] == "words"
    found = chosen(["distinct", "repetition"], "metrics.distinct.unit=tokens", tokens=True, unit="words")
    assert (found["distinct"]["unit"], found["repetition"]["unit"]) == ("tokens", "words")


def test_values_are_read_as_hydra_reads_them() -> None:
    found = chosen(
        ["mauve"], "metrics.mauve.scaling_factor=2.5", "metrics.mauve.max_tokens=null", "metrics.mauve.seeds=1"
    )
    assert (found["mauve"]["scaling_factor"], found["mauve"]["max_tokens"], found["mauve"]["seeds"]) == (2.5, None, 1)


def test_published_code_is_followed_where_there_is_any() -> None:
    found = chosen(["diversity", "repetition", "distinct", "length"], compat="simctg")
    assert [node.get("compat") for node in found.values()] == ["simctg", "simctg", None, None]
    found = chosen(["loops", "distinct"], "metrics.distinct.compat=cshaib", compat="degen")
    assert [node["compat"] for node in found.values()] == ["degen", "cshaib"]


@pytest.mark.parametrize("tokens", [True, False])
def test_published_code_has_no_quarrel_with_units(tokens: bool) -> None:
    """Whatever published code counts, texts with tokens and texts without reach it."""
    names = [name for name in options("metrics") if "compat" in option("metrics", name)]
    with pytest.raises(InputError) as caught:
        chosen(names, compat="nobody")
    projects = re.findall(r"(\w+) allows ([\w, ]+)", str(caught.value))
    assert len(projects) == len(names) > 5
    for name, allowed in projects:
        for project in allowed.split(", "):
            node = chosen([name], compat=project, tokens=tokens)[name]
            assert build(node, f"metrics.{name}").compat == project


def test_a_scorer_reads_for_every_metric_that_takes_one() -> None:
    found = chosen(["perplexity", "coherence", "repetition"], scorer="pocket-s")
    assert (found["perplexity"]["scorers"], found["coherence"]["scorer"]) == (["pocket-s"], "pocket-s")
    found = chosen(["perplexity"], scorer="pocket-s", tokens=True, generator=True)
    assert found["perplexity"]["scorers"] == ["generator", "pocket-s"]


def test_a_featurizer_is_that_of_every_metric_that_takes_one() -> None:
    assert chosen(["mauve", "zipf"], featurizer="pocket-s")["mauve"]["featurizer"] == "pocket-s"


@pytest.mark.parametrize(
    ("names", "settings", "flags", "says"),
    [
        (["rep"], [], {}, "--metrics='rep': there is no such metric; .*repetition"),
        (["zipf"], ["metrics.zipf.to=1"], {}, "--set metrics.zipf.to=1: zipf has no such knob; did you mean 'top'"),
        (["zipf"], ["metrics.mauve.seeds=1"], {}, "--set metrics.mauve.seeds=1: mauve is not among the metrics"),
        (["zipf"], ["zipf.top=1"], {}, "--set zipf.top=1: must be metrics.NAME.KNOB=VALUE"),
        (["zipf"], ["metrics.zipf.top=1,2"], {}, "--set .*: must be metrics.NAME.KNOB=VALUE"),
        (["zipf"], ["+metrics.zipf.top=1"], {}, "--set .*: must be metrics.NAME.KNOB=VALUE"),
        (["zipf"], ["metrics.zipf.top"], {}, "--set metrics.zipf.top: cannot be read"),
        (["zipf"], [], {"unit": "letters"}, "--unit='letters': no metric of zipf takes it .zipf allows tokens, words"),
        (["zipf"], [], {"unit": "tokens"}, "--unit='tokens': these texts come without"),
        (["length"], [], {"compat": "degen"}, "--compat='degen': no metric of length takes it$"),
        (
            ["zipf", "diversity"],
            [],
            {"compat": "nobody"},
            "--compat='nobody': no metric of zipf, diversity takes it .zipf allows degen, mauve_experiments; "
            "diversity allows simctg.$",
        ),
        (["zipf", "length"], [], {"scorer": "gpt2"}, "--scorer='gpt2': no metric of zipf, length takes it"),
    ],
)
def test_mistakes_are_named(names: list[str], settings: list[str], flags: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=f"^{says}"):
        chosen(names, *settings, **flags)
