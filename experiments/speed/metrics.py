"""How long metrics take on large corpora, and what nltk takes for the same number.

python experiments/speed/metrics.py          a few minutes on one core; writes measured/metrics.json
python experiments/speed/metrics.py --tiny   the same in seconds, to see that it runs; writes nothing
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import harness  # noqa: F401  (before torch: it sets how OpenMP waits)

# isort: split
import numpy as np

from experiments.speed.environment import environment
from harness.atomic import write_json
from harness.evidence import evidence
from harness.metrics.base import Corpus, Tools
from harness.metrics.compression import Compression
from harness.metrics.distinct import Distinct
from harness.metrics.diversity import Diversity
from harness.metrics.loops import Loops
from harness.metrics.ngram_entropy import NgramEntropy
from harness.metrics.repetition import Repetition
from harness.metrics.self_bleu import SelfBleu
from harness.metrics.zipf import Zipf

HERE = Path(__file__).resolve().parent
KINDS = 30_000  # different words
LENGTH = 128
LOOPING = 0.1  # of the texts end in a loop of 1 to 20 words


def corpus(texts: int, seed: int = 0) -> Corpus:
    """Texts of words with Zipf's frequencies; some end in loops."""
    rng = np.random.default_rng(seed)
    weights = 1 / np.arange(1, KINDS + 1)
    words = rng.choice(KINDS, size=(texts, LENGTH), p=weights / weights.sum())
    for text in words[: int(LOOPING * texts)]:
        period, start = rng.integers(1, 21), rng.integers(8, LENGTH // 2)
        text[start:] = np.resize(text[start : start + period], LENGTH - start)
    tokens = words.tolist()
    return Corpus(
        prompt_ids=[f"p{i}" for i in range(texts)],
        prompts=[""] * texts,
        texts=[" ".join(f"w{word}" for word in text) for text in tokens],
        ends=["length"] * texts,
        tokens=tokens,
    )


def seconds(work: Callable[[], Any], repetitions: int) -> dict[str, Any]:
    """The least and the greatest of the wall times."""
    laps = []
    for _ in range(repetitions):
        start = time.perf_counter()
        work()
        laps.append(time.perf_counter() - start)
    return {"least": round(min(laps), 3), "greatest": round(max(laps), 3), "repetitions": repetitions}


def nltk_hypothesis(texts: Corpus, hypotheses: int) -> float:
    """Seconds that nltk takes for one hypothesis against all other texts."""
    from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu

    words = [text.split() for text in texts.texts]
    start = time.perf_counter()
    for i in range(hypotheses):
        sentence_bleu([*words[:i], *words[i + 1 :]], words[i], smoothing_function=SmoothingFunction().method1)
    return (time.perf_counter() - start) / hypotheses


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny", action="store_true")
    tiny = parser.parse_args().tiny
    few, many, repetitions, hypotheses = (50, 200, 1, 2) if tiny else (5_000, 100_000, 3, 2)
    tools = Tools(None)
    small, large = corpus(few), corpus(many)
    rows = []

    def row(what: str, texts: int, work: Callable[[], Any], times: int = repetitions) -> None:
        rows.append({"what": what, "texts": texts} | seconds(work, times))
        print(f"{what:42s} {texts:7,d} texts {rows[-1]['least']:8.2f} to {rows[-1]['greatest']:.2f} s", flush=True)

    for what, metric in {
        "self-BLEU 1-5, with intervals": SelfBleu(sizes=(1, 2, 3, 4, 5), unit="words"),
        "Zipf": Zipf(unit="words"),
        "n-gram entropy 1-4": NgramEntropy(unit="words"),
        "compression": Compression(),
    }.items():
        row(what, few, lambda m=metric: m(small, tools))  # type: ignore[misc]
    for what, metric in {
        "rep-1 to rep-4": Repetition(),
        "loops": Loops(),
        "diversity": Diversity(),
        "distinct-1 to distinct-4": Distinct(),
    }.items():
        row(what, many, lambda m=metric: m(large, tools))  # type: ignore[misc]
    found = [evidence(score, small.prompt_ids) for score in Repetition()(small, tools)]
    row("bootstrap of four scores, 10,000 resamples", few, lambda: [e.interval() for e in found if e])
    pairs = [evidence(score, small.prompt_ids) for score in Repetition()(corpus(few, 1), tools)]
    row("the same four, paired tests", few, lambda: [a.minus(b) for a, b in zip(found, pairs, strict=True) if a and b])
    each = nltk_hypothesis(small, hypotheses)
    print(f"nltk's self-BLEU-4: {each:.2f} s a hypothesis, {each * few / 60:.0f} minutes for {few:,d}")
    if not tiny:
        write_json(
            HERE / "measured" / "metrics.json",
            {"environment": environment("cpu", 1), "words": LENGTH, "rows": rows, "nltk_hypothesis": round(each, 3)},
        )


if __name__ == "__main__":
    main()
