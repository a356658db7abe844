"""How far generations are from the reference texts, measured at the same number of texts and the same lengths.

Nearly every measure moves with the length of the texts, and those of a whole corpus with how many there are. So one
generation of each prompt stands against the reference of that prompt, both cut to the shorter of the two.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence, Sized
from dataclasses import dataclass, field, replace

from harness.evidence import Evidence, evidence
from harness.metrics.base import Corpus, Metric, Score, Tools
from harness.stats import Difference

Decode = Callable[[Sequence[int]], str]
Found = Sequence[Sequence[Score]]  # of each metric, in the order of the metrics


def paired(corpus: Corpus, references: Corpus) -> tuple[Corpus, Corpus]:
    """The first generation of each prompt that has a reference, and that reference. All of a side is that very side."""
    theirs = {prompt: i for i, prompt in reversed(list(enumerate(references.prompt_ids)))}
    ours = {prompt: i for i, prompt in reversed(list(enumerate(corpus.prompt_ids))) if prompt in theirs}
    shared = sorted(ours, key=ours.__getitem__)
    return corpus.take([ours[p] for p in shared]), references.take([theirs[p] for p in shared])


def matched(corpus: Corpus, references: Corpus, decode: Decode | None) -> tuple[Corpus, Corpus]:
    """`paired`, and pair by pair cut to the same length: in the model's tokens, or in words where texts have no tokens.

    A closing end-of-text token is left out, as no reference has one. A side that needs no cut is that very side. None
    is left where tokens have to be cut and there is no `decode` to say what text they are.
    """
    ours, theirs = paired(corpus, references)
    if ours.tokens is None or theirs.tokens is None:
        return _by_words(ours, theirs)
    lengths = [min(len(a), len(b)) for a, b in zip(ours.tokens, theirs.tokens, strict=True)]
    if decode is None and any(map(_longer(lengths), (ours.tokens, theirs.tokens))):
        return ours.take([]), theirs.take([])
    return _by_tokens(ours, lengths, decode), _by_tokens(theirs, lengths, decode)


@dataclass
class HumanGap:
    """The gap of any job to one set of references. What the references score at some lengths is measured once.

    Attributes:
        references: the reference texts.
        human: the scores of `references`.
        metrics: what is measured; each says whether texts are matched in length (`Metric.gap`).
        tools: as for `measure`.
    """

    references: Corpus
    human: Found
    metrics: Sequence[Metric]
    tools: Tools
    _known: dict[tuple[str, ...], list[dict[str, Evidence]]] = field(default_factory=dict)

    def __call__(self, corpus: Corpus, found: Found) -> dict[str, Difference]:
        """Score -> generations minus references, with interval and p-value, where both sides have evidence.

        Args:
            corpus: the generations.
            found: their scores, used again where nothing has to be cut.
        """
        result: dict[str, Difference] = {}
        for kind, ours, theirs in (
            ("plain", *paired(corpus, self.references)),
            ("matched", *matched(corpus, self.references, self.tools.decode)),
        ):
            wanted = [i for i, metric in enumerate(self.metrics) if metric.gap == kind]
            if not wanted or not ours.texts:
                continue
            human = self._measured(theirs, wanted, self.references, self.human, theirs)
            for left, right in zip(self._measured(ours, wanted, corpus, found, theirs), human, strict=True):
                for name in left.keys() & right.keys():
                    difference = left[name].minus(right[name])
                    if difference is not None:
                        result[name] = difference
        return result

    def _measured(
        self, corpus: Corpus, wanted: Sequence[int], whole: Corpus, known: Found, references: Corpus
    ) -> list[dict[str, Evidence]]:
        """What each wanted metric finds in a corpus; `known` is what all of them found in `whole`."""
        # Lengths too: a token of half a character may be cut off without a change of the text.
        key = (
            (*map(str, wanted), *corpus.prompt_ids, *corpus.texts, *(str(len(t)) for t in corpus.tokens or ()))
            if corpus is references and corpus is not whole
            else None
        )
        if key is not None and key in self._known:
            return self._known[key]
        tools = replace(self.tools, references=references)
        scores = [known[i] if corpus is whole else self.metrics[i](corpus, tools) for i in wanted]
        pairs = [{s.name: evidence(s, corpus.prompt_ids) for s in each} for each in scores]
        measured = [{name: e for name, e in each.items() if e is not None} for each in pairs]
        if key is not None:
            self._known[key] = measured
        return measured


def _longer(lengths: Sequence[int]) -> Callable[[Sequence[Sized]], bool]:
    return lambda column: any(len(each) > length for each, length in zip(column, lengths, strict=True))


def _by_tokens(corpus: Corpus, lengths: Sequence[int], decode: Decode | None) -> Corpus:
    """Texts cut to so many tokens, and their values with them: those of a closing eos go, too."""
    if not any(map(_longer(lengths), (corpus.tokens or (), *corpus.values.values()))):
        return corpus
    cut = corpus.cut_each(lengths, decode) if decode else corpus
    values = {name: [v[:n] for v, n in zip(column, lengths, strict=True)] for name, column in cut.values.items()}
    return replace(cut, values=values)


def _by_words(ours: Corpus, theirs: Corpus) -> tuple[Corpus, Corpus]:
    words = [[text.split() for text in side.texts] for side in (ours, theirs)]
    lengths = [min(len(a), len(b)) for a, b in zip(*words, strict=True)]
    cut = []
    for side, split in zip((ours, theirs), words, strict=True):
        texts = [
            text if len(all_words) == n else " ".join(all_words[:n])
            for text, all_words, n in zip(side.texts, split, lengths, strict=True)
        ]
        cut.append(side if texts == list(side.texts) else replace(side, texts=texts))
    return cut[0], cut[1]
