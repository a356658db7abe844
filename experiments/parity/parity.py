"""Others' numbers on 1,947 published continuations, ours with `compat`, and ours as we define them.

python experiments/parity/parity.py FOLDER           the tables; exits 1 where a number is not reproduced
python experiments/parity/parity.py FOLDER --short   one n per measure

FOLDER holds contrastive/ (texts, published scores, what third-party code gives) and gpt2-tokenizer/tokenizer.json.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from harness.metrics.base import Corpus, Metric, Tools
from harness.metrics.distinct import Distinct
from harness.metrics.diversity import Diversity
from harness.metrics.length import Length
from harness.metrics.loops import Loops
from harness.metrics.ngrams import Unit
from harness.metrics.repetition import Repetition
from harness.metrics.self_bleu import SelfBleu
from harness.metrics.zipf import Zipf

NAME = "book_gpt2-xl_contrastive_k6_a0.6"
SIDES = (("generations", NAME, "generation"), ("references", "book_reference", "reference"))
UNITS: tuple[tuple[Unit, str], ...] = (("words", "words"), ("tokens", "gpt2_ids"))
CLOSE = 1e-9


@dataclass(frozen=True)
class Case:
    """One measure of one project."""

    project: str
    theirs: Callable[[dict[str, Any], str], list[float]]  # from the given values of one side, and a unit's key in them
    compat: Callable[[Unit], Metric]
    ours: Callable[[Unit], Metric]
    scale: float = 1.0  # theirs is so many times ours
    units: tuple[Unit, ...] = ("words", "tokens")
    first: int | None = None  # texts


def _hapaxes(given: dict[str, Any], unit: str) -> list[float]:
    return [once / total for once, total in given[unit]["degen_distinct_n(hapax) [n_distinct,n_total] 1..4"]]


FOUR, FIVE = (1, 2, 3, 4), (1, 2, 3, 4, 5)
CASES = (
    Case(
        "simctg",
        lambda given, unit: [given["simctg"]["diversity"]],
        lambda unit: Diversity(compat="simctg"),
        lambda unit: Diversity(unit=unit),
        units=("words",),
    ),
    Case(
        "simctg",
        lambda given, unit: [given["simctg"][f"seq_rep_{n}"] for n in (2, 3, 4)],
        lambda unit: Repetition(compat="simctg"),
        lambda unit: Repetition(unit=unit, sizes=(2, 3, 4)),
        scale=100.0,
        units=("words",),
    ),
    Case(
        "degen",
        _hapaxes,
        lambda unit: Distinct(compat="degen", unit=unit, sizes=FOUR),
        lambda unit: Distinct(unit=unit, sizes=FOUR),
    ),
    Case(
        "mauve_experiments",
        lambda given, unit: list(given[unit]["distinct_n_mauve_experiments(1..5)"]),
        lambda unit: Distinct(compat="mauve_experiments", unit=unit, sizes=FIVE),
        lambda unit: Distinct(unit=unit, sizes=FIVE),
    ),
    Case(
        "degen",
        lambda given, unit: [given[unit]["zipf_degen [-slope,-r]"][0]],
        lambda unit: Zipf(compat="degen", unit=unit),
        lambda unit: Zipf(unit=unit),
    ),
    Case(
        "mauve_experiments",
        lambda given, unit: [given[unit]["zipf_mauve_experiments slope"]],
        lambda unit: Zipf(compat="mauve_experiments", unit=unit),
        lambda unit: Zipf(unit=unit),
    ),
    Case(
        "degen",
        lambda given, unit: [given[unit]["repetition_fraction_degen(max_n=90)"]],
        lambda unit: Loops(compat="degen", unit=unit),
        lambda unit: Loops(unit=unit),
    ),
    Case(
        "mauve_experiments",
        lambda given, unit: [given[unit]["repetition_fraction_mauve(max_n=500)"]],
        lambda unit: Loops(compat="mauve_experiments", unit=unit),
        lambda unit: Loops(unit=unit),
    ),
    Case(
        "degen",
        lambda given, unit: list(given[unit]["self_bleu_first60 1..5 (method1, all 60 hyps vs other 59)"]),
        lambda unit: SelfBleu(compat="degen", unit=unit),
        lambda unit: SelfBleu(unit=unit, sizes=FIVE),
        first=60,
    ),
)


@dataclass(frozen=True)
class Row:
    """One number of one project, for both sides."""

    measure: str
    project: str
    unit: str
    values: tuple[tuple[float, float, float], ...]  # per side: theirs (NaN: not given), ours with compat, ours

    @property
    def off(self) -> float:
        """How far the reproduced number is from theirs, at most."""
        return max(abs(theirs - compat) for theirs, compat, _ in self.values if not math.isnan(theirs))


def corpora(folder: Path) -> dict[str, Corpus]:
    """The generations and the references, in GPT-2's tokens."""
    lines = (folder / "contrastive" / f"{NAME}.jsonl").read_text(encoding="utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    tokenizer = Tokenizer.from_file(str(folder / "gpt2-tokenizer" / "tokenizer.json"))

    def side(column: str) -> Corpus:
        texts = [record[column] for record in records]
        ids = [f"{i:04}" for i in range(len(texts))]
        tokens = [encoding.ids for encoding in tokenizer.encode_batch(texts)]
        return Corpus(ids, [record["prefix"] for record in records], texts, ["unknown"] * len(texts), tokens)

    return {name: side(column) for name, _, column in SIDES}


def values(metric: Metric, corpus: Corpus) -> dict[str, float]:
    """Score -> value."""
    return {score.name: score.value for score in metric(corpus, Tools(None))}


def rows(folder: Path, texts: dict[str, Corpus]) -> Iterator[Row]:
    """Every number that is given."""
    given = json.loads((folder / "contrastive" / "book.third-party-metrics.json").read_text())
    for case in CASES:
        for unit, key in UNITS:
            if unit in case.units:
                sides = [_side(case, unit, case.theirs(given[entry], key), texts[name]) for name, entry, _ in SIDES]
                for measure in sides[0]:
                    yield Row(measure, case.project, unit, tuple(side[measure] for side in sides))
    published = json.loads((folder / "contrastive" / f"{NAME}.published.json").read_text())["published"]
    generations, references = (values(Length(unit="words"), texts[name])["length"] for name, _, _ in SIDES)
    theirs = float(published["gen_length_dict"]["gen_len_list"][0])
    yield Row("length", "simctg", "words", ((theirs, generations, generations), (math.nan, math.nan, references)))


def _side(case: Case, unit: Unit, theirs: list[float], corpus: Corpus) -> dict[str, tuple[float, float, float]]:
    corpus = corpus if case.first is None else corpus.take(range(case.first))
    ours, compat = values(case.ours(unit), corpus), values(case.compat(unit), corpus)
    return {name: (given, compat[name], case.scale * ours[name]) for given, name in zip(theirs, compat, strict=True)}


def steps(texts: dict[str, Corpus]) -> Iterator[list[str]]:
    """Diversity and the rep-n that it is made of, from SimCTG's numbers to ours, one change at a time."""
    changes: tuple[tuple[str, Metric, Metric], ...] = (
        ("SimCTG's code", Diversity(compat="simctg"), Repetition(compat="simctg")),
        ("with the last n-gram, unrounded", Diversity(unit="words"), Repetition(unit="words", average="micro")),
        ("GPT-2's tokens for words", Diversity(), Repetition(average="micro")),
        ("texts weigh the same", Diversity(average="macro"), Repetition()),
    )
    yield ["", *(f"{name}: {what}" for name, *_ in SIDES for what in ("diversity", "rep-2", "rep-4"))]
    for change, diversity, repetition in changes:
        line = [change]
        for name, *_ in SIDES:
            reps = values(repetition, texts[name])
            scale = 1 if change == changes[0][0] else 100
            line += [f"{values(diversity, texts[name])['diversity']:.5f}"]
            line += [f"{scale * reps[rep]:.3f}%" for rep in ("rep-2", "rep-4")]
        yield line


def header() -> list[str]:
    """Of the table of all numbers."""
    return [
        "measure",
        "project",
        "unit",
        *(f"{name}: {what}" for name, *_ in SIDES for what in ("theirs", "ours")),
        "compat is off by",
    ]


def cells(row: Row) -> list[str]:
    """A line of that table."""
    numbers = [f"{value:.5g}".replace("nan", "") for theirs, _, ours in row.values for value in (theirs, ours)]
    return [row.measure, row.project, row.unit, *numbers, f"{row.off:.0e}" if row.off else "0"]


def markdown(lines: list[list[str]]) -> str:
    """The first line is the header."""
    head, *rest = lines
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *rest))


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--short", action="store_true")
    given = parser.parse_args()
    texts = corpora(given.folder)
    found = list(rows(given.folder, texts))
    short = {"rep-4", "distinct-2", "self-bleu-4", "diversity", "zipf", "loops", "length"}
    print(markdown([header(), *(cells(row) for row in found if not given.short or row.measure in short)]), end="\n\n")
    print(markdown(list(steps(texts))))
    wrong = [row for row in found if row.off > CLOSE]
    print(f"{len(found) - len(wrong)} of {len(found)} numbers reproduced to {CLOSE:g}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
