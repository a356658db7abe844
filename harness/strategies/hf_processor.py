"""Any logits processor of transformers as a strategy."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from harness import transforms
from harness.errors import InputError, did_you_mean
from harness.knobs import Temperature, checked, import_path
from harness.memory import out_of_memory
from harness.strategies.base import View
from harness.strategies.sampling import Greedy, Sampling
from harness.transforms import Transform, chain

KEY = "strategy.processor"


@dataclass(frozen=True)
class Processor:
    """A transform that asks a processor of transformers. Equal by what it was made of."""

    path: str
    arguments: str
    call: Callable[[Tensor, Tensor], Tensor] = field(compare=False)

    def __call__(self, logits: Tensor, view: View) -> Tensor:
        """What the processor makes of each row and its history, prompt included and padding not.

        Rows whose texts are of one length are shown to it together, as it knows no padding.
        """
        length = (view.history >= 0).sum(1)
        found = torch.empty_like(logits)
        for n in sorted(set(length.tolist())):
            rows = (length == n).nonzero()[:, 0]
            try:
                found[rows] = self.call(view.history[rows, -n:], logits[rows]).to(logits.dtype)
            except (TypeError, ValueError, IndexError, NotImplementedError, RuntimeError) as error:
                if out_of_memory(error):
                    raise
                raise InputError(f"{KEY}: {self.path} fails on {len(rows)} rows of {n} tokens ({error})") from error
        return found


def processor_of(node: dict[str, Any]) -> Transform:
    """The transform of a node: `_target_`, the dotted path of a LogitsProcessor, and its arguments.

    Raises:
        InputError: there is no such class, it is no logits processor, or it refuses its arguments.
    """
    arguments = {str(k): list(v) if isinstance(v, tuple) else v for k, v in node.items() if k != "_target_"}
    path = node.get("_target_")
    if not isinstance(path, str):
        raise InputError(f"{KEY}._target_={path!r}: must be the dotted path of a logits processor of transformers")
    from transformers import LogitsProcessor

    made = import_path(path, f"{KEY}._target_")
    if not (inspect.isclass(made) and issubclass(made, LogitsProcessor)):
        raise InputError(f"{KEY}._target_={path!r}: is no subclass of transformers.LogitsProcessor")
    allowed = [p for p in inspect.signature(made.__init__).parameters if p != "self"]
    for name in arguments:
        if name not in allowed:
            raise InputError(f"unknown key {KEY}.{name}={arguments[name]!r}: {did_you_mean(name, allowed)}")
    try:
        call: Any = made(**arguments)
    except (TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{KEY}: {path} refuses {arguments} ({error})") from None
    return Processor(path, repr(sorted(arguments.items())), call)


@checked
def hf_processor(
    *, processor: dict[str, Any], do_sample: bool = True, temperature: Temperature = 1.0
) -> Sampling | Greedy:
    """Sample, or take the likeliest token, after a logits processor of transformers.

    Source: transformers, `LogitsProcessor`; any class of that kind, of an installed package too.
    Oracle: `generate` with the same processor, greedy; our own transform of the same rule, under the same draws.

    Args:
        processor: `_target_`, its dotted path, and its arguments, as Hydra writes objects. It sees each row's text
            without padding; one that keeps state between calls, or needs the model, does not work here.
        do_sample: false takes the likeliest token.
        temperature: after the processor, 0 is greedy.

    Raises:
        InputError: there is no such processor, it refuses its arguments, or a temperature would change nothing.
    """
    transform = processor_of(processor)
    if not do_sample and temperature != 1.0:
        raise InputError(f"strategy.temperature={temperature}: changes nothing with do_sample=false; allowed: 1.0")
    if not do_sample:
        return Greedy(chain(transform))
    return Sampling(chain(transform, transforms.temperature(temperature)))
