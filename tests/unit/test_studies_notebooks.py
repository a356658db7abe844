"""What the course notebooks show: beam search by hand, causality, padding, precision, and what is checked of whom."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
import yaml
from torch import Tensor
from transformers import AutoTokenizer

from harness import __main__ as cli
from harness.errors import ChecksFailed
from harness.loaders import load_model
from harness.results import read_sweep
from harness.studies.answers import answer
from harness.studies.facts.vocabulary import is_gpt2, tokenised
from harness.studies.notebooks.causality import causality
from harness.studies.notebooks.endings import ending
from harness.studies.notebooks.halved import halved, parting
from harness.studies.notebooks.measured import difference_rows, differences, jobs_of, measured
from harness.studies.notebooks.next_token import likeliest
from harness.studies.notebooks.padding import left_padded, padding
from harness.studies.notebooks.written_beam import of_model, write_out
from tests import sweeps
from tests.tiny_gpt2 import TinyGPT2, tiny_gpt2

PROMPT = [3, 1, 4, 1, 5]


def by_transformers(model: TinyGPT2, beams: int, steps: int, early_stopping: bool = False) -> tuple[list[int], float]:
    """The continuation that `generate` searches for, and its score."""
    network = model.network
    found = network.generate(
        torch.tensor([PROMPT]),
        attention_mask=torch.ones(1, len(PROMPT), dtype=torch.long),
        max_new_tokens=steps,
        num_beams=beams,
        do_sample=False,
        early_stopping=early_stopping,
        eos_token_id=sorted(model.eos) or None,
        pad_token_id=0,
        output_scores=True,
        return_dict_in_generate=True,
    )
    return found.sequences[0, len(PROMPT) :].tolist(), float(found.sequences_scores[0])


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("beams", "eos"), [(2, ()), (3, ()), (2, (6,)), (4, (6,)), (3, (6, 7))])
def test_beam_search_by_hand_is_that_of_transformers(seed: int, beams: int, eos: Sequence[int]) -> None:
    model = tiny_gpt2(eos=eos, seed=seed)
    written = write_out(of_model(model), PROMPT, beams, 12, model.eos)
    tokens, score = by_transformers(model, beams, 12)
    best = list(written.best.tokens)
    assert best == tokens[: len(best)]  # transformers fills up behind an eos
    assert written.best.mean == pytest.approx(score, abs=1e-6)


def test_one_beam_by_hand_is_greedy() -> None:
    model = tiny_gpt2(seed=1)
    written = write_out(of_model(model), PROMPT, 1, 8)
    tokens = list(PROMPT)
    for _ in range(8):
        tokens.append(int(model.forward([tokens], [range(len(tokens) - 1, len(tokens))])[0].argmax()))
    assert list(written.best.tokens) == tokens[len(PROMPT) :]


def test_every_candidate_of_a_search_is_accounted_for() -> None:
    model = tiny_gpt2(eos=(6,), seed=2)
    written = write_out(of_model(model), PROMPT, 3, 6, model.eos)
    for candidates in written.steps:
        sums = [each.extended.total for each in candidates]
        assert sums == sorted(sums, reverse=True)
        assert len(candidates) == 6
    for before, after in zip(written.steps, written.steps[1:], strict=False):
        kept = [each.extended for each in before if each.fate == "runs on"]
        for each in after:
            parent = kept[each.parent]
            assert each.extended.tokens[:-1] == parent.tokens
            assert each.extended.total == pytest.approx(parent.total + each.logprob)
    ended = [each for candidates in written.steps for each in candidates if each.fate == "finished"]
    assert set(written.finished) <= {each.extended for each in ended}
    assert all(each.extended.tokens[-1] == 6 or len(each.extended.tokens) == 6 for each in ended)


class Bidirectional(TinyGPT2):
    """A model that sees what is to come: every row gets some of the last one."""

    def _all(self, sequences: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
        logits, states = super()._all(sequences)
        return logits + 0.1 * logits[:, -1:], states


class Forgetful(TinyGPT2):
    """A model that sees its last token alone."""

    def _all(self, sequences: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
        table = torch.linspace(-1, 1, self.vocab).double().outer(torch.arange(self.vocab).double())
        return torch.stack([table[torch.tensor(list(s))] for s in sequences]), torch.zeros(1)

    def forward(self, sequences: Sequence[Sequence[int]], wanted: Sequence[range]) -> tuple[Tensor, Tensor]:
        logits, states = self._all(sequences)
        return logits[0, wanted[0].start : wanted[0].stop], states


@pytest.mark.parametrize(("kind", "holds"), [(TinyGPT2, True), (Bidirectional, False), (Forgetful, False)])
def test_only_a_causal_model_passes_for_one(kind: type[TinyGPT2], holds: bool) -> None:
    model = kind(tiny_gpt2().network)
    found = causality(model, PROMPT, [2, 6, 5])
    assert found.holds is holds
    assert len(found.longer) == len(found.other_start) == len(PROMPT)
    assert found.argmax_equal or not holds


def test_a_batch_is_padded_as_transformers_pads_it(tiny_gpt2_dir: Path) -> None:
    texts = ["the old fox said", "the crow", "once upon a time"]
    tokenizer = AutoTokenizer.from_pretrained(tiny_gpt2_dir, padding_side="left")
    tokenizer.pad_token = tokenizer.eos_token
    theirs = tokenizer(texts, padding=True)
    ours = left_padded([tokenizer(text)["input_ids"] for text in texts], tokenizer.eos_token_id)
    assert ours.tokens == theirs["input_ids"]
    assert ours.mask == theirs["attention_mask"]
    positions = torch.tensor(ours.mask).cumsum(-1) - 1  # as generate() makes them of a mask
    assert ours.positions == positions.clamp(min=0).tolist()


def test_a_mask_hides_the_padding_and_nothing_else_does(tiny_gpt2_dir: Path) -> None:
    model: Any = load_model("hf", name=str(tiny_gpt2_dir), dtype="float64")
    prompts = [model.encode(text) for text in ("the old fox said to the young crow", "the crow")]
    found = padding(model, prompts, 0)
    assert found.masked.max() <= found.allowed <= 1e-7
    assert found.in_batch == found.alone
    assert found.unmasked[0] <= found.allowed  # the longest has no padding
    assert found.unmasked[1] > 0.1
    padded = torch.tensor(left_padded(prompts, 0).tokens)
    assert found.as_text == model.network(padded).logits[:, -1].argmax(-1).tolist()


def test_half_precision_is_compared_with_the_whole(tiny_gpt2_dir: Path) -> None:
    whole, half = (load_model("hf", name=str(tiny_gpt2_dir), dtype=dtype) for dtype in ("float32", "bfloat16"))
    texts = ["the old fox", "the crow"]
    found = halved(whole, half, texts, 12)
    assert found.dtypes == ("float32", "bfloat16")
    assert found.token_bytes[0] == 2 * found.token_bytes[1]
    assert 1e-3 < found.largest < 5
    ours = [_greedy(tiny_gpt2_dir, dtype, texts, 12) for dtype in found.dtypes]
    assert found.parted == [parting(a, b) for a, b in zip(*ours, strict=True)]
    assert halved(whole, whole, texts, 5).parted == [None, None]


def _greedy(folder: Path, dtype: str, texts: Sequence[str], new: int) -> list[list[int]]:
    """The continuations that `generate` writes, text by text."""
    model: Any = load_model("hf", name=str(folder), dtype=dtype, packed=False)
    prompts = [torch.tensor([model.encode(text)]) for text in texts]
    rows = [model.network.generate(p, max_new_tokens=new, do_sample=False, pad_token_id=0) for p in prompts]
    return [row[0, p.shape[1] :].tolist() for row, p in zip(rows, prompts, strict=True)]


@pytest.mark.parametrize(
    ("one", "other", "at"), [([1, 2], [1, 2], None), ([1, 2], [1, 3], 1), ([1], [1, 2], 1), ([], [2], 0)]
)
def test_where_two_texts_part(one: list[int], other: list[int], at: int | None) -> None:
    assert parting(one, other) == at


def test_the_likeliest_tokens_have_their_probabilities(tiny_gpt2_dir: Path) -> None:
    model: Any = load_model("hf", name=str(tiny_gpt2_dir), packed=False)
    theirs = model.network(torch.tensor([model.encode("the old")])).logits[0, -1].softmax(-1)
    rows = likeliest(model, "the old", 5)
    assert [row["id"] for row in rows] == theirs.topk(5).indices.tolist()
    assert [row["p"] for row in rows] == pytest.approx(theirs.topk(5).values.tolist(), rel=1e-4)
    assert len(likeliest(model, "the old", 9999)) == model.vocab


def test_a_loop_is_said_with_its_phrase() -> None:
    model = tiny_gpt2()
    row = {"text": "x", "tokens": [7, 1, 2, 3, 1, 2, 3, 1, 2, 3, 0], "logprob": [-1.0] * 11, "finish": "eos"}
    found = ending(model, pd.Series(row))
    assert found["loop"] == {"onset": 1, "period": 3, "repeats": 3, "phrase": "1 2 3"}
    assert found["tokens"] == 10
    assert ending(model, pd.Series(row | {"finish": "length"}))["loop"] is None  # then 0 is a token like any other


def test_differences_say_what_they_mean(tmp_path: Path) -> None:
    strategies: dict[str, Any] = {"greedy": (0.0, {}), "warm": (0.7, {}), "cold": (0.0, {})}
    sweep = read_sweep(sweeps.sweep(tmp_path, strategies, prompts=40))
    assert jobs_of(sweep, "pocket-m") == sweep.jobs
    found = {(row["label"], row["score"]): row for row in differences(sweep.jobs, ("perplexity",))}
    warm, cold = found["warm", "perplexity"], found["cold", "perplexity"]
    assert warm["p"] < 0.05 < cold["p"]
    values = [next(s.value for s in job.scores if s.name == "perplexity") for job in sweep.jobs[:2]]
    reference = next(s.reference for s in sweep.jobs[0].scores if s.name == "perplexity")
    assert reference is not None
    closer = abs(values[1] - reference) < abs(values[0] - reference)
    assert warm["verdict"] == ("closer" if closer else "further")
    assert cold["verdict"] is None
    assert difference_rows([cold])[0][-1] == "cannot be told apart"
    assert differences([], ("perplexity",)) == []


def test_scores_are_shown_with_their_intervals(tmp_path: Path) -> None:
    sweep = read_sweep(sweeps.sweep(tmp_path, {"greedy_*": (0.0, {})}, prompts=12))
    table = measured(sweep, ("no such score", "perplexity", "loops"))
    assert table["heads"] == ["", "perplexity", "loops"]
    assert [row[0] for row in table["rows"]] == ["greedy\\_\\*", "reference"]
    assert " to " in table["rows"][0][1]


def test_a_text_and_its_tokens(tiny_gpt2_dir: Path) -> None:
    model = load_model("hf", name=str(tiny_gpt2_dir))
    found = tokenised(model, "the old fox")
    assert found.back == "".join(found.pieces) == "the old fox"
    assert "␣" in "".join(found.visible)
    assert tokenised(model, "").ids == []  # although a prompt of nothing starts from a special token
    assert model.encode("") != []
    assert not is_gpt2(model)


def test_facts_about_gpt2_are_checked_of_a_model_of_that_name(
    tiny_gpt2_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(tiny_gpt2_dir, "openai-community/gpt2")
    top = {"kind": "top", "source": "made up", "prompt": "The theory of relativity is", "pieces": [" zebra"]}
    facts = [
        top | {"name": "shown", "study": "notebook_understanding"},
        top | {"name": "not shown", "study": "another"},
    ]
    Path("facts.yaml").write_text(yaml.safe_dump({"model": "gpt2-xl", "facts": facts}))
    arguments = ("experiment=notebook_understanding", "model=gpt2", "hydra.sweep.dir=out", "study.facts=facts.yaml")
    monkeypatch.setattr(sys, "argv", ["harness", *arguments, "prompts.limit=1", "max_new_tokens=3", "metrics=[]"])
    cli.main()
    assert "needs the weights of gpt2-xl; this is gpt2" in Path("out/answers.md").read_text()
    assert json.loads(Path("out/answers.json").read_text())["models"][0]["name"] == "gpt2"

    Path("facts.yaml").write_text(yaml.safe_dump({"model": "gpt2", "facts": facts}))
    study = yaml.safe_load(next(Path("out").glob("*/config.yaml")).read_text())["study"]
    with pytest.raises(ChecksFailed, match="1 of 3 checks failed: shown"):
        answer(study, Path("out"))
    shown = Path("out/answers.md").read_text()
    assert "**fail**" in shown
    assert "not shown" not in shown
