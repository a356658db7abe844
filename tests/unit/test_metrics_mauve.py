from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import InputError
from harness.jackknife import groups
from harness.metrics import clusters
from harness.metrics.base import Corpus, Score, Tools
from harness.metrics.divergence import area, shares
from harness.metrics.mauve import Mauve
from harness.signature import comparable, differing, parse
from tests.clouds import Features, drawn, needs, tools
from tests.corpora import corpus, golden

Vectors = Callable[[Corpus], Features]


def named(scores: Sequence[Score]) -> dict[str, Score]:
    return {score.name: score for score in scores}


def mauve(p: Features, q: Features, buckets: int, seed: int = 25) -> float:
    of_p, of_q = (np.bincount(side, minlength=buckets) for side in clusters.labels(p, q, buckets, seed))
    return float(area(shares(of_p.astype(float)), shares(of_q.astype(float))))


@needs
@pytest.mark.parametrize("case", range(6))
def test_published_features_with_the_packages_own_seed(case: int) -> None:
    given = json.loads(golden("mauve.json").read_text())["cases"][case]
    n, d = given["n"], given["d"]
    found = tools(drawn(n, d), n, drawn(n, d, given["shift"], seed=1))
    scores = named(Mauve(seeds=1, splits=0)(corpus([[1, 2, 3]] * n), found))
    assert scores["mauve"].value == pytest.approx(given["mauve"], abs=1e-6)
    assert scores["mauve-star"].value == pytest.approx(given["mauve_star"], abs=1e-6)
    assert scores["frontier-integral"].value == pytest.approx(given["frontier_integral"], abs=1e-6)
    for score in scores.values():
        assert parse(score.signature)["buckets"] == str(given["num_buckets"])
        assert parse(score.signature)["features"] == "test/last"


@needs
@pytest.mark.parametrize(("n", "m"), [(34, 90), (35, 35), (25, 500), (16, 16), (300, 145)])
def test_auto_is_the_packages_number_of_buckets(n: int, m: int) -> None:
    package = pytest.importorskip("mauve", reason="needs mauve-text")
    p, q = drawn(n, 3), drawn(m, 3, 0.3, 1)
    expected = package.compute_mauve(p_features=p, q_features=q)
    (score, *_) = Mauve(seeds=1, splits=0, min_texts=10)(corpus([[1]] * m), tools(p, n, q))
    assert parse(score.signature)["buckets"] == str(expected.num_buckets)
    assert score.value == pytest.approx(expected.mauve, abs=1e-9)


@needs
class TestScores:
    def test_it_is_the_mean_over_seeds_and_says_how_they_spread(self) -> None:
        p, q = drawn(60, 8), drawn(60, 8, 0.5, seed=1)
        singles = [mauve(p, q, 6, seed) for seed in range(25, 30)]
        scores = Mauve(min_texts=10, splits=0)(corpus([[1, 2, 3]] * 60), tools(p, 60, q))
        assert [(s.name, s.better) for s in scores] == [
            ("mauve", "high"),
            ("mauve-star", "high"),
            ("frontier-integral", "low"),
        ]
        assert scores[0].value == pytest.approx(np.mean(singles))
        assert scores[0].noise == pytest.approx(np.var(singles, ddof=1) / 5)
        assert f"{min(singles):.3f} to {max(singles):.3f}" in scores[0].notes[-1]
        for score in scores:
            assert score.stats is None
            assert score.left_out is not None
            assert score.left_out.shape == (20,)
            assert np.abs(score.left_out - score.value).max() < 0.2

    def test_equal_distributions_score_high_and_far_ones_near_zero(self) -> None:
        same, far = (Mauve(seeds=1, min_texts=10, splits=0) for _ in range(2))
        (score, star, frontier) = same(corpus([[1]] * 40), tools(drawn(40, 4), 40))
        assert (score.value, star.value, frontier.value) == pytest.approx((1.0, 1.0, 0.0))
        (score, star, frontier) = far(corpus([[1]] * 40), tools(drawn(40, 4, 9), 40, drawn(40, 4, -9)))
        assert score.value < 0.01
        assert score.value < star.value < 0.2
        assert frontier.value == pytest.approx(1.0)

    def test_features_that_are_all_equal_score_one(self) -> None:
        same = np.ones((20, 4), dtype=np.float32)
        assert Mauve(seeds=1, min_texts=10)(corpus([[1]] * 20), tools(same, 20))[0].value == pytest.approx(1.0)

    def test_max_tokens_cuts_both_sides(self) -> None:
        seen: list[Corpus] = []
        references = corpus([[1] * 20] * 20, ends=["reference"] * 20)

        def features(texts: Corpus) -> Features:
            seen.append(texts)
            return drawn(len(texts.texts), 4)

        def decode(tokens: Sequence[int]) -> str:
            return "cut" * len(tokens)

        found = Tools(references, features, decode=decode)
        (score, *_) = Mauve(seeds=1, min_texts=10, max_tokens=2)(corpus([[1], [1] * 9] * 10), found)
        assert [len(t) for t in seen[0].ids("the test")] == [2] * 20
        assert seen[0].texts[0] == "cutcut"
        assert list(seen[1].texts[:2]) == ["b", "cutcut"]  # a text that is short enough stays as it is
        assert [len(v) for v in seen[1].values["logprob"][:2]] == [1, 2]
        assert parse(score.signature)["cut"] == "2"
        with pytest.raises(InputError, match="max_tokens"):
            Mauve(min_texts=10, max_tokens=2)(corpus([[1]] * 20), Tools(references, features))

    def test_the_frontier_integral_knows_no_scaling_factor(self) -> None:
        found = tools(drawn(40, 4), 40, drawn(40, 4, 0.5, 1))
        five, one = (
            named(Mauve(seeds=1, min_texts=10, scaling_factor=c)(corpus([[1]] * 40), found)) for c in (5.0, 1.0)
        )
        assert five["frontier-integral"].value == one["frontier-integral"].value
        assert five["frontier-integral"].signature == one["frontier-integral"].signature
        assert one["mauve"].value > five["mauve"].value
        assert differing(five["mauve"].signature, one["mauve"].signature) == {"c": ("5", "1")}


def keyed(side: Sequence[tuple[str, str]], end: str) -> Corpus:
    """A corpus of (prompt id, text)."""
    base = corpus([[1]] * len(side), texts=[text for _, text in side], ends=[end] * len(side))
    return replace(base, prompt_ids=[name for name, _ in side])


def by_text(shift: float) -> Vectors:
    """Features that depend on the text alone; those of generations (q...) lie apart."""

    def one(text: str) -> Features:
        rng = np.random.default_rng(list(text.encode()))
        return (rng.standard_normal(4) + shift * text.startswith("q")).astype(np.float32)

    return lambda side: np.stack([one(text) for text in side.texts])


@needs
class TestSamples:
    references = keyed([(f"p{i}", f"r{i}") for i in range(40)], "reference")

    def scores(self, side: Sequence[tuple[str, str]], **knobs: Any) -> list[Score]:
        found = Tools(self.references, by_text(0.5))
        return Mauve(**{"min_texts": 10, "seeds": 2} | knobs)(keyed(side, "length"), found)

    def test_samples_are_compared_one_by_one_at_as_many_texts_as_there_are_references(self) -> None:
        sets = [[(f"p{i}", f"q{i}.{sample}") for i in range(40)] for sample in range(3)]
        alone = [named(self.scores(some)) for some in sets]
        together = named(self.scores([text for texts in zip(*sets, strict=True) for text in texts]))
        for name, score in together.items():
            assert score.value == pytest.approx(np.mean([one[name].value for one in alone]))
            assert score.signature == alone[0][name].signature  # a sampler is comparable to a search
            assert score.left_out is not None
            lefts = np.array([one[name].left_out for one in alone])
            np.testing.assert_allclose(score.left_out, lefts.mean(axis=0))
        values = [one["mauve"].value for one in alone]
        spread = f"{min(values):.3f} to {max(values):.3f}, sd {np.std(values, ddof=1):.3f}"
        assert f"3 samples per prompt give {spread}" in together["mauve"].notes

    def test_incomplete_sets_are_left_out_and_counted(self) -> None:
        side = [(f"p{i}", f"q{i}") for i in range(40)]
        plain, more = self.scores(side), self.scores([*side, ("p3", "q-again"), ("p4", "q-again")])
        assert [s.value for s in more] == [s.value for s in plain]
        assert "2 texts are left out: other prompts have fewer samples" in more[0].notes

    def test_texts_of_one_prompt_are_compared_together(self) -> None:
        self_references = keyed([("", f"r{i}") for i in range(40)], "reference")
        side = keyed([("", f"q{i}") for i in range(40)], "length")
        scores = Mauve(min_texts=10)(side, Tools(self_references, by_text(0.5)))
        assert [s.name for s in scores] == ["mauve", "mauve-star", "frontier-integral"]  # no halves of one prompt
        assert parse(scores[0].signature)["texts"] == "40"
        assert scores[0].left_out is not None
        assert np.isnan(scores[0].left_out).all()

    @settings(max_examples=5, deadline=None)
    @given(st.randoms(use_true_random=False))
    def test_the_order_of_prompts_moves_nothing(self, random: Any) -> None:
        side = [(f"p{i}", f"q{i}") for i in range(40)]
        before, after = self.scores(side), self.scores(random.sample(side, 40))
        assert [(s.value, s.noise, s.signature) for s in before] == [(s.value, s.noise, s.signature) for s in after]
        for a, b in zip(before, after, strict=True):
            assert np.array_equal(a.left_out, b.left_out)  # type: ignore[arg-type]

    @settings(max_examples=3, deadline=None)
    @given(st.integers(2, 4))
    def test_copies_of_the_corpus_move_nothing(self, copies: int) -> None:
        side = [(f"p{i}", f"q{i}") for i in range(40)]
        once, more = self.scores(side), self.scores(side * copies)
        assert [s.value for s in more] == pytest.approx([s.value for s in once])
        for a, b in zip(once, more, strict=True):
            np.testing.assert_allclose(a.left_out, b.left_out)  # type: ignore[arg-type]

    def test_left_out_is_by_the_groups_of_the_prompts(self) -> None:
        side = [(f"p{i}", f"q{i}") for i in range(40)]
        (score, *_) = self.scores(side, seeds=1, splits=0)
        p, q = (by_text(0.5)(texts) for texts in (self.references, keyed(side, "length")))
        of = clusters.labels(p, q, 4, 25)
        kept = groups([name for name, _ in side]) != 7
        of_p, of_q = (shares(np.bincount(each[kept], minlength=4).astype(float)) for each in of)
        assert score.left_out is not None
        assert score.left_out[7] == pytest.approx(float(area(of_p, of_q)))


@needs
class TestSplit:
    def test_it_is_mauve_between_the_halves_and_the_references_have_it_too(self) -> None:
        references = keyed([(f"p{i}", f"r{i}") for i in range(41)], "reference")
        side = keyed([(f"p{i}", f"q{i}") for i in range(41)], "length")
        found = Tools(references, by_text(0.8))
        ours = named(Mauve(min_texts=10, seeds=1)(side, found))["mauve-split"]
        (ceiling,) = Mauve(min_texts=10, seeds=1)(references, found)
        assert ceiling.name == "mauve-split"
        assert ceiling.better == "high"
        assert comparable(ours.signature, ceiling.signature)
        assert {key: parse(ours.signature)[key] for key in ("texts", "references", "buckets", "splits")} == {
            "texts": "21",
            "references": "21",
            "buckets": "2",
            "splits": "2",
        }
        assert ours.value < ceiling.value - 0.05
        assert ours.left_out is not None
        assert len(ours.left_out) == 20

    def test_generations_that_are_references_reach_the_ceiling(self) -> None:
        found = tools(drawn(60, 4), 60)
        assert found.references is not None
        (ceiling,) = Mauve(min_texts=10)(found.references, found)
        ours = named(Mauve(min_texts=10)(corpus([[1, 2, 3]] * 60), found))
        assert ours["mauve-split"].value == ceiling.value < 1
        assert ours["mauve"].value == pytest.approx(1.0)  # what a text does to its own prompt's bucket

    def test_without_enough_texts_a_note_says_so_and_the_references_get_none(self) -> None:
        found = tools(drawn(199, 4), 199)
        scores = Mauve(seeds=1)(corpus([[1, 2, 3]] * 199), found)
        assert [s.name for s in scores] == ["mauve", "mauve-star", "frontier-integral"]
        assert scores[0].notes[-1].startswith("no mauve-split")
        assert "100 texts on each side, there are 99" in scores[0].notes[-1]
        assert found.references is not None
        assert Mauve(seeds=1)(found.references, found) == []
        assert len(Mauve(seeds=1)(corpus([[1, 2, 3]] * 200), tools(drawn(200, 4), 200))) == 4

    def test_none_is_made_where_none_is_wanted(self) -> None:
        found = tools(drawn(60, 4), 60)
        scores = Mauve(min_texts=10, splits=0)(corpus([[1, 2, 3]] * 60), found)
        assert len(scores) == 3
        assert not any("split" in note for note in scores[0].notes)
        assert found.references is not None
        assert Mauve(min_texts=10, splits=0)(found.references, found) == []
