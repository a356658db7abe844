"""Held-out bits per byte of the embedded models, and a page of their texts: the measured part of the model card.

python experiments/pocket/evaluate.py --work WORK >measured.md   # the table and the page below
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path

import harness  # before torch: it sets how OpenMP waits

# isort: split
import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import cross_entropy

from harness.models.base import LanguageModel

SIZES = ("s", "m", "l")
PROMPTS = (
    "Once upon a time there was",
    "The old fisherman looked out over the sea and",
    '"Do not open that door," said the giant,',
    "One day a golden retriever sees another golden retriever, they",
)


@torch.no_grad()
def bits_per_byte(model: LanguageModel, tokens: NDArray[np.uint16], count: int) -> float:
    """Total surprisal of the tokens in windows of the model's context that do not overlap, over their bytes."""
    assert model.context is not None
    total = 0.0
    starts = range(0, len(tokens) - 1, model.context)
    for first in range(0, len(starts), 16):
        windows = [tokens[s : s + model.context + 1].astype(np.int64) for s in starts[first : first + 16]]
        logits, _ = model.forward([w[:-1].tolist() for w in windows], [range(len(w) - 1) for w in windows])
        following = torch.from_numpy(np.concatenate([w[1:] for w in windows])).to(logits.device)
        total += float(cross_entropy(logits.double(), following, reduction="sum"))
    return total / math.log(2) / count


def main() -> None:
    """Print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, required=True)
    args = parser.parse_args()
    data = json.loads((args.work / "data.json").read_text())["heldout"]
    held = np.fromfile(args.work / "heldout.bin", np.uint16)
    models = {size: harness.load_model(f"pocket-{size}", packed=False) for size in SIZES}

    print("| model | parameters | layers × width | held-out bits per byte | nats per token |")
    print("|---|--:|--:|--:|--:|")
    for size, model in models.items():
        network = model.network  # type: ignore[attr-defined]
        bits = bits_per_byte(model, held, data["bytes"])
        nats = bits * math.log(2) * data["bytes"] / data["tokens"]
        shape = f"{network.config.n_layer} × {network.config.n_embd}"
        print(
            f"| pocket-{size} | {sum(p.numel() for p in network.parameters()):,} | {shape} | {bits:.3f} | {nats:.3f} |"
        )

    strategies = {"greedy": harness.load_strategy("greedy"), "top_p 0.9": harness.load_strategy("top_p")}
    for size, model in models.items():
        frame = harness.decode(model, PROMPTS, strategies, max_new_tokens=80)
        print(f"\n### pocket-{size}\n")
        for prompt in PROMPTS:
            for label in strategies:
                (text,) = frame[(frame["prompt"] == prompt) & (frame["strategy"] == label)]["text"]
                print(f"- *{label}.* **{prompt}**{text.replace(chr(10) + chr(10), ' ¶ ').replace(chr(10), ' ')}")


if __name__ == "__main__":
    main()
