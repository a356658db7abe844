"""Train the pocket tokenizer and turn the corpus into two flat files of token ids.

    python experiments/pocket/prepare.py --corpus CORPUS --out WORK

CORPUS holds `train/*.txt` and `heldout/*.txt`: one book per file, one paragraph per line, chapters separated by two
blank lines. Every chapter becomes one document that ends in `<|endoftext|>`.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

import numpy as np
from tokenizers import ByteLevelBPETokenizer
from transformers import PreTrainedTokenizerFast

END = "<|endoftext|>"
VOCABULARY = 4096
CONTEXT = 512


def chapters(folder: Path) -> list[str]:
    """The chapters of every book in `folder`, in the order of the file names."""
    texts = (path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.txt")))
    return [c.strip() for text in texts for c in re.split(r"\n\n\n+", text) if c.strip()]


def main() -> None:
    """Write `tokenizer/`, `train.bin`, `heldout.bin` (uint16) and `data.json` into the work folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)

    bpe = ByteLevelBPETokenizer()
    bpe.train([str(p) for p in sorted((args.corpus / "train").glob("*.txt"))], VOCABULARY, 2, True, [END])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe._tokenizer,
        bos_token=END,
        eos_token=END,
        unk_token=END,
        model_max_length=CONTEXT,
        clean_up_tokenization_spaces=False,
    )
    tokenizer.save_pretrained(args.out / "tokenizer")

    data = {}
    for split in ("train", "heldout"):
        texts = chapters(args.corpus / split)
        ids = [np.array([*e.ids, tokenizer.eos_token_id], np.uint16) for e in bpe.encode_batch(texts)]
        tokens = np.concatenate(ids)
        tokens.tofile(args.out / f"{split}.bin")
        # The separators are counted as one byte each: the model has to predict them too.
        data[split] = {"documents": len(texts), "tokens": len(tokens), "bytes": sum(len(t.encode()) + 1 for t in texts)}
    (args.out / "data.json").write_text(json.dumps(data, indent=2) + "\n")
    print(json.dumps(data, indent=2))


if __name__ == "__main__":
    main()
