"""A crawled address space put in order and narrowed down: what `browse` shows. Pure: works on node tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from omptool.errors import NotFound, UsageError
from omptool.model.nearest import glob_hint, nearest
from omptool.model.nodes import Node
from omptool.model.path import Glob

NODE_CLASSES = ("Object", "Variable", "Method", "ObjectType", "VariableType", "ReferenceType", "DataType", "View")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which nodes to show; what is empty does not narrow.

    Attributes:
        globs: on paths; a node that matches one of them is meant.
        classes: NodeClasses, spelled in any case.
        types: names of DataTypes or of type definitions, spelled in any case.
    """

    globs: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    types: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.globs or self.classes or self.types)

    def check(self) -> None:
        """Find what is malformed before anyone connects.

        Raises:
            UsageError: a malformed glob, or a NodeClass that does not exist.
        """
        for pattern in self.globs:
            Glob(pattern)
        _class_names(self.classes)


def in_tree_order(nodes: Sequence[Node]) -> list[Node]:
    """Nodes as a person reads a tree: each followed by what is below it, children in the server's order.

    A node belongs to its first parent; one whose parent is not among `nodes` stands at the top.
    """
    known = {node.node_id for node in nodes}
    children: dict[str, list[Node]] = {}
    for node in nodes:
        parent = node.parents[0] if node.parents and node.parents[0] in known else ""
        children.setdefault(parent, []).append(node)
    ordered: list[Node] = []
    waiting = children.get("", [])[::-1]
    while waiting:
        node = waiting.pop()
        ordered.append(node)
        waiting += children.get(node.node_id, [])[::-1]
    return ordered


def narrow(nodes: Sequence[Node], wanted: Wanted, type_names: Mapping[str, str]) -> list[Node]:
    """The nodes that are wanted, in the order of `nodes`.

    Args:
        type_names: NodeId of a DataType or type definition → its name.

    Raises:
        NotFound: none; the message has the nearest paths or the types that are there.
        UsageError: a malformed glob, or a NodeClass that does not exist.
    """
    found = _of_paths(nodes, wanted.globs)
    found = _of_classes(found, wanted.classes)
    return _of_types(found, wanted.types, type_names)


def _of_paths(nodes: Sequence[Node], patterns: Sequence[str]) -> list[Node]:
    if not patterns:
        return list(nodes)
    globs = [Glob(pattern) for pattern in patterns]
    found = [node for node in nodes if any(glob.matches(node.path) for glob in globs)]
    if found:
        return found
    paths = [node.path for node in nodes]
    listed = " ".join(repr(pattern) for pattern in patterns)
    raise NotFound(f"--select {listed} matches none of {len(nodes):,} nodes", glob_hint(patterns[0], paths))


def _of_classes(nodes: Sequence[Node], classes: Sequence[str]) -> list[Node]:
    if not classes:
        return list(nodes)
    keys = _class_names(classes)
    found = [node for node in nodes if node.node_class in keys]
    if not found:
        there = ", ".join(sorted({node.node_class for node in nodes}))
        raise NotFound(f"none of {len(nodes):,} nodes is a {' or '.join(sorted(keys))}", f"there are: {there}")
    return found


def _class_names(classes: Sequence[str]) -> set[str]:
    by_key = {name.lower(): name for name in NODE_CLASSES}
    for name in classes:
        if name.lower() not in by_key:
            raise UsageError(f'there is no NodeClass "{name}"', "one of " + ", ".join(NODE_CLASSES))
    return {by_key[name.lower()] for name in classes}


def _of_types(nodes: Sequence[Node], types: Sequence[str], names: Mapping[str, str]) -> list[Node]:
    if not types:
        return list(nodes)
    keys = {name.lower() for name in types}

    def own(node: Node) -> list[str]:
        ids = [one for one in (node.data_type_id, node.type_definition) if one]
        return [*ids, *(names[one] for one in ids if one in names)]

    found = [node for node in nodes if any(name.lower() in keys for name in own(node))]
    if not found:
        there = sorted(
            {names.get(one, one) for node in nodes for one in (node.data_type_id, node.type_definition) if one}
        )
        near = nearest(types[0], there) or there[:10]
        raise NotFound(f"none of {len(nodes):,} nodes is of type {' or '.join(types)}", "there are: " + ", ".join(near))
    return found
