"""The knob `compat` of the metrics: which function answers, in which unit, and what may be set beside it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from harness.errors import InputError
from harness.metrics.base import Corpus, Metric, Score, Tools
from harness.metrics.compat import cshaib, degen, helm, mauve_experiments, simctg, welleck
from harness.metrics.compression import Compression
from harness.metrics.distinct import Distinct
from harness.metrics.diversity import Diversity
from harness.metrics.loops import Loops
from harness.metrics.ngrams import counts, ngrams
from harness.metrics.repetition import Repetition
from harness.metrics.self_bleu import SelfBleu
from harness.metrics.zipf import Zipf
from harness.signature import parse
from harness.stats import number
from tests.corpora import corpus

TOOLS = Tools(None)
RNG = np.random.default_rng(0)
TOKENS = [[*RNG.integers(0, 5, 12).tolist(), *[1, 2, 3] * (i % 2 * 2)] for i in range(8)]
TEXTS = corpus(TOKENS, texts=[" ".join("abcde"[token] for token in tokens) for tokens in TOKENS])
WORDS = [text.split() for text in TEXTS.texts]
ONE = next(np.bincount(grams.ids) for grams in ngrams(TOKENS, (1,)))

PUBLISHED: list[tuple[Metric, list[float]]] = [
    (Diversity(compat="simctg"), [simctg.diversity(simctg.counts(TEXTS.texts))]),
    (Repetition(compat="simctg"), [simctg.rep(found) for found in simctg.counts(TEXTS.texts)]),
    (Repetition(compat="welleck"), [welleck.rep(found) for found in counts(TOKENS, (1, 2, 3, 4))]),
    (Distinct(compat="degen"), [degen.hapaxes(g) / len(g.ids) for g in ngrams(TOKENS, (1, 2, 3, 4))]),
    (Distinct(compat="mauve_experiments"), [mauve_experiments.distinct(g) for g in ngrams(TOKENS, (1, 2, 3, 4))]),
    (Distinct(compat="cshaib"), [cshaib.ngram_diversity(TEXTS.texts), cshaib.self_repetition(TEXTS.texts)]),
    (Loops(compat="degen"), [0.5]),  # every other text ends in "1 2 3 1 2 3": three tokens twice
    (Loops(compat="mauve_experiments"), [0.5]),
    (Zipf(compat="degen"), [degen.zipf(ONE)[0]]),
    (Zipf(compat="mauve_experiments"), [mauve_experiments.zipf(ONE)]),
    (SelfBleu(compat="degen"), degen.self_bleu(TOKENS, (1, 2, 3, 4, 5))),
    (SelfBleu(compat="mauve_experiments"), mauve_experiments.self_bleu(TOKENS, (1, 2, 3, 4, 5))),
    (SelfBleu(compat="helm"), [helm.self_bleu(TEXTS.texts, TEXTS.prompt_ids)]),
    (Compression(compat="cshaib"), [cshaib.compression_ratio(TEXTS.texts)]),
]


def compat(metric: Metric) -> str:
    return str(metric.compat)  # type: ignore[attr-defined]


@pytest.mark.parametrize(("metric", "expected"), PUBLISHED, ids=lambda x: repr(x) if isinstance(x, Metric) else "")
def test_the_published_function_answers_and_the_signature_says_so(metric: Metric, expected: list[float]) -> None:
    scores = metric(TEXTS, TOOLS)
    assert [score.value for score in scores] == pytest.approx(expected, abs=1e-12)
    assert {parse(score.signature)["compat"] for score in scores} == {compat(metric)}
    ours = type(metric)()(TEXTS, TOOLS)
    assert all("compat" not in parse(score.signature) for score in ours)
    assert {score.signature for score in ours}.isdisjoint(score.signature for score in scores)


@pytest.mark.parametrize(("metric", "expected"), PUBLISHED, ids=lambda x: repr(x) if isinstance(x, Metric) else "")
def test_no_texts_are_no_traceback(metric: Metric, expected: list[float]) -> None:
    for given in (corpus([]), corpus([[], []]), corpus([[1]])):
        assert len(metric(given, TOOLS)) == len(expected)


def test_words_are_counted_where_that_code_counts_words() -> None:
    bare = Corpus(TEXTS.prompt_ids, TEXTS.prompts, TEXTS.texts, TEXTS.ends)  # no tokens
    for metric in (Diversity(compat="simctg"), Repetition(compat="simctg"), Distinct(compat="cshaib")):
        assert "words" in parse(metric(bare, TOOLS)[0].signature)["unit"]
    for asking in (Repetition(compat="welleck"), Distinct(compat="degen"), Loops(compat="degen")):
        with pytest.raises(InputError, match="model tokens"):
            asking(bare, TOOLS)
    (words,) = Loops(compat="degen", unit="words")(bare, TOOLS)
    assert words.value == 0.5


def test_rep_n_of_simctg_is_in_percent() -> None:
    for theirs, ours in zip(
        Repetition(compat="simctg")(TEXTS, TOOLS),
        Repetition(average="micro", unit="words")(TEXTS, TOOLS)[1:],
        strict=True,
    ):
        assert theirs.value == pytest.approx(100 * ours.value, abs=5)
        assert theirs.name == ours.name
        assert parse(theirs.signature)["scale"] == "percent"


@pytest.mark.parametrize(
    ("metric", "place"),
    [(Diversity(compat="simctg"), 5e-4), (Repetition(compat="simctg"), 5e-3), (Repetition(compat="welleck"), 5e-5)],
)
def test_intervals_are_those_of_the_number_before_it_is_rounded(metric: Metric, place: float) -> None:
    for score in metric(TEXTS, TOOLS):
        assert score.stats is not None
        assert score.combine is not None
        assert number(score.stats, score.combine) == pytest.approx(score.value, abs=place)


def test_there_is_no_interval_where_none_is_valid() -> None:
    def intervals(metric: Metric) -> set[bool]:
        return {score.stats is not None or score.left_out is not None for score in metric(TEXTS, TOOLS)}

    for metric in (
        Distinct(compat="degen"),
        Distinct(compat="cshaib"),
        SelfBleu(compat="degen"),
        Compression(compat="cshaib"),
    ):
        assert intervals(metric) == {False}
    for steady in (Distinct(compat="mauve_experiments"), Zipf(compat="mauve_experiments"), Loops(compat="degen")):
        assert intervals(steady) == {True}


def test_left_out_zipf_is_that_of_the_other_texts() -> None:
    (score,) = Zipf(compat="mauve_experiments")(TEXTS, TOOLS)
    assert score.left_out is not None
    without = [
        Zipf(compat="mauve_experiments")(TEXTS.take([i for i in range(8) if i != j]), TOOLS)[0] for j in range(8)
    ]
    assert sorted(score.left_out) == pytest.approx(sorted(other.value for other in without))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda: Diversity(compat="simctg", sizes=(2,)),
            r"metrics.diversity.sizes=\(2,\): metrics.diversity.compat=simctg",
        ),
        (lambda: Diversity(compat="simctg", average="macro"), "metrics.diversity.average='macro'"),
        (
            lambda: Repetition(compat="welleck", sizes=(4,)),
            r"metrics.repetition.sizes=\(4,\).*compat=welleck",
        ),
        (lambda: Distinct(compat="cshaib", sizes=(2,)), r"metrics.distinct.sizes=\(2,\).*compat=cshaib"),
        (lambda: Loops(compat="degen", window=90), "metrics.loops.window=90.*compat=degen"),
        (lambda: Zipf(compat="degen", top=10), "metrics.zipf.top=10.*compat=degen"),
        (lambda: SelfBleu(compat="degen", hypotheses=3), "metrics.self_bleu.hypotheses=3.*compat=degen"),
        (
            lambda: SelfBleu(compat="helm", style="sacrebleu-exp"),
            "metrics.self_bleu.style='sacrebleu-exp'.*compat=helm",
        ),
        (lambda: Distinct(compat="holtzman"), "compat='holtzman'.*'degen', 'mauve_experiments' or 'cshaib'"),  # type: ignore[arg-type]
    ],
)
def test_a_knob_that_the_published_code_decides_is_refused(build: Callable[[], Metric], message: str) -> None:
    with pytest.raises(InputError, match=message):
        build()


def test_to_say_what_the_published_code_does_is_allowed() -> None:
    for metric in (
        Diversity(compat="simctg", unit="words"),
        Repetition(compat="simctg", unit="words", average="micro"),
    ):
        assert metric(TEXTS, TOOLS)[0].value == type(metric)(compat="simctg")(TEXTS, TOOLS)[0].value
    with pytest.raises(InputError, match="average='micro'"):
        Repetition(compat="welleck", average="micro")


def test_knobs_that_it_leaves_open_may_be_set() -> None:
    scores: list[Score] = Distinct(compat="degen", sizes=(2,), unit="words")(TEXTS, TOOLS)
    (grams,) = ngrams(WORDS, (2,))
    assert [score.value for score in scores] == [degen.hapaxes(grams) / len(grams.ids)]
    assert parse(scores[0].signature)["unit"] == "words"
