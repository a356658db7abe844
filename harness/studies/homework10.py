"""The homework "Coding GPT-2": its six questions, answered by the models of a sweep over temperatures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.knobs import Positive, PositiveCount
from harness.models.base import LanguageModel
from harness.prompts import Prompt, identified
from harness.report import style
from harness.results import JobResult
from harness.studies.base import Answer, Setting, decode
from harness.studies.checks import failures
from harness.studies.homework import figures
from harness.studies.homework import sizes as by_size
from harness.studies.homework.echo import first_sentence
from harness.studies.homework.greedy import Repeated, Twin, repeated, twin
from harness.studies.homework.limits import Limits, limits
from harness.studies.homework.loops import Loops, loops

OTHERS = 6
"""Prompts of the sweep that keep the homework's two company in a batch."""

SENTENCES = 32
"""Prompts of the sweep whose first sentence is copied."""


@dataclass(frozen=True)
class Ask:
    """What is asked of every model."""

    sampled: str  # the prompt of question 5
    looping: str  # that of question 4
    temperatures: Sequence[float]
    greedy_tokens: int
    looping_tokens: int
    sampled_tokens: int
    draws: int
    reruns: int

    @property
    def prompts(self) -> list[Prompt]:
        """Both."""
        return identified([(self.sampled, None), (self.looping, None)])


@dataclass(frozen=True, eq=False)
class Found:
    """What one model answers."""

    name: str
    vocab: int
    texts: list[str]  # greedy ones, of both prompts
    twin: Twin
    repeated: Repeated
    loops: Loops
    limits: Limits


def homework10(
    setting: Setting,
    *,
    sampled: str,
    looping: str,
    temperatures: tuple[Positive, ...] = (0.01, 1.0, 100.0),
    greedy_tokens: PositiveCount = 40,
    looping_tokens: PositiveCount = 200,
    sampled_tokens: PositiveCount = 100,
    draws: PositiveCount = 64,
    reruns: PositiveCount = 4,
) -> Answer:
    """Answer all six.

    Where the sweep is small the study is: no text is longer than twice the sweep's, and there are no more draws and
    reruns than prompts.

    Args:
        setting: a sweep over models and temperatures, 0 among them.
        sampled: the prompt of question 5.
        looping: the prompt of question 4; questions 1 to 3 take both.
        temperatures: of question 5.
        greedy_tokens: of questions 1 to 3.
        looping_tokens: of question 4: enough to see a loop, and whether it ends.
        sampled_tokens: of question 5.
        draws: seeds of each temperature.
        reruns: times that greedy runs over a prompt alone, and as often in company.
    """
    jobs = list(setting.models.values())
    most, prompts = 2 * int(jobs[0].config["max_new_tokens"]), len(jobs[0].generations["prompt_id"].unique())
    ask = Ask(
        sampled,
        looping,
        temperatures,
        min(greedy_tokens, most),
        min(looping_tokens, most),
        min(sampled_tokens, most),
        min(draws, prompts),
        min(reruns, prompts),
    )
    found, readings = [], set()
    for name, job in setting.models.items():
        model = setting.load(job)
        found.append(_model(setting, name, job, model, ask))
        readings.add(str([model.encode(text) for text in jobs[0].generations["prompt"].unique()]))
    parameters = {each.name: each.twin.parameters for each in found}
    if sized := None not in parameters.values() and len(set(parameters.values())) == len(found):
        found.sort(key=lambda each: each.twin.parameters or 0)
    checks = [check for each in found for check in (*each.twin.checks, each.repeated.check)]
    sizes = by_size.Sizes.of(setting.sweep, [each.name for each in found], alike=len(readings) == 1)
    facts = {
        "ask": ask,
        "models": found,
        "sized": sized,  # whether they are in the order of their parameters, all known and no two the same
        "checks": checks,
        "sizes": sizes,
        "figures": _figures(setting, found, sizes),
    }
    return Answer(facts, failed=failures(checks))


def _model(setting: Setting, name: str, job: JobResult, model: LanguageModel, ask: Ask) -> Found:
    greedy = decode(model, ask.prompts, "greedy", max_new_tokens=ask.greedy_tokens)
    known = [
        each.generations
        for each in setting.sweep.jobs
        if each.provenance["model"] == name and by_size.is_greedy(each)
    ]  # fmt: skip
    own = [(str(i), str(text)) for i, text in job.generations[["prompt_id", "prompt"]].drop_duplicates().to_numpy()]
    others = [Prompt(i, text) for i, text in own if i not in {p.id for p in ask.prompts}][:OTHERS]
    return Found(
        name=name,
        vocab=model.vocab,
        texts=list(map(str, greedy["text"])),
        twin=twin(model, job, greedy, ask.greedy_tokens),
        repeated=repeated(model, ask.prompts, others, known, ask.reruns, ask.greedy_tokens),
        loops=loops(
            model, ask.looping, _sentences(setting, job), known[0] if known else None, ask.draws, ask.looping_tokens
        ),
        limits=limits(model, ask.sampled, ask.temperatures, ask.draws, ask.sampled_tokens),
    )


def _sentences(setting: Setting, job: JobResult) -> list[str]:
    """What people wrote: the first sentence of each prompt with its reference; of the prompt, where it has none."""
    human = {each.label: each.frame for each in setting.sweep.references}.get(job.reference or "")
    frame = job.generations.drop_duplicates("prompt_id").assign(text="") if human is None or human.empty else human
    whole = [prompt + text for prompt, text in zip(frame["prompt"], frame["text"], strict=True)]
    return [first_sentence(each) for each in whole[:SENTENCES]]


def _figures(setting: Setting, found: Sequence[Found], sizes: by_size.Sizes) -> Mapping[str, str]:
    with style.styled():
        drawn = {
            "loop": figures.loops({each.name: each.loops.example for each in found}),
            "rising": figures.rising(
                {each.name: each.loops.passes for each in found if each.loops.passes and each.loops.passes.means},
                {each.name: each.loops.copies for each in found if each.loops.copies.means},
            ),
            "limits": figures.limits({each.name: each.limits for each in found}),
            "sizes": figures.sizes([each.name for each in found], sizes.panels()),
        }
        return {name: setting.save(figure, f"homework_{name}") for name, figure in drawn.items()}
