"""What fixes a number, as one line that can be printed beside it and compared: after sacreBLEU (Post, 2018).

    rep-4|unit:model-tokens|avg:macro|v:0.1.0

The name comes first, then the fields in the order in which they were given, the version of this package last.
"""

from __future__ import annotations

from urllib.parse import quote, unquote

from harness import __version__

FREE = frozenset({"strategy", "seed"})
"""The fields of a job that may differ between two numbers that are compared: what is studied, and chance."""


def sign(name: str, **fields: object) -> str:
    """The signature of a number called `name`.

    Args:
        name: what the number is called: "rep-4", "job".
        **fields: every setting that can move it. True and False read yes and no, None reads none, a tuple is joined
            by commas.
    """
    return "|".join([_escaped(name), *(f"{key}:{_shown(value)}" for key, value in fields.items()), f"v:{__version__}"])


def job_signature(
    *,
    model: str,
    prompts: str,
    new: int,
    samples: int,
    seed: int,
    strategy: str,
    dtype: str,
    packed: bool,
    engine: str,
    backend: str = "torch",
) -> str:
    """The signature of a job: what fixes its texts.

    Args:
        model: the model's name and fingerprint.
        prompts: what fixes the prompts: their source and count, or a hash of their ids.
        new: `max_new_tokens`.
        samples: continuations per prompt.
        seed: the sweep's seed.
        strategy: the strategy and its knobs.
        dtype: of the model.
        packed: whether the model has the layers for CPUs.
        engine: of the decoding, with its knobs if they can move a bit.
        backend: what runs the network; it is a field where it is not torch.
    """
    other = {} if backend == "torch" else {"backend": backend}
    return sign(
        "job",
        model=model,
        prompts=prompts,
        new=new,
        samples=samples,
        seed=seed,
        strategy=strategy,
        dtype=dtype,
        packed=packed,
        **other,
        engine=engine,
    )


def parse(signature: str) -> dict[str, str]:
    """The fields of a signature as they read, in order; the name is the field `name`."""
    name, *rest = signature.split("|")
    pairs = (part.partition(":") for part in rest)
    return {"name": unquote(name)} | {key: unquote(value) for key, _, value in pairs}


def differing(a: str, b: str) -> dict[str, tuple[str | None, str | None]]:
    """The fields in which two signatures differ, with both values; None where one has no such field."""
    left, right = parse(a), parse(b)
    keys = left | right
    return {key: (left.get(key), right.get(key)) for key in keys if left.get(key) != right.get(key)}


def comparable(a: str, b: str) -> bool:
    """Whether two numbers may be ranked: their signatures differ in nothing but strategy and seed."""
    return differing(a, b).keys() <= FREE


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple | list):
        return ",".join(map(_shown, value))
    return (
        "none" if value is None else _escaped(str(value).removesuffix(".0") if isinstance(value, float) else str(value))
    )


def _escaped(text: str) -> str:
    """`text` without what has a meaning in a signature or would break its line."""
    return "".join(quote(c) if c in "%|" or not c.isprintable() else c for c in text)
