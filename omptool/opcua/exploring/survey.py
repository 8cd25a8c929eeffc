"""A crawled address space put in order and narrowed down: what `browse` shows. Pure: works on node tables."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from omptool.errors import NotFound, UsageError
from omptool.model import companions
from omptool.model.nearest import glob_hint, nearest
from omptool.model.nodes import Node
from omptool.model.path import Glob

NODE_CLASSES = ("Object", "Variable", "Method", "ObjectType", "VariableType", "ReferenceType", "DataType", "View")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which nodes to show; what is empty does not narrow.

    Attributes:
        globs: on paths; a node that matches one of them is meant.
        regexes: found somewhere in the path; one of them is enough.
        classes: NodeClasses, spelled in any case.
        namespaces: URIs of NodeIds, or the short names of companion specifications, spelled in any case.
        types: names or NodeIds of DataTypes or of type definitions, or of a type above these; names in any case.
        units: EngineeringUnits as the server spells them.
    """

    globs: tuple[str, ...] = ()
    regexes: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    units: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self != Wanted()

    @property
    def of_names(self) -> Wanted:
        """The part that a crawl alone decides."""
        return Wanted(self.globs, self.regexes, self.classes, self.namespaces)

    @property
    def of_descriptions(self) -> Wanted:
        """The part that needs the attributes."""
        return Wanted(types=self.types, units=self.units)

    def check(self) -> None:
        """Find what is malformed before anyone connects.

        Raises:
            UsageError: a malformed glob or regular expression, or a NodeClass that does not exist.
        """
        for pattern in self.globs:
            Glob(pattern)
        _compiled(self.regexes)
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
    waiting = children.pop("", [])[::-1]
    while waiting:
        node = waiting.pop()
        ordered.append(node)
        waiting += children.pop(node.node_id, [])[::-1]  # once, also where a NodeId comes twice
    return ordered


def narrow(nodes: Sequence[Node], wanted: Wanted, type_names: Mapping[str, Collection[str]]) -> list[Node]:
    """The nodes that are wanted, in the order of `nodes`.

    Args:
        type_names: NodeId of a DataType or type definition → its name, then names and NodeIds of the types above.

    Raises:
        NotFound: none; the message has the nearest paths or the types that are there.
        UsageError: a malformed glob, or a NodeClass that does not exist.
    """
    found = _of_paths(nodes, wanted.globs)
    found = _of_regexes(found, wanted.regexes)
    found = _of_classes(found, wanted.classes)
    found = _of_namespaces(found, wanted.namespaces)
    found = _of_types(found, wanted.types, type_names)
    return _of_units(found, wanted.units)


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


def _compiled(regexes: Sequence[str]) -> list[re.Pattern[str]]:
    found = []
    for text in regexes:
        try:
            found.append(re.compile(text))
        except (re.error, RecursionError, OverflowError) as error:
            raise UsageError(
                f"--regex {text!r} is no regular expression: {error}", "quote it, and escape . ( ) [ ] by \\"
            ) from None
    return found


def _of_regexes(nodes: Sequence[Node], regexes: Sequence[str]) -> list[Node]:
    if not regexes:
        return list(nodes)
    patterns = _compiled(regexes)
    found = [node for node in nodes if any(pattern.search(node.path) for pattern in patterns)]
    if not found:
        listed = " ".join(repr(text) for text in regexes)
        near = any(re.search(text, node.path, re.IGNORECASE) for text in regexes for node in nodes)
        hint = "upper and lower case differ; (?i) in front takes both" if near else "it is looked for in the whole path"
        raise NotFound(f"--regex {listed} matches none of {len(nodes):,} nodes", hint)
    return found


def _of_namespaces(nodes: Sequence[Node], namespaces: Sequence[str]) -> list[Node]:
    if not namespaces:
        return list(nodes)
    keys = {name.casefold() for name in namespaces}
    uris = {node.node_id: companions.uri_of(node.node_id) for node in nodes}
    there = Counter(uris.values())
    meant = {uri for uri in there if {uri.casefold(), companions.short_name(uri).casefold()} & keys}
    if not meant:
        near = nearest(namespaces[0], there) or [uri for uri, _ in there.most_common(10)]
        listed = " or ".join(namespaces)
        raise NotFound(f"none of {len(nodes):,} nodes is of namespace {listed}", "there are: " + ", ".join(near))
    return [node for node in nodes if uris[node.node_id] in meant]


def _of_units(nodes: Sequence[Node], units: Sequence[str]) -> list[Node]:
    if not units:
        return list(nodes)
    found = [node for node in nodes if node.unit in units]
    if not found:
        there = Counter(node.unit for node in nodes if node.unit)
        near = nearest(units[0], there) or [unit for unit, _ in there.most_common(10)]
        hint = "there are: " + ", ".join(near) if near else "none of them has EngineeringUnits"
        raise NotFound(f"none of {len(nodes):,} nodes has the unit {' or '.join(units)}", hint)
    return found


def _of_types(nodes: Sequence[Node], types: Sequence[str], names: Mapping[str, Collection[str]]) -> list[Node]:
    if not types:
        return list(nodes)
    keys = {name.lower() for name in types}
    kinds = {one for node in nodes for one in (node.data_type_id, node.type_definition) if one}
    meant = {one for one in kinds if any(name.lower() in keys for name in (one, *names.get(one, ())))}
    found = [node for node in nodes if node.data_type_id in meant or node.type_definition in meant]
    if not found:
        there = sorted({next(iter(names.get(one, ())), one) for one in kinds})
        near = nearest(types[0], there) or there[:10]
        raise NotFound(f"none of {len(nodes):,} nodes is of type {' or '.join(types)}", "there are: " + ", ".join(near))
    return found
