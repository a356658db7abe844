"""A second reader of the rows: whatever the rows do, its logits are those of their texts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from torch import Tensor

from harness.companion import Companion
from harness.engine import Request, decode
from harness.errors import InputError
from harness.exact import decode_exactly
from harness.models.loading import hf
from harness.nodes import Nodes
from harness.prompts import identified
from harness.strategies.base import Step, View
from harness.strategies.beam import Beam, beam
from harness.strategies.sampling import Sampling, sample
from tests.batches import TEXTS, requests, tokens
from tests.table_model import table_model

if TYPE_CHECKING:
    from harness.models.base import LanguageModel


@dataclass(frozen=True)
class Other(Sampling):
    """Samples from what its companion says: the model itself, after its own prompt or another one."""

    instead: tuple[int, ...] = ()

    def companion(self, model: LanguageModel) -> Companion:
        return Companion(model, (lambda _: self.instead) if self.instead else tuple)

    def step(self, view: View, state: None) -> tuple[Step, None]:
        assert view.other is not None
        own = replace(view, nodes=Nodes(view.other), node=view.node.new_tensor(range(len(view.node))))
        return super().step(own, state)


@dataclass(frozen=True)
class OtherBeam(Beam):
    """Searches by what its companion says."""

    def companion(self, model: LanguageModel) -> Companion:
        return Companion(model)

    def logprobs(self, view: View) -> Tensor:
        assert view.other is not None
        return view.other.log_softmax(-1)


SAMPLE, BEAM = sample(top_p=0.9), beam(num_beams=3)
OTHER = Other(SAMPLE.transform)
OTHER_BEAM = OtherBeam(BEAM.num_beams, BEAM.length_penalty, BEAM.early_stopping, BEAM.transform)


@pytest.mark.parametrize("max_rows", [1, 4, 1000])
def test_a_companion_that_is_the_model_changes_nothing(max_rows: int) -> None:
    model = table_model(6, eos=[5])
    mixed = (SAMPLE, OTHER, BEAM, OTHER_BEAM)
    found = tokens(list(decode(model, requests(mixed, TEXTS, seeds=(0, 1)), max_rows=max_rows)), mixed)
    by = {s: [value for key, value in sorted(found.items()) if key[1] == i] for i, s in enumerate(mixed)}
    assert by[OTHER] == by[SAMPLE]
    assert by[OTHER_BEAM] == by[BEAM]
    assert any(len(each) > 3 for each in by[OTHER_BEAM])


def test_the_same_with_a_real_model_and_prompts_of_several_lengths(tiny_dir: Path) -> None:
    model = hf(str(tiny_dir), dtype="float64")
    texts = ["the", "a cat sat on", "one two three four five six seven"]
    asked = {
        s: [
            Request(p, tuple(model.encode(p.text)), s, new)
            for p, new in zip(identified([(t, None) for t in texts]), (3, 9, 14), strict=True)
        ]
        for s in (SAMPLE, OTHER, BEAM, OTHER_BEAM)
    }
    for engine in (decode, decode_exactly):
        found = {g.request: g.tokens for g in engine(model, [r for each in asked.values() for r in each])}
        assert [found[r] for r in asked[OTHER]] == [found[r] for r in asked[SAMPLE]]
        assert [found[r] for r in asked[OTHER_BEAM]] == [found[r] for r in asked[BEAM]]


def test_it_may_read_another_prompt() -> None:
    model = table_model(6)
    other = Other(SAMPLE.transform, instead=(3,))
    first = {p: next(iter(decode(model, requests([other], [p], new=1)))).tokens for p in "abcd"}
    draws = {p: next(iter(decode(model, requests([SAMPLE], [p], new=1)))).tokens for p in "abcd"}
    assert first["d"] == draws["d"]  # token 3 is "d"
    assert all(np.isin(first[p], range(6)).all() for p in "abcd")
    assert first != draws


def test_a_companion_without_room_is_said_before_anything_is_decoded(tiny_dir: Path) -> None:
    model = hf(str(tiny_dir))
    assert model.context is not None
    long = Other(SAMPLE.transform, instead=(1,) * model.context)
    with pytest.raises(InputError, match=f"context of {model.context}"):
        list(decode(model, [Request(identified([("a", None)])[0], (1,), long, 2)]))
