"""In which order a chain applies its stages. It moves numbers: temperature before top-p is not temperature after it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Literal

from harness.errors import InputError, did_you_mean
from harness.transforms import Chain, Transform, chain

Order = Literal["transformers", "llama.cpp"] | tuple[str, ...]

TRANSFORMERS = (
    "logit_bias",
    "repetition_penalty",
    "frequency_penalty",
    "presence_penalty",
    "dry_multiplier",
    "no_repeat_ngram_size",
    "banned",
    "min_new_tokens",
    "forced",
    "forced_eos",
    "temperature",
    "top_h",
    "top_k",
    "top_p",
    "min_p",
    "typical_p",
    "epsilon_cutoff",
    "eta_cutoff",
    "top_n_sigma",
    "top_a",
    "tfs_z",
    "xtc_probability",
)
"""That of `generate` of transformers 5.23: what edits logits, then temperature, then what truncates. What it lacks is
where its kind ends, the penalties beside the other."""

LLAMA_CPP = (
    "logit_bias",
    "banned",
    "min_new_tokens",
    "repetition_penalty",
    "frequency_penalty",
    "presence_penalty",
    "dry_multiplier",
    "no_repeat_ngram_size",
    "forced",
    "forced_eos",
    "top_n_sigma",
    "top_k",
    "top_a",
    "tfs_z",
    "typical_p",
    "top_p",
    "min_p",
    "top_h",
    "epsilon_cutoff",
    "eta_cutoff",
    "xtc_probability",
    "temperature",
)
"""llama.cpp's default: truncations see the model's own probabilities, and temperature comes last. Where it has none of
ours: tail-free where its versions of 2023 had it, top-a before that as in KoboldCpp, and the others after its own."""


def ordered(stages: Mapping[str, Transform | None], order: Order) -> Chain:
    """The stages that are on, in an order.

    Args:
        stages: by the name of the knob that turns each on; None: off.
        order: the name of one, or the names of stages, of which those that are off may be left out.

    Raises:
        InputError: an order names a stage that there is not, or one twice, or leaves out one that is on.
    """
    names = {"transformers": TRANSFORMERS, "llama.cpp": LLAMA_CPP}[order] if isinstance(order, str) else order
    for name, count in Counter(names).items():
        if name not in stages and not isinstance(order, str):
            raise InputError(f"order={list(names)}: there is no stage {name!r}; {did_you_mean(name, stages)}")
        if count > 1:
            raise InputError(f"order={list(names)}: {name!r} is there {count} times, and may be once")
    if missing := [name for name, stage in stages.items() if stage is not None and name not in names]:
        raise InputError(f"order={list(names)}: lacks {', '.join(missing)}, which is on")
    return chain(*(stages[name] for name in names if name in stages))
