"""Prompts: where they come from, and what identifies them.

A prompt source is a function that returns a list of `Prompt`, and a file in `conf/prompts/` that names it.
"""

from __future__ import annotations

from harness.prompts.base import Prompt, identified

__all__ = ["Prompt", "identified"]
