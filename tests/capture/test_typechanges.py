"""Types that change while they are recorded: as told row by row, however the rows are cut into batches."""

from __future__ import annotations

import struct
from dataclasses import replace

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from omptool.capture.format import SEGMENT
from omptool.capture.recording.typechanges import TypeChange, TypeMemory
from omptool.model.builtin import BuiltinType
from omptool.model.datatypes import DataType, Kind
from tests.capture import build

HANDLES = 3
TYPES = (0, 6, 11, 12, 11 + 128, 22, 22 + 128)
POINT = DataType("nsu=urn:test:plant;i=1", "Point", Kind.STRUCTURE, "i=22", "nsu=urn:test:plant;i=101")
Sent = tuple[int, int, int]
"""Handle, type, and which structure if it is one: 1 is known, 2 is not, 0 is null."""


def raw(vtype: int, structure: int) -> bytes | None:
    if vtype & 127 != 22:
        return None
    type_id = b"\0\0" if structure == 0 else bytes((1, 2)) + struct.pack("<H", 100 + structure)
    element = type_id + b"\0"
    return bytes((22,)) + element if vtype < 128 else bytes((0x96,)) + struct.pack("<i", 1) + element


def rows(sent: list[Sent]) -> pa.RecordBatch:
    blank = build.rows_of(build.doubles([0.0] * len(sent)))
    columns = {name: blank.column(name) for name in SEGMENT.names}
    columns["node"] = pa.array([handle for handle, _, _ in sent], pa.uint32())
    columns["vtype"] = pa.array([vtype for _, vtype, _ in sent], pa.uint8())
    columns["raw"] = pa.array([raw(vtype, structure) for _, vtype, structure in sent], pa.binary())
    return pa.RecordBatch.from_arrays([columns[name] for name in SEGMENT.names], schema=SEGMENT)


def told(sent: list[Sent]) -> list[tuple[int, str, str]]:
    """Handle, from, to: what somebody would say who looks at one row after the other."""
    last: dict[int, str] = {}
    found = []
    for handle, vtype, structure in sent:
        if not vtype or (vtype & 127 == 22 and not structure):
            continue
        name = BuiltinType(vtype & 127).name
        if name == "ExtensionObject":
            name = "Point" if structure == 1 else "nsu=urn:test:plant;i=102"
        name += "[]" * (vtype > 127)
        if last.get(handle, name) != name:
            found.append((handle, last[handle], name))
        last[handle] = name
    return found


def memory() -> TypeMemory:
    known = TypeMemory()
    known.describe(replace(build.SERVER, data_types=(POINT,)), build.nodes(HANDLES))
    return known


sent_rows = st.lists(
    st.tuples(st.integers(1, HANDLES), st.sampled_from(TYPES), st.integers(0, 2)), min_size=1, max_size=20
)


@given(st.lists(sent_rows, min_size=1, max_size=5))
def test_changes_are_those_of_one_row_after_the_other(batches: list[list[Sent]]) -> None:
    known = memory()
    found = [known.changes(rows(sent)) for sent in batches]
    assert all(one == sorted(one) for one in found)
    flat = [sent for batch in batches for sent in batch]
    for handle in range(1, HANDLES + 1):
        mine = [(one.handle, one.before, one.after) for batch in found for one in batch if one.handle == handle]
        assert mine == told([sent for sent in flat if sent[0] == handle])


def test_a_change_names_node_and_row() -> None:
    found = memory().changes(rows([(2, 6, 0), (1, 11, 0), (2, 11, 0)]))
    assert found == [TypeChange(2, 2, "nsu=urn:test:plant;s=Line1.T1", "Int32", "Double")]


def test_a_new_description_forgets_no_type() -> None:
    known = memory()
    assert not known.changes(rows([(1, 6, 0)]))
    known.describe(build.SERVER, build.nodes(HANDLES + 9))
    assert [one.after for one in known.changes(rows([(1, 11, 0), (12, 11, 0)]))] == ["Double"]


def test_a_handle_of_nobody_is_no_matter() -> None:
    assert memory().changes(rows([(99, 6, 0), (99, 11, 0)])) == []
    assert TypeMemory().changes(rows([(1, 6, 0)])) == []
