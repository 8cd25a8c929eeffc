"""The proxy does what was ordered, when it was ordered, and nothing else: faults are evidence, so they are tried."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.faults.chunks import Splitter
from tests.faults.faults import Fault, Incident, Kind, Way
from tests.faults.proxy import Proxy, Workshop

PATIENCE_S = 30.0


def message(service: int, body: bytes = b"body", final: bytes = b"F") -> bytes:
    rest = struct.pack("<IIII", 1, 1, 1, 1) + b"\x01\x00" + struct.pack("<H", service) + body
    return b"MSG" + final + struct.pack("<I", 8 + len(rest)) + rest


PUBLISH, READ = message(829, b"p" * 40), message(634)


class Echo:
    """Sends back what it gets, chunk or not."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"opc.tcp://127.0.0.1:{self._listening.getsockname()[1]}/here"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                line, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._echo, args=(line,), daemon=True).start()

    def _echo(self, line: socket.socket) -> None:
        with line:
            try:
                while data := line.recv(1 << 16):
                    line.sendall(data)
            except ConnectionError:
                return

    def close(self) -> None:
        self._listening.close()


@pytest.fixture
def proxy(workshop: Workshop) -> Iterator[Proxy]:
    echo = Echo()
    with workshop.proxy(echo.url) as made:
        yield made
    echo.close()


def connect(proxy: Proxy) -> socket.socket:
    port = int(proxy.url.removesuffix("/here").rpartition(":")[2])
    return socket.create_connection(("127.0.0.1", port), PATIENCE_S)


def receive(line: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size and (more := line.recv(size - len(data))):
        data += more
    return data


def ended(incident: Incident) -> float:
    """Seconds it lasted."""
    return (incident.ended.result(PATIENCE_S).mono_ns - incident.begun.result(PATIENCE_S).mono_ns) / 1e9


def is_silent(line: socket.socket) -> bool:
    line.settimeout(0.2)
    try:
        return line.recv(1) == b"never"
    except TimeoutError:
        return True
    finally:
        line.settimeout(PATIENCE_S)


def test_without_a_fault_bytes_pass_as_they_are(proxy: Proxy) -> None:
    with connect(proxy) as line:
        for data in (PUBLISH, READ, PUBLISH + READ, message(829, b"x" * 100_000), b"no chunks at all"):
            line.sendall(data)
            assert receive(line, len(data)) == data
        line.shutdown(socket.SHUT_WR)
        assert line.recv(1) == b""


@pytest.mark.parametrize(("kind", "is_polite"), [(Kind.RESET, False), (Kind.CLOSE, True)])
def test_connections_end_and_new_ones_too_while_it_lasts(proxy: Proxy, kind: Kind, is_polite: bool) -> None:
    with connect(proxy) as line:
        line.sendall(READ)
        assert receive(line, len(READ)) == READ
        incident = proxy.inflict(Fault(kind, 1.0))
        if is_polite:
            assert line.recv(1) == b""
        else:
            with pytest.raises(ConnectionResetError):
                line.recv(1)
    with connect(proxy) as line, pytest.raises(ConnectionResetError) if not is_polite else contextlib.nullcontext():
        assert line.recv(1) == b""
    assert ended(incident) >= 1.0


def test_nobody_listens_while_it_lasts(proxy: Proxy) -> None:
    incident = proxy.inflict(Fault(Kind.REFUSE, 0.5))
    with pytest.raises(ConnectionRefusedError):
        connect(proxy)
    ended(incident)
    while True:
        try:
            line = connect(proxy)
            break
        except ConnectionRefusedError:
            continue
    with line:
        line.sendall(READ)
        assert receive(line, len(READ)) == READ


@pytest.mark.parametrize("way", [Way.UP, Way.DOWN, Way.BOTH])
def test_a_connection_in_a_black_hole_never_comes_back_but_a_new_one_works(proxy: Proxy, way: Way) -> None:
    with connect(proxy) as line:
        incident = proxy.inflict(Fault(Kind.HOLE, 0.1, way))
        line.sendall(READ)
        ended(incident)
        line.sendall(READ)
        assert is_silent(line)
        with connect(proxy) as other:
            other.sendall(READ)
            assert receive(other, len(READ)) == READ
        assert is_silent(line)


@pytest.mark.parametrize("fault", [
    Fault(Kind.FREEZE, 0.3), Fault(Kind.FREEZE, 0.3, Way.UP), Fault(Kind.DELAY, 0.3, delay_s=0.3),
    Fault(Kind.DRIP, 0.3, drip_bytes=3, drip_s=0.02), Fault(Kind.FREEZE, 0.3, Way.DOWN, "PublishResponse", 2),
])  # fmt: skip
def test_what_is_held_arrives_later_and_whole(proxy: Proxy, fault: Fault) -> None:
    sent = PUBLISH + READ + PUBLISH + READ
    with connect(proxy) as line:
        incident = proxy.inflict(fault)
        line.sendall(sent)
        assert receive(line, len(sent)) == sent
        assert ended(incident) >= 0.29


def test_a_fault_hits_the_message_it_waits_for(proxy: Proxy) -> None:
    with connect(proxy) as line:
        incident = proxy.inflict(Fault(Kind.CORRUPT, 0, Way.DOWN, "PublishResponse", 2, offset=-1))
        line.sendall(PUBLISH + READ + PUBLISH + PUBLISH)
        broken = PUBLISH[:-1] + bytes([PUBLISH[-1] ^ 0xFF])
        assert receive(line, 3 * len(PUBLISH) + len(READ)) == PUBLISH + READ + broken + PUBLISH
        assert incident.begun.done() and incident.ended.done()
        never = proxy.inflict(Fault(Kind.RESET, 0, Way.UP, "PublishRequest"))
        line.sendall(PUBLISH)
        assert receive(line, len(PUBLISH)) == PUBLISH
        assert not never.begun.done()
        proxy.withdraw(never)


def test_a_message_is_cut_off_in_the_middle(proxy: Proxy) -> None:
    with connect(proxy) as line:
        proxy.inflict(Fault(Kind.TRUNCATE, 0, Way.DOWN, "PublishResponse", offset=30))
        line.sendall(READ + PUBLISH + READ)
        assert receive(line, 1000) == READ + PUBLISH[:30]


def test_a_server_may_move(workshop: Workshop, proxy: Proxy) -> None:
    other = Echo()
    proxy.target = other.url
    with connect(proxy) as line:
        line.sendall(READ)
        assert receive(line, len(READ)) == READ
    other.close()


@given(st.lists(st.sampled_from([PUBLISH, READ, b"HELF\x08\0\0\0", message(829, final=b"C")])), st.data())
def test_chunks_are_found_however_the_stream_is_cut(sent: list[bytes], data: st.DataObject) -> None:
    stream, splitter, found = b"".join(sent), Splitter(), []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        found += splitter.feed(stream[:size])
        stream = stream[size:]
    assert [chunk.data for chunk in found] == sent
    names = {PUBLISH: "PublishResponse", READ: "ReadResponse", b"HELF\x08\0\0\0": "HEL"}
    was_cut = False
    for chunk in found:
        is_message = chunk.data[:3] == b"MSG"
        if is_message and was_cut:
            assert chunk.name == "..."
        else:
            assert chunk.name == names.get(chunk.data, "PublishResponse")
        was_cut = chunk.data[3:4] == b"C" if is_message else was_cut


@given(st.binary(min_size=1))
def test_bytes_that_are_no_chunks_are_handed_on(data: bytes) -> None:
    splitter = Splitter()
    found = b"".join(chunk.data for chunk in splitter.feed(b"XX" + data.ljust(8, b"\0")))
    assert found + splitter.rest() == b"XX" + data.ljust(8, b"\0")
