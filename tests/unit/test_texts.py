from __future__ import annotations

import numpy as np
import pandas as pd

import harness
from harness.generations import SCHEMA
from harness.reference_files import REFERENCE_SCHEMA
from harness.strategies.base import VALUES
from harness.texts import corpus


def test_rows_have_the_columns_of_the_files() -> None:
    model = harness.load_model("pocket-s")
    prompts = harness.load_prompts(limit=3)
    frame = harness.decode(model, prompts, ["beam", "sample"], max_new_tokens=5)
    added = ["model", "max_new_tokens"]  # which a job's signature says of files
    assert list(frame) == [*SCHEMA.names, *added]
    assert ["reference", *harness.references(model, prompts, 5)] == [*REFERENCE_SCHEMA.names, *added]
    for name in VALUES:
        assert all(len(v) == len(t) for v, t in zip(frame[name], frame["tokens"], strict=True))


def test_what_no_token_has_a_value_of_is_not_known() -> None:
    model = harness.load_model("pocket-s")
    prompts = harness.load_prompts(limit=3)
    frame = harness.decode(model, prompts, ["beam", "sample"], max_new_tokens=5)
    searched, sampled = (corpus(each) for _, each in frame.groupby("strategy", sort=False))
    assert set(sampled.values) == set(VALUES)
    assert set(VALUES) - set(searched.values) == {"strategy_logprob", "kept", "kept_mass"}
    human = corpus(harness.references(model, prompts, 5))
    assert set(human.values) == {"logprob", "entropy", "rank", "gap"}


def test_texts_without_tokens_have_values_of_none() -> None:
    frame = pd.DataFrame({"prompt_id": ["a"], "prompt": [""], "text": [""], "tokens": [[]], "logprob": [np.empty(0)]})
    assert [len(v) for v in corpus(frame).values["logprob"]] == [0]
