"""Transforms: pure functions on rows of logits, one idea per file, composed by `chain`."""

from harness.transforms.banned import banned
from harness.transforms.base import Monotone, Transform, Truncation, Worded
from harness.transforms.chain import Chain, chain
from harness.transforms.dry import dry
from harness.transforms.dynamic_temperature import dynamic_temperature
from harness.transforms.epsilon_cutoff import epsilon_cutoff
from harness.transforms.eta_cutoff import eta_cutoff
from harness.transforms.forced import forced
from harness.transforms.forced_eos import forced_eos
from harness.transforms.frequency_penalty import frequency_penalty
from harness.transforms.logit_bias import logit_bias
from harness.transforms.min_new_tokens import min_new_tokens
from harness.transforms.min_p import min_p
from harness.transforms.no_repeat_ngram import no_repeat_ngram
from harness.transforms.presence_penalty import presence_penalty
from harness.transforms.repetition_penalty import repetition_penalty
from harness.transforms.temperature import temperature
from harness.transforms.tfs_z import tfs_z
from harness.transforms.top_a import top_a
from harness.transforms.top_h import top_h
from harness.transforms.top_k import top_k
from harness.transforms.top_n_sigma import top_n_sigma
from harness.transforms.top_p import top_p
from harness.transforms.typical_p import typical_p
from harness.transforms.xtc import xtc

__all__ = [
    "Chain",
    "Monotone",
    "Transform",
    "Truncation",
    "Worded",
    "banned",
    "chain",
    "dry",
    "dynamic_temperature",
    "epsilon_cutoff",
    "eta_cutoff",
    "forced",
    "forced_eos",
    "frequency_penalty",
    "logit_bias",
    "min_new_tokens",
    "min_p",
    "no_repeat_ngram",
    "presence_penalty",
    "repetition_penalty",
    "temperature",
    "tfs_z",
    "top_a",
    "top_h",
    "top_k",
    "top_n_sigma",
    "top_p",
    "typical_p",
    "xtc",
]
