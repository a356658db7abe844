"""Byte-level BPE against the tokenizers library: on the pocket vocabulary always, on GPT-2's where it is at hand."""

from __future__ import annotations

import json
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, pre_tokenizers

from harness.errors import InputError
from harness.models import pocket
from harness.models.bpe import BPE, PATTERN, characters
from tests.corpora import golden

TEXTS = [
    "",
    "Hello there gpt-2!",
    "I'd've said it's they're we'll DON'T 'S 's's'",
    "  two  spaces\tand\ttabs\n\n\nthree lines   \r\n end ",
    "https://user:pw@example.org:8080/a/b.html?q=1&r=%20#frag-2",
    "3.14159, 1,000,000 and ½ ¾ ² Ⅷ ٣٤٥ 五",
    "Zażółć gęślą jaźń; naïve façade; ÅÅ; ﬁ ﬂ; İı",
    "Съешь же ещё этих мягких французских булок",
    "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία",
    "我能吞下玻璃而不伤身体。私はガラスを食べられます。나는 유리를 먹을 수 있어요.",
    "أنا قادر على أكل الزجاج و هذا لا يؤلمني. אני יכול לאכול זכוכית",
    "मैं काँच खा सकता हूँ। ฉันกินกระจกได้ ⴰⵎⴰⵣⵉⵖ አማርኛ ქართული",
    "😀 👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 🇺🇳 e\u0301 \u200b\u200d\ufeff\u00a0\u2028\u3000\x00\x1c\x1f\x7f\x85",
    "\U0001d54a\U00020000\U000e0041\U0010ffff\ufffd",
    "def f(x):\n    return {k: v**2 for k, v in x.items()}  # ~`!@$%^&*()_+|\\",
    "a" * 300 + " " * 300 + "ab" * 150,
    "<|endoftext|>",
]


def pocket_tokenizer() -> tuple[BPE, Tokenizer]:
    """Both encoders of the embedded models' vocabulary."""
    file = Path(pocket.__file__).parent / "pocket-m" / "tokenizer.json"
    model = json.loads(file.read_text(encoding="utf-8"))["model"]
    return BPE(model["vocab"], [(a, b) for a, b in model["merges"]]), ordinary(file)


def ordinary(file: Path) -> Tokenizer:
    """The library's encoder, to which special tokens are text, as they are to ours."""
    theirs = Tokenizer.from_file(str(file))
    theirs.encode_special_tokens = True
    return theirs


@pytest.fixture(scope="module", params=["pocket", "gpt2"])
def both(request: pytest.FixtureRequest) -> tuple[BPE, Tokenizer]:
    if request.param == "pocket":
        return pocket_tokenizer()
    folder = golden("gpt2-tokenizer")
    return BPE.read(folder), ordinary(folder / "tokenizer.json")


@pytest.mark.parametrize("text", TEXTS)
def test_the_tokens_are_the_librarys(both: tuple[BPE, Tokenizer], text: str) -> None:
    ours, theirs = both
    tokens = ours.encode(text)
    assert tokens == theirs.encode(text).ids
    assert ours.decode(tokens) == text


# Characters of later editions of Unicode than the library's are left out (`PATTERN`).
known = st.characters(exclude_categories=("Cs", "Cn"))
texts = (
    st.text(known)
    | st.text(st.sampled_from("aAéß'sdt 1²٣ \t\n\u00a0\u3000.!_–😀日"))
    | st.binary().map(lambda data: data.decode("utf-8", errors="ignore"))
)


@settings(max_examples=300)
@given(text=texts.filter(lambda text: all(unicodedata.category(c) != "Cn" for c in text)))
def test_any_text_is_the_librarys_and_comes_back(both: tuple[BPE, Tokenizer], text: str) -> None:
    ours, theirs = both
    tokens = ours.encode(text)
    assert tokens == theirs.encode(text).ids
    assert ours.decode(tokens) == text


@settings(max_examples=200)
@given(data=st.data())
def test_any_tokens_are_the_librarys_text(both: tuple[BPE, Tokenizer], data: st.DataObject) -> None:
    """Also where their bytes are no UTF-8."""
    ours, theirs = both
    tokens = data.draw(st.lists(st.integers(0, len(ours.tokens) - 1), max_size=12))
    assert ours.decode(tokens) == theirs.decode(tokens, skip_special_tokens=False)


@settings(max_examples=100)
@given(text=st.text())
def test_characters_that_no_edition_knows_come_back_too(both: tuple[BPE, Tokenizer], text: str) -> None:
    assert both[0].decode(both[0].encode(text)) == text


def test_the_pattern_cuts_as_the_library_around_every_character() -> None:
    theirs = pre_tokenizers.ByteLevel(add_prefix_space=False)
    points = [chr(i) for i in range(sys.maxunicode + 1)]
    ideographs = [c for c in points if unicodedata.category(c) == "Lo"]  # most of all; every fiftieth will do
    others = [c for c in points if unicodedata.category(c) not in ("Lo", "Cs", "Cn", "Co")]
    for c in others + ideographs[::50]:
        text = f"a{c}1{c}! {c}  {c}"
        pieces = [text[a:b] for _, (a, b) in theirs.pre_tokenize_str(text)]
        assert PATTERN.findall(text) == pieces, hex(ord(c))


def test_gpt2s_published_ids() -> None:
    ours = BPE.read(golden("gpt2-tokenizer"))
    assert [ours.decode([t]) for t in ours.encode("Hello there gpt-2!")] == [
        *("Hello", " there", " g", "pt", "-", "2", "!"),
    ]
    assert ours.encode("A day without laughter is a day") == [32, 1110, 1231, 20263, 318, 257, 1110]
    assert ours.encode("The theory of relativity is")[:1] == [464]
    assert ours.vocab["<|endoftext|>"] == 50256
    assert ours.decode([50256]) == "<|endoftext|>"


def test_both_namings_of_the_files_are_read(tmp_path: Path) -> None:
    ours, _ = pocket_tokenizer()
    for vocab, merges in (("encoder.json", "vocab.bpe"), ("vocab.json", "merges.txt")):
        folder = tmp_path / vocab
        folder.mkdir()
        (folder / vocab).write_text(json.dumps(ours.vocab))
        lines = ["#version: 0.2", *map(" ".join, ours.ranks), ""]
        (folder / merges).write_text("\n".join(lines), encoding="utf-8")
        again = BPE.read(folder)
        assert (again.vocab, again.ranks) == (ours.vocab, ours.ranks)


def test_transformers_writes_files_that_are_read(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    source = Path(pocket.__file__).parent / "pocket-s"
    theirs = AutoTokenizer.from_pretrained(source)
    theirs.backend_tokenizer.model.save(str(tmp_path))
    assert BPE.read(tmp_path).encode(TEXTS[4]) == theirs(TEXTS[4])["input_ids"]


def test_the_bytes_are_written_as_transformers_writes_them() -> None:
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    assert dict(enumerate(characters())) == bytes_to_unicode()


def test_of_equal_pairs_the_first_is_merged() -> None:
    vocab = {c: i for i, c in enumerate([*characters(), "aa", "aab", "ab"])}
    bpe = BPE(vocab, [("a", "a"), ("aa", "b"), ("a", "b")])
    assert [bpe.tokens[t] for t in bpe.encode("aaaaa")] == ["aa", "aa", "a"]
    assert [bpe.tokens[t] for t in bpe.encode("aaab")] == ["aa", "ab"]


def test_mistakes_are_named(tmp_path: Path) -> None:
    vocab = {c: i for i, c in enumerate(characters())}
    with pytest.raises(InputError, match="the merges make 'ab', which the vocabulary of 256 does not have"):
        BPE(vocab, [("a", "b")])
    bpe = BPE(vocab, [])
    with pytest.raises(InputError, match="token 256: the vocabulary has 256"):
        bpe.decode([256])
    with pytest.raises(InputError, match=r"cannot be written in UTF-8 \(surrogates not allowed\)"):
        bpe.encode("a \ud83d b")
    with pytest.raises(InputError, match=r"has neither encoder\.json with vocab\.bpe nor vocab\.json with merges\.txt"):
        BPE.read(tmp_path)
    (tmp_path / "vocab.json").write_text(json.dumps(vocab))
    (tmp_path / "merges.txt").write_text("#version: 0.2\na b c\n")
    with pytest.raises(InputError, match=r"vocab\.json and merges\.txt cannot be read"):
        BPE.read(tmp_path)


def test_special_tokens_are_told_from_bytes(tmp_path: Path) -> None:
    bpe = BPE({c: i for i, c in enumerate([*characters(), "<pad token>"])}, [])
    assert bpe.decode([256, *bpe.encode("é")]) == "<pad token>é"
