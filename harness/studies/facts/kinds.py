"""Published facts about models and tokenizers, as data: harness/data/published/*.yaml, or files of one's own."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from harness.errors import InputError

PUBLISHED = Path(__file__).resolve().parents[2] / "data" / "published"
"""The facts that come with the package, a file for each model and one for GPT-2's vocabulary."""

Strings = tuple[str, ...]
Count = Annotated[int, Field(ge=1)]
Within = Annotated[float, Field(gt=0)]


class Fact(BaseModel):
    """What somebody published, and where."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    name: str
    source: str
    model: str | None = None  # whose weights it is about; None: any model with GPT-2's vocabulary
    study: str | None = None  # the experiment that shows it, beside experiment=published
    dtype: Literal["float32", "float16", "bfloat16"] = "float32"  # of the model that gave it

    @property
    def expected(self) -> Any:
        """What was published."""
        raise NotImplementedError


class Tokens(Fact):
    """The tokens of a text."""

    kind: Literal["tokens"]
    text: str
    ids: tuple[int, ...] | None = None
    pieces: Strings | None = None

    @property
    def expected(self) -> Any:
        """The ids, or the pieces where there are no ids."""
        return list(self.pieces or ()) if self.ids is None else list(self.ids)


class Continuation(Fact):
    """What a strategy writes after a prompt."""

    kind: Literal["continuation"]
    prompt: str
    strategy: Strings  # names that the strategy may have in conf/strategy; the first that there is
    knobs: dict[str, Any] = {}
    new: Count | None = None  # tokens of the continuation
    length: Count | None = None  # instead: tokens of the prompt and the continuation
    text: str
    ids: tuple[int, ...] | None = None
    begins: bool = False  # whether only the beginning was published

    @model_validator(mode="after")
    def _one_length(self) -> Continuation:
        if (self.new is None) == (self.length is None):
            raise ValueError("needs `new` or `length`, one of the two")
        return self

    @property
    def expected(self) -> Any:
        """The text."""
        return self.text


class Logprobs(Fact):
    """The greedy tokens after a prompt, and the log-probability of each."""

    kind: Literal["logprobs"]
    prompt: str
    pieces: Strings
    logprobs: tuple[float, ...]
    within: Within  # half a unit of the last digit published, or more where versions of the source differ

    @property
    def expected(self) -> Any:
        """The log-probabilities."""
        return list(self.logprobs)


class Top(Fact):
    """The likeliest tokens after a prompt, likeliest first, and their probabilities where those were published."""

    kind: Literal["top"]
    prompt: str
    pieces: Strings
    probabilities: tuple[float, ...] = ()
    within: Within = 5e-4

    @property
    def expected(self) -> Any:
        """The tokens."""
        return list(self.pieces)


class Perplexities(Fact):
    """Perplexities of short texts, each but for its first token: that of the first text, and their mean."""

    kind: Literal["perplexities"]
    texts: Strings
    first: float
    mean: float
    within: Within

    @property
    def expected(self) -> Any:
        """The mean."""
        return self.mean


class WikiText(Fact):
    """The perplexity of the test split of WikiText-2, raw, its rows joined by empty lines, read in windows."""

    kind: Literal["wikitext"]
    window: Count
    stride: Count
    perplexity: float
    within: Within
    tokens: Count | None = None  # of the whole text

    @property
    def expected(self) -> Any:
        """The perplexity."""
        return self.perplexity


AnyFact = Annotated[Tokens | Continuation | Logprobs | Top | Perplexities | WikiText, Field(discriminator="kind")]
_FACT: TypeAdapter[Fact] = TypeAdapter(AnyFact)


def read(path: str | Path | None = None) -> list[Fact]:
    """The facts of a file, or of the files of a folder; None: those that come with the package.

    A file holds `facts`, a list, and `model`, whose weights they are about (none: any model with GPT-2's vocabulary).

    Raises:
        InputError: there is no such file, or it does not hold facts.
    """
    place = PUBLISHED if path is None else Path(path).expanduser()
    files = sorted(place.glob("*.yaml")) if place.is_dir() else [place]
    if not files:
        raise InputError(f"study.facts={str(path)!r}: the folder has no .yaml files")
    found = [fact for file in files for fact in _of_file(file)]
    return sorted(found, key=lambda fact: fact.model is not None)  # those of the vocabulary first


def of_study(facts: Iterable[Fact], study: str) -> list[Fact]:
    """Those that an experiment shows."""
    return [fact for fact in facts if fact.study == study]


def _of_file(file: Path) -> list[Fact]:
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise InputError(f"{file}: facts cannot be read ({str(error).splitlines()[0]})") from None
    if not isinstance(content, dict) or not isinstance(content.get("facts"), list):
        raise InputError(f"{file}: must hold `facts`, a list, and may hold `model`")
    if unknown := set(content) - {"facts", "model"}:
        raise InputError(f"{file}: unknown key {sorted(unknown)[0]!r}; allowed: facts, model")
    found = []
    for number, each in enumerate(content["facts"], 1):
        try:
            found.append(_FACT.validate_python({"model": content.get("model")} | each))
        except (ValidationError, TypeError) as error:
            shown = each.get("name", number) if isinstance(each, dict) else number
            raise InputError(f"{file}: fact {shown!r} cannot be read ({_reason(error)})") from None
    return found


def _reason(error: ValidationError | TypeError) -> str:
    if isinstance(error, TypeError):
        return "must be a mapping"
    return "; ".join(
        f"{'.'.join(map(str, e['loc'][1:])) or 'kind'}: {e['msg']}"
        for e in error.errors(include_url=False, include_context=False)
    )
