"""What people would use instead: a notebook's loop, and transformers.generate one by one and in batches."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from experiments.speed.contender import Lap, Stopwatch
from experiments.speed.workload import Cell, Work


def pick(logits: Tensor, cell: Cell) -> Tensor:
    """The next token as teaching code takes it: [vocab] -> [1]. Knows temperature, top-k and top-p."""
    if not cell.draws:
        return logits.argmax(-1, keepdim=True)
    logits = logits / cell.knobs.get("temperature", 1.0)
    if top_k := cell.knobs.get("top_k"):
        logits[logits < torch.topk(logits, top_k).values[-1]] = -torch.inf
    if top_p := cell.knobs.get("top_p"):
        ordered, index = torch.sort(logits, descending=True)
        over = torch.cumsum(ordered.softmax(-1), -1) > top_p
        over[1:], over[0] = over[:-1].clone(), False
        logits[index[over]] = -torch.inf
    return torch.multinomial(logits.softmax(-1), 1)


def notebook(network: Any, work: Work) -> list[Lap]:
    """The whole text through the model again for every token, prompt by prompt."""
    laps = []
    for cell in work.cells:
        torch.manual_seed(cell.seed)
        with Stopwatch(network.device) as watch, torch.no_grad():
            texts = []
            for prompt in work.prompts:
                text = torch.tensor([prompt], device=network.device)
                for _ in range(work.tokens):
                    token = pick(network(text).logits[0, -1].float(), cell)
                    text = torch.cat([text, token[None]], 1)
                texts.append(text[0, len(prompt) :].tolist())
        laps.append(Lap(cell.name, watch.seconds, texts))
    return laps


def generate(network: Any, work: Work, batch: int) -> list[Lap]:
    """`transformers.generate`, cell by cell, in left-padded batches in the order of the prompts."""
    laps = []
    for cell in work.cells:
        torch.manual_seed(cell.seed)
        with Stopwatch(network.device) as watch, torch.no_grad():
            texts: list[list[int]] = []
            for at in range(0, len(work.prompts), batch):
                some = work.prompts[at : at + batch]
                longest = max(map(len, some))
                ids = torch.tensor([[0] * (longest - len(p)) + list(p) for p in some], device=network.device)
                mask = torch.tensor([[0] * (longest - len(p)) + [1] * len(p) for p in some], device=network.device)
                out = network.generate(
                    input_ids=ids, attention_mask=mask, max_new_tokens=work.tokens, pad_token_id=0, **cell.generate()
                )
                texts += out[:, longest:].tolist()
        laps.append(Lap(cell.name, watch.seconds, texts))
    return laps
