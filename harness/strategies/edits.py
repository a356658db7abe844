"""The stages that edit logits before anything truncates them, by knobs that several strategies share."""

from __future__ import annotations

from harness import transforms
from harness.knobs import Count, Finite, NonNegative, Positive, PositiveCount
from harness.transforms import Transform
from harness.transforms.dry import BREAKERS, Base
from harness.transforms.phrases import Phrase

Phrases = tuple[Phrase, ...] | None
Biases = tuple[tuple[Phrase, Finite], ...] | None


def edits(
    *,
    logit_bias: Biases = None,
    repetition_penalty: Positive = 1.0,
    frequency_penalty: Finite = 0.0,
    presence_penalty: Finite = 0.0,
    penalty_window: Count = 0,
    dry_multiplier: NonNegative = 0.0,
    dry_base: Base = 1.75,
    dry_allowed_length: PositiveCount = 2,
    dry_window: Count = 0,
    dry_breakers: str = BREAKERS,
    no_repeat_ngram_size: Count = 0,
    banned: Phrases = None,
    min_new_tokens: Count = 0,
    forced: Phrase | None = None,
    forced_eos: bool = False,
) -> dict[str, Transform | None]:
    """The stages by the names of the knobs that turn them on, for `harness.strategies.order`; knobs as in `sample`."""
    return {
        "logit_bias": transforms.logit_bias(logit_bias),
        "repetition_penalty": transforms.repetition_penalty(repetition_penalty, penalty_window),
        "frequency_penalty": transforms.frequency_penalty(frequency_penalty, penalty_window),
        "presence_penalty": transforms.presence_penalty(presence_penalty, penalty_window),
        "dry_multiplier": transforms.dry(dry_multiplier, dry_base, dry_allowed_length, dry_window, dry_breakers),
        "no_repeat_ngram_size": transforms.no_repeat_ngram(no_repeat_ngram_size),
        "banned": transforms.banned(banned),
        "min_new_tokens": transforms.min_new_tokens(min_new_tokens),
        "forced": transforms.forced(forced),
        "forced_eos": transforms.forced_eos(forced_eos),
    }
