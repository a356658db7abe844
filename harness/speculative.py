"""Speculative decoding: tokens are guessed, the model reads several at once, and what it would have chosen is kept.

A row's draws are its own and a strategy turns logits and draw into a token, so the guesses need no rejection sampling
(Leviathan et al., 2023; Chen et al., 2023): the strategy chooses at each guessed place as it always does, and a guess
counts as long as it is what was chosen. The tokens are those of `engine=fast`, whatever is guessed, up to float ties.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

from harness.companion import Companion
from harness.engine import MaxRows, Watch, decode, run
from harness.errors import InputError
from harness.knobs import PositiveCount, checked, neutral
from harness.memory import rows_that_fit
from harness.models.base import LanguageModel, Reader
from harness.models.beside import beside, check_beside
from harness.packing import Queue
from harness.proposals import Draft, Lookup, Proposer
from harness.requests import Generation, Request, check_room
from harness.rounds import Counts, SpeculativeBatch
from harness.strategies.base import Strategy

KEY = "engine.draft"


@dataclass(frozen=True)
class Speculative:
    """The engine; see `speculative`."""

    draft: str | None
    prompt_lookup: int
    num_assistant_tokens: int
    max_rows: MaxRows
    counts: Counts = field(default_factory=Counts, compare=False)  # of the last call

    def check(self, model: LanguageModel) -> None:
        """Find out, before anything is decoded, whether the draft goes with a model.

        Raises:
            InputError: it has other tokens; or one of the two cannot read ahead.
        """
        self._readers(model)

    def _readers(self, model: LanguageModel) -> tuple[Reader, Reader | None]:
        other = None if self.draft is None else beside(self.draft, model, KEY)
        for each in (model, other):
            if each is not None and not hasattr(each, "read"):
                raise InputError(f"engine=speculative: {each.name} cannot read several tokens at once; use engine=fast")
        return cast(Reader, model), cast("Reader | None", other)

    def __call__(
        self, model: LanguageModel, requests: Sequence[Request], *, watch: Watch | None = None
    ) -> Iterator[Generation]:
        """Decode all requests: `decode_speculatively` with these knobs."""
        reader, other = self._readers(model)
        vars(self.counts).update(vars(Counts()))
        propose: Callable[[], Proposer] = partial(Lookup, self.prompt_lookup)
        if other is not None:
            propose = partial(Draft, other, model.vocab, model.eos)
        yield from decode_speculatively(
            reader,
            requests,
            propose=propose,
            ahead=self.num_assistant_tokens,
            max_rows=self.max_rows,
            beside=other,
            counts=self.counts,
            watch=watch,
        )
        told = self.counts.told()
        if told["acceptance"] is not None and told["tokens_per_pass"] is not None:
            logging.getLogger(__name__).info(
                "%s: %.1f%% of %d guesses were right; a row got %.2f tokens from a pass",
                model.name,
                100 * told["acceptance"],
                self.counts.proposed,
                told["tokens_per_pass"],
            )

    def told(self, model: LanguageModel) -> dict[str, Any]:
        """What a run's provenance says of the last call, ready for JSON."""
        other = None if self.draft is None else beside(self.draft, model, KEY)
        names = {} if other is None else {"draft": other.name, "draft_fingerprint": other.fingerprint}
        return {"speculation": names | self.counts.told()}


@neutral("max_rows")
@checked
def speculative(
    draft: str | None = None,
    prompt_lookup: PositiveCount = 2,
    num_assistant_tokens: PositiveCount = 4,
    max_rows: MaxRows = "auto",
) -> Speculative:
    """The engine that guesses tokens and reads them in one pass: the tokens of `fast` in fewer passes of the model.

    It pays where a pass over several tokens costs hardly more than over one: few rows, a large model. Equal rows are
    not merged, and a batch is not refilled. Strategies that own several rows, look ahead, see hidden states or have a
    companion cannot be guessed: those in the same sweep are decoded as `fast` does it, before the others.

    Args:
        draft: a model that guesses: of `conf/model`, a directory or an id on the hub, with the tokens of the decoding
            model, whose dtype, device and backend it gets. It guesses what the strategy would choose by its logits.
        prompt_lookup: without a draft, the guess is what followed the last so many tokens where the row's text had them
            before.
        num_assistant_tokens: guessed at a time.
        max_rows: decoded at once at most; auto: as many as fit the free memory, and no more than pay.

    Raises:
        InputError: there is no such draft.
    """
    if draft is not None:
        check_beside(draft, KEY)
    return Speculative(draft, prompt_lookup, num_assistant_tokens, max_rows)


def decode_speculatively(
    model: Reader,
    requests: Sequence[Request],
    *,
    propose: Callable[[], Proposer],
    ahead: int = 4,
    max_rows: MaxRows = "auto",
    beside: LanguageModel | None = None,
    counts: Counts | None = None,
    watch: Watch | None = None,
) -> Iterator[Generation]:
    """Decode all requests as `harness.engine.decode` does, whatever is proposed.

    Args:
        model: that decodes.
        requests: of any strategies, seeds and lengths, together.
        propose: makes what guesses for a batch.
        ahead: how many tokens are guessed at a time.
        max_rows: rows decoded at once at most.
        beside: the draft, where there is one.
        counts: what came of the guesses is added to these.
        watch: see `harness.engine.Watch`.

    Raises:
        InputError: a prompt leaves no room in the context of the model or the draft, raised before anything is decoded;
            or memory does not suffice for a single request.
    """
    check_room(model, requests)
    guessed = {s: speculable(s, model) for s in dict.fromkeys(r.strategy for r in requests)}
    for r in requests if beside is not None else ():
        if guessed[r.strategy]:
            Companion(cast(LanguageModel, beside)).check_room(r.tokens, r.limit(model.context))
    queue, others = Queue(r for r in requests if guessed[r.strategy]), [r for r in requests if not guessed[r.strategy]]
    if max_rows == "auto":
        longest = max((len(r.tokens) + r.limit(model.context) for r in requests), default=1) + ahead
        rows = max(1, rows_that_fit(model, longest, [beside] if beside else []) // (ahead + 1))
    else:
        rows = max_rows
    later = queue.steps(rows, model.context)
    if others:
        told = watch and partial(_told, watch, later)
        yield from decode(model, others, max_rows=max_rows, watch=told)
    counts = Counts() if counts is None else counts
    yield from run(model, queue, rows, lambda: SpeculativeBatch(model, propose(), ahead, counts), watch)


def _told(watch: Watch, later: int, done: float, left: int) -> None:
    """Tell of the ordinary engine's steps as a part of all."""
    watch(done, left + later)


def speculable(strategy: Strategy[Any], model: LanguageModel) -> bool:
    """Whether a strategy's tokens can be guessed: one row, final at once, chosen by the model's logits alone."""
    alone = strategy.width == 1 and strategy.lag == 0 and not strategy.needs_hidden
    if not alone:
        return False
    try:
        return strategy.tokenized(model).companion(model) is None
    except InputError:
        raise
    except Exception:  # the ordinary engine says it, of this strategy's requests alone
        return False
