"""Command lines and configs that mean nothing: one sentence, no folder, and no model loaded."""

from __future__ import annotations

import tempfile
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from harness import __main__ as cli
from tests import command_line

Arguments = tuple[str, ...]


def refuse(*_: object, **__: object) -> None:
    raise AssertionError("a model was loaded")


def ended(*arguments: str) -> str:
    """The sentence that the command ends with; the folder it is called from is as it was."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "mine.txt").write_text("here before")
        before = command_line.contents(folder)
        with patch("harness.models.checkpoint.from_directory", refuse):
            message = command_line.run(cli.main, *arguments, folder=folder).message()
        assert {k: v for k, v in command_line.contents(folder).items() if k != "results"} == before
        return message


def one(*arguments: str) -> st.SearchStrategy[Arguments]:
    return st.just(arguments)


def key(name: str, *values: str) -> st.SearchStrategy[Arguments]:
    return st.sampled_from([(f"{name}={value}",) for value in values])


# As Hydra reads them: none of these is a whole number, a text, true or false.
NO_NUMBER = st.sampled_from(
    ["null", "nan", "inf", "-inf", "0.5", "1e400", "[1,2]", "{a:1}", "true", "''", '"x y"', "é"]
)
KNOBS = (
    "seed",
    "samples",
    "max_new_tokens",
    "engine.max_rows",
    "report.prompts",
    "report.characters",
    "metrics.mauve.seeds",
)
PATHS = ("os.system", "os.getcwd", "os.abort", "subprocess.Popen", "builtins.exec", "shutil.rmtree", "sys.exit")
NODES = ("strategy", "engine", "model", "prompts", "report", "cluster", "metrics.length")
LONG = "9" * 5000

KINDS: dict[str, st.SearchStrategy[Arguments]] = {
    "no number": st.builds(lambda knob, value: (f"{knob}={value}",), st.sampled_from(KNOBS), NO_NUMBER),
    "out of range": st.builds(
        lambda knob, value: (f"{knob}={value}",),
        st.sampled_from(KNOBS[:-3]),
        st.integers(-(2**70), -1),
    ),
    "too many digits": key("seed", LONG, f"[{LONG}]", str(2**63)),
    "no text": key("name", "[1]", "{a:1}", "3", "true", "0.5"),
    "no group": st.builds(
        lambda group, value: (f"{group}={value}",),
        st.sampled_from(["model", "strategy", "engine", "prompts"]),
        st.sampled_from(["nope", "null", "3", "", "../x", "/etc/passwd", "[a,b]", "{x:1}", "é"]),
    ),
    "metrics": key("metrics", "[nope]", "5", "null", "[../x]", "[5]", "nope"),
    "an unknown key": st.from_regex(r"[a-z]{3,9}", fullmatch=True).map(lambda name: (f"+strategy.odd_{name}=1",)),
    "an unknown key above": st.from_regex(r"[a-z]{3,9}", fullmatch=True).map(lambda name: (f"+odd_{name}=1",)),
    "a key gone": st.sampled_from(
        [(f"~{name}",) for name in ("model", "prompts", "engine", "report", "seed", "samples", "nope", "model.factory")]
    ),
    "what leads nowhere": st.builds(
        lambda name, to: (f"{name}=${{{to}}}",),
        st.sampled_from(["seed", "samples", "strategy.repetition_penalty", "engine.max_rows"]),
        st.sampled_from(["nope", "nope.x", "oc.env:NOT_SET_HERE", "nope:1", "seed.x"]),
    ),
    "circles": key("seed", "${seed}") | key("samples", "${samples}"),
    "no grammar": st.text("={}[]\"'~+@:,$(", min_size=1, max_size=5).map(lambda text: (f"seed={text}'",)),
    "another factory": st.builds(
        lambda node, path: (f"{node}.factory={path}",), st.sampled_from(NODES), st.sampled_from(PATHS)
    ),
    "no factory": st.builds(
        lambda node, path: (f"{node}.factory={path}",),
        st.sampled_from(NODES),
        st.sampled_from(["null", "3", "''", "x", ".x", "harness.nope.x", "harness.sweep", "harness.__version__"]),
    ),
    "a factory of something else": st.sampled_from(
        [
            ("strategy.factory=harness.prompts.text.text",),
            ("engine.factory=harness.strategies.sampling.greedy",),
            ("~engine.max_rows", "~engine.merge", "engine.factory=os.getcwd"),
            ("prompts.factory=harness.metrics.length.Length",),
            ("+study.factory=harness.configs.options",),
        ]
    ),
    "a command of one's own": st.sampled_from(
        [
            ("~strategy", "+strategy={factory:os.system,command:'touch pwned'}"),
            ("strategy=hf_processor", "strategy.processor._target_=os.system", "+strategy.processor.command='touch p'"),
            ("~prompts.limit", "++prompts.factory=os.system", "+prompts.command='touch pwned'"),
            ("strategy=best_of_n", "strategy.candidates.factory=os.system"),
        ]
    ),
    "a folder that cannot be": st.sampled_from(
        ["mine.txt", "mine.txt/x", "y" * 300, "null", "[a]", "'a\0b'", "/dev/null/x"]
    ).map(lambda place: (f"hydra.run.dir={place}",)),
    "jobs in one folder": st.sampled_from(["x", ".", "../x", "../x${hydra.job.num}"]).map(
        lambda place: ("-m", "strategy=greedy,beam", f"hydra.sweep.subdir={place}")
    ),
    "no jobs": st.sampled_from(["range(1,1)", "glob(*)", "choice()"]).map(lambda what: ("-m", f"seed={what}")),
    "a name that is none": st.sampled_from(["x" * 5000, "a\0b", "..", "\udcff", "[]", "5", "mine.txt", "/nowhere"]).map(
        lambda name: ("model=hf", f"model.name='{name}'" if name.isprintable() is False else f"model.name={name}")
    ),
    "one job of many": one("-m", "strategy=greedy,beam", "seed=0,-1") | one("-m", "seed=0,x"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_nonsense_is_one_sentence_that_names_it(kind: str) -> None:
    @settings(max_examples=3, phases=(Phase.explicit, Phase.reuse, Phase.generate))  # shrinking would take minutes
    @given(KINDS[kind])
    def ends(arguments: Arguments) -> None:
        assert ended(*arguments)

    ends()


@pytest.mark.parametrize(
    "name", ["../../x", "a/b", "a\\b", "CON", "a\nb", "x" * 5000, "\udcff", "\x1b[31m", "~", "..."]
)
def test_no_name_leaves_the_folder_of_results(name: str) -> None:
    """Whatever it is; the seed is what ends the command."""
    quoted = name.replace("\\", "\\\\").replace("'", "\\'")
    assert "seed=-1" in ended(f"name='{quoted}'", "seed=-1")
