"""`omptool browse --as`: the selection as a configuration of OPC Publisher, Telegraf or benthos-umh."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from omptool.cli import diagnostics
from omptool.errors import NotFound, UsageError
from omptool.model.listing import listed

if TYPE_CHECKING:
    import pyarrow as pa

    from omptool.capture.selecting.nodelist_write import Endpoint, ListFormat

_NAMED = 3
_COLUMNS = ("node_id", "path", "node_class", "access_level", "is_property")


def emit_list(
    table: pa.Table, form: ListFormat, endpoint: Endpoint, *, source: str, output: Path | None, force: bool
) -> None:
    """Write the Variables of `table` that a capture would take, and say what has no place in the file.

    Raises:
        NotFound: none of the nodes is a readable Variable.
        UsageError: nobody knows the server's address.
    """
    from omptool.capture.selecting.nodelist import of_snapshot
    from omptool.capture.selecting.nodelist_write import Chosen, write
    from omptool.cli.output import print_text, replacing

    if not endpoint.url:
        raise UsageError(
            f"{source} does not say at which address the server was", "browse the server itself, or save it again"
        )
    rows = table.select(_COLUMNS).to_pylist()
    if not any(row["node_class"] == "Variable" for row in rows):
        raise NotFound(f"none of these {len(rows):,} nodes is a Variable", "choose some:  --select '**/Temperature*'")
    listed = of_snapshot(rows, source)
    written = write(form, endpoint, [Chosen(one.text, one.path) for one in listed.nodes])
    if output is None or str(output) == "-":
        print_text(written.text)
    else:
        with replacing(output, force=force) as stream:
            stream.write(written.text.encode())
    for note in listed.notes:
        diagnostics.note(f"note: {note}")
    _say_left_out(written.left_out)
    if endpoint.is_secured is not False:
        diagnostics.note("note: users, passwords and certificates are not written: add what the server asks for")


def _say_left_out(left_out: Mapping[str, list[str]]) -> None:
    for why, nodes in left_out.items():
        noun = "node" if len(nodes) == 1 else "nodes"
        diagnostics.note(f"note: {len(nodes):,} {noun} left out, {why}: {listed(nodes, _NAMED)}")
