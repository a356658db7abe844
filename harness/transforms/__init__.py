"""Transforms: pure functions on rows of logits, one idea per file, composed by `chain`."""

from harness.transforms.base import Monotone, Transform, Truncation
from harness.transforms.chain import Chain, chain
from harness.transforms.repetition_penalty import repetition_penalty
from harness.transforms.temperature import temperature
from harness.transforms.top_k import top_k
from harness.transforms.top_p import top_p

__all__ = [
    "Chain",
    "Monotone",
    "Transform",
    "Truncation",
    "chain",
    "repetition_penalty",
    "temperature",
    "top_k",
    "top_p",
]
