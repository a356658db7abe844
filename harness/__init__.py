"""Decode with every strategy, measure them the same way, compare them honestly.

import harness

model = harness.load_model("pocket-m")
prompts = harness.load_prompts("fables", limit=32)
generations = harness.decode(model, prompts, ["greedy", "beam", "top_p"])
references = harness.references(model, prompts)
harness.compare(harness.score(generations, references))
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from harness.allocator import keep_freed_memory

# Before torch is imported: spinning threads make small shared machines up to 80 times slower at times.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
keep_freed_memory()

__version__ = "0.1.0"

if TYPE_CHECKING:
    from harness.api import compare, decode, differences, references, score
    from harness.loaders import load_metric, load_model, load_prompts, load_strategy
    from harness.prompts import Prompt
    from harness.strategies.base import Step, Strategy, View
    from harness.transforms import chain

_HOMES = {
    **dict.fromkeys(("compare", "decode", "differences", "references", "score"), "api"),
    **dict.fromkeys(("load_metric", "load_model", "load_prompts", "load_strategy"), "loaders"),
    "Prompt": "prompts",
    **dict.fromkeys(("Step", "Strategy", "View"), "strategies.base"),
    "chain": "transforms",
}

__all__ = [
    "Prompt",
    "Step",
    "Strategy",
    "View",
    "__version__",
    "chain",
    "compare",
    "decode",
    "differences",
    "load_metric",
    "load_model",
    "load_prompts",
    "load_strategy",
    "references",
    "score",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: `import harness` itself brings neither torch nor pandas."""
    if name not in _HOMES:
        raise AttributeError(f"module 'harness' has no attribute {name!r}")
    return getattr(import_module(f"harness.{_HOMES[name]}"), name)
