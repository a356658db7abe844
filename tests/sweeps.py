"""Made-up sweeps for tests of results and reports: texts that repeat themselves as much as one wants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from harness.evidence import Evidence, evidence, write_evidence
from harness.metrics.base import Better, combined
from harness.results import (
    References,
    ScoreRecord,
    begin_job,
    write_generations,
    write_items,
    write_provenance,
    write_references,
    write_scores,
    write_sweep,
)

BETTER: dict[str, Better] = {
    **{f"rep-{n}": "reference" for n in (1, 2, 3, 4)},
    "loops": "low",
    **{f"distinct-{n}": "reference" for n in (1, 2, 3, 4)},
    "perplexity": "reference",
    "mauve": "high",
    "length": "reference",
}
HUMAN = 0.7  # where the references lie between greedy (0) and pure chance (1)


def rows(heat: float, prompts: Sequence[str], new: int = 32, seed: int = 0, label: str = "greedy") -> pd.DataFrame:
    """A generation per prompt. The cooler, the likelier a token is that of five ago, and the surer the model."""
    rng = np.random.default_rng([seed, int(1000 * heat)])
    made = []
    for index, prompt in enumerate(prompts):
        tokens = list(map(int, rng.integers(300, size=new)))
        for i in range(5, new):
            if rng.random() < (1 - heat) * min(1.0, i / new * 2):
                tokens[i] = tokens[i - 5]
        entropy = rng.gamma(2, 0.3 + heat, size=new)
        made.append(
            {
                "prompt_id": f"p{index}",
                "prompt": prompt,
                "strategy": label,
                "seed": seed,
                "sample": 0,
                "text": "".join(f" w{token}" for token in tokens),
                "tokens": np.array(tokens, dtype=np.int32),
                "ends": np.cumsum([len(f" w{token}") for token in tokens]).astype(np.int32),
                "logprob": (-entropy * rng.random(new) * 1.6).astype(np.float32),
                "strategy_logprob": np.full(new, np.nan, dtype=np.float32),
                "entropy": entropy.astype(np.float32),
                "kept": np.full(new, np.nan, dtype=np.float32),
                "kept_mass": np.full(new, np.nan, dtype=np.float32),
                "rank": rng.integers(9, size=new).astype(np.float32),
                "gap": rng.gamma(2, 0.5, size=new).astype(np.float32),
                "finish": "length",
                "score": np.nan,
            }
        )
    return pd.DataFrame(made)


def scores(frame: pd.DataFrame, reference: Mapping[str, float] | None = None, **signed: object) -> list[ScoreRecord]:
    """Scores that are plausible for the texts; what is meant to be measured is measured elsewhere."""
    cool = float(np.mean([np.mean(np.array(t)[5:] == np.array(t)[:-5]) for t in frame["tokens"]]))
    values = {f"rep-{n}": cool / n for n in (1, 2, 3, 4)}
    values |= {"loops": cool**2} | {f"distinct-{n}": (1 - cool) * (0.4 + 0.15 * n) for n in (1, 2, 3, 4)}
    values["perplexity"] = float(np.exp(-np.mean(np.concatenate(list(frame["logprob"])))))
    values |= {"mauve": 1 - abs(1 - cool - HUMAN), "length": float(np.mean([len(t) for t in frame["tokens"]]))}
    extra = "".join(f"|{key}:{value}" for key, value in signed.items())
    return [
        ScoreRecord(
            name,
            value,
            BETTER[name],
            f"{name}|unit:model-tokens{extra}|v:1",
            low=None if name.startswith("distinct") else 0.95 * value,
            high=None if name.startswith("distinct") else 1.07 * value,
            method=None if name.startswith("distinct") else "bca",
            notes=("fewer than 1,000 texts",) if name == "mauve" else (),
            reference=(reference or {}).get(name),
            curve=arc(value) if name == "mauve" else None,
        )
        for name, value in values.items()
    ]


def arc(area: float) -> tuple[tuple[float, ...], ...]:
    """A curve from (1, 0) to (0, 1) that bends out further the larger the area."""
    turn = np.linspace(0, np.pi / 2, 9)
    x, y = (np.power(np.clip(each(turn), 0, 1), 2 - 1.9 * area).round(4) for each in (np.cos, np.sin))
    return tuple(x.tolist()), tuple(y.tolist())


def basis(frame: pd.DataFrame) -> Evidence:
    """What the perplexity in `scores` can be resampled from."""
    stats = np.array([[-np.sum(values), len(values)] for values in frame["logprob"]], dtype=np.float64)
    found = evidence(
        combined("perplexity", stats, "exp-ratio", "reference", "perplexity|v:1"), list(frame["prompt_id"])
    )
    assert found is not None
    return found


def job(
    folder: Path,
    label: str,
    frame: pd.DataFrame,
    measured: Sequence[ScoreRecord],
    *,
    strategy: Mapping[str, Any] | None = None,
    model: str = "pocket-m",
    seed: int = 0,
    reference: str | None = "reference",
) -> Path:
    """A whole job's folder."""
    name = label.split("(")[0].split()[0]
    begin_job(
        folder,
        label=label,
        config={
            "model": {"factory": "a.b", "size": model},
            "strategy": {"factory": f"harness.{name}", **(strategy or {})},
            "seed": seed,
            "max_new_tokens": 32,
            "name": name,
        },
        choices={"model": model, "prompts": "fables", "strategy": name},
        signature=f"job|model:{model}|strategy:{label}|seed:{seed}",
        reference=reference,
    )
    write_generations(folder, frame)
    write_items(folder, frame[["prompt_id", "seed", "sample"]].assign(**{"rep-1": 0.5}))
    write_evidence(folder, [basis(frame)])
    write_provenance(folder, {"harness": "0.1.0", "python": "3.11", "model": model, "device": "cpu", "git": None})
    write_scores(folder, measured)
    return folder


def sweep(
    folder: Path,
    strategies: Mapping[str, tuple[float, Mapping[str, Any]]],
    *,
    models: Sequence[str] = ("pocket-m",),
    seeds: Sequence[int] = (0,),
    prompts: int = 12,
    references: bool = True,
    new: int = 32,
) -> Path:
    """A whole sweep's folder: strategies (label -> heat and knobs) x models x seeds, of texts of `new` tokens.

    A larger model is surer of everything.
    """
    texts = [f"Once upon a time number {i}" for i in range(prompts)]
    folders: list[Path] = []
    human: list[References] = []
    for m, model in enumerate(models):
        suffix = f" {model}" if len(models) > 1 else ""
        real = rows(HUMAN - 0.1 * m, texts, new, seed=99)
        known = {s.name: s.value for s in scores(real) if s.name != "mauve"}
        if references:
            human.append(References(f"reference{suffix}", real, [s for s in scores(real) if s.name != "mauve"]))
        for label, (heat, knobs) in strategies.items():
            for seed in seeds:
                full = label + suffix + (f" seed={seed}" if len(seeds) > 1 else "")
                frame = rows(max(0.0, heat - 0.1 * m), texts, new, seed=seed, label=full)
                folders.append(
                    job(
                        folder / f"{len(folders)}",
                        full,
                        frame,
                        scores(frame, known if references else None),
                        strategy=knobs,
                        model=model,
                        seed=seed,
                        reference=f"reference{suffix}" if references else None,
                    )
                )
    write_sweep(folder, name="made up", command="python -m harness -m strategy=made,up", jobs=folders)
    write_references(folder, human)
    return folder


SIX: dict[str, tuple[float, Mapping[str, Any]]] = {
    "greedy": (0.0, {}),
    "beam(num_beams=8)": (0.05, {"num_beams": 8}),
    "repetition_penalty": (0.5, {"repetition_penalty": 1.2}),
    "temperature(0.7)": (0.55, {"temperature": 0.7}),
    "top_k": (0.65, {"top_k": 50}),
    "top_p": (0.72, {"top_p": 0.9}),
}
GRID: dict[str, tuple[float, Mapping[str, Any]]] = {
    f"temperature({t})": (min(1.0, t / 2), {"temperature": t}) for t in (0.1, 0.3, 0.5, 0.7, 0.9, 1.0, 1.2, 1.5, 2.0)
}
ONE: dict[str, tuple[float, Mapping[str, Any]]] = {"beam(num_beams=8)": (0.05, {"num_beams": 8})}
