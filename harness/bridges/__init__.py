"""Our strategies inside transformers' `generate`; the other way is `strategy=hf_processor`."""

from harness.bridges.custom_generate import custom_generate
from harness.bridges.logits_processor import TransformProcessor

__all__ = ["TransformProcessor", "custom_generate"]
