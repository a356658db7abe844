"""`python -m harness.score`: texts of others, from files to tables and exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import pytest

import harness
from harness.scoring import command
from tests.corpora import golden

Score = Callable[..., tuple[int, str, str]]

ROWS = [
    {"prompt": "p", "generation": "a b a b a b", "reference": "a b c d e f"},
    {"prompt": "q", "generation": "c d e", "reference": "c d c"},
]
PUBLISHED = "contrastive/book_gpt2-xl_contrastive_k6_a0.6.jsonl"


@pytest.fixture
def score(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Score:
    """Run the command in this process, from a folder that holds mine.jsonl: exit code, what it printed, complaints."""
    monkeypatch.chdir(tmp_path)
    save("mine.jsonl", ROWS)

    def call(*arguments: str) -> tuple[int, str, str]:
        try:
            command.main(arguments)
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def save(name: str, rows: Sequence[dict[str, str]]) -> None:
    Path(name).write_text("".join(json.dumps(row) + "\n" for row in rows))


def shell(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "harness.score", *arguments], cwd=cwd, capture_output=True, text=True, check=False
    )


def test_a_file_gets_its_table_and_its_references(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("text,human\na b a b a b,a b c d e f\nc d e,c d c\n")
    done = shell(
        "mine.csv",
        *("--text-column", "text", "--reference-column=human", "--metrics", "repetition,length", "--out", "o"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    rows = {line.split()[0]: line.split() for line in done.stdout.splitlines() if line}
    assert rows["score"] == ["score", "mine", "reference"]
    assert rows["rep-1"][1] == "0.333"  # (4/6 + 0) / 2
    assert "0.167" in rows["rep-1"]  # (0 + 1/3) / 2
    assert rows["length"][1] == "4.50"
    assert "\nrep-4: 1 of 2 texts have no value\n" in done.stdout  # a text of three words has no 4-gram
    assert "\nrep-1|unit:words|length:none|avg:macro|v:" in done.stdout
    assert " = 0.3333333333 (reference 0.1666666667)\n" in done.stdout
    scores = {each["name"]: each for each in json.loads((tmp_path / "o" / "mine" / "scores.json").read_text())}
    assert scores["rep-2"]["value"] == pytest.approx(0.3)  # (3/5 + 0) / 2
    assert scores["rep-2"]["reference"] == 0.0
    assert pd.read_csv(tmp_path / "o" / "table.csv")["strategy"].tolist() == ["mine", "reference"]


def test_the_usual_metrics_are_computed_as_far_as_they_can(score: Score) -> None:
    code, out, err = score("mine.jsonl")
    assert code == 0, err
    assert "distinct-2" in out
    assert "perplexity" not in out
    assert err == ("left out: perplexity (give --model NAME or --scorer NAME), mauve (give --featurizer NAME)\n")


def test_several_files_are_a_comparison(score: Score, tmp_path: Path) -> None:
    pd.DataFrame(ROWS[::-1]).assign(generation="one two three four").to_parquet("other.parquet")
    code, out, err = score("mine.jsonl", "--metrics=repetition", "other.parquet", "--out", "o")
    assert code == 0, err
    assert [line.split()[0] for line in out.splitlines()[2:5] if line.strip()] == ["mine", "other"]
    assert "not ranked" not in out
    table = pd.read_csv("o/table.csv").set_index("strategy")
    assert table.index.tolist() == ["mine", "other", "reference"]
    assert table["rep-1"].tolist() == [0.333, 0.0, 0.167]


def test_tokens_of_a_tokenizer_are_counted(score: Score) -> None:
    code, _, err = score("mine.jsonl", "--metrics", "length", "--tokenizer", "pocket-s", "--out", "o")
    assert code == 0, err
    (length,) = json.loads(Path("o/mine/scores.json").read_text())
    assert "unit:model-tokens" in length["signature"]
    model = harness.load_model("pocket-s")
    assert length["value"] == sum(len(model.continuation(row["generation"])) for row in ROWS) / 2
    assert "tokens:pocket-s@" in json.loads(Path("o/about.json").read_text())["texts"]["mine"]


def test_the_generators_own_texts_have_the_scores_of_the_run(score: Score) -> None:
    model = harness.load_model("pocket-s")
    prompts = harness.load_prompts("fables", limit=4)
    generations = harness.decode(model, prompts, "greedy", max_new_tokens=12)
    generations.rename(columns={"text": "generation"})[["prompt", "generation"]].to_parquet("greedy.parquet")
    assert set(generations["finish"]) == {"length"}  # a closing eos would be a token that the text does not show
    names = ["perplexity", "entropy", "near_ties", "repetition"]
    code, _, err = score("greedy.parquet", "--metrics", ",".join(names), "--model", "pocket-s", "--out", "o")
    assert code == 0, err
    found = {each["name"]: each["value"] for each in json.loads(Path("o/greedy/scores.json").read_text())}
    expected = harness.score(generations, metrics=names).set_index("score")["value"].to_dict()
    assert found == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "required: FILE"),
        (["absent.jsonl"], "absent.jsonl: there is no such file"),
        (["mine.jsonl", "--text-column", "text"], "no column 'text'; there are: prompt, generation, reference"),
        (["mine.jsonl", "--metrics", "rep"], "--metrics='rep': there is no such metric; "),
        (["mine.jsonl", "--metrics", ","], "names none; allowed: "),
        (["mine.jsonl", "--metric", "length"], "unknown argument --metric: did you mean '--metrics'?"),
        (["mine.jsonl", "--compat", "nobody"], "--compat='nobody': no metric of "),
        (["mine.jsonl", "--metrics", "loops", "--set", "metrics.loops.unit=tokens"], "(give --tokenizer NAME-or-DIR)"),
        (["mine.jsonl", "--metrics", "perplexity"], "(give --model NAME or --scorer NAME)"),
        (["mine.jsonl", "--metrics", "entropy", "--tokenizer", "pocket-s"], "(give --model NAME)"),
        (["mine.jsonl", "--metrics", "mauve", "--reference-column="], "(give --reference-column NAME)"),
        (["mine.jsonl", "--set", "metrics.repetition.sizes=0"], "metrics.repetition.sizes=0: "),
        (["mine.jsonl", "--model", "pocket-s", "--tokenizer", "pocket-s"], "give one of them"),
        (["mine.jsonl", "--model", "pocket-x"], "--model='pocket-x': is neither"),
        (["mine.jsonl", "--model", "pocket-s", "--prompt-column="], "with --prompt-column"),
        (["mine.jsonl", "--scorer", "pocket-x"], "metrics.perplexity.scorers='pocket-x': there is no such model"),
        (["mine.jsonl", "--featurizer", "pocket-x"], "--featurizer='pocket-x': there is no such model"),
        (["mine.jsonl", "--out", "mine.jsonl"], "--out='mine.jsonl': cannot be written"),
        (["mine.jsonl", "--out", "/proc/nowhere"], "--out='/proc/nowhere': cannot be written"),
    ],
    ids=lambda x: " ".join(x) if isinstance(x, list) else None,
)
def test_a_mistake_is_one_message_before_anything_slow(
    arguments: list[str], says: str, score: Score, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("something slow began")

    monkeypatch.setattr("harness.models.checkpoint.from_directory", refuse)
    monkeypatch.setattr("harness.scoring.comparison.compare", refuse)
    code, out, err = score(*arguments)
    assert (code, out) == (1, "")
    assert err.startswith("error: ")
    assert len(err.splitlines()) == 1, err
    assert says in err


def test_a_mistake_leaves_no_folder(score: Score) -> None:
    assert score("absent.jsonl", "--out", "new/o")[0] == 1
    assert not Path("new").exists()


def test_the_exit_code_reaches_the_shell(tmp_path: Path) -> None:
    done = shell("absent.jsonl", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: absent.jsonl: there is no such file\n"


def test_the_help_needs_nothing_slow(tmp_path: Path) -> None:
    script = (
        "import sys; from harness.scoring.command import main\n"
        "try: main(['--help'])\n"
        "except SystemExit as end: assert not end.code\n"
        "heavy = {'torch', 'transformers', 'pandas', 'numpy', 'hydra'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "--reference-column" in done.stdout


def test_the_name_stays_the_function_of_the_api() -> None:
    script = "import harness.score, harness.api; assert harness.score is harness.api.score"
    subprocess.run([sys.executable, "-c", script], check=True)


def test_words_alone_need_no_torch(tmp_path: Path) -> None:
    (tmp_path / "mine.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    script = (
        "import sys; from harness.scoring.command import main\n"
        "main(['mine.jsonl', '--metrics', 'repetition'])\n"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_published_texts_have_the_published_numbers(score: Score) -> None:
    file = golden(PUBLISHED)
    arguments = ("--text-column=generation", "--reference-column=reference", "--compat=simctg")
    code, out, err = score(str(file), *arguments, "--metrics=diversity", "--out=o")
    assert code == 0, err
    assert "|compat:simctg|" in out
    assert "= 0.9305598382 (reference 0.9467916796)" in out
    (diversity,) = json.loads((Path("o") / file.stem / "scores.json").read_text())
    assert diversity["value"] == pytest.approx(0.9305598382079999, abs=1e-12)
    assert diversity["reference"] == pytest.approx(0.946791679608, abs=1e-12)
