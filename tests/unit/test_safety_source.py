"""The harness's own source: no pickle, no code from elsewhere, no shell, no text that becomes HTML unescaped."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "harness").rglob("*.py"))
OTHERS = sorted(path for path in (ROOT / "experiments").rglob("*.py"))

IMPORTS = {
    "pickle": "runs what it reads",
    "_pickle": "runs what it reads",
    "cloudpickle": "runs what it reads",
    "dill": "runs what it reads",
    "joblib": "its files are pickles",
    "marshal": "crashes on what it reads",
    "shelve": "its files are pickles",
    "code": "runs text",
    "pty": "runs a shell",
    "urllib.request": "the hub's libraries alone ask a network",
    "http.client": "the hub's libraries alone ask a network",
    "requests": "the hub's libraries alone ask a network",
    "httpx": "the hub's libraries alone ask a network",
    "ftplib": "the hub's libraries alone ask a network",
}
NAMES = {
    "eval": "runs text",
    "exec": "runs text",
    "compile": "runs text",
    "__import__": "importlib.import_module says the same in the open",
    "os.system": "runs a shell",
    "os.popen": "runs a shell",
    "subprocess.getoutput": "runs a shell",
    "subprocess.getstatusoutput": "runs a shell",
    "torch.load": "reads pickles",
    "torch.save": "writes pickles",
    "torch.jit.load": "runs what it reads",
    "torch.hub.load": "runs what it fetches",
    "numpy.load": "may read pickles",
    "pandas.read_pickle": "reads pickles",
    "pandas.eval": "runs text",
    "yaml.load": "makes objects of any class: yaml.safe_load",
    "yaml.load_all": "makes objects of any class: yaml.safe_load_all",
    "yaml.full_load": "makes objects of many classes: yaml.safe_load",
    "yaml.unsafe_load": "makes objects of any class: yaml.safe_load",
    "tempfile.mktemp": "somebody else can make the file first",
    "shutil.unpack_archive": "writes wherever the archive says: harness.archives",
    "hydra.utils.instantiate": "calls whatever a config says: harness.knobs.build",
}
METHODS = {
    "extractall": "writes wherever the archive says: harness.archives",
    "extract": "writes wherever the archive says: harness.archives",
    "to_pickle": "writes pickles",
}
KEYWORDS = {
    "trust_remote_code": False,
    "allow_pickle": False,
    "shell": False,
    "weights_only": True,
    "use_safetensors": True,
    "autoescape": True,
}

LOADER = r"(^|\.)(Auto|[a-z])\w*\.from_pretrained$"  # what picks a class by the files, which may name their own code
WRITES_HTML = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function"

ALLOWED = {
    # Markdown, not HTML: whatever a model or a user wrote goes through the filters of escape.py (test_studies_answers).
    ("harness/studies/answers.py", "autoescape=False"),
    # The optimizer's state between two parts of a training, which this script itself wrote; read with
    # weights_only=True. What it publishes is safetensors.
    ("experiments/pocket/train.py", "torch.load"),
    ("experiments/pocket/train.py", "torch.save"),
}
"""What stands in a file all the same, and why."""

MARKUP = {"harness/report/page/compose.py", "harness/report/page/inline.py", "harness/report/page/pack.py"}
"""Where HTML is made of more than literals: of static/ itself, of entities that a pattern lets through, of base64 and
JSON without <, & and line ends."""


def found(source: str) -> Iterator[tuple[int, str]]:
    """Line and name of everything in a module's source that the tables above name."""
    nodes = list(ast.walk(ast.parse(source)))
    known: dict[str, str] = {}  # a name in the module -> what it is, as a path
    for node in nodes:
        if isinstance(node, ast.Import):
            known |= {each.asname or each.name.partition(".")[0]: each.name for each in node.names if each.asname}
            known |= {
                each.name.partition(".")[0]: each.name.partition(".")[0] for each in node.names if not each.asname
            }
            yield from ((node.lineno, each.name) for each in node.names if _below(each.name))
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            known |= {each.asname or each.name: f"{node.module}.{each.name}" for each in node.names}
            for each in node.names:
                path = f"{node.module}.{each.name}"
                if _below(path) or path in NAMES:
                    yield node.lineno, path
    for node in nodes:
        if isinstance(node, ast.Name) and node.id in NAMES and node.id not in known:
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute):
            path = _path(node, known)
            if path in NAMES:
                yield node.lineno, path
            elif node.attr in METHODS:
                yield node.lineno, node.attr
        elif isinstance(node, ast.keyword) and node.arg in KEYWORDS:
            yield from _keyword(node.value, node.arg)
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and key.value in KEYWORDS:
                    yield from _keyword(value, str(key.value))
        elif isinstance(node, ast.Call) and _path(node.func, known).rpartition(".")[2] == "Markup":
            if not all(map(_literal, node.args)):
                yield node.lineno, "Markup"
        elif isinstance(node, ast.Call) and re.search(
            r"(^|\.)(Auto|[a-z])\w*\.from_pretrained$", _path(node.func, known)
        ):
            given = {each.arg for each in node.keywords}
            if not given & {"trust_remote_code", None}:  # None: **how, whose dict is looked at where it is made
                yield node.lineno, "from_pretrained"


def _below(path: str) -> bool:
    return any(path == name or path.startswith(f"{name}.") for name in IMPORTS)


def _path(node: ast.AST, known: dict[str, str]) -> str:
    """`np.load` as "numpy.load"; "" where it is no path of names."""
    if isinstance(node, ast.Name):
        return known.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        return f"{_path(node.value, known)}.{node.attr}"
    return ""


def _keyword(value: ast.expr, name: str) -> Iterator[tuple[int, str]]:
    if not (isinstance(value, ast.Constant) and value.value is KEYWORDS[name]):
        yield value.lineno, f"{name}={ast.unparse(value)}"


def _literal(node: ast.expr) -> bool:
    if isinstance(node, ast.IfExp):
        return _literal(node.body) and _literal(node.orelse)
    return isinstance(node, ast.Constant)


def test_nothing_unsafe_stands_in_the_source() -> None:
    assert len(FILES) > 200
    wrong = []
    for path in (*FILES, *OTHERS):
        name = path.relative_to(ROOT).as_posix()
        for line, what in found(path.read_text(encoding="utf-8")):
            if (name, what) not in ALLOWED and not (what == "Markup" and name in MARKUP):
                wrong.append(f"{name}:{line}: {what}")
    assert not wrong


def test_what_is_allowed_is_there() -> None:
    """An exception that nothing needs any more goes."""
    there = {
        (name, what)
        for name in {name for name, _ in ALLOWED} | MARKUP
        for _, what in found((ROOT / name).read_text(encoding="utf-8"))
    }
    assert there == ALLOWED | {(name, "Markup") for name in MARKUP}


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("import pickle", "pickle"),
        ("import pickle as p", "pickle"),
        ("def f():\n    from pickle import loads", "pickle.loads"),
        ("from urllib import request", "urllib.request"),
        ("import urllib.request", "urllib.request"),
        ("import numpy as np\nnp.load('a')", "numpy.load"),
        ("from numpy import load", "numpy.load"),
        ("import torch\nx = torch.load", "torch.load"),
        ("from yaml import unsafe_load as safe", "yaml.unsafe_load"),
        ("import yaml\nyaml.load(x, yaml.SafeLoader)", "yaml.load"),
        ("import os\nos.system('ls')", "os.system"),
        ("eval('1')", "eval"),
        ("run = exec", "exec"),
        ("import subprocess\nsubprocess.run('ls', shell=True)", "shell=True"),
        ("import subprocess\nsubprocess.run('ls', shell=wanted)", "shell=wanted"),
        ("f(trust_remote_code=True)", "trust_remote_code=True"),
        ("how = {'trust_remote_code': True}", "trust_remote_code=True"),
        ("AutoModel.from_pretrained(path)", "from_pretrained"),
        ("f(weights_only=False)", "weights_only=False"),
        ("Environment(autoescape=False)", "autoescape=False"),
        ("import tarfile\ntarfile.open(a).extractall(b)", "extractall"),
        ("frame.to_pickle(a)", "to_pickle"),
        ("import tempfile\ntempfile.mktemp()", "tempfile.mktemp"),
        ("from markupsafe import Markup\nMarkup(f'<b>{text}</b>')", "Markup"),
        ("from markupsafe import Markup\nMarkup('<b>' if a else text)", "Markup"),
    ],
)
def test_what_is_unsafe_is_found(source: str, what: str) -> None:
    assert what in {each for _, each in found(source)}


@pytest.mark.parametrize(
    "source",
    [
        "import re\nre.compile('a')",
        "network.eval()",
        "import yaml\nyaml.safe_load(x)",
        "import datasets\ndatasets.load_dataset(x)",
        "AutoModel.from_pretrained(path, trust_remote_code=False)",
        "from markupsafe import Markup\nMarkup('<b>{}</b>').format(text)",
        "import subprocess\nsubprocess.run(['ls'])",
    ],
)
def test_what_is_safe_is_not(source: str) -> None:
    assert not list(found(source))


def test_templates_print_nothing_unescaped_but_their_own_words() -> None:
    """`| safe` stands behind the files of assets/ and literals of the template alone; scripts never write HTML."""
    templates = [path for kind in ("*.j2", "*.html") for path in (ROOT / "harness").rglob(kind)]
    assert len(templates) > 5
    trusted = (re.findall(r"\{\{ *([^{}]*?) *\| *safe", path.read_text(encoding="utf-8")) for path in templates)
    assert {each for found in trusted for each in found} == {
        "formula",
        "css",
        "script",
        "' class=\"references\"'",
    }
    for path in (ROOT / "harness").rglob("*.js"):
        wrong = re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", path.read_text()
        )
        assert not wrong, path
