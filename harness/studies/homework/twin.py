"""The same model under the other backend: two programs that share weights and nothing else."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from harness.errors import InputError
from harness.models.base import LanguageModel
from harness.models.loading import load
from harness.results import JobResult

WITHIN = {"float32": 5e-6, "float64": 5e-11}
"""How far the logits of two backends may be apart, as a share of the largest, by the dtype of both."""


def twin_of(job: JobResult) -> LanguageModel:
    """The model of a job by the other backend, in the job's dtype.

    Raises:
        InputError: there is none: NumPy does not have the architecture or the dtype, or the factory no backends.
    """
    if job.config["model"].get("backend") == "numpy":
        return load({**job.config["model"], "backend": "torch"})
    return numpy_of(job, str(job.provenance["dtype"]))


def numpy_of(job: JobResult, dtype: str) -> LanguageModel:
    """The model of a job in NumPy (`harness.models.gpt2_numpy`).

    Raises:
        InputError: NumPy does not have the architecture or the dtype, or the factory no backends.
    """
    if dtype not in WITHIN:
        raise InputError(f"the job ran in {dtype}, which NumPy does not have")
    return load({**job.config["model"], "backend": "numpy", "dtype": dtype, "device": "auto"})


def apart(one: LanguageModel, other: LanguageModel, texts: Sequence[Sequence[int]]) -> tuple[float, float]:
    """The largest difference between two logits of the same token after the same tokens, and the largest logit.

    Over all tokens of the vocabulary at all positions of the texts; sizes are without sign.
    """
    furthest, largest = 0.0, 0.0
    for text in texts:
        logits = [model.forward([text], [range(len(text))])[0].to("cpu", torch.float64) for model in (one, other)]
        furthest = max(furthest, float((logits[0] - logits[1]).abs().max()))
        largest = max(largest, float(logits[0].abs().max()))
    return furthest, largest
