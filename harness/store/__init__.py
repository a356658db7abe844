"""Stores of generations: what was decoded once, under a key that stands for its request."""

from __future__ import annotations

from harness.store.base import Store, Stored
from harness.store.opening import check_store, look_into, open_store

__all__ = ["Store", "Stored", "check_store", "look_into", "open_store"]
