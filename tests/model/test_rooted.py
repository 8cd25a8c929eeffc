"""Whatever parents a file names, no node is lost, and no walk upwards goes round."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from omptool.model.nodes import Node
from omptool.model.rooted import rooted
from omptool.opcua.exploring.survey import in_tree_order

_NAMES = "abcdef"
_parents = st.lists(st.sampled_from([*_NAMES, "i=85"]), max_size=3, unique=True).map(tuple)


@given(above=st.lists(_parents, min_size=1, max_size=len(_NAMES)))
def test_every_first_parent_leads_out(above: list[tuple[str, ...]]) -> None:
    nodes = [Node(name, name, name, parents=parents) for name, parents in zip(_NAMES, above, strict=False)]
    found = rooted(nodes)
    assert [node.node_id for node in found] == [node.node_id for node in nodes]
    by_id = {node.node_id: node for node in found}
    for node in found:
        steps, at = 0, node.node_id
        while at in by_id and steps <= len(found):
            at, steps = (by_id[at].parents or ("",))[0], steps + 1
        assert steps <= len(found)
    assert len(in_tree_order(found)) == len(nodes)


@given(above=st.lists(st.sampled_from(_NAMES[:3]), max_size=4))
def test_nodes_that_lead_out_stay_as_they_are(above: list[str]) -> None:
    nodes = [Node(name, name, name, parents=("i=85",)) for name in _NAMES[:3]]
    nodes += [Node(f"below{index}", "x", "x", parents=(parent,)) for index, parent in enumerate(above)]
    assert rooted(nodes) == nodes


def test_a_node_that_comes_twice_is_not_multiplied_with_every_level() -> None:
    chain = [Node(str(level), "x", "x", parents=(str(level - 1),)) for level in range(40) for _ in range(2)]
    assert len(in_tree_order(rooted(chain))) == len(chain)
