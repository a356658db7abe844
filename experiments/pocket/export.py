"""Put a trained pocket model into the package: float16 safetensors, config and tokenizer, in the hub's layout.

python experiments/pocket/export.py --work WORK --size m
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from transformers import AutoTokenizer, GPT2LMHeadModel

PACKAGE = Path(__file__).parents[2] / "harness" / "models"


def main() -> None:
    """Write `harness/models/pocket-SIZE`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--size", choices=("s", "m", "l"), required=True)
    args = parser.parse_args()
    model = GPT2LMHeadModel.from_pretrained(args.work / args.size / "model")
    for dropout in ("resid_pdrop", "embd_pdrop", "attn_pdrop"):
        setattr(model.config, dropout, 0.0)
    # The formula of gelu_new, which they are trained with, in one fused kernel: strategy=beam takes 38 s instead of 51.
    model.config.activation_function = "gelu_pytorch_tanh"
    out = PACKAGE / f"pocket-{args.size}"
    model.to(torch.float16).save_pretrained(out)
    AutoTokenizer.from_pretrained(args.work / "tokenizer", trust_remote_code=False).save_pretrained(out)
    for file in out.iterdir():
        file.chmod(0o644)  # transformers writes weights readable by their owner alone


if __name__ == "__main__":
    main()
