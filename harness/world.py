"""The jobs that are decoded in one batch: they share the model, the engine and the processes that decode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2s
from typing import Any

from harness.cluster.base import Cluster, Recipe
from harness.identity import joined, keys
from harness.models.base import LanguageModel
from harness.models.loading import load
from harness.plan import Plan, key_of
from harness.provenance import version
from harness.requests import Request, check_room
from harness.signature import job_signature
from harness.sources import digest, owner
from harness.texts import named

LIBRARIES = ("torch", "transformers", "numpy", "scipy", "scikit-learn", "faiss-cpu")
"""What numbers may depend on beside our own code."""


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

    def decoding(self, p: Plan) -> str:
        """One key for all generations of a job."""
        return joined(self.keys[r] for r in self.requests[p.label])

    def referring(self, p: Plan) -> str:
        """A key for the references of a job and their scores: who reads what, how much of it, and what measures it."""
        config = p.job.config
        modules = {name for node in config["metrics"].values() if (name := owner(str(node["factory"])))}
        texts = [[each.id, each.reference] for each in p.prompts]
        read = [named(self.model), str(self.model.dtype), p.max_new_tokens, texts]
        libraries = {name: version(name) for name in LIBRARIES}
        code = digest(modules | {"harness.measuring"})
        return _hash([read, config["metrics"], sorted(set(self.models)), libraries, code])

    def measuring(self, p: Plan) -> str:
        """A key for everything in the folder of a complete job: what it is, its generations, and what measures them."""
        return _hash([self.decoding(p), self.referring(p), p.label, p.reference, self.signature(p)])

    def signature(self, p: Plan) -> str:
        """What fixes the texts of a job, for readers."""
        config, choices = p.job.config, p.job.choices
        texts = "".join(f"{each.id}{each.reference}" for each in p.prompts)  # an id is a hash of the prompt alone
        prompts = blake2s(texts.encode(), digest_size=4).hexdigest()
        return job_signature(
            model=named(self.model),
            prompts=f"{choices['prompts']}[{len(p.prompts)}]@{prompts}",
            new=p.max_new_tokens,
            samples=p.samples,
            seed=p.seed,
            strategy=f"{choices['strategy']}{_knobs(config['strategy'])}",
            dtype=str(self.about["dtype"]),
            packed=self.about["packed"],
            backend=self.about["backend"],
            engine=choices["engine"] + ("" if choices["engine"] == "fast" else _knobs(config["engine"])),
        )


def _hash(facts: object) -> str:
    return blake2s(key_of(facts).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _knobs(node: Mapping[str, object]) -> str:
    return "(" + ",".join(f"{k}={v}" for k, v in node.items() if k != "factory") + ")"


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
