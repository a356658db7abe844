from __future__ import annotations

from harness.metrics.base import Tools
from harness.metrics.length import Length
from tests.corpora import corpus


def test_mean_tokens_and_the_share_that_ended_by_themselves() -> None:
    texts = corpus([[1, 2, 3], [], [1], [1] * 8], ends=["length", "eos", "eos", "context"])
    length, share = Length()(texts, Tools(references=None))
    assert (length.name, length.value) == ("length", 3.0)
    assert (share.name, share.value) == ("eos-share", 0.5)
    assert length.items is not None
    assert length.items.tolist() == [3, 0, 1, 8]
    assert share.items is not None
    assert share.items.tolist() == [0, 1, 1, 0]
    assert length.notes == ()  # an empty text has a length


def test_the_references_have_no_eos_share() -> None:
    references = corpus([[1, 2]], ends=["reference"])
    assert [score.name for score in Length()(references, Tools(references))] == ["length"]
    assert len(Length()(corpus([[1, 2]]), Tools(references))) == 2
