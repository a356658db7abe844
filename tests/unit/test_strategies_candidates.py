"""Strategies that sample several texts and choose one: every candidate made again by hand, from its own draws."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
import sacrebleu
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.configs import option
from harness.draws import uniforms
from harness.engine import Generation, Request, decode
from harness.errors import InputError
from harness.prompts import Prompt
from harness.strategies.base import VALUES
from harness.strategies.best_of_n import best_of_n
from harness.strategies.minimum_bayes_risk import minimum_bayes_risk
from harness.strategies.self_consistency import NUMBER, answer_of, self_consistency
from tests.table_model import TableModel, table_model

SAMPLE = option("strategy", "sample")
EOS = 5
NEW = 7


@pytest.fixture(scope="module")
def model() -> TableModel:
    return table_model(6, eos=[EOS])


def by_hand(model: TableModel, first: int, prompt: Prompt, candidates: int) -> list[tuple[list[int], float]]:
    """Each candidate and the log-probability of its tokens: the inverse of the sorted cdf, token by token."""
    found = []
    for row in range(candidates):
        draws = uniforms(0, prompt.id, 0, NEW, row)
        at, tokens, logprob = first, list[int](), 0.0
        for u in draws:
            p = model.table[at].double().softmax(-1).numpy()
            order = np.argsort(-p, kind="stable")
            at = int(order[np.searchsorted(np.cumsum(p[order]), u, side="right")])
            tokens.append(at)
            logprob += float(np.log(p[at]))
            if at == EOS:
                break
        found.append((tokens, logprob))
    return found


def chosen(model: TableModel, strategy: Any, prompts: list[Prompt]) -> list[Generation]:
    asked = [Request(p, (i % 5,), strategy, NEW) for i, p in enumerate(prompts)]
    found = {g.request: g for g in decode(model, asked)}
    return [found[r] for r in asked]


PROMPTS = [Prompt(f"p{i}", "x", None) for i in range(12)]


@pytest.mark.parametrize("penalty", [0.0, 1.0, 2.5])
def test_best_of_n_is_the_likeliest(model: TableModel, penalty: float) -> None:
    found = chosen(model, best_of_n(candidates=SAMPLE, num_candidates=5, length_penalty=penalty), PROMPTS)
    lengths = set()
    for i, (g, prompt) in enumerate(zip(found, PROMPTS, strict=True)):
        hand = by_hand(model, i % 5, prompt, 5)
        tokens, logprob = max(hand, key=lambda c: c[1] / len(c[0]) ** penalty)
        assert list(g.tokens) == tokens
        assert g.score == pytest.approx(logprob / len(tokens) ** penalty, abs=1e-5)
        assert g.values[:, VALUES.index("logprob")].sum() == pytest.approx(logprob, abs=1e-4)
        assert g.finish == ("eos" if tokens[-1] == EOS else "length")
        lengths.add(len(tokens))
    assert len(lengths) > 2 or penalty == 0


@pytest.mark.parametrize("utility", ["chrf", "bleu"])
def test_minimum_bayes_risk_is_the_double_loop(model: TableModel, utility: Any) -> None:
    found = chosen(model, minimum_bayes_risk(candidates=SAMPLE, num_candidates=5, utility=utility), PROMPTS)
    firsts = 0
    for i, (g, prompt) in enumerate(zip(found, PROMPTS, strict=True)):
        texts = [model.decode(t) for t, _ in by_hand(model, i % 5, prompt, 5)]
        if utility == "chrf":
            table = [[sacrebleu.sentence_chrf(h, [r]).score for r in texts] for h in texts]
        else:
            table = [[sacrebleu.sentence_bleu(h, [r], use_effective_order=True).score for r in texts] for h in texts]
        means = [(sum(row) - row[j]) / 4 for j, row in enumerate(table)]
        assert g.score == pytest.approx(max(means))
        assert model.decode(g.tokens) == texts[int(np.argmax(means))]
        firsts += int(np.argmax(means)) == 0
    assert utility == "bleu" or firsts < len(PROMPTS)  # single words have no n-grams in common: all BLEU is 0


def test_self_consistency_is_the_majority(model: TableModel) -> None:
    strategy = self_consistency(candidates=SAMPLE, num_candidates=7, answer="^.")
    for i, (g, prompt) in enumerate(zip(chosen(model, strategy, PROMPTS), PROMPTS, strict=True)):
        answers = [model.decode(t)[:1] for t, _ in by_hand(model, i % 5, prompt, 7)]
        votes = Counter(a for a in answers if a)
        winner, count = votes.most_common(1)[0]
        assert model.decode(g.tokens)[:1] == winner
        assert g.score == pytest.approx(count / votes.total())


@pytest.mark.parametrize(
    ("text", "pattern", "answer"),
    [
        ("so 3 plus 4 is 7.", r"-?\d+(?:\.\d+)?", "7"),
        ("it is -2.50, I think", r"-?\d+(?:\.\d+)?", "-2.50"),
        ("no number", r"\d+", None),
        ("it costs 1,234 crowns", NUMBER, "1234"),
        ("that is 5-3", NUMBER, "3"),
        ("between 7, and", NUMBER, "7"),
        ("The answer is  Red  Fox.", r"answer is (.*)", "red fox"),
        (" Yes. ", r"(?s)^.*$", "yes"),
        ("", r"(?s)^.*$", None),
    ],
)
def test_answers_are_read_out_of_texts(text: str, pattern: str, answer: str | None) -> None:
    assert answer_of(text, pattern) == answer


@settings(max_examples=20)
@given(rows=st.integers(1, 40), candidates=st.integers(1, 6))
def test_no_company_changes_a_choice(rows: int, candidates: int) -> None:
    model = table_model(6, eos=[EOS])
    strategy = best_of_n(candidates=SAMPLE | {"temperature": 0.8}, num_candidates=candidates)
    asked = [Request(p, (i % 5,), strategy, NEW) for i, p in enumerate(PROMPTS)]
    alone = [next(iter(decode(model, [r]))).tokens for r in asked]
    together = {g.request: g.tokens for g in decode(model, asked, max_rows=rows)}
    assert [together[r] for r in asked] == alone


def test_one_candidate_is_sampling(model: TableModel) -> None:
    from harness.strategies.sampling import sample

    one = best_of_n(candidates=SAMPLE, num_candidates=1)
    assert [g.tokens for g in chosen(model, one, PROMPTS)] == [g.tokens for g in chosen(model, sample(), PROMPTS)]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: best_of_n(candidates=option("strategy", "beam")), r"candidates\.factory.*a search"),
        (lambda: best_of_n(candidates=option("strategy", "greedy")), "the same text"),
        (lambda: best_of_n(candidates=SAMPLE | {"top_p": 2}), r"strategy\.candidates\.top_p=2"),
        (lambda: best_of_n(candidates=SAMPLE, num_candidates=0), "num_candidates=0"),
        (lambda: best_of_n(candidates={}), r"strategy\.candidates\.factory"),
        (lambda: minimum_bayes_risk(candidates=SAMPLE, utility="meteor"), "utility='meteor'"),  # type: ignore[arg-type]
        (lambda: self_consistency(candidates=SAMPLE, answer="("), "no regular expression"),
    ],
)
def test_what_cannot_be(make: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        make()
