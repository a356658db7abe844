"""Train one pocket model: GPT-2's architecture, Muon for the matrices of the blocks, AdamW for everything else.

    python experiments/pocket/train.py --work WORK --size m --tokens 14e6
    python experiments/pocket/train.py --work WORK --size l --tokens 4e6 --grow-from WORK/m/model --peak 0.5

Stopping at any time loses at most one checkpoint interval: the same command goes on where it stopped, and another
`--tokens` on the way moves the decay. `WORK/SIZE/curve.csv` is the learning curve.
"""

from __future__ import annotations

import argparse
import copy
import csv
import math
import os
import time
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # spinning threads starve each other on shared cores

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import GPT2Config, GPT2LMHeadModel

CONTEXT = 512
STEP_TOKENS = 16 * CONTEXT
WARMUP = 0.01  # share of all tokens
SHORT = 0.5  # share of all tokens seen in half the context: attention takes 29% of a step at 512, half of that at 256
DECAY = 0.6  # share of all tokens over which the rates fall linearly to zero
MUON_RATE = 0.02
ADAM_RATE = 3e-3
CHECKPOINT_EVERY = 100  # steps


@dataclass(frozen=True)
class Size:
    """Width, depth and heads of one member of the family."""

    n_embd: int
    n_layer: int
    n_head: int


SIZES = {"s": Size(128, 3, 4), "m": Size(256, 4, 4), "l": Size(256, 11, 4)}


def new_model(size: Size, dropout: float) -> GPT2LMHeadModel:
    """A freshly initialised model; the vocabulary's first token ends a document and starts one."""
    return GPT2LMHeadModel(
        GPT2Config(
            vocab_size=4096,
            n_positions=CONTEXT,
            n_embd=size.n_embd,
            n_layer=size.n_layer,
            n_head=size.n_head,
            resid_pdrop=dropout,
            embd_pdrop=dropout,
            attn_pdrop=0.0,
            bos_token_id=0,
            eos_token_id=0,
        )
    )


def grow(source: GPT2LMHeadModel, size: Size, dropout: float) -> GPT2LMHeadModel:
    """Deepen `source` without changing its function.

    Every new block is a copy of the block below it whose two output projections are zero, so it adds nothing until it
    has learned something (Wu et al., 2024, "LLaMA Pro", block expansion).
    """
    model = new_model(size, dropout)
    model.transformer.wte.load_state_dict(source.transformer.wte.state_dict())
    model.transformer.wpe.load_state_dict(source.transformer.wpe.state_dict())
    model.transformer.ln_f.load_state_dict(source.transformer.ln_f.state_dict())
    old = source.transformer.h
    origin = [i * len(old) // size.n_layer for i in range(size.n_layer)]
    for i, o in enumerate(origin):
        block = model.transformer.h[i]
        block.load_state_dict(copy.deepcopy(old[o].state_dict()))
        if i and origin[i - 1] == o:
            for projection in (block.attn.c_proj, block.mlp.c_proj):
                torch.nn.init.zeros_(projection.weight)
                torch.nn.init.zeros_(projection.bias)
    return model


def rate(done: float) -> float:
    """The learning rate's factor when a share `done` of the tokens is seen: warm-up, plateau, linear decay."""
    return max(0.0, min(1.0, (done + 1e-4) / WARMUP, (1 - done) / DECAY))


def batch(tokens: NDArray[np.uint16], generator: np.random.Generator, context: int, device: str) -> Tensor:
    """[STEP_TOKENS / context, context + 1] token ids from uniformly drawn places."""
    start = generator.integers(0, len(tokens) - context - 1, STEP_TOKENS // context)
    rows = np.stack([tokens[s : s + context + 1] for s in start])
    return torch.from_numpy(rows.astype(np.int64)).to(device)


def main() -> None:
    """Train, checkpointing as it goes, and leave the model in `WORK/SIZE/model`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--size", choices=sorted(SIZES), required=True)
    parser.add_argument("--tokens", type=float, required=True)
    parser.add_argument("--grow-from", type=Path)
    parser.add_argument("--peak", type=float, default=1.0, help="factor on both learning rates")
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--compile", action="store_true", help="1.27 times faster here, a minute to start")
    args = parser.parse_args()
    out = args.work / args.size
    out.mkdir(parents=True, exist_ok=True)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(0)

    train = np.fromfile(args.work / "train.bin", np.uint16)
    held = np.fromfile(args.work / "heldout.bin", np.uint16)
    if args.grow_from:
        model = grow(GPT2LMHeadModel.from_pretrained(args.grow_from), SIZES[args.size], args.dropout)
    else:
        model = new_model(SIZES[args.size], args.dropout)
    model.to(device).train()
    matrices = [p for n, p in model.named_parameters() if ".h." in n and p.ndim == 2]
    others = [p for n, p in model.named_parameters() if not (".h." in n and p.ndim == 2)]
    optimizers = [
        torch.optim.Muon(matrices, lr=MUON_RATE, weight_decay=0.01, momentum=0.95),
        torch.optim.AdamW(others, lr=ADAM_RATE, betas=(0.9, 0.95), weight_decay=0.0, fused=True),
    ]
    base = [MUON_RATE * args.peak, ADAM_RATE * args.peak]

    step, seconds = 0, 0.0
    checkpoint = out / "checkpoint.pt"
    if checkpoint.exists():
        state = torch.load(checkpoint, map_location=device, weights_only=True)
        model.load_state_dict(state["model"])
        for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        step, seconds = state["step"], state["seconds"]

    def loss_of(rows: Tensor) -> Tensor:
        with torch.autocast(device, torch.bfloat16):
            logits = model(rows[:, :-1], use_cache=False).logits
        return cross_entropy(logits.float().flatten(0, 1), rows[:, 1:].flatten())

    loss_of = torch.compile(loss_of, dynamic=False) if args.compile else loss_of
    total = math.ceil(args.tokens / STEP_TOKENS)
    began = time.perf_counter() - seconds
    curve = (out / "curve.csv").open("a", newline="")
    log = csv.writer(curve, lineterminator="\n")
    while step < total:
        factor = rate(step / total)
        for optimizer, lr in zip(optimizers, base, strict=True):
            for group in optimizer.param_groups:
                group["lr"] = lr * factor
        # Seeded by the step, so that a run resumed at any step sees the batches it would have seen.
        context = CONTEXT // 2 if step < SHORT * total and not args.grow_from else CONTEXT
        loss = loss_of(batch(train, np.random.default_rng([args.grow_from is not None, step]), context, device))
        for optimizer in optimizers:
            optimizer.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
        step += 1
        if step % 20 == 0 or step == total:
            seconds = time.perf_counter() - began
            row = [step, step * STEP_TOKENS, round(seconds), round(loss.item(), 4), ""]
            if step % 200 == 0 or step == total:
                model.eval()
                with torch.no_grad():
                    drawn = np.random.default_rng(1)
                    row[4] = round(
                        float(np.mean([loss_of(batch(held, drawn, CONTEXT, device)).item() for _ in range(8)])), 4
                    )
                model.train()
            log.writerow(row)
            curve.flush()
            print(*row, f"{step * STEP_TOKENS / seconds:.0f} tokens/s", flush=True)
        if step % CHECKPOINT_EVERY == 0 or step == total:
            saved = {
                "model": model.state_dict(),
                "optimizers": [o.state_dict() for o in optimizers],
                "step": step,
                "seconds": time.perf_counter() - began,
            }
            torch.save(saved, checkpoint.with_suffix(".tmp"))
            checkpoint.with_suffix(".tmp").replace(checkpoint)
    model.save_pretrained(out / "model")


if __name__ == "__main__":
    main()
