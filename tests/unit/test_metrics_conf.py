from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from harness.errors import InputError
from harness.knobs import build, import_path
from harness.metrics.base import Metric

CONF = Path(__file__).parents[2] / "conf"
NAMES = sorted(path.stem for path in (CONF / "metrics").glob("*.yaml"))


def composed(*overrides: str) -> dict[str, dict[str, object]]:
    with initialize_config_dir(str(CONF), version_base=None):
        cfg = compose(overrides=[f"+metrics=[{','.join(NAMES)}]", *overrides])
    found = OmegaConf.to_container(cfg.metrics, resolve=True)
    assert isinstance(found, dict)
    return found  # type: ignore[return-value]


def test_every_file_nests_under_its_own_name() -> None:
    assert sorted(composed()) == NAMES
    assert {"distinct", "length", "loops", "mauve", "perplexity", "repetition"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_file_builds_its_metric_and_shows_every_knob_at_its_default(name: str) -> None:
    node = composed()[name]
    kind = import_path(str(node["factory"]), "factory")
    metric = build(node, f"metrics.{name}")
    assert isinstance(metric, Metric)
    assert metric == kind()
    assert node.keys() - {"factory"} == {knob.name for knob in fields(metric)}  # type: ignore[arg-type]


def test_a_knob_can_be_set_and_is_checked() -> None:
    assert build(composed("metrics.repetition.average=micro")["repetition"], "metrics.repetition").average == "micro"
    with pytest.raises(InputError, match=r"metrics\.repetition\.sizes"):
        build(composed("metrics.repetition.sizes=[0]")["repetition"], "metrics.repetition")
    with pytest.raises(InputError, match=r"metrics\.loops\.windows"):
        build(composed("+metrics.loops.windows=3")["loops"], "metrics.loops")
