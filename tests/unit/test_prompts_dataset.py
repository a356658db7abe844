from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import datasets
import huggingface_hub
import pandas as pd
import pytest

from harness.errors import InputError
from harness.prompts.dataset import dataset
from harness.prompts.wikitext import wikitext

TEXTS = ["too short", "one two three four five six", "  a b c d e\nf g  "]


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty local cache, and a hub that nobody answers for."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    return tmp_path / "cache"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "tales"
    path.mkdir()
    pd.DataFrame({"text": TEXTS, "title": ["x", "y", "z"], "n": [1, 2, 3]}).to_parquet(path / "test.parquet")
    return path


@pytest.mark.parametrize("streaming", [False, True])
def test_long_passages_are_cut_and_short_ones_left_out(folder: Path, streaming: bool) -> None:
    prompts = dataset(str(folder), prompt_words=3, min_words=5, streaming=streaming)
    assert [(p.text, p.reference) for p in prompts] == [("one two three", " four five six"), ("a b c", " d e\nf g")]
    assert dataset(str(folder), prompt_words=3, min_words=5, streaming=streaming, limit=1) == prompts[:1]


def test_columns_can_be_prompts_and_references(folder: Path) -> None:
    prompts = dataset(str(folder), column="title", reference_column="text")
    assert [(p.text, p.reference) for p in prompts] == list(zip("xyz", TEXTS, strict=True))
    assert [p.text for p in dataset(str(folder), split="test[1:2]")] == TEXTS[1:2]


@pytest.mark.parametrize(
    ("knobs", "parts"),
    [
        ({"column": "story"}, ["row 1", "no column 'story'", "text, title, n"]),
        ({"column": "n"}, ["row 1", "column 'n' is 1 (int)"]),
        ({"split": "validation"}, ["'validation'", "cannot be loaded"]),
        ({"config": "large"}, ["'large'", "cannot be loaded"]),
        ({"prompt_words": 30}, ["no text of 31 words or more"]),
        ({"prompt_words": 3, "min_words": 30}, ["no text of 30 words or more"]),
    ],
)
def test_mistakes_are_named(folder: Path, knobs: dict[str, object], parts: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        dataset(str(folder), **knobs)  # type: ignore[arg-type]
    for part in [str(folder), *parts]:
        assert part in str(caught.value)


@pytest.mark.parametrize("content", ["", '{"text": "a"}\n{"text": \n'])
def test_what_datasets_itself_says_unclearly_is_a_sentence(content: str, tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "test.jsonl").write_text(content)
    with pytest.raises(InputError, match=r"broken', split 'test': cannot be loaded \(.+\)"):
        dataset(str(tmp_path / "broken"))


@pytest.mark.parametrize("knobs", [{}, {"streaming": True}, {"revision": "main"}])
def test_a_hub_that_does_not_answer_is_said_at_once(knobs: dict[str, object]) -> None:
    start = time.monotonic()
    with pytest.raises(InputError, match=r"prompts\.name='someone/tales'.*hub does not answer.*prompts=fables"):
        dataset("someone/tales", **knobs)  # type: ignore[arg-type]
    assert time.monotonic() - start < 5  # the libraries' own retries take 23 seconds


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A hub on this machine that has no data set, says so in the real one's way, and takes its time for `slow`."""

    class Hub(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if "slow" in self.path:
                time.sleep(2)
            self.send_response(404)
            self.send_header("X-Error-Code", "RevisionNotFound" if "revision" in self.path else "RepoNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", endpoint)
    yield endpoint
    server.shutdown()
    server.server_close()


def test_what_the_hub_does_not_have_is_told_from_silence(hub: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="neither a local folder nor a data set on the hub"):
        dataset("someone/tales")
    with pytest.raises(InputError, match=r"prompts\.revision='v9': someone/tales has no such revision"):
        dataset("someone/tales", revision="v9")
    monkeypatch.setattr("harness.prompts.dataset._PATIENCE", 0.2)
    with pytest.raises(InputError, match=r"does not answer \(.*timed out"):
        dataset("someone/slow")


def test_a_name_that_the_hub_cannot_have_is_refused() -> None:
    with pytest.raises(InputError, match=r"prompts\.name='/no/where'"):
        dataset("/no/where")


def test_the_local_copy_is_used_where_the_hub_does_not_answer(folder: Path, cache: Path) -> None:
    expected = dataset(str(folder), prompt_words=3)
    (cache / "tales").rename(cache / "someone___tales")  # as it lies after a download from the hub
    assert dataset("someone/tales", prompt_words=3) == expected
    assert not datasets.config.HF_HUB_OFFLINE
    with pytest.raises(InputError, match="Couldn't find cache"):
        dataset("someone/tales", config="large")


def test_a_missing_library_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(InputError, match="pip install datasets"):
        dataset("someone/tales")


# wikitext


@pytest.fixture
def wiki(tmp_path: Path) -> str:
    path = tmp_path / "wiki"
    path.mkdir()
    rows = [
        "",
        " = The Old Mill = \n",
        " = = A long heading about the history of the mill = = \n",
        ' The " Old Mill " , built in 1842 ( or 1843 ) , is a well @-@ known mill ; it cost $ 1 @.@ 5 million . \n',
        " Its owner didn 't sell the millers ' 1 @,@ 000 sacks : he 'd rather wait ! \n",
        ' He said : " Wait , and see . " ( He won [ 3 ] . ) \n',
    ]
    pd.DataFrame({"text": rows}).to_parquet(path / "test.parquet")
    return str(path)


def test_wikitext_drops_headings_and_detokenizes(wiki: str) -> None:
    prompts = wikitext(wiki, config=None, prompt_words=3, min_words=4)
    assert [p.text + (p.reference or "") for p in prompts] == [
        'The "Old Mill", built in 1842 (or 1843), is a well-known mill; it cost $1.5 million.',
        "Its owner didn't sell the millers' 1,000 sacks: he'd rather wait!",
        'He said: "Wait, and see." (He won [3].)',
    ]
    assert prompts[1].text == "Its owner didn't"


def test_wikitext_can_be_left_as_it_is(wiki: str) -> None:
    first = wikitext(wiki, config=None, detokenize=False, prompt_words=3, min_words=4, limit=1)[0]
    assert first.text == 'The " Old'
    assert first.reference is not None
    assert first.reference.endswith("it cost $ 1 @.@ 5 million .")


def test_wikitext_takes_long_paragraphs_only(wiki: str) -> None:
    assert len(wikitext(wiki, config=None, prompt_words=3, min_words=12)) == 1
    with pytest.raises(InputError, match="no text of 120 words or more"):
        wikitext(wiki, config=None)
