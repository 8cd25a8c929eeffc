"""Messages of the load server as bytes: packed by hand and filled with numpy, because the server must stay cheaper than
the client that it measures. Pure."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from tests.load.truth import SERVER_STAMP_NS, Kind, Plan, stamps, values

_HAS_VALUE_AND_STAMPS, _HAS_STATUS = 0x0D, 0x02
OVERFLOW = 0x0480
"""StatusCode Good, InfoType DataValue, Overflow (Part 4, 7.39)."""

_CHUNK = struct.Struct("<3scIIIII")
_PUBLISH = struct.Struct("<4sqII8sIi")
_REPUBLISH = struct.Struct("<4sqII8s")
_MESSAGE = struct.Struct("<IqI5sii")
_NO_DIAGNOSTICS = b"\0\xff\xff\xff\xff\0\0\0"
_PUBLISH_ID, _REPUBLISH_ID, _DATA_CHANGE_ID = b"\x01\x00\x3d\x03", b"\x01\x00\x43\x03", b"\x01\x00\x2b\x03\x01"
_END = struct.pack("<i", -1)


class Layout:
    """Where what stands in the bytes of all items of a machine, one after the other."""

    def __init__(self, plan: Plan) -> None:
        if plan.items % len(plan.kinds):
            raise ValueError(f"{plan.items} items are no multiple of the {len(plan.kinds)} types of {plan.mix}")
        self.plan = plan
        self.repeats = plan.items // len(plan.kinds)
        fields, offset, starts = {}, 0, []
        for number, kind in enumerate(plan.kinds):
            starts.append(offset)
            head: list[tuple[str, str | np.dtype]] = [("handle", "<u4"), ("mask", "u1"), ("type", "u1")]  # type: ignore[type-arg]
            head += [("length", "<i4")] if kind is Kind.STRING else []
            for name, dtype in [*head, ("value", kind.dtype), ("source", "<i8"), ("server", "<i8")]:
                fields[f"{name}{number}"] = np.dtype(dtype), offset
                offset += np.dtype(dtype).itemsize
        self.dtype = np.dtype(
            {
                "names": list(fields),
                "formats": [dtype for dtype, _ in fields.values()],
                "offsets": [at for _, at in fields.values()],
                "itemsize": offset,
            }
        )
        ends = [*starts[1:], offset]
        self.spans = [
            (repeat * offset + start, repeat * offset + end)
            for repeat in range(self.repeats)
            for start, end in zip(starts, ends, strict=True)
        ]
        self.size = offset * self.repeats


class Blocks:
    """Rows of all items of a machine at a tick, refilled again and again."""

    def __init__(self, layout: Layout, rows: int) -> None:
        self._layout = layout
        self._cells = np.zeros((rows, layout.repeats), layout.dtype)
        self._items = np.arange(layout.plan.items).reshape(layout.repeats, -1)
        for number, kind in enumerate(layout.plan.kinds):
            self._cells[f"mask{number}"] = _HAS_VALUE_AND_STAMPS
            self._cells[f"type{number}"] = kind.builtin
            if kind is Kind.STRING:
                self._cells[f"length{number}"] = kind.dtype.itemsize

    def handles(self, row: int | slice, handles: npt.NDArray[np.uint32]) -> None:
        """ClientHandles of all items, in their order."""
        by_kind = handles.reshape(self._layout.repeats, -1)
        for number in range(by_kind.shape[1]):
            self._cells[f"handle{number}"][row] = by_kind[:, number]

    def fill(self, machines: npt.ArrayLike, ticks: npt.ArrayLike) -> memoryview:
        """The bytes of all rows, `layout.size` each, for the machine and tick of each row."""
        machine, tick = np.broadcast_arrays(np.asarray(machines, np.int64), np.asarray(ticks, np.int64))
        source = stamps(self._layout.plan.due_ns(machine, tick))[:, None]
        for number, kind in enumerate(self._layout.plan.kinds):
            self._cells[f"value{number}"] = values(kind, machine[:, None], self._items[None, :, number], tick[:, None])
            self._cells[f"source{number}"] = source
            self._cells[f"server{number}"] = source + SERVER_STAMP_NS // 100
        return memoryview(self._cells.view(np.uint8).reshape(-1))


def picked(
    row: bytes | memoryview, layout: Layout, items: Iterable[int], handles: Iterable[int], marked: bool
) -> bytes:
    """Some items of a row, in this order; `marked` ones carry the Overflow bit."""
    parts = []
    for item, handle in zip(items, handles, strict=True):
        start, end = layout.spans[item]
        data = bytes(row[start:end])
        mask = data[4] | (_HAS_STATUS if marked else 0)
        code = struct.pack("<I", OVERFLOW) if marked else b""
        parts.append(struct.pack("<IB", handle, mask) + data[5:-16] + code + data[-16:])
    return b"".join(parts)


def notification(sequence: int, publish_ticks: int, count: int, items: Sequence[bytes | memoryview]) -> bytes:
    """A NotificationMessage with one DataChangeNotification of `count` items."""
    size = sum(map(len, items))
    head = _MESSAGE.pack(sequence, publish_ticks, 1, _DATA_CHANGE_ID, size + 8, count)
    return b"".join((head, *items, _END))


def publish_response(
    ticks: int, handle: int, sub: int, available: Sequence[int], more: bool, message: bytes, results: Sequence[int]
) -> bytes:
    """The body of a PublishResponse around an encoded NotificationMessage."""
    count, answered = len(available), len(results)
    head = _PUBLISH.pack(_PUBLISH_ID, ticks, handle, 0, _NO_DIAGNOSTICS, sub, count)
    tail = struct.pack(f"<{count}I?", *available, more)
    return b"".join((head, tail, message, struct.pack(f"<i{answered}Ii", answered, *results, -1)))


def keep_alive(sequence: int, publish_ticks: int) -> bytes:
    """A NotificationMessage without content: `sequence` is the next one."""
    return struct.pack("<Iqi", sequence, publish_ticks, 0)


def republish_response(ticks: int, handle: int, message: bytes) -> bytes:
    return _REPUBLISH.pack(_REPUBLISH_ID, ticks, handle, 0, _NO_DIAGNOSTICS) + message


def chunks(channel: int, token: int, sequence: int, request_id: int, body: bytes, size: int) -> list[bytes]:
    """A message cut into chunks of at most `size` bytes; the first one has `sequence`."""
    room = size - _CHUNK.size
    parts = [body[at : at + room] for at in range(0, len(body), room)] if len(body) > room else [body]
    made = []
    for number, part in enumerate(parts):
        kind = b"F" if number == len(parts) - 1 else b"C"
        head = _CHUNK.pack(b"MSG", kind, _CHUNK.size + len(part), channel, token, sequence + number, request_id)
        made += [head, part]
    return made
