"""HELM's self-BLEU.

Liang et al. (2023), "Holistic evaluation of language models"; repository stanford-crfm/helm,
`benchmark/metrics/disinformation_metrics.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.errors import InputError


def self_bleu(texts: Sequence[str], prompt_ids: Sequence[str]) -> float:
    """The mean over prompts of the mean BLEU-4 of each continuation against the others of the same prompt, 0 to 100.

    Ours takes all other texts for references. BLEU is sacrebleu's for sentences: its own tokenisation, exponential
    smoothing, and only the orders that a short text has (`effective_order`). Continuations without text are dropped; a
    prompt that is left with fewer than two counts as 0, so with one continuation per prompt the number is 0.

    Raises:
        InputError: sacrebleu is not installed.
    """
    try:
        from sacrebleu.metrics import BLEU
    except ImportError as error:
        raise InputError("compat=helm takes sacrebleu's tokenisation: pip install 'decoding-harness[bleu]'") from error
    bleu = BLEU(effective_order=True)
    prompts: dict[str, list[str]] = {prompt: [] for prompt in prompt_ids}
    for text, prompt in zip(texts, prompt_ids, strict=True):
        if text := text.strip():
            prompts[prompt].append(text)
    means = [_mean_bleu(group, bleu) for group in prompts.values()]
    return sum(means) / len(means) if means else float("nan")


def _mean_bleu(texts: list[str], bleu: Any) -> float:
    if len(texts) < 2:
        return 0.0
    found = [bleu.sentence_score(text, texts[:i] + texts[i + 1 :]).score for i, text in enumerate(texts)]
    return float(sum(found) / len(found))
