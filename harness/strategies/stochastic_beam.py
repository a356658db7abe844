"""Stochastic beam search: whole texts drawn without replacement."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from harness import transforms
from harness.draws import expand
from harness.knobs import Positive, PositiveCount, checked
from harness.strategies.base import Finished, Prefill, Step, Strategy, View
from harness.strategies.beam_sample import gumbel
from harness.transforms import Transform

Choice = Literal["likeliest", "first"]


@dataclass(frozen=True, slots=True)
class State:
    """The hypotheses of every request, in falling order of their perturbed log-probabilities."""

    logprobs: Tensor  # [requests, beams] float64, of each text so far
    perturbed: Tensor  # [requests, beams] float64, with its Gumbel noise; -inf: the row is a copy to be ignored
    length: Tensor  # [requests, beams] tokens up to and with its eos; 0: it runs


@dataclass(frozen=True)
class StochasticBeam(Strategy[State]):
    """Stochastic beam search (Kool et al., 2019, algorithm 1).

    A text's perturbed log-probability is the largest among all texts that begin so. The noise of a hypothesis's
    extensions is drawn, and conditioned on its maximum being that of the hypothesis (computed as in
    their appendix). The num_beams texts it ends with are then num_beams draws without replacement from the model,
    in the order drawn. The paper keeps the set; here a request has one continuation: the likeliest of them, or the
    first, which is a plain sample of the model. Texts that reach the length limit end there.
    """

    num_beams: int
    transform: Transform
    choice: Choice
    stochastic: ClassVar[bool] = True

    @property
    def width(self) -> int:  # type: ignore[override]
        """A row per hypothesis."""
        return self.num_beams

    def start(self, prefill: Prefill) -> State:
        """The rows start equal, so only the first one counts. Its own noise moves all texts alike: it has none."""
        shape, device = (len(prefill.history), self.num_beams), prefill.history.device
        perturbed = torch.full(shape, -torch.inf, dtype=torch.float64, device=device)
        perturbed[:, 0] = 0.0
        return State(torch.zeros_like(perturbed), perturbed, torch.zeros(shape, dtype=torch.int64, device=device))

    def step(self, view: View, state: State) -> tuple[Step, State]:
        """The num_beams extensions of the largest perturbed log-probabilities; a text that has ended is its own."""
        beams, vocab, requests = self.num_beams, view.nodes.vocab, len(state.length)
        new = self.transform(view.logits, view).double().log_softmax(-1)
        logprobs = state.logprobs.flatten()[:, None] + new
        perturbed = conditioned(logprobs + gumbel(expand(view.uniform, vocab)), state.perturbed.flatten())
        ended = state.length.flatten() > 0
        if ended.any():
            last = view.history[ended, -1:]
            for grown, kept in ((logprobs, state.logprobs), (perturbed, state.perturbed)):
                alone = torch.full_like(grown[ended], -torch.inf)
                grown[ended] = alone.scatter(1, last, kept.flatten()[ended, None])
        best = perturbed.view(requests, -1).topk(beams)
        rows = torch.arange(0, requests * beams, beams, device=best.indices.device)[:, None] + best.indices // vocab
        tokens = best.indices % vocab
        length = state.length.flatten()[rows]
        ends = torch.zeros_like(tokens, dtype=torch.bool)
        for eos in view.eos:
            ends |= tokens == eos
        length = torch.where(ends & (length == 0), view.step + 1, length)
        done = ((length > 0) | (best.values == -torch.inf)).all(1)
        logprobs = logprobs.view(requests, -1).gather(1, best.indices)
        return Step(tokens.flatten(), rows.flatten(), done), State(logprobs, best.values, length)

    def finish(self, history: Tensor, values: Tensor, state: State, request: int) -> Finished:
        """The likeliest of the texts, or the first drawn; its log-probability is the score."""
        real = state.perturbed[request] > -torch.inf
        row = int(state.logprobs[request].where(real, -torch.inf).argmax()) if self.choice == "likeliest" else 0
        length = int(state.length[request, row]) or history.shape[1]
        return Finished(history[row, :length], values[row, :length], float(state.logprobs[request, row]))


def conditioned(perturbed: Tensor, largest: Tensor) -> Tensor:
    """Gumbels [rows, n] conditioned on the maximum of each row being [rows] `largest`; -inf stays."""
    top = perturbed.amax(-1, keepdim=True)
    below = (perturbed - top).clamp(max=0.0)
    v = largest[:, None] - perturbed + torch.log(-torch.expm1(below))
    found = largest[:, None] - v.clamp(min=0.0) - torch.log1p(torch.exp(-v.abs()))
    found = torch.where(perturbed == top, largest[:, None], found)  # v is -inf there, and the limit is exact
    return found.masked_fill((perturbed == -torch.inf) | (largest == -torch.inf)[:, None], -torch.inf)


@checked
def stochastic_beam(
    *, num_beams: PositiveCount = 4, temperature: Positive = 1.0, choice: Choice = "likeliest"
) -> StochasticBeam:
    """Draw num_beams texts without replacement and return one.

    Source: Kool et al. (2019), algorithm 1.
    Oracle: inclusion and order probabilities of draws without replacement over all texts of a table model, enumerated.

    Args:
        num_beams: how many texts are drawn; each is a row.
        temperature: of the distribution that they are drawn from.
        choice: likeliest of them, or the first, which is distributed as plain sampling.
    """
    return StochasticBeam(num_beams, transforms.chain(transforms.temperature(temperature)), choice)
