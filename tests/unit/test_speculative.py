"""The tokens of speculative decoding are those of the ordinary engine, whatever is guessed."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import AutoModelForCausalLM

from harness.configs import option, options
from harness.engine import Generation, decode
from harness.errors import InputError
from harness.group import Group
from harness.knobs import build
from harness.models.base import LanguageModel, Reader
from harness.models.loading import hf
from harness.models.pocket import Size, pocket
from harness.prompts import Prompt, identified
from harness.proposals import Draft, Lookup, Proposer
from harness.requests import Request
from harness.rounds import Counts
from harness.speculative import decode_speculatively, speculable, speculative
from harness.strategies.base import Strategy
from harness.strategies.beam import beam
from harness.strategies.sampling import greedy, sample
from tests.table_model import TableCache, table_model

pytestmark = pytest.mark.usefixtures("table_beside")
VOCAB, EOS, NEW = 17, 16, 14
MODEL = table_model(VOCAB, eos=[EOS], context=24)
TEXTS = ["a", "bcabc", "fedcbafedcba", "dd"]
POCKETS = Path(__file__).parents[2] / "harness" / "models"


def ahead_of(model: LanguageModel) -> Reader:
    assert hasattr(model, "read")
    return cast(Reader, model)


class Known:
    """Knows what every row will be, and says so, or always something else."""

    def __init__(self, found: dict[Request, Generation], shift: int) -> None:
        self.found, self.shift = found, shift

    def start(self, prompts: Sequence[tuple[int, ...]]) -> None:
        pass

    def select(self, rows: Tensor) -> None:
        pass

    def propose(self, groups: Sequence[Group], count: int) -> Tensor:
        proposed = torch.full((sum(g.rows for g in groups), count), -1)
        for g in groups:
            for request, row in zip(g.requests, g.node.tolist(), strict=True):
                tokens = self.found[request].tokens[g.step : g.step + count]
                proposed[row, : len(tokens)] = (torch.tensor(tokens, dtype=torch.long) + self.shift) % VOCAB
        return proposed


def make(name: str) -> Callable[[], Proposer]:
    """What makes a proposer of that name for the table model."""
    tables = {
        "itself": MODEL,
        "another": table_model(VOCAB, eos=[EOS], seed=3),
        "narrower": table_model(VOCAB - 3, eos=[EOS], seed=3),
        "wider": table_model(VOCAB + 3, eos=[EOS], seed=4),
    }
    if name.startswith("lookup"):
        return lambda: Lookup(int(name[-1]))
    if name in ("right", "wrong"):
        return lambda: Known(plain(), name == "wrong")
    return lambda: Draft(tables[name], VOCAB, MODEL.eos)


OTHERS = ("beam", "best_of_n", "contrastive_search", "contrastive_decoding")
PROPOSERS = ["itself", "another", "narrower", "wider", "lookup1", "lookup3", "right", "wrong"]


@cache
def strategies() -> dict[str, Strategy[Any]]:
    return {name: build(option("strategy", name), "strategy") for name in options("strategy")}


@cache
def asked() -> list[Request]:
    return [
        Request(p, tuple(MODEL.encode(p.text)), s, NEW - 3 * (i % 3), seed)
        for name, s in strategies().items()
        if speculable(s, MODEL) or name in OTHERS
        for i, p in enumerate(identified([(t, None) for t in TEXTS]))
        for seed in ((0, 1) if s.stochastic else (0,))
    ]


@cache
def plain() -> dict[Request, Generation]:
    return {g.request: g for g in decode(MODEL, asked())}


def equal(found: Sequence[Generation], expected: dict[Request, Generation]) -> None:
    """Each request once, with its tokens, its end and its values."""
    assert len({g.request for g in found}) == len(found)
    for g in found:
        wanted = expected[g.request]
        assert (g.tokens, g.finish, g.score) == (wanted.tokens, wanted.finish, wanted.score)
        np.testing.assert_array_equal(g.values, wanted.values)


@pytest.mark.parametrize("proposer", PROPOSERS)
def test_every_strategy_gives_what_it_gives_without(proposer: str) -> None:
    assert len({r.strategy for r in asked()}) >= 24
    found = list(decode_speculatively(MODEL, asked(), propose=make(proposer)))
    assert len(found) == len(asked())
    equal(found, plain())


@pytest.mark.parametrize("max_rows", [1, 3, 20])
@pytest.mark.parametrize("ahead", [1, 3, 9])
def test_in_any_company_and_order(max_rows: int, ahead: int) -> None:
    order = np.random.default_rng(max_rows + ahead).permutation(len(asked()))[::6]
    some = [asked()[i] for i in order]
    for proposer in ("another", "lookup1"):
        found = list(decode_speculatively(MODEL, some, propose=make(proposer), ahead=ahead, max_rows=max_rows))
        assert len(found) == len(some)
        equal(found, plain())


@pytest.mark.parametrize(("proposer", "share"), [("right", 1.0), ("wrong", 0.0)])
def test_guesses_are_counted(proposer: str, share: float) -> None:
    some = [r for r in asked() if speculable(r.strategy, MODEL)]
    counts = Counts()
    found = list(decode_speculatively(MODEL, some, propose=make(proposer), ahead=3, max_rows=1000, counts=counts))
    lengths = [len(g.tokens) - 1 for g in found]  # the first tokens come with the prompts
    assert counts.tokens == sum(lengths)
    assert counts.turns == (sum(-(-n // 4) for n in lengths) if share else sum(lengths))
    assert counts.passes == (-(-max(lengths) // 4) if share else max(lengths))
    told = counts.told()
    assert told["tokens_per_pass"] == sum(lengths) / counts.turns
    # A right guess that ends a text gives no token more.
    assert told["acceptance"] == (pytest.approx(1, abs=0.15) if share else 0)


def test_the_model_itself_is_never_wrong() -> None:
    """The coupling: with the same logits and the same draws the draft chooses what the model will."""
    for s in (sample(), sample(top_p=0.9, repetition_penalty=1.3), strategies()["mirostat"], strategies()["dry"]):
        counts, endless = Counts(), table_model(VOCAB)
        some = [Request(Prompt(f"p{i}", "x"), (i % 9, 3), s, 16, seed) for i in range(6) for seed in (0, 1)]
        itself = partial(Draft, endless, VOCAB, endless.eos)
        list(decode_speculatively(endless, some, propose=itself, counts=counts))
        assert (counts.turns, counts.tokens, counts.proposed) == (12 * 3, 12 * 15, 12 * 12)


@pytest.mark.parametrize("place", [1, 2, 4])
@pytest.mark.parametrize("proposer", ["another", "lookup1"])
def test_an_even_grid_of_draws_gives_the_probabilities(
    place: int, proposer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The histogram at a guessed place, after the same tokens, is the distribution that the strategy has there."""
    n, strategy, before = 2000, sample(temperature=1.4), [0.31, 0.62, 0.05, 0.9]

    def grid(seed: int, prompt_id: str, sample: int, steps: int, row: int = 0) -> Any:
        draws = np.array([*before, *[0.5] * steps])[:steps]
        draws[place] = (seed + 0.5) / n
        return draws

    monkeypatch.setattr("harness.group.uniforms", grid)
    model = table_model(VOCAB)
    some = [Request(Prompt("p", "x"), (4, 2, 4), strategy, place + 3, seed) for seed in range(n)]
    counts = Counts()
    found = list(decode_speculatively(model, some, propose=make(proposer), max_rows=500, counts=counts))
    assert counts.proposed > 0
    (earlier,) = {g.tokens[:place] for g in found}
    expected = (model.table[earlier[-1]] / 1.4).softmax(-1)
    histogram = torch.bincount(torch.tensor([g.tokens[place] for g in found]), minlength=VOCAB) / n
    assert float((histogram - expected).abs().max()) <= 1 / n


@pytest.mark.parametrize(("size", "draft"), [("s", "m"), ("m", "s")])
def test_a_pocket_model_with_another_as_its_draft(size: Size, draft: Size) -> None:
    model, other = ahead_of(pocket(size, dtype="float64")), ahead_of(pocket(draft, dtype="float64"))
    prompts = identified([(t, None) for t in ("The fox", "Once upon a time there was a crow who", "x")])
    mixed: list[Strategy[Any]] = [
        greedy(),
        sample(temperature=0.5, top_p=0.9),
        greedy(repetition_penalty=1.3),
        beam(num_beams=2),
    ]
    mixed.append(strategies()["mirostat"])
    some = [Request(p, tuple(model.encode(p.text)), s, 9 + 4 * i) for s in mixed for i, p in enumerate(prompts)]
    expected = {g.request: g.tokens for g in decode(model, some)}
    for make_one in (lambda: Draft(other, model.vocab, model.eos), lambda: Lookup(1)):
        counts = Counts()
        found = decode_speculatively(model, some, propose=make_one, counts=counts, max_rows=9)
        assert {g.request: g.tokens for g in found} == expected
        assert counts.tokens > counts.turns


@pytest.mark.parametrize("backend", ["torch", "numpy"])
def test_tiny_models_to_the_end_of_their_context(tiny_gpt2_dir: Path, backend: Any) -> None:
    model = ahead_of(hf(str(tiny_gpt2_dir), dtype="float64", backend=backend))
    prompts = identified([("a" * n, None) for n in (1, 40, 59, 62)])
    some = [
        Request(p, tuple(model.encode(p.text)), s, 30, seed)
        for s in (greedy(), sample(), sample(temperature=0.3))
        for p in prompts
        for seed in ((0, 1) if s.stochastic else (0,))
    ]
    expected = {g.request: g for g in decode(model, some)}
    assert {g.finish for g in expected.values()} >= {"context"}
    for make_one in (lambda: Draft(model, model.vocab, model.eos), lambda: Lookup(1)):
        found = list(decode_speculatively(model, some, propose=make_one, max_rows=10))
        assert {g.request: (g.tokens, g.finish) for g in found} == {
            r: (g.tokens, g.finish) for r, g in expected.items()
        }


@pytest.mark.parametrize("ahead", [1, 4, 8])
@pytest.mark.parametrize("new", [3, 9])  # of the longer prompt: to the end of the draft's context, and beyond it
@pytest.mark.parametrize("kind", ["table", "torch", "numpy"])
def test_a_draft_of_a_shorter_context_guesses_what_it_can(tiny_gpt2_dir: Path, kind: Any, new: int, ahead: int) -> None:
    draft: Reader = table_model(VOCAB, context=40)
    if kind != "table":
        draft = ahead_of(hf(str(tiny_gpt2_dir), dtype="float64", backend=kind))
    assert draft.context is not None
    model = table_model(draft.vocab, context=200)
    some = [
        Request(Prompt(f"p{n}", "x"), tuple(i % VOCAB for i in range(n)), s, limit)
        for s in (greedy(), sample())
        for n, limit in ((draft.context - 3, new), (3, 30))
    ]
    expected = {g.request: g.tokens for g in decode(model, some)}
    counts = Counts()
    propose = partial(Draft, draft, model.vocab, model.eos)
    beside = draft if new == 3 else None  # with it, what the draft cannot read is refused
    found = decode_speculatively(model, some, propose=propose, ahead=ahead, max_rows=4, beside=beside, counts=counts)
    assert {g.request: g.tokens for g in found} == expected
    assert counts.proposed > 0


def test_greedy_is_the_assisted_generation_of_transformers() -> None:
    dtype = torch.float64
    networks = [AutoModelForCausalLM.from_pretrained(POCKETS / f"pocket-{n}", dtype=dtype).eval() for n in "ms"]
    model, draft = (ahead_of(pocket(size, dtype="float64")) for size in ("m", "s"))
    prompts = identified([(t, None) for t in ("A crow sat on a branch", "The old man said that")])
    some = [Request(p, tuple(model.encode(p.text)), greedy(), 24) for p in prompts]
    found = decode_speculatively(model, some, propose=lambda: Draft(draft, model.vocab, model.eos))
    for g in found:
        theirs = networks[0].generate(
            torch.tensor([g.request.tokens]), assistant_model=networks[1], do_sample=False, max_new_tokens=24
        )
        assert list(g.tokens) == theirs[0, len(g.request.tokens) :].tolist()


@pytest.mark.parametrize("n", [0, 1, 2, 3, 5, 9, 14])
@pytest.mark.parametrize("where", ["advance", "keep", "start", "rewind", "select", "read", "propose"])
def test_out_of_memory_anywhere_loses_and_repeats_nothing(where: str, n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    some = [r for r in asked() if r.strategy in (strategies()["sample"], strategies()["mirostat"])]
    owner: Any = {"advance": Group, "keep": Group, "start": Group, "rewind": TableCache, "select": TableCache,
                  "read": type(MODEL), "propose": Draft}[where]  # fmt: skip
    whole, left = getattr(owner, where), [n]

    def failing(*given: Any, **knobs: Any) -> Any:
        left[0] -= 1
        if left[0] == -1:
            raise MemoryError
        return whole(*given, **knobs)

    monkeypatch.setattr(owner, where, staticmethod(failing) if where == "start" else failing)
    found = list(decode_speculatively(MODEL, some, propose=make("another"), max_rows=16))
    assert len(found) == len(some)
    equal(found, plain())


def test_it_tells_how_far_it_is() -> None:
    told: list[tuple[float, int]] = []
    found = list(
        decode_speculatively(MODEL, asked(), propose=make("lookup1"), max_rows=20, watch=lambda *now: told.append(now))
    )
    assert len(found) == len(asked())
    left = [n for _, n in told]
    assert left[-1] == 0
    assert all(len(left) - 1 - made <= n + 2 for made, n in enumerate(left))


def test_the_engine_says_what_came_of_it(caplog: pytest.LogCaptureFixture) -> None:
    model = pocket("m", dtype="float64")
    engine = build(option("engine", "speculative") | {"draft": "pocket-s", "num_assistant_tokens": 2}, "engine")
    some = [Request(Prompt("p", "x"), tuple(model.encode("The fox")), greedy(), 8)]
    with caplog.at_level(logging.INFO):
        (g,) = engine(model, some)
    assert [g.tokens] == [each.tokens for each in decode(model, some)]
    told = json.loads(json.dumps(engine.told(model)))["speculation"]
    assert told["draft"] == "pocket-s"
    assert told["tokens"] == 7
    assert f"a row got {told['tokens_per_pass']:.2f} tokens from a pass" in caplog.text
    list(engine(model, some))
    assert engine.told(model)["speculation"]["tokens"] == 7  # of the last call alone


def test_a_draft_that_cannot_guess_is_refused(tiny_gpt2_dir: Path) -> None:
    with pytest.raises(InputError, match=r"engine.draft='pocket-x'.*did you mean"):
        speculative(draft="pocket-x")
    with pytest.raises(InputError, match="num_assistant_tokens=0"):
        speculative(num_assistant_tokens=0)
    model = pocket("s", dtype="float32")
    engine = speculative(draft=str(tiny_gpt2_dir))
    with pytest.raises(InputError, match=r"engine.draft=.*: has another vocabulary than pocket-s"):
        engine.check(model)
    with pytest.raises(InputError, match=r"engine.draft=.*: has another vocabulary than pocket-s"):
        list(engine(model, []))
    short = table_model(VOCAB, context=9)
    some = [Request(Prompt("p", "x"), (1,) * 8, greedy(), 8)]
    with pytest.raises(InputError, match="has a context of 9, and is to read texts of 16 tokens"):
        list(decode_speculatively(MODEL, some, propose=make("another"), beside=short))


def test_a_model_that_cannot_read_ahead_is_refused() -> None:
    class Plain:
        name = "plain"

    with pytest.raises(InputError, match="plain cannot read several tokens at once; use engine=fast"):
        speculative().check(Plain())  # type: ignore[arg-type]
