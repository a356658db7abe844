"""The jobs that are decoded in one batch: they share the model, the engine and the processes that decode."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2s
from typing import Any

from harness.cluster.base import Cluster, Recipe
from harness.identity import joined, keys
from harness.models.base import LanguageModel
from harness.models.loading import load
from harness.plan import Plan, key_of
from harness.requests import Request, check_room
from harness.sources import digest, owner


@dataclass
class World:
    """Jobs and what they share."""

    plans: list[Plan]
    model: LanguageModel
    recipe: Recipe
    about: dict[str, Any]  # the traits of the models that decode
    requests: dict[str, list[Request]]  # of each job, by its label, in the order of its prompts and samples
    keys: dict[Request, bytes]
    models: tuple[str, ...]  # the yaml names of all models of the sweep, on which a featurizer may depend
    started: datetime = field(default_factory=lambda: datetime.now(UTC))

    def size(self, plans: Sequence[Plan]) -> tuple[int, int]:
        """How many requests some jobs have, and how many tokens these, if none ends early."""
        limits = [r.limit(self.model.context) for p in plans for r in self.requests[p.label]]
        return len(limits), sum(limits)

    def decoding(self, p: Plan) -> str:
        """One key for all generations of a job."""
        return joined(self.keys[r] for r in self.requests[p.label])

    def measuring(self, p: Plan) -> str:
        """A key for everything in the folder of a complete job: its generations, and what measures them."""
        config = p.job.config
        code = [str(node["factory"]) for node in config["metrics"].values()]
        modules = {name for path in code if (name := owner(path))} | {"harness.measuring"}
        human = [each.reference for each in p.prompts]
        facts = [self.decoding(p), p.label, p.reference, config["metrics"], sorted(self.models), human, digest(modules)]
        return blake2s(key_of(facts).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def open_world(plans: Sequence[Plan], cluster: Cluster, models: Sequence[str]) -> World:
    """Load the model and make the requests of the jobs of one world.

    Raises:
        InputError: a prompt of any job leaves no room in the model's context, or the engine lacks something.
    """
    config = plans[0].job.config
    recipe = Recipe(config["model"], config["engine"], {p.strategy: p.job.config["strategy"] for p in plans})
    model = load(cluster.driver(config["model"]))
    requests = {
        p.label: [
            Request(prompt, tuple(model.encode(prompt.text)), p.strategy, p.max_new_tokens, p.seed, sample)
            for prompt in p.prompts
            for sample in range(p.samples if p.strategy.stochastic else 1)
        ]
        for p in plans
    }
    check_room(model, [r for own in requests.values() for r in own])
    if check := getattr(plans[0].engine, "check", None):  # what an engine needs beside the model
        check(model)
    about = cluster.traits(model, recipe)
    found: dict[Request, bytes] = {}
    for p in plans:
        found |= keys(recipe, p.job.config["strategy"], model, about, requests[p.label])
    return World(list(plans), model, recipe, about, requests, found, tuple(models))
