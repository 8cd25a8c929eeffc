"""An address space as a tree for people. Pure: nodes in, lines out; every text from the server is escaped here.

What only repeats what is shown anyway is left out (the property EURange, when the range stands beside the value), and a
chain of folders that have nothing beside them is one line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from omptool.cli import terminal
from omptool.cli.shortvalue import short_value
from omptool.model.nodes import Node

if TYPE_CHECKING:
    import pyarrow as pa

FOLDED = frozenset(
    {
        "EngineeringUnits",
        "EURange",
        "EnumStrings",
        "EnumValues",
        "InputArguments",
        "OutputArguments",
        "nsu=http://www.OPCFoundation.org/UA/2013/01/ISA95;EquipmentLevel",
    }
)
"""Properties whose meaning stands in the line of their node."""

SERVER = "i=2253"
"""The Server object: hundreds of nodes that are the same everywhere, shown as one line unless asked for."""

MAX_LINES = 1000
"""More than that is not read by anyone; the last line says how to narrow."""

_NAME_CELLS, _VALUE_CELLS = 48, 40
"""Beyond these widths a long text moves what is behind it in its own line only."""
_LEAST_COMMENT = 12
"""Cells below which the beginning of a description says nothing."""
_VALUE_COLUMNS = ("value", "value_exact", "value_text", "value_list")


@dataclass(slots=True)
class Line:
    """One line before its columns are aligned.

    Attributes:
        label: branch and name.
        cells: what stands beside it; the first is aligned to the right.
    """

    label: str
    cells: tuple[str, ...] = ()


def cells_of(values: pa.RecordBatch | None) -> Callable[[Node], tuple[str, ...]]:
    """What stands beside a node: its value when there are `values` (telemetry rows), else what it is."""
    if values is None:
        return _described
    columns = [values.column(name).to_pylist() for name in ("node_id", "type", *_VALUE_COLUMNS, "status")]
    rows = {node_id: row for node_id, *row in zip(*columns, strict=True)}
    return lambda node: _valued(node, rows[node.node_id]) if node.node_id in rows else ()


def _described(node: Node) -> tuple[str, ...]:
    if node.node_class != "Variable":
        return ("", node.equipment) if node.equipment else ()
    rank = "[]" * max(node.value_rank or 0, 1) if (node.value_rank or -1) >= 0 else ""
    texts = ("", (node.data_type or "") + rank, node.unit or "", _range(node), _comment(node))
    return tuple(terminal.escape(text) for text in texts)


def _valued(node: Node, row: list[object]) -> tuple[str, ...]:
    from omptool.model import status

    kind, value, exact, text, listed, code = row
    shown = short_value(str(kind), value, exact, text, listed, node.unit)
    texts = (shown, status.name(int(str(code))), _range(node), _comment(node))
    return tuple(terminal.escape(text) for text in texts)


def _range(node: Node) -> str:
    if node.eu_low is None or node.eu_high is None:
        return ""
    return f"{node.eu_low:g}…{node.eu_high:g}"


def _comment(node: Node) -> str:
    """The description, where it says more than the name."""
    return "" if node.description in (None, node.display_name) else str(node.description)


def lines(
    selected: Sequence[Node],
    known: Sequence[Node],
    cells: Callable[[Node], tuple[str, ...]],
    *,
    root: str = "Objects",
    is_narrowed: bool = False,
) -> list[str]:
    """The tree of `selected` with the nodes above them.

    Args:
        selected: nodes to show, in tree order.
        known: all crawled nodes, to find what stands above.
        cells: what to say beside a selected node.
        root: name of the top line.
        is_narrowed: the user chose these nodes; the Server object is not folded away then.
    """
    tree = _Tree(selected, known, fold_server=not is_narrowed)
    drawn = [Line(terminal.escape(root))]
    _draw(tree, "", "", drawn, cells)
    more = len(drawn) - MAX_LINES
    if more > 0:
        drawn = [*drawn[:MAX_LINES], Line(f"… {more:,} more lines: narrow with --root, --select, --class or --depth")]
    return _aligned(drawn)


class _Tree:
    """Who stands below whom, as far as it is shown."""

    def __init__(self, selected: Sequence[Node], known: Sequence[Node], *, fold_server: bool) -> None:
        by_id = {node.node_id: node for node in known}
        self.selected = {node.node_id for node in selected}
        self.children: dict[str, list[Node]] = {}
        self.folded: dict[str, int] = {}
        placed: set[str] = set()
        for node in selected:
            if self._says_nothing_new(node) or (fold_server and self._is_in_server(node, by_id)):
                continue
            branch: Node | None = node
            while branch is not None and branch.node_id not in placed:
                placed.add(branch.node_id)
                parent = branch.parents[0] if branch.parents and branch.parents[0] in by_id else ""
                self.children.setdefault(parent, []).append(branch)
                branch = by_id.get(parent)

    def _says_nothing_new(self, node: Node) -> bool:
        """A property that stands in the line of its node, when that is shown."""
        is_folded = node.is_property and node.browse_name in FOLDED
        return is_folded and bool(node.parents) and node.parents[0] in self.selected

    def _is_in_server(self, node: Node, by_id: Mapping[str, Node]) -> bool:
        above: Node | None = node
        while above is not None and above.parents:
            if above.parents[0] == SERVER:
                self.folded[SERVER] = self.folded.get(SERVER, 0) + 1
                return True
            above = by_id.get(above.parents[0])
        return False


def _draw(tree: _Tree, node_id: str, indent: str, drawn: list[Line], cells: Callable[[Node], tuple[str, ...]]) -> None:
    """Draw what is below a node. Deep trees are walked with a stack: a hostile server must not exhaust ours."""
    waiting = _branches(tree, node_id, indent)
    while waiting and len(drawn) <= MAX_LINES * 4:
        node, branch, deeper = waiting.pop()
        label = _label(node)
        below = tree.children.get(node.node_id, [])
        while len(below) == 1 and node.node_class == "Object" and below[0].node_class == "Object":
            node = below[0]
            label += " / " + _label(node)
            below = tree.children.get(node.node_id, [])
        beside = cells(node) if node.node_id in tree.selected else ()
        if hidden := tree.folded.get(node.node_id):
            beside = ("", f"{hidden:,} nodes, shown by --root {_label(node)}")
        drawn.append(Line(branch + label, beside))
        waiting += _branches(tree, node.node_id, deeper)


def _branches(tree: _Tree, node_id: str, indent: str) -> list[tuple[Node, str, str]]:
    """Children of a node, last first, each with its own branch and the indent of what is below it."""
    below = tree.children.get(node_id, [])
    last = len(below) - 1
    return [
        (node, indent + ("└─ " if index == last else "├─ "), indent + ("   " if index == last else "│  "))
        for index, node in enumerate(below)
    ][::-1]


def _label(node: Node) -> str:
    from omptool.model.nodeid import QualifiedName

    name = terminal.escape(QualifiedName.parse(node.browse_name).name) or '""'
    return name + "()" if node.node_class == "Method" else name


def _aligned(drawn: Sequence[Line]) -> list[str]:
    room = terminal.columns(100)
    with_cells = [line for line in drawn if any(line.cells)]
    name_width = max((min(terminal.width(line.label), _NAME_CELLS) for line in with_cells), default=0)
    count = max((len(line.cells) for line in with_cells), default=0)
    widths = [max(terminal.width(line.cells[i]) for line in with_cells if i < len(line.cells)) for i in range(count)]
    before = name_width + sum(2 + min(width, _VALUE_CELLS) for width in widths[:-1] if width)
    if count > 2 and room - before - 2 < _LEAST_COMMENT:
        widths[-1] = 0
    return [terminal.clip(_one(line, name_width, widths), room) for line in drawn]


def _one(line: Line, name_width: int, widths: Sequence[int]) -> str:
    if not any(line.cells):
        return line.label
    text = line.label + " " * (name_width - terminal.width(line.label))
    for index, cell in enumerate(line.cells):
        if widths[index]:
            fill = " " * (min(widths[index], _VALUE_CELLS) - terminal.width(cell))
            text += "  " + (fill + cell if index == 0 else cell + fill)
    return text.rstrip()
