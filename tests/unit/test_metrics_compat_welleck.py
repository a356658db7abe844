from __future__ import annotations

import numpy as np
import pytest

from harness.metrics.compat import welleck
from harness.metrics.ngrams import counts


def rep(texts: list[list[int]], size: int) -> float:
    return welleck.rep(counts(texts, (size,))[0])


def test_it_is_the_mean_over_texts_rounded_to_four_places() -> None:
    # Bigrams: 1 of 3 kinds, 2 of 2 and 3 of 3, so 2/3, 0 and 0: their mean is 0.2222…; pooled it would be 2/8.
    texts = [[1, 1, 1, 1], [1, 2, 3], [1, 2, 3, 4]]
    assert rep(texts, 2) == 0.2222
    assert rep(texts * 2, 2) == 0.2222
    assert rep(texts[::-1], 1) == pytest.approx(round(0.75 / 3, 4))


def test_no_number_where_that_code_divides_by_zero() -> None:
    assert np.isnan(rep([[1, 2, 3], [1]], 2))
    assert np.isnan(rep([], 1))
