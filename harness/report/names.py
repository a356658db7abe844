"""Labels that tell the jobs and references of several sweeps apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from harness.results import JobResult
from harness.signature import parse

_CHOICES = ("prompts", "engine")
_NUMBERS = ("seed", "samples", "max_new_tokens")


def about(job: JobResult) -> dict[str, str]:
    """What labels say of a job beside its strategy, as they say it within a sweep."""
    model = parse(job.signature).get("model", "").rpartition("@")[0]
    words = {
        "model": model or str(job.provenance.get("model") or job.choices.get("model", "")),
        **{group: job.choices.get(group, "") for group in _CHOICES},
        **{key: f"{key}={job.config[key]}" for key in _NUMBERS if key in job.config},
    }
    return {key: word for key, word in words.items() if word}


def apart(labels: Sequence[str], words: Sequence[Mapping[str, str]], last: Sequence[str]) -> list[str]:
    """Each label with those of its words that not all have, unless it says them already; and unique.

    Args:
        labels: as they are.
        words: of each label, by what they say.
        last: of each label, what it gets if that does not tell it apart; if that does not either, it gets a number.
    """
    varying = [key for key in dict.fromkeys(k for each in words for k in each) if len({w.get(key) for w in words}) > 1]
    named = []
    for label, each in zip(labels, words, strict=True):
        for key in varying:
            if key in each and f" {each[key]} " not in f" {label} ":
                label = f"{label} {each[key]}"
        named.append(label)
    repeated = _repeated(named)
    named = [f"{name} {more}" if name in repeated else name for name, more in zip(named, last, strict=True)]
    repeated, seen = _repeated(named), Counter[str]()
    for place, name in enumerate(named):
        seen[name] += 1
        if name in repeated:
            named[place] = f"{name} #{seen[name]}"
    return named


def _repeated(names: Sequence[str]) -> set[str]:
    return {name for name, count in Counter(names).items() if count > 1}
