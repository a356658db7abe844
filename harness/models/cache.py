"""Keys and values of every row so far, in buffers that are written in place.

transformers' own cache concatenates all of itself for every token and gathers all of itself to reorder rows. Here a
layer is a buffer with room for more columns. Rows are aligned on the right, as with left padding: the last token of
every row is in the last column, so a model sees what it would see with left padding, whatever its attention does.
"""

from __future__ import annotations

from itertools import groupby
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad
from transformers.cache_utils import Cache as TransformersCache
from transformers.cache_utils import CacheLayerMixin, DummyLayer, DynamicLayer, DynamicSlidingWindowLayer

from harness.errors import InputError
from harness.memory import SLACK
from harness.models.base import Cache
from harness.models.moves import Move, Shift


class Layer(CacheLayerMixin):  # type: ignore[misc]
    """Keys and values of one attention layer: `width` columns in use somewhere in a buffer of more rows and columns.

    All columns of the rows in use hold finite numbers, also those that nothing attends to: a masked NaN is still a NaN.

    Args:
        rows: what the buffer is made for, if it is more than are written. Memory that is not written to costs nothing.
        columns: the same, before its slack.
    """

    is_sliding = False  # a layer with a sliding window keeps all columns too, and masks them
    keys: Tensor | None
    values: Tensor | None

    def __init__(self, rows: int, columns: int) -> None:
        super().__init__()
        self._room = rows, columns + SLACK
        self._buffers: list[Tensor] = []  # keys and values, each [rows, kv heads, columns, head dim]
        self.rows = self._start = self._end = 0

    @property
    def width(self) -> int:
        """Columns in use."""
        return self._end - self._start

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Make the buffers, in the dtype and on the device of what the layer writes."""
        self.rows = len(key_states)
        rows, columns = self._room
        self._buffers = [_empty(new, max(self.rows, rows), columns) for new in (key_states, value_states)]
        self._clear(0)
        self.is_initialized = True

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor | None, Tensor | None]:
        """Write the columns of new tokens; returns all columns in use, each [rows, kv heads, width, head dim]."""
        time = key_states.shape[2]
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        if self._end + time > self._buffers[0].shape[2]:
            self._rebuild(self.rows, len(self._buffers[0]), self.width, self.width + max(time, SLACK))
        self._end += time
        for buffer, new in zip(self._buffers, (key_states, value_states), strict=True):
            buffer[: self.rows, :, self._end - time : self._end] = new
        self._show()
        return self.keys, self.values

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """How many columns there will be, and which is the first: columns not in use do not exist for transformers."""
        return self.width + query_length, 0

    def get_seq_length(self) -> int:
        """How many columns there are."""
        return self.width

    def get_max_length(self) -> int:
        """No limit, which transformers spells -1."""
        return -1

    def select(self, rows: Tensor, moves: list[Move], width: int) -> None:
        """Row i becomes old row rows[i], cut to the last `width` columns; `moves` are the parts that must be copied."""
        before, self._start = self._start, self._end - width
        room, old, self.rows = len(self._buffers[0]), self.rows, len(rows)
        if self.rows > room:  # by a good part, so that rows that become more one by one do not move each time
            self._rebuild(rows, max(self.rows, room + room // 4), width, width + SLACK)
        else:
            for buffer in self._buffers:
                head_dim, last = buffer.shape[3], buffer.flatten(2)  # the columns of a head are one run of memory
                parts = [last[:, :, (self._end - m.columns) * head_dim : self._end * head_dim] for m in moves]
                copies = [part.index_select(0, m.source.to(part.device)) for m, part in zip(moves, parts, strict=True)]
                for m, part, copy in zip(moves, parts, copies, strict=True):  # when all is read
                    part.index_copy_(0, m.target.to(part.device), copy)
                buffer[: self.rows, :, before : self._start].zero_()  # what longer rows used
            self._clear(old)
        self._show()

    def join(self, other: Layer, width: int) -> None:
        """Put the rows of `other`, which loses them, after this layer's; `width` of the columns are in use then."""
        old, self.rows = self.rows, self.rows + other.rows
        room = len(self._buffers[0])
        if self.rows > room or width > self._end:
            self._rebuild(old, max(self.rows, room), width, width + SLACK)
        for buffer, theirs in zip(self._buffers, other._buffers, strict=True):
            buffer[:old, :, self._end - width : self._start] = 0
            buffer[old : self.rows, :, self._end - width : self._end - other.width] = 0
            new = theirs[: other.rows, :, other._start : other._end]
            buffer[old : self.rows, :, self._end - other.width : self._end] = new
        self._start = self._end - width
        self._clear(old)
        other._buffers.clear()
        other.keys = other.values = None
        self._show()

    def forget(self, width: int) -> None:
        """Drop the last columns: `width` of them stay."""
        self._end = self._start + width

    def rewind(self, last: int, shifts: list[Shift], width: int) -> None:
        """Drop the last columns of all rows, move some rows to the right, and cut all to the last `width` columns."""
        self._end -= last
        for buffer in self._buffers:
            buffer[: self.rows, :, self._end : self._end + last].zero_()  # a wrong guess may have made them NaN
            head_dim, flat = buffer.shape[3], buffer.flatten(2)  # the columns of a head are one run of memory
            for shift in shifts:
                rows, by = shift.rows.to(flat.device), shift.by * head_dim
                begin, end = self._start * head_dim, self._end * head_dim
                moved = flat[:, :, begin : end - by].index_select(0, rows)
                flat[:, :, begin + by : end].index_copy_(0, rows, moved)
        self._start = self._end - width
        self._show()

    def _rebuild(self, rows: Tensor | int, room: int, width: int, columns: int) -> None:
        """Move rows (an index, or how many) to new buffers of `room` rows and `columns` columns, to end at `width`."""
        used = self.width
        new = [_empty(old, room, columns) for old in self._buffers]
        for buffer, old in zip(new, self._buffers, strict=True):
            kept = old[:, :, self._start : self._end]
            kept = kept.index_select(0, rows.to(old.device)) if isinstance(rows, Tensor) else kept[:rows]
            buffer[: len(kept), :, width - used : width] = kept
            buffer[: len(kept), :, : width - used] = 0
            buffer[: len(kept), :, width:] = 0
        self._buffers, self._start, self._end = new, width - used, width

    def _clear(self, first: int) -> None:
        """Zero all columns that are not in use, of the rows in use from the first on."""
        for buffer in self._buffers:
            buffer[first : self.rows, :, : self._start].zero_()
            buffer[first : self.rows, :, self._end :].zero_()

    def _show(self) -> None:
        """Keep views of what is in use where transformers looks for them."""
        self.keys, self.values = (b[: self.rows, :, self._start : self._end] for b in self._buffers)


class Past(TransformersCache):  # type: ignore[misc]
    """The layers, for transformers."""

    # For one new token transformers then always makes a mask. Otherwise it would look first whether any row needs one,
    # for which the host waits for the device at each step, and would compute lone rows in another way than padded ones.
    is_compileable = True


class KeyValueCache:
    """Keys and values of every row so far, and how long each row is; all where the network is.

    Args:
        like: a checked cache that the model made by itself (`check_past`): which layers keep keys and values.
        tokens: [rows, columns] of the prompts that come first, -1 where there is none.
        room: rows to make room for from the start: making room later copies everything.
        fixed: the first column stays in use for good, so that the shapes do not tell which rows there are.
    """

    def __init__(self, like: Any, tokens: Tensor, room: int, *, fixed: bool) -> None:
        columns = tokens.shape[1]
        self.past = Past([DummyLayer() if layer.keys is None else Layer(room, columns) for layer in like.layers])
        self.tokens, self.lengths, self._fixed = tokens, (tokens >= 0).sum(1), fixed

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def width(self) -> int:
        """Columns in use; without `fixed` as many as the longest row has tokens."""
        return self._layers[0].width

    @property
    def _layers(self) -> list[Layer]:
        return [layer for layer in self.past.layers if isinstance(layer, Layer)]

    def extended(self, tokens: Tensor) -> None:
        """Note the tokens that a forward pass has just written, [rows, n]."""
        self.tokens = torch.cat([self.tokens, tokens], 1)
        self.lengths = self.lengths + tokens.shape[1]

    def select(self, rows: Tensor) -> None:
        """Row i becomes old row rows[i]; rows may be repeated, left out and in any order.

        Only rows that come from elsewhere are copied, and of those only what follows the tokens that they share with
        the row whose place they take: two beams of a request part late. The host waits for the device once.
        """
        rows = rows.to(self.tokens.device)
        tokens, here = self.tokens[rows], torch.arange(len(rows), device=rows.device)
        known = here < len(self.tokens)
        same = (tokens == self.tokens[here.where(known, 0)]) & known[:, None]
        shared = same.int().cummin(1).values.sum(1)
        order, shares, lengths = torch.stack([rows, shared, self.lengths[rows]]).tolist()
        total = self.tokens.shape[1]
        width = self.width if self._fixed else max(lengths, default=0)
        moves = [
            (i, row, min(total - s, width)) for i, (row, s) in enumerate(zip(order, shares, strict=True)) if i != row
        ]
        moves = sorted((m for m in moves if m[2] > 0), key=lambda m: m[2])
        alike = []
        for _, some in groupby(moves, key=lambda m: m[2].bit_length()):  # no more than twice of what is needed
            target, source, columns = zip(*some, strict=True)
            index = torch.tensor([target, source], device=rows.device)
            alike.append(Move(index[0], index[1], max(columns)))
        for layer in self._layers:
            layer.select(rows, alike, width)
        self.tokens, self.lengths = tokens[:, total - width :], self.lengths[rows]

    def join(self, other: Cache) -> None:
        """The rows of another cache of this model come after this one's. The other is used up."""
        assert isinstance(other, KeyValueCache)
        width = max(self.width, other.width)
        for mine, theirs in zip(self._layers, other._layers, strict=True):
            mine.join(theirs, width)
        self.tokens = torch.cat([pad(c.tokens, (width - c.tokens.shape[1], 0), value=-1) for c in (self, other)])
        self.lengths = torch.cat([self.lengths, other.lengths])

    def forget(self, width: int) -> None:
        """Drop what a forward pass that failed has written: `width` columns stay."""
        for layer in self._layers:
            layer.forget(width)

    def rewind(self, lengths: Tensor) -> None:
        """Drop the last tokens of every row: lengths [rows] stay. Rows that lose more than others are moved.

        The host waits for the device once.
        """
        lengths = lengths.to(self.lengths.device)
        lost, left = torch.stack([self.lengths - lengths, lengths]).tolist()
        last = min(lost, default=0)
        shifts = [
            Shift(torch.tensor([i for i, n in enumerate(lost) if n == by], device=lengths.device), by - last)
            for by in sorted(set(lost) - {last})
        ]
        total = self.tokens.shape[1] - last
        width = total if self._fixed else max(left, default=0)
        for layer in self._layers:
            layer.rewind(last, shifts, width)
        tokens = self.tokens[:, :total].clone()
        for shift in shifts:
            tokens[shift.rows, shift.by :] = tokens[shift.rows, : total - shift.by]
            tokens[shift.rows, : shift.by] = -1
        self.tokens, self.lengths = tokens[:, total - width :], lengths


def check_past(past: Any, name: str, kind: str) -> None:
    """Look whether a model keeps what this cache can hold.

    Args:
        past: what a forward pass of the model returned; layers that keep nothing read an earlier one's.
        name: what messages call the model.
        kind: its architecture.

    Raises:
        InputError: it keeps something else than keys and values, or nothing.
    """
    if past is None:  # a state-space model has none, nor has one that reads both ways
        raise InputError(f"{name}: {kind} keeps no keys and values of the past, which decoding needs")
    for i, layer in enumerate(getattr(past, "layers", [past])):
        if type(layer) not in (DynamicLayer, DynamicSlidingWindowLayer, DummyLayer):
            raise InputError(
                f"{name}: layer {i} of {kind} keeps its past as {type(layer).__name__}; only keys and values of each "
                "token can be shared between continuations, reordered and padded"
            )


def token_bytes(past: Any) -> int:
    """What one token of one row takes, in bytes, by a cache that holds just one."""
    tensors = [t for layer in past.layers if layer.keys is not None for t in (layer.keys, layer.values)]
    return sum(t.numel() * t.element_size() for t in tensors)


def _empty(like: Tensor, rows: int, columns: int) -> Tensor:
    with torch.inference_mode(False):  # a buffer made there could not be written to anywhere else
        return like.new_empty(rows, like.shape[1], columns, like.shape[3])
