"""CTranslate2: the same weights in its own format, decoded by its own C++ engine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from experiments.speed.contender import Lap, Stopwatch
from experiments.speed.workload import Work

END = "<end>"


def convert(network: Any, folder: Path) -> None:
    """Write a transformers GPT-2 in float32 as a CTranslate2 model whose end of text never comes.

    CTranslate2 needs an end token. It gets one of its own behind the vocabulary (a row of zeros), which `decode`
    forbids: the other tokens keep their ids and, but for that one, their probabilities. Words are the ids themselves.
    """
    from ctranslate2.converters.converter import Converter
    from ctranslate2.converters.transformers import GPT2Loader

    class Loader(GPT2Loader):  # type: ignore[misc]
        def get_vocabulary(self, model: Any, tokenizer: Any) -> list[str]:
            return [*map(str, range(model.config.vocab_size)), END]

        def set_config(self, config: Any, model: Any, tokenizer: Any) -> None:
            config.bos_token = config.eos_token = config.unk_token = END

    class Conversion(Converter):  # type: ignore[misc]
        def _load(self) -> Any:
            spec = Loader()(network, None)
            padded = np.pad(network.transformer.wte.weight.detach().float().numpy(), ((0, 1), (0, 0)))
            spec.decoder.embeddings.weight = padded
            spec.decoder.projection.weight = padded
            return spec

    import torch

    with torch.no_grad():
        Conversion().convert(str(folder), force=True)


class Translator:
    """A converted model on the CPU."""

    def __init__(self, folder: Path, *, threads: int, batch: int, compute_type: str = "float32") -> None:
        import ctranslate2

        self._batch = batch
        self._generator = ctranslate2.Generator(
            str(folder), device="cpu", inter_threads=1, intra_threads=threads, compute_type=compute_type
        )
        if self._generator.compute_type != compute_type:
            raise RuntimeError(f"CTranslate2 computes in {self._generator.compute_type}, not in {compute_type}")

    def run(self, work: Work) -> list[Lap]:
        """Decode the cells that CTranslate2 has a strategy for, one after another.

        `include_prompt_in_result=False` is its fast path: the columns that all prompts of a batch have are run at once,
        the rest of the longer prompts token by token. `max_length` then counts the new tokens alone.
        """
        words = [[str(t) for t in prompt] for prompt in work.prompts]
        laps = []
        for cell in work.cells:
            knobs = cell.translator()
            if knobs is None:
                continue
            with Stopwatch() as watch:
                results = self._generator.generate_batch(
                    words,
                    max_batch_size=self._batch,
                    max_length=work.tokens,
                    include_prompt_in_result=False,
                    end_token=END,
                    suppress_sequences=[[END]],
                    **knobs,
                )
                texts: Sequence[Sequence[int]] = [r.sequences_ids[0] for r in results]
            laps.append(Lap(cell.name, watch.seconds, texts))
        return laps
