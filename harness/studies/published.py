"""The checker: published outputs of GPT-2 models, looked at on any machine that has their weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from harness.configs import options
from harness.errors import InputError, did_you_mean
from harness.loaders import load_model
from harness.models.base import LanguageModel
from harness.prompts.dataset import records
from harness.studies.base import Answer, Setting
from harness.studies.checks import Check, failures, skipped
from harness.studies.facts.checker import check
from harness.studies.facts.kinds import Fact, read
from harness.studies.facts.vocabulary import is_gpt2

DATASET, CONFIG = "Salesforce/wikitext", "wikitext-2-raw-v1"


def published(
    setting: Setting,
    *,
    models: tuple[str, ...] = ("gpt2", "gpt2-large", "distilgpt2"),
    folder: str | None = None,
    dtype: Literal["float32", "float16", "bfloat16"] = "float32",
    facts: str | None = None,
    wikitext: str | None = "auto",
) -> Answer:
    """Check every published fact that can be looked at, and say why the others cannot.

    Args:
        setting: the sweep's; its models have to show the facts of their names, too.
        models: names of conf/model to try; one that is not there is skipped.
        folder: where they lie, each in a folder of its name; None: as conf/model says, in the cache or on the hub.
        dtype: to load them in; facts of another are skipped.
        facts: a file or folder of facts; None: those that come with the package.
        wikitext: for perplexities, a .txt file, or the data set on the hub or a copy of it; auto: the hub's for models
            that run on a GPU, as a CPU takes from minutes to hours; None: perplexities are skipped.

    Raises:
        InputError: there are no such facts, or a name in `models` is none of conf/model.
    """
    known, corpus = read(facts), Corpus(wikitext)
    if folder is None and (wrong := [name for name in models if name not in options("model")]):
        raise InputError(f"study.models={wrong[0]!r}: {did_you_mean(wrong[0], options('model'))}")
    at_hand = {name.partition("@")[0]: job for name, job in setting.models.items()}
    groups, of_vocabulary = dict[str, list[Check]](), [fact for fact in known if fact.model is None]
    others = [fact.model for fact in known if fact.model is not None]
    asked, reader = list[str](), ""
    for name in dict.fromkeys([*models, *at_hand, *others]):
        about = [fact for fact in known if fact.model == name]
        if name not in models and name not in at_hand:
            groups[name] = _skip(about, "is not among study.models")
            continue
        try:
            model = setting.load(at_hand[name]) if name in at_hand else _load(name, folder, dtype)
        except InputError as error:
            groups[name] = _skip(about, str(error).partition(";")[0])
            continue
        asked.append(name)
        groups[name] = check(about, model, corpus.of(model), name)
        if not reader and is_gpt2(model):
            reader, groups["vocabulary"] = name, check(of_vocabulary, model)
        del model  # the next may need its memory
    if not reader:
        groups["vocabulary"] = _skip(of_vocabulary, f"no model at hand has GPT-2's vocabulary ({', '.join(asked)})")
    checks = [each for group in groups.values() for each in group]
    counts = {verdict: sum(each.held is held for each in checks) for verdict, held in _VERDICTS.items()}
    shown = {name: group for name, group in groups.items() if group}
    sources = [{"name": f.name, "model": f.model or "GPT-2's vocabulary", "source": f.source} for f in known]
    return Answer({"groups": shown, "reader": reader, "counts": counts, "sources": sources}, failures(checks))


_VERDICTS = {"passed": True, "failed": False, "skipped": None}


class Corpus:
    """The test split of WikiText-2, raw, its rows joined by empty lines, fetched once if at all."""

    def __init__(self, place: str | None) -> None:
        self._place, self._text, self._error = place, "", ""

    def of(self, model: LanguageModel) -> Callable[[], str] | None:
        """What gives the text to a model; None where it was not asked for, or by `auto` would take too long."""
        slow = self._place == "auto" and model.device.type == "cpu"
        return None if self._place is None or slow else self._read

    def _read(self) -> str:
        if not self._text and not self._error:
            place = DATASET if self._place in (None, "auto") else str(self._place)
            try:
                self._text = _joined(place)
            except InputError as error:
                self._error = str(error).replace("prompts.name", "study.wikitext").partition(";")[0]
        if self._error:
            raise InputError(self._error)
        return self._text


def _joined(place: str) -> str:
    file = Path(place).expanduser()
    if file.is_file():
        try:
            return file.read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise InputError(f"study.wikitext={place!r}: cannot be read ({error})") from None
    return "\n\n".join(str(row["text"]) for _, row in records(place, CONFIG, "test"))


def _load(name: str, folder: str | None, dtype: str) -> LanguageModel:
    if folder is None:
        return load_model(name, dtype=dtype)
    return load_model("hf", name=str(Path(folder).expanduser() / name), dtype=dtype)


def _skip(facts: list[Fact], why: str) -> list[Check]:
    return [skipped(fact.name, fact.expected, why) for fact in facts]
