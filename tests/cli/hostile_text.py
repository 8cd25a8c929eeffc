"""Text that attacks whoever reads it, a capture and a server full of it, and a terminal that notices."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pty
import re
import sys
import termios
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from omptool.capture.encode import encode_items
from omptool.capture.format import EVENT_SEGMENT
from omptool.capture.nodetable import ServerIdentity
from omptool.capture.writer import CaptureWriter
from omptool.cli import app, settings
from omptool.model.builtin import BuiltinType
from omptool.model.nodeid import NodeId, QualifiedName
from omptool.model.nodes import MonitoredNode, Node
from omptool.model.vocabulary import GapReason, GapState
from omptool.opcua.serving.served import ServedValue, encode_variant
from omptool.opcua.serving.server import serve
from tests.capture.build import T0, doubles

EVIL = (
    "a\x1b[35mred\x1b]0;title\x07\x1b]52;c;aGk=\x1b\\\x9b2J\x00\x7f\x08\u202etxt\u2066\u200b\u200d\ufeff\u00ad"
    "\U000e0041\u2028\x85\rSPOOF1\nSPOOF2: 'rm' \"x\" `id` $(id)\x0bSPOOF3\tz" + "\u0301" * 50
)
"""Colours, titles, the clipboard, 8-bit CSI, overrides, invisible letters, new lines, shell syntax, stacked accents."""

LONG = "long\x1b[35m" * 300
URI = "urn:evil\x1b[35m\u202e:x"
_OWN = re.compile(r"\x1b\[(?:0|1|2|31|32|33|36)m|\x1b\[\d+F\x1b\[J")
_BAD = re.compile(
    r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    r"\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\ud800-\udfff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    r"\U000e0000-\U000e0fff]"
)


def check(shown: bytes, *, tabs: bool = False) -> None:
    """Nothing in these bytes steers a terminal but omptool's own colours and redrawing, and no line is somebody's."""
    text = _OWN.sub("", shown.decode())
    found = [hex(ord(c)) for c in _BAD.findall(text) if not (tabs and c == "\t")]
    assert not found, (found[:5], text[:2000])
    assert max(map(len, re.findall("\u0301+", text)), default=0) <= 50


def check_lines(shown: bytes) -> None:
    """No new line of the text became one of the terminal."""
    lines = [line for line in _OWN.sub("", shown.decode()).split("\n") if line.lstrip(" │├└─").startswith("SPOOF")]
    assert not lines, lines


def nodes() -> list[Node]:
    """A folder, variables whose every word is hostile, an enumeration, a long name."""
    name = str(QualifiedName(URI, EVIL))
    place = "evil&/" + EVIL.replace("&", "&&").replace("/", "&/")
    common = {"description": EVIL, "unit": EVIL, "display_name": EVIL, "access_level": 1, "data_type": "Double"}
    folder = Node(_id("f"), place, name, node_class="Object", display_name=EVIL, description=EVIL, equipment="machine",
                  equipment_name=EVIL, parents=("i=85",), type_definition="i=58")  # fmt: skip
    made = [folder]
    for number, tail in enumerate((EVIL, LONG, "v")):
        path = f"{place}/{tail.replace('&', '&&').replace('/', '&/')}"
        more = {"eu_low": 0.0, "eu_high": 1.0, "parents": (_id("f"),), "type_definition": "i=63", "value_rank": -1}
        name = str(QualifiedName(URI, tail))
        made.append(Node(_id(tail), path, name, data_type_id="i=11", unit_id=number, **more, **common))  # type: ignore[arg-type]
    return made


def _id(text: str) -> str:
    return str(NodeId(URI, "s", text))


def capture(path: Path) -> Path:
    """A finished capture in which every text is hostile."""
    server = ServerIdentity(
        URI, application_uri=URI, url=f"opc.tcp://h/{EVIL}", name=EVIL, namespaces=("", URI),
        build_info={EVIL: EVIL, "product_name": EVIL},
    )  # fmt: skip
    writer = CaptureWriter.create(path)
    table = nodes()
    enum = {"enum_names": {1: EVIL}}
    monitored = [MonitoredNode(node, at, URI, T0, 100.0, 500.0, 10) for at, node in enumerate(table)]
    monitored[3] = MonitoredNode(
        Node(_id("v"), table[3].path, table[3].browse_name, data_type=EVIL, **enum), 3, URI, T0, 1, 1, 1
    )
    writer.put_nodes(server, monitored)
    sub = writer.subscription(URI, epoch=1, subscription_id=7, detail={EVIL: EVIL})
    columns = doubles([float(n) for n in range(12)], handles=3)
    for row in range(0, 12, 3):
        columns.vtype[row], columns.has_f64[row], columns.text[row] = 12, False, EVIL
        columns.vtype[row + 2], columns.has_f64[row + 2], columns.i64[row + 2] = 6, False, 1
        columns.has_i64[row + 2] = True
    columns.status[5] = 0x80AB0000
    rows = encode_items(
        columns, nodes=columns.client_handle + 1, receive_time=T0, receive_mono=0, sequence=1, sub=sub, flags=0
    )
    writer.append(rows)
    events = {"node": 1, "event_time": T0, "receive_time": T0, "receive_mono": 0, "sequence": 1, "sub": sub, "flags": 0}
    texts = ("event_type", "source_node", "source_name", "message", "condition_id", "condition_name")
    events |= dict.fromkeys(texts, EVIL) | {"fields": '{"a":1}'}
    writer.append_events(pa.RecordBatch.from_pylist([events], schema=EVENT_SEGMENT))
    writer.journal(EVIL, server=URI, sub=sub, detail={EVIL: [EVIL]})
    writer.journal("item_failed", server=URI, detail={"node_id": _id(EVIL), "status": 0x80340000, "status_name": EVIL})
    writer.journal("lost", server=URI, detail={"cause": EVIL})
    for reason in (GapReason.CONNECTION_LOST, GapReason.ITEM_FAILED):
        writer.gap(
            reason, server=URI, node=1, sub=sub, start_ns=T0, end_ns=T0 + 10**9, state=GapState.OPEN,
            detail={"cause": EVIL},
        )  # fmt: skip
    writer.commit()
    writer.close("stop", {"reason": EVIL})
    return path


@contextlib.contextmanager
def server() -> Iterator[str]:
    """A server of `nodes`, in a thread of its own; its address."""
    ready, stop, found = threading.Event(), asyncio.Event(), {}

    async def nothing() -> AsyncIterator[ServedValue]:
        return
        yield

    async def main() -> None:
        initial = [
            ServedValue(T0, node.node_id, encode_variant(BuiltinType.Double, 1.5), 0, None)
            for node in nodes()
            if node.node_class == "Variable"
        ]
        try:
            served = await serve(
                nodes(), nothing(), initial=initial, namespaces=("", URI), application_uri=URI, product=EVIL
            )
        finally:
            found["loop"] = asyncio.get_running_loop()
            ready.set()
        found["url"] = served.url
        ready.set()
        await stop.wait()
        await served.stop()

    async def started() -> None:
        await main()

    thread = threading.Thread(target=lambda: asyncio.run(started()), daemon=True)
    thread.start()
    ready.wait(30)
    while "url" not in found and thread.is_alive():
        thread.join(0.01)
    try:
        yield str(found["url"])
    finally:
        found["loop"].call_soon_threadsafe(stop.set)  # type: ignore[attr-defined]
        thread.join(30)


def on_terminal(arguments: Sequence[object], cwd: Path) -> tuple[int, bytes]:
    """Run a command line in this process with a terminal as stdout and stderr; (exit code, the bytes it got)."""
    master, slave = pty.openpty()
    modes = termios.tcgetattr(slave)
    modes[1] &= ~termios.OPOST
    termios.tcsetattr(slave, termios.TCSANOW, modes)
    got: list[bytes] = []

    def drain() -> None:
        with contextlib.suppress(OSError):
            while data := os.read(master, 65_536):
                got.append(data)

    reader = threading.Thread(target=drain)
    reader.start()
    before, here = (sys.stdout, sys.stderr), Path.cwd()
    stream = os.fdopen(slave, "w", encoding="utf-8", errors="backslashreplace", newline="")
    settings.forget()
    try:
        os.chdir(cwd)
        sys.stdout = sys.stderr = stream
        code = app.run([str(argument) for argument in arguments])
    finally:
        sys.stdout, sys.stderr = before
        os.chdir(here)
        settings.forget()
        stream.close()
        reader.join(30)
        os.close(master)
    return code, b"".join(got)
