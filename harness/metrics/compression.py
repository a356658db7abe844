"""How far the texts can be packed: the compression ratio."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import numpy as np

from harness.jackknife import groups
from harness.metrics.base import Corpus, Metric, Score, Tools
from harness.metrics.compat import cshaib, signed
from harness.signature import sign

_GZIP = 31  # zlib's number for its largest window, of 32 kB, in gzip's format


@dataclass(frozen=True)
class Compression(Metric):
    r"""compression = bytes of all continuations, in UTF-8, over their bytes once compressed by gzip at level 9.

    Shaib et al. (2024), "Standardizing the measurement of text diversity"; the higher, the more the texts repeat
    themselves and each other, so nearer to the references is better. The texts are joined by "\n", which counts on
    both sides, and compressed once; gzip's header and trailer, always 18 bytes, are in the second number, file names
    and times are not. Their package (diversity) joins by blanks and compresses twice.

    gzip looks back 32 kB only, so the order of the texts moves the number: 1,947 texts of 190 words have 2.784 in the
    order in which their prompts come, where neighbours are from one book, and 2.654 to 2.657 in eight random orders.
    The texts are therefore sorted, so that only equal beginnings make neighbours: 2.668. Repeats of a text then stand
    side by side, and the copy of a text of less than 32 kB costs a few bytes: doubling the corpus nearly doubles the
    number.

    It rises with the number and the length of the texts. The signature holds both (`length`: the most tokens a text may
    have, none where nobody tokenised them), and the version of zlib, on which the compressed bytes depend. A corpus
    without a character has no value. The unit is bytes: no tokenizer has a part in it.

    The interval comes from leaving out a group of prompts at a time and compressing what is left: of 5,000 texts of 128
    words, that takes 6 to 13 seconds, and the number alone a twentieth.

    Attributes:
        compat: the number of published code instead, with its quirks and without an interval: `cshaib` is the package
            diversity (see `harness.metrics.compat`).
    """

    compat: Literal["cshaib"] | None = None

    def __call__(self, corpus: Corpus, tools: Tools) -> list[Score]:
        """One score, with the values without each group."""
        given = {"zlib": zlib.ZLIB_RUNTIME_VERSION, "texts": len(corpus.texts), "length": corpus.limit}
        if self.compat is not None:
            signature = sign("compression", by="gzip-gzip-9", order="given", **given, **signed(self.compat))
            return [Score("compression", cshaib.compression_ratio(corpus.texts), "reference", signature)]
        group = groups(corpus.prompt_ids)
        order = sorted(range(len(corpus.texts)), key=corpus.texts.__getitem__)
        # A lone surrogate, which JSON may hold, is no UTF-8; it counts as the three bytes that it would have.
        texts = [corpus.texts[i].encode("utf-8", "surrogatepass") for i in order]
        group = group[order]

        def without(g: int) -> float:
            return _ratio([text for text, its in zip(texts, group, strict=True) if its != g])

        with ThreadPoolExecutor() as pool:  # zlib lets other threads run while it compresses
            left_out = list(pool.map(without, range(int(group.max(initial=-1)) + 1)))
        signature = sign("compression", by="gzip-9", order="sorted", **given)
        return [
            Score(
                "compression",
                _ratio(texts),
                "reference",
                signature,
                left_out=np.array(left_out),
                bounds=(0.0, math.inf),
            )
        ]


def _ratio(texts: Sequence[bytes]) -> float:
    """The compression ratio of texts in this order; NaN where they have no bytes."""
    if not any(texts):
        return float("nan")
    joined = b"\n".join(texts)
    packer = zlib.compressobj(9, zlib.DEFLATED, _GZIP)
    return len(joined) / (len(packer.compress(joined)) + len(packer.flush()))
