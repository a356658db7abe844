"""Strategies whose rows never meet: greedy, and sampling after a chain of transforms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from harness import transforms
from harness.knobs import (
    Count,
    Cutoff,
    Finite,
    Fraction,
    NonNegative,
    Positive,
    PositiveCount,
    Share,
    Temperature,
    checked,
)
from harness.nodes import Nodes
from harness.sampler import Source, check_possible, draw
from harness.strategies.base import Step, Strategy, View
from harness.strategies.edits import Biases, Phrases, edits
from harness.strategies.order import Order, ordered
from harness.transforms import Chain, Transform, chain
from harness.transforms.dry import BREAKERS, Base
from harness.transforms.phrases import Phrase
from harness.transforms.xtc import Threshold


@dataclass(frozen=True)
class Greedy(Strategy[None]):
    """Take the likeliest token after `transform`; among equally likely ones the smallest id."""

    transform: Transform

    def step(self, view: View, state: None) -> tuple[Step, None]:
        """The argmax of every row. Its distribution has all its mass on that token."""
        transform = chain(self.transform)
        if transform.general or transform.monotone:
            logits = transform(view.logits, view)
            tokens = logits.argmax(-1)
            check_possible(logits.gather(1, tokens[:, None]))
        else:
            tokens = view.nodes.argmax(view.node)
        logprobs, mass = torch.zeros_like(view.uniform), view.nodes.logprob(view.node, tokens).exp()
        return Step(tokens, logprobs=logprobs, kept=torch.ones_like(tokens), kept_mass=mass), None


@dataclass(frozen=True)
class Sampling(Strategy[None]):
    """Draw the token from the softmax of the transformed logits."""

    transform: Transform
    stochastic: ClassVar[bool] = True

    def step(self, view: View, state: None) -> tuple[Step, None]:
        """Send each row's draw through the distribution sorted by falling probability (`harness.sampler`)."""
        nodes, node, left = self.source(view, state)
        own = None if nodes is view.nodes else (view.nodes, view.node)
        drawn = draw(nodes, node, view.uniform, left, own=own)
        return Step(drawn.tokens, logprobs=drawn.logprobs, kept=drawn.possible, kept_mass=drawn.mass), None

    def source(self, view: View, state: None) -> Source:
        """What a step draws from."""
        transform = chain(self.transform)
        nodes, node, left = view.nodes, view.node, [t.ranked for t in transform.monotone]
        if transform.general:  # every row gets logits of its own
            nodes = Nodes(Chain(transform.general, ())(view.logits, view))
            node = torch.arange(len(node), device=node.device)
        return Source(nodes, node, left)


@checked
def greedy(
    *,
    logit_bias: Biases = None,
    repetition_penalty: Positive = 1.0,
    frequency_penalty: Finite = 0.0,
    presence_penalty: Finite = 0.0,
    penalty_window: Count = 0,
    dry_multiplier: NonNegative = 0.0,
    dry_base: Base = 1.75,
    dry_allowed_length: PositiveCount = 2,
    dry_window: Count = 0,
    dry_breakers: str = BREAKERS,
    no_repeat_ngram_size: Count = 0,
    banned: Phrases = None,
    min_new_tokens: Count = 0,
    forced: Phrase | None = None,
    forced_eos: bool = False,
) -> Greedy:
    """Always the likeliest next token, after edits of the logits that are `sample`'s.

    Source: none needed; the first of any textbook.
    Oracle: `generate` of transformers, token for token.
    """
    stages = edits(
        logit_bias=logit_bias,
        repetition_penalty=repetition_penalty,
        frequency_penalty=frequency_penalty,
        presence_penalty=presence_penalty,
        penalty_window=penalty_window,
        dry_multiplier=dry_multiplier,
        dry_base=dry_base,
        dry_allowed_length=dry_allowed_length,
        dry_window=dry_window,
        dry_breakers=dry_breakers,
        no_repeat_ngram_size=no_repeat_ngram_size,
        banned=banned,
        min_new_tokens=min_new_tokens,
        forced=forced,
        forced_eos=forced_eos,
    )
    return Greedy(ordered(stages, "transformers"))


@checked
def sample(
    *,
    logit_bias: Biases = None,
    repetition_penalty: Positive = 1.0,
    frequency_penalty: Finite = 0.0,
    presence_penalty: Finite = 0.0,
    penalty_window: Count = 0,
    dry_multiplier: NonNegative = 0.0,
    dry_base: Base = 1.75,
    dry_allowed_length: PositiveCount = 2,
    dry_window: Count = 0,
    dry_breakers: str = BREAKERS,
    no_repeat_ngram_size: Count = 0,
    banned: Phrases = None,
    min_new_tokens: Count = 0,
    forced: Phrase | None = None,
    forced_eos: bool = False,
    temperature: Temperature = 1.0,
    dynatemp_range: NonNegative = 0.0,
    dynatemp_exponent: Positive = 1.0,
    top_h: Fraction = 0.0,
    top_k: Count = 0,
    top_p: Share = 1.0,
    min_p: Fraction = 0.0,
    typical_p: Share = 1.0,
    epsilon_cutoff: Cutoff = 0.0,
    eta_cutoff: Cutoff = 0.0,
    top_n_sigma: NonNegative = 0.0,
    top_a: Fraction = 0.0,
    tfs_z: Share = 1.0,
    xtc_probability: Fraction = 0.0,
    xtc_threshold: Threshold = 0.1,
    order: Order = "transformers",
) -> Sampling:
    """Ancestral sampling after a chain of transforms.

    Source: ancestral sampling; each transform names its own.
    Oracle: an even grid of draws gives the softmax to 1/N; the transforms' own oracles.

    Args:
        logit_bias: pairs of a text, token id or list of token ids, and what is added to its logit (OpenAI, vLLM).
        repetition_penalty: of all tokens so far; 1 is off (Keskar et al., 2019).
        frequency_penalty: times how often the continuation has a token, off its logit; 0 is off (OpenAI, vLLM).
        presence_penalty: off the logits of all tokens that the continuation has; 0 is off (OpenAI, vLLM).
        penalty_window: how many of the last tokens these three penalties look at; 0 is all.
        dry_multiplier: of the penalty on what would lengthen a repetition; 0 is off, 0.8 usual (p-e-w, 2024).
        dry_base: the penalty grows by this factor with each token of the repetition.
        dry_allowed_length: repetitions of so many tokens cost nothing.
        dry_window: how many of the last tokens DRY looks at; 0 is all.
        dry_breakers: no repetition goes beyond a token with one of these characters in its text.
        no_repeat_ngram_size: no n-gram of prompt and continuation appears twice; 0 is off (Paulus et al., 2018).
        banned: texts, token ids or lists of token ids that may not appear; a text is also banned after a space.
        min_new_tokens: no eos before so many tokens; 0 is off.
        forced: a text or token ids that the continuation begins with.
        forced_eos: whether the last token that a continuation may have is an eos.
        temperature: 0 is greedy, inf uniform over what is still possible; both exact (Ackley et al., 1985).
        dynatemp_range: the temperature goes from this much below `temperature` to this much above it, with the
            entropy of the step; 0 is off (llama.cpp). In `order` it is part of temperature.
        dynatemp_exponent: the power of the entropy's share of its largest value that it follows.
        top_h: keep the likeliest tokens that hold this share of the entropy of the first 100; 0 is off (Potraghloo et
            al., 2025).
        top_k: keep the k likeliest tokens; 0 is off (Fan et al., 2018).
        top_p: keep the smallest likeliest set whose probability reaches p; 1 is off (Holtzman et al., 2020).
        min_p: keep what is at least p times as likely as the likeliest token; 0 is off (Nguyen et al., 2024).
        typical_p: keep the tokens whose surprise is nearest to the entropy, until they reach a mass; 1 is off (Meister
            et al., 2023).
        epsilon_cutoff: keep what is at least this likely; 0 is off (Hewitt et al., 2022).
        eta_cutoff: the same with a threshold that falls with the entropy; 0 is off (Hewitt et al., 2022).
        top_n_sigma: keep the logits within n standard deviations of the largest; 0 is off (Tang et al., 2024).
        top_a: keep what is at least a times as likely as the square of the largest probability; 0 is off (BlinkDL).
        tfs_z: cut the tail where the curvature of the sorted probabilities has died away; 1 is off (Bricken, 2019).
        xtc_probability: at so many steps forbid the tokens that reach `xtc_threshold`, but the last of them; 0 is off
            (p-e-w, 2024).
        xtc_threshold: from 0 to 0.5, as above a half there are no two such tokens.
        order: of the transforms: transformers, llama.cpp (temperature last), or a list of the names above
            (`harness.strategies.order`).

    Raises:
        InputError: the order names what there is not, or leaves out what is on; or knobs of the temperature contradict.
    """
    stages = {
        **edits(
            logit_bias=logit_bias,
            repetition_penalty=repetition_penalty,
            frequency_penalty=frequency_penalty,
            presence_penalty=presence_penalty,
            penalty_window=penalty_window,
            dry_multiplier=dry_multiplier,
            dry_base=dry_base,
            dry_allowed_length=dry_allowed_length,
            dry_window=dry_window,
            dry_breakers=dry_breakers,
            no_repeat_ngram_size=no_repeat_ngram_size,
            banned=banned,
            min_new_tokens=min_new_tokens,
            forced=forced,
            forced_eos=forced_eos,
        ),
        "temperature": transforms.dynamic_temperature(temperature, dynatemp_range, dynatemp_exponent),
        "top_h": transforms.top_h(top_h),
        "top_k": transforms.top_k(top_k),
        "top_p": transforms.top_p(top_p),
        "min_p": transforms.min_p(min_p),
        "typical_p": transforms.typical_p(typical_p),
        "epsilon_cutoff": transforms.epsilon_cutoff(epsilon_cutoff),
        "eta_cutoff": transforms.eta_cutoff(eta_cutoff),
        "top_n_sigma": transforms.top_n_sigma(top_n_sigma),
        "top_a": transforms.top_a(top_a),
        "tfs_z": transforms.tfs_z(tfs_z),
        "xtc_probability": transforms.xtc(xtc_probability, xtc_threshold),
    }
    return Sampling(ordered(stages, order))
