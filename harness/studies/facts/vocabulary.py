"""What a model's tokenizer makes of a text, and whether its vocabulary is GPT-2's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2s

from harness.inspect.step import shown
from harness.models.base import LanguageModel

GPT2_TOKENS = 50257
_SAMPLE = range(0, GPT2_TOKENS, 97)
_DIGEST = "7865e0eccad97e69"


@dataclass(frozen=True)
class Tokenised:
    """A text and its tokens."""

    text: str
    ids: list[int]
    pieces: list[str]
    back: str  # the text of the tokens

    @property
    def visible(self) -> list[str]:
        """The pieces with every character visible, a space as ␣."""
        return [shown(piece) for piece in self.pieces]


def tokenised(model: LanguageModel, text: str) -> Tokenised:
    """The tokens of a text as a prompt; of the empty text none, though a prompt of none starts from a special one."""
    ids = model.encode(text) if text else model.continuation(text)
    return Tokenised(text, ids, model.pieces(ids), model.decode(ids))


def is_gpt2(model: LanguageModel) -> bool:
    """Whether the model's tokens are GPT-2's: what the ids 0, 97, 194, ... stand for is looked at, no text is encoded.

    So a tokenizer that encodes wrongly fails its checks, and one of another vocabulary skips them.
    """
    return model.vocab >= GPT2_TOKENS and digest(model.pieces(_SAMPLE)) == _DIGEST


def digest(pieces: Sequence[str]) -> str:
    """A hash of what tokens stand for; parts of characters, which may be written in several ways, are left out."""
    plain = (piece if piece.isascii() and "\\" not in piece else "" for piece in pieces)
    return blake2s("\0".join(plain).encode(), digest_size=8).hexdigest()
