"""How each chosen node is to be recorded: what its list, the command line and the settings say of it, put together.

Pure. Of several that speak of a node the closest wins, setting by setting: what stands beside it in a list, then what
was typed for all, then the first rule of the settings that matches its path, and so on.
"""

from __future__ import annotations

from collections.abc import Sequence

from omptool.capture.recording.terms import Selection
from omptool.capture.selecting.selection import find
from omptool.model.monitoring import AS_ALL, Monitoring
from omptool.model.nodes import Node
from omptool.model.path import Glob


def settings(
    selection: Selection, chosen: Sequence[Node], nodes: Sequence[Node], namespaces: Sequence[str]
) -> dict[str, Monitoring]:
    """By NodeId what is said of the chosen nodes; a node of which nothing is said is not there.

    Args:
        nodes: every node of the server, as `selection.select` had them.
    """
    beside: dict[str, Monitoring] = {}
    for node, listed in find([each for each in selection.listed or () if each.monitoring != AS_ALL], nodes, namespaces)[
        0
    ]:
        beside[node.node_id] = beside.get(node.node_id, AS_ALL).over(listed.monitoring)
    rules = [(Glob(rule.glob), rule.monitoring) for rule in selection.rules]
    found: dict[str, Monitoring] = {}
    for node in chosen:
        said = beside.get(node.node_id, AS_ALL).over(selection.monitoring)
        for glob, monitoring in rules:
            if glob.matches(node.path):
                said = said.over(monitoring)
        if said != AS_ALL:
            found[node.node_id] = said
    return found
