from __future__ import annotations

import numpy as np
import pytest

from harness.metrics.base import Tools
from harness.metrics.compat import degen, hf_evaluate
from harness.metrics.perplexity import Perplexity
from harness.signature import parse
from tests.corpora import corpus

LOGPROBS = [np.log([0.5, 0.5, 0.5]), np.log([0.125]), np.empty(0)]


def test_it_is_a_mean_of_exponentials() -> None:
    np.testing.assert_allclose(hf_evaluate.perplexities(LOGPROBS), [2, 8, np.nan])
    assert degen.perplexity(LOGPROBS) == pytest.approx(2**1.5)


def test_the_metric_has_it_with_an_interval() -> None:
    texts = corpus([[1, 2, 3], [4], []], logprobs=LOGPROBS)
    (score,) = Perplexity(compat="hf_evaluate")(texts, Tools(None))
    assert score.value == pytest.approx((2 + 8) / 2)
    assert score.combine == "ratio"
    assert score.stats is not None
    assert score.stats.sum(axis=0) == pytest.approx([10, 2])
    assert parse(score.signature)["compat"] == "hf_evaluate"
    assert Perplexity()(texts, Tools(None))[0].value == pytest.approx(2**1.5)
