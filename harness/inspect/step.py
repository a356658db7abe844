"""The step that is looked at: what a model says after a prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from harness.companion import Companion, Company
from harness.draws import uniforms
from harness.errors import InputError
from harness.models.base import LanguageModel
from harness.nodes import Nodes
from harness.prompts.base import prompt_id
from harness.report.escape import visible
from harness.strategies.base import VALUES, Prefill, View

LENGTH = 64
"""How long a continuation may become, for strategies that want to know; as in conf/config.yaml."""


@dataclass(frozen=True)
class Step:
    """What a model says after a prompt, on the CPU."""

    model: LanguageModel
    prompt: str
    tokens: tuple[int, ...]  # of the prompt
    nodes: Nodes  # one: the model's logits
    hidden: Tensor | None  # [1, time, d_model]

    @cached_property
    def logprobs(self) -> Tensor:
        """[vocab] float64, the model's own."""
        return self.nodes.logits[0].double().log_softmax(-1)

    def pieces(self, tokens: Sequence[int]) -> list[str]:
        """Tokens as they are shown: every character visible, a space as ␣."""
        return [shown(piece) for piece in self.model.pieces(tokens)]

    def prefill(self) -> Prefill:
        """What a strategy may read of the prompt."""
        return Prefill(torch.tensor([self.tokens]), self.hidden)

    def view(self, rows: int, companion: Companion | None = None) -> View:
        """What a strategy of so many rows sees at this step, under the draws of seed 0.

        Args:
            rows: that it has.
            companion: that it has.

        Raises:
            InputError: the companion has no room to read the prompt.
        """
        other = None
        if companion is not None:
            companion.check_room(self.tokens, 1)
            other = Company.start(companion, [self.tokens], rows).logits.cpu()
        drawn = [uniforms(0, prompt_id(self.prompt), 0, 1, row)[0] for row in range(rows)]
        room = LENGTH if self.model.context is None else self.model.context - len(self.tokens)
        return View(
            nodes=self.nodes,
            node=torch.zeros(rows, dtype=torch.int64),
            history=torch.tensor([self.tokens]).repeat(rows, 1),
            uniform=torch.tensor(drawn, dtype=torch.float64),
            values=torch.zeros(rows, 0, len(VALUES)),
            hidden=None if self.hidden is None else self.hidden[0, -1:].repeat(rows, 1),
            step=0,
            eos=self.model.eos,
            limit=torch.tensor([min(LENGTH, room)]),
            other=other,
        )


def look(model: LanguageModel, prompt: str, *, hidden: bool = False) -> Step:
    """Run the prompt.

    Args:
        model: any.
        prompt: a text; the empty one is a prompt too.
        hidden: whether a strategy needs the model's states.

    Raises:
        InputError: the prompt leaves no room in the model's context, or the model's logits are no numbers.
    """
    tokens = model.encode(prompt)
    if model.context is not None and len(tokens) >= model.context:
        raise InputError(
            f"the prompt has {len(tokens)} tokens; {model.name} has a context of {model.context}, which leaves no room "
            "for a continuation"
        )
    output, _ = model.prefill([tokens], hidden=hidden)
    nodes = Nodes(output.logits.cpu())
    if not nodes.peak.isfinite().all() or nodes.logits.isnan().any():
        raise InputError(f"{model.name}: its logits after this prompt are no numbers")
    return Step(model, prompt, tuple(tokens), nodes, None if output.hidden is None else output.hidden.cpu())


def shown(piece: str) -> str:
    """A token's text with every character visible: `␣the`, `⇥`, `↵`; a token without text as ∅."""
    marked = piece.replace(" ", "␣").replace("\t", "⇥")
    named = (f"⟨U+{ord(c):04X}⟩" if c.isspace() and c not in "\n\r" else c for c in marked)
    return visible("".join(named)) or "∅"
