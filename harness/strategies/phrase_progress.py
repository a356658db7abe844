"""How much of the phrases that must appear has been said by each hypothesis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Wanted:
    """Phrases as tokens.

    At most one phrase is in progress at a time. A token that breaks it off loses what was said of it, and may begin a
    phrase anew: an occurrence that begins inside of one that breaks off goes unnoticed.
    """

    tokens: Tensor  # [phrases, longest] int64, -1 beyond the end
    length: Tensor  # [phrases]

    @staticmethod
    def of(phrases: Sequence[Sequence[int]], device: torch.device) -> Wanted:
        """Phrases of at least one token each."""
        longest = max(map(len, phrases), default=1)
        padded = [[*p, *[-1] * (longest - len(p))] for p in phrases]
        tokens = torch.tensor(padded, dtype=torch.int64, device=device).view(len(phrases), longest)
        return Wanted(tokens, (tokens >= 0).sum(1))

    def after(self, place: Tensor, token: Tensor) -> Tensor:
        """How many tokens of each phrase have been said [..., phrases] once these tokens [...] are, too."""
        running = (place > 0) & (place < self.length)
        goes_on = running & (self.next(place) == token[..., None])
        place = torch.where(goes_on, place + 1, place.where(~running, 0))
        begins = (place == 0) & (self.tokens[:, 0] == token[..., None]) & ~goes_on.any(-1, keepdim=True)
        first = begins & (begins.cumsum(-1) == 1)  # two phrases that begin alike: the one that was given first
        return place + first.to(place.dtype)

    def next(self, place: Tensor) -> Tensor:
        """The token [..., phrases] that comes next in each phrase; -1 where all of it has been said."""
        at = place.clamp(max=self.tokens.shape[1] - 1)
        phrase = torch.arange(len(self.length), device=place.device)
        return torch.where(place < self.length, self.tokens[phrase, at], -1)

    def complete(self, place: Tensor) -> Tensor:
        """[...] whether all phrases have been said."""
        return (place == self.length).all(-1)
