"""What changed between two address spaces."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omptool.model.nodediff import compare, counts, topmost
from omptool.model.nodes import Node

_id = st.sampled_from([f"s={letter}" for letter in "abcdef"])
_node = st.builds(
    Node,
    node_id=_id,
    path=st.sampled_from(["x", "x/y", "x/z", "w", ""]),
    browse_name=st.just("n"),
    data_type=st.sampled_from([None, "Double", "Int32"]),
    unit=st.sampled_from([None, "bar"]),
    eu_low=st.none() | st.floats(),
    parents=st.lists(_id, max_size=1).map(tuple),
)
_space = st.lists(_node, max_size=5, unique_by=lambda node: node.node_id)


@given(space=_space)
def test_nothing_changed_in_the_same_space(space: list[Node]) -> None:
    assert compare(space, space[::-1]) == []


@given(before=_space, after=_space)
def test_back_is_the_other_way_round(before: list[Node], after: list[Node]) -> None:
    there, back = counts(compare(before, after)), counts(compare(after, before))
    assert (there.pop("added", 0), there.pop("removed", 0)) == (back.pop("removed", 0), back.pop("added", 0))
    assert there == back


@given(before=_space, after=_space)
def test_every_change_is_shown_or_counted_below_a_shown_one(before: list[Node], after: list[Node]) -> None:
    changes = compare(before, after)
    shown = topmost(changes)
    assert len(shown) + sum(below for _, below in shown) == len(changes)


PRESS = Node("s=p", "Line/Press", "Press", node_class="Object", parents=("s=l",))
TEMP = Node("s=t", "Line/Press/Temp", "Temp", data_type="Double", data_type_id="i=11", unit="°C", parents=("s=p",))


@pytest.mark.parametrize(
    ("after", "told"),
    [
        (replace(TEMP, data_type="Int32", data_type_id="i=6"), [("retyped", "data_type", "Double", "Int32")]),
        (replace(TEMP, unit="K"), [("re-united", "unit", "°C", "K")]),
        (replace(TEMP, unit=None), [("re-united", "unit", "°C", None)]),
        (replace(TEMP, eu_high=120.0), [("changed", "eu_high", None, "120.0")]),
        (replace(TEMP, path="Line/Temp"), [("moved", "path", "Line/Press/Temp", "Line/Temp")]),
        (replace(TEMP, node_id="s=t2"), [("renumbered", "node_id", "s=t", "s=t2")]),
        (replace(TEMP, value_rank=1, array_dimensions=(2,)), [
            ("retyped", "value_rank", None, "1"), ("retyped", "array_dimensions", None, "[2]"),
        ]),
    ],
)  # fmt: skip
def test_what_is_told(after: Node, told: list[tuple[str, str, str | None, str | None]]) -> None:
    changes = compare([PRESS, TEMP], [PRESS, after])
    assert [(one.kind, one.field, one.before, one.after) for one in changes] == told


def test_what_follows_from_the_node_above_is_one_line() -> None:
    moved = [replace(PRESS, path="Hall/Press"), replace(TEMP, path="Hall/Press/Temp")]
    ((change, below),) = topmost(compare([PRESS, TEMP], moved))
    assert (change.kind, change.node.node_id, below) == ("moved", "s=p", 1)
    ((change, below),) = topmost(compare([], [PRESS, TEMP]))
    assert (change.kind, below) == ("added", 1)


def test_nodes_that_are_each_others_parents_are_shown_once() -> None:
    ring = [Node("s=a", "a", "a", parents=("s=b",)), Node("s=b", "b", "b", parents=("s=a",))]
    ((change, below),) = topmost(compare([], [*ring, Node("s=c", "c", "c", parents=("s=b",))]))
    assert (change.node.node_id, below) == ("s=a", 2)


def test_a_kind_can_be_left_out() -> None:
    assert compare([TEMP], [replace(TEMP, node_id="s=t2")], ignore={"renumbered"}) == []
