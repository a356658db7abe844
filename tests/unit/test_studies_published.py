"""Published facts and their checker: with models saved under the names, against what transformers itself gives."""

from __future__ import annotations

import math
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from transformers import AutoModelForCausalLM, AutoTokenizer, GPT2Config, GPT2LMHeadModel
from transformers.convert_slow_tokenizer import bytes_to_unicode

from harness import __main__ as cli
from harness.errors import InputError
from harness.loaders import load_model
from harness.results import read_sweep
from harness.studies.base import Setting
from harness.studies.checks import Check
from harness.studies.facts.checker import check
from harness.studies.facts.kinds import Continuation, Fact, Tokens, read
from harness.studies.published import published
from tests import sweeps
from tests.tiny_models import save_tiny
from tests.windowed import STORY, documented

GOLDEN = Path(os.environ.get("HARNESS_GOLDEN", Path(__file__).parents[3] / "shared" / "golden"))
PROMPT, TEXTS = "the old fox said", ["the crow", "once upon a time there was"]
Recorded = list[dict[str, Any]]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, tiny_gpt2_dir: Path) -> Path:
    """A folder with the tiny model under GPT-2's name, as a cache of the hub would not know it."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "gpt2").symlink_to(tiny_gpt2_dir)
    (folder / "story.txt").write_text(STORY)
    return folder


@pytest.fixture(scope="module")
def recorded(home: Path) -> Recorded:
    """What transformers makes of the tiny model: the facts of a paper about it."""
    tokenizer, network = (
        AutoTokenizer.from_pretrained(home / "gpt2"),
        AutoModelForCausalLM.from_pretrained(home / "gpt2"),
    )
    given = tokenizer(PROMPT, return_tensors="pt")
    size = given.input_ids.shape[1]

    def written(**knobs: Any) -> tuple[str, list[int]]:
        tokens = network.generate(**given, do_sample=False, pad_token_id=0, **knobs)[0, size:]
        return tokenizer.decode(tokens, skip_special_tokens=True), tokens.tolist()

    about = {"source": "generate", "prompt": PROMPT}
    greedy, ids = written(max_new_tokens=12)
    beam, _ = written(max_length=size + 10, num_beams=5, early_stopping=True)
    penalty, _ = written(max_new_tokens=8, repetition_penalty=1.3)
    scored = network.generate(
        **given, max_new_tokens=3, do_sample=False, pad_token_id=0, output_scores=True, return_dict_in_generate=True
    )
    logprobs = network.compute_transition_scores(scored.sequences, scored.scores, normalize_logits=True)[0]
    likeliest = network(**given).logits[0, -1].softmax(-1).topk(4)
    texts = [tokenizer(text, return_tensors="pt").input_ids for text in TEXTS]
    losses = [math.exp(network(t, labels=t).loss.item()) for t in texts]
    pieces = [piece(tokenizer, t) for t in scored.sequences[0, size:]]
    story = tokenizer(STORY, return_tensors="pt").input_ids
    said = {"kind": "continuation", "strategy": ["greedy"], **about}
    beams = {"num_beams": 5, "early_stopping": True}
    tops = {"pieces": [piece(tokenizer, t) for t in likeliest.indices], "within": 6e-4}
    long = documented(network, story, 16, 8)
    return [
        {"kind": "tokens", "name": "tokens", "source": "", "text": PROMPT, "ids": given.input_ids[0].tolist()},
        said | {"name": "greedy", "new": 12, "text": greedy, "ids": ids},
        said | {"name": "begins", "new": 12, "text": greedy[:5], "begins": True},
        said | {"name": "beam", "strategy": ["beam"], "knobs": beams, "length": size + 10, "text": beam},
        said | {"name": "penalty", "knobs": {"repetition_penalty": 1.3}, "new": 8, "text": penalty},
        about
        | {"kind": "logprobs", "name": "logprobs", "pieces": pieces, "logprobs": rounded(logprobs), "within": 6e-4},
        about | {"kind": "top", "name": "top", "probabilities": rounded(likeliest.values), **tops},
        {"kind": "perplexities", "name": "short texts", "source": "", "texts": TEXTS}
        | {"first": losses[0], "mean": sum(losses) / 2, "within": 1e-4 * losses[0]},
        {"kind": "wikitext", "name": "long text", "source": "", "tokens": story.shape[1], "window": 16, "stride": 8}
        | {"perplexity": long, "within": 1e-4 * long},
    ]


def rounded(values: torch.Tensor) -> list[float]:
    """As a paper prints numbers."""
    return [round(x, 3) for x in values.tolist()]


def piece(tokenizer: Any, token: Any) -> str:
    """The text of a token of a byte-level vocabulary, byte by byte."""
    byte_of = {character: byte for byte, character in bytes_to_unicode().items()}
    return bytes(byte_of[c] for c in tokenizer.convert_ids_to_tokens(int(token))).decode(errors="backslashreplace")


def facts_file(path: Path, facts: Recorded, model: str | None = "gpt2") -> Path:
    path.write_text(yaml.safe_dump({"model": model, "facts": facts}, allow_unicode=True))
    return path


def run(folder: Path, home: Path, file: Path, wikitext: str | None = "story.txt") -> list[Check]:
    """The checks of the study over a made-up sweep, whose model is nowhere."""
    setting = Setting(read_sweep(sweeps.sweep(folder / "sweep", {"greedy": (0.1, {})}, prompts=2)))
    place = str(home / "story.txt") if wikitext == "story.txt" else wikitext
    answer = published(setting, models=("gpt2",), folder=str(home), facts=str(file), wikitext=place)
    return [each for group in answer.facts["groups"].values() for each in group]


def test_what_transformers_gave_holds(tmp_path: Path, home: Path, recorded: Recorded) -> None:
    checks = run(tmp_path, home, facts_file(tmp_path / "facts.yaml", recorded))
    assert [each.name for each in checks if each.held is not True] == []
    assert len(checks) == 14  # tokens, texts, both sides of what has two


@pytest.mark.parametrize(
    ("name", "key", "wrong", "shows"),
    [
        ("tokens", "ids", [1, 2], "first 0 elements equal"),
        ("greedy", "text", "nothing", "characters equal"),
        ("beam", "text", "nothing", "characters equal"),
        ("logprobs", "logprobs", [-50.0, -1.0, -1.0], "difference"),
        ("top", "probabilities", [0.9, 0.05, 0.0, 0.0], "difference"),
        ("short texts", "mean", 1.0, "difference"),
        ("long text", "perplexity", 2.0, "difference"),
        ("long text", "tokens", 2, ""),
    ],
)
def test_a_wrong_record_fails_and_shows_the_difference(
    name: str, key: str, wrong: Any, shows: str, tmp_path: Path, home: Path, recorded: Recorded
) -> None:
    facts = [each | {key: wrong} for each in recorded if each["name"] == name]
    failed = [each for each in run(tmp_path, home, facts_file(tmp_path / "facts.yaml", facts)) if each.held is False]
    assert len(failed) == 1
    assert shows in failed[0].note


def test_what_cannot_be_looked_at_says_why(tmp_path: Path, home: Path, recorded: Recorded) -> None:
    by_name = {each["name"]: each for each in recorded}
    greedy, long = by_name["greedy"], by_name["long text"]
    facts = [
        greedy | {"model": "gpt2-large", "name": "weights"},
        by_name["tokens"] | {"model": None, "name": "vocabulary"},
        greedy | {"name": "dtype", "dtype": "float16"},
        greedy | {"name": "strategy", "strategy": ["no_such", "nor_this"]},
        greedy | {"name": "knob", "knobs": {"no_such_knob": 2}},
        long | {"name": "context", "window": 100, "stride": 100},
    ]
    (tmp_path / "long.txt").write_text(9 * STORY)
    file = facts_file(tmp_path / "facts.yaml", facts)
    checks = {each.name: each for each in run(tmp_path, home, file, wikitext=str(tmp_path / "long.txt"))}
    assert {each.held for each in checks.values()} == {None}
    assert "is not among study.models" in checks["weights"].note
    assert "no model at hand has GPT-2's vocabulary (gpt2)" in checks["vocabulary"].note
    assert "published for float16; this is float32" in checks["dtype"].note
    assert "no strategy yet: there is no no_such or nor_this" in checks["strategy"].note
    assert "no strategy yet: greedy has no knob no_such_knob" in checks["knob"].note
    assert "has a context of 64" in checks["context"].note


@pytest.mark.parametrize(
    ("place", "says"),
    [(None, "was not asked for"), ("auto", "was not asked for"), ("no/where", "neither|does not answer|OFFLINE")],
)
def test_without_its_text_a_perplexity_is_skipped(
    place: str | None, says: str, tmp_path: Path, home: Path, recorded: Recorded
) -> None:
    facts = [each for each in recorded if each["name"] == "long text"]
    (check,) = run(tmp_path, home, facts_file(tmp_path / "facts.yaml", facts), wikitext=place)
    assert check.held is None
    assert re.search(says, check.note)


def test_a_strategy_is_looked_up_by_any_of_its_names(home: Path, recorded: Recorded) -> None:
    model = load_model("hf", name=str(home / "gpt2"))
    greedy = next(each for each in recorded if each["name"] == "greedy")
    fact = Continuation.model_validate(greedy | {"model": model.name, "strategy": ["greedy_search", "greedy"]})
    assert [each.held for each in check([fact], model)] == [True, True]


def test_missing_weights_are_skipped_at_once(tmp_path: Path) -> None:
    setting = Setting(read_sweep(sweeps.sweep(tmp_path / "sweep", {"greedy": (0.1, {})}, prompts=2)))
    answer = published(setting)
    checks = [each for group in answer.facts["groups"].values() for each in group]
    assert len(checks) == len(read()) == answer.facts["counts"]["skipped"]
    assert not answer.failed
    assert "the local cache does not hold" in answer.facts["groups"]["gpt2-large"][0].note


def test_a_name_that_is_no_model_is_a_mistake(tmp_path: Path) -> None:
    setting = Setting(read_sweep(sweeps.sweep(tmp_path / "sweep", {"greedy": (0.1, {})}, prompts=2)))
    with pytest.raises(InputError, match=r"study\.models='gtp2': did you mean 'gpt2'"):
        published(setting, models=("gtp2",))


def test_the_command_ends_with_a_true_exit_code(
    home: Path, recorded: Recorded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    file = facts_file(tmp_path / "facts.yaml", [recorded[1] | {"text": "something else"}])
    study = ("study.models=[gpt2]", f"study.folder={home}", f"study.facts={file}")
    small = ("model=pocket-s", "prompts.limit=1", "max_new_tokens=2", "hydra.sweep.dir=out")
    monkeypatch.setattr(sys, "argv", ["harness", "experiment=published", *study, *small])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 1
    assert "failed: 1 of 2 checks failed: greedy" in capsys.readouterr().err
    shown = Path("out/answers.md").read_text()
    assert "**1 passed, 1 failed, 0 could not be looked at.**" in shown
    assert "| **fail** | first 0 characters equal |" in shown
    assert "something else" in shown


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("facts: 3", "must hold `facts`"),
        ("{facts: [], modle: gpt2}", "unknown key 'modle'"),
        ("facts: [3]", "must be a mapping"),
        ("facts: [{kind: song, name: a, source: b}]", "'song'"),
        ("facts: [{kind: tokens, name: greeting, source: b, texts: c}]", "'greeting'.*texts: Extra inputs"),
        ("facts: [{kind: continuation, name: a, source: b, prompt: c, strategy: [greedy], text: d}]", "new.*length"),
        ("facts: [", "cannot be read"),
    ],
)
def test_a_file_that_holds_no_facts_is_named(content: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(content)
    with pytest.raises(InputError, match=f"mine.yaml: .*{says}"):
        read(tmp_path / "mine.yaml")


def test_no_file_of_facts_is_named() -> None:
    with pytest.raises(InputError, match=r"nowhere\.yaml"):
        read("nowhere.yaml")


def test_every_fact_has_a_name_of_its_own_and_a_source() -> None:
    facts = read()
    assert len({(each.model, each.name) for each in facts}) == len(facts)
    assert all(len(each.source) > 10 for each in facts)


@pytest.fixture(scope="module")
def vocabulary_of_gpt2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights with GPT-2's real vocabulary, in a folder called gpt2."""
    if not (GOLDEN / "gpt2-tokenizer").is_dir():
        pytest.skip("needs GPT-2's tokenizer: set HARNESS_GOLDEN to a folder that holds gpt2-tokenizer/")
    folder = tmp_path_factory.mktemp("models") / "gpt2"
    tokenizer = AutoTokenizer.from_pretrained(GOLDEN / "gpt2-tokenizer")
    return save_tiny(folder, GPT2LMHeadModel, GPT2Config(n_embd=8, n_layer=1, n_head=1), tokenizer)


def test_the_facts_of_gpt2s_vocabulary_hold_of_it(vocabulary_of_gpt2: Path) -> None:
    model = load_model("hf", name=str(vocabulary_of_gpt2))
    facts: list[Fact] = [fact for fact in read() if fact.model is None]
    assert [each.name for each in check(facts, model) if each.held is not True] == []
    wrong = Tokens(kind="tokens", name="wrong", source="", text=" a", ids=(64,))
    assert check([wrong], model)[0].held is False


def test_a_model_called_gpt2_that_is_another_fails(vocabulary_of_gpt2: Path) -> None:
    model = load_model("hf", name=str(vocabulary_of_gpt2))
    short = [fact for fact in read() if fact.model == "gpt2" and (getattr(fact, "new", 1) or 40) < 20]
    checks = check(short, model)
    assert sum(each.held is False for each in checks) >= 8
    assert not [each.name for each in checks if each.held is True]


def test_published_texts_are_as_long_as_they_say(vocabulary_of_gpt2: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(vocabulary_of_gpt2)
    for fact in read():
        if not isinstance(fact, Continuation) or fact.begins:
            continue
        prompt, text = (tokenizer(each).input_ids for each in (fact.prompt, fact.text))
        new = fact.new if fact.new is not None else (fact.length or 0) - len(prompt)
        assert len(text) == new, fact.name
        assert fact.ids is None or list(fact.ids) == text, fact.name
