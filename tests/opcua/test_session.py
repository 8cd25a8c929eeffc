"""Connecting, and every way in which it fails: what a user reads, and that nothing hangs or leaks."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import struct
import threading
from collections.abc import Callable, Iterator

import pytest
from asyncua import ua
from asyncua.ua.ua_binary import struct_to_binary

from omptool.config import ServerConfig
from omptool.errors import NotFound, OmptoolError, ServerRefused, Unreachable, UsageError
from omptool.model import status
from omptool.opcua import faults, requests
from omptool.opcua.channel import host_and_port
from omptool.opcua.security.endpoints import Endpoint
from omptool.opcua.session import Session, connect
from tests.opcua.address_space import PLANT, Space

Handler = Callable[[socket.socket], None]


@contextlib.contextmanager
def peer(handle: Handler) -> Iterator[str]:
    """Something on a TCP port that is no OPC UA server; `handle` gets each connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection, contextlib.suppress(OSError):
                        handle(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"opc.tcp://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(10)


def failure(url: str, timeout_s: float = 20.0) -> OmptoolError:
    """The error of connecting to `url`."""

    async def main() -> None:
        async with connect(ServerConfig(url=url), timeout_s=timeout_s):
            pass

    with pytest.raises(OmptoolError) as caught:
        asyncio.run(main())
    return caught.value


def reply(data: bytes) -> Handler:
    def handle(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(data)
        connection.recv(65536)

    return handle


def error_message(code: int) -> bytes:
    return struct.pack("<4sIIi", b"ERRF", 16, code, -1)


def acknowledge() -> bytes:
    return struct.pack("<4s6I", b"ACKF", 28, 0, 65536, 65536, 0, 0)


def test_it_learns_what_the_server_says_about_itself(space: Space, with_session) -> None:
    async def work(session: Session) -> Session:
        return session

    session = with_session(work)
    assert session.application_uri == "urn:freeopcua:python:server"
    assert session.namespaces[0] == "http://opcfoundation.org/UA/" and PLANT in session.namespaces
    assert session.limits.max_nodes_per_read == 10000
    assert session.build_info["product_name"] == "FreeOpcUa Python Server"
    assert session.server_start_time and session.server_start_time > 1_700_000_000_000_000_000
    assert session.closed.is_set()


def test_node_ids_survive_the_way_to_asyncua_and_back(with_session) -> None:
    texts = [
        "i=2258", f"nsu={PLANT};i=70000", f"nsu={PLANT};s=a;b=c", f"nsu={PLANT};b=AQI=",
        f"nsu={PLANT};g=12345678-1234-1234-1234-123456789abc",
    ]  # fmt: skip

    async def work(session: Session) -> list[str]:
        return [session.from_ua(session.to_ua(text)) for text in texts]

    assert with_session(work) == texts


def test_node_ids_are_encoded_as_asyncua_encodes_them(with_session) -> None:
    texts = ["i=85", "i=2258", f"nsu={PLANT};i=70000", f"nsu={PLANT};s=Öl", f"nsu={PLANT};b=AQI=", "ns=300;i=5"]

    async def work(session: Session) -> list[tuple[bytes, bytes]]:
        return [(session.encode(text), ua.ua_binary.nodeid_to_binary(session.to_ua(text))) for text in texts]

    for ours, theirs in with_session(work):
        assert ua.ua_binary.nodeid_from_binary(ua.utils.Buffer(ours)) == ua.ua_binary.nodeid_from_binary(
            ua.utils.Buffer(theirs)
        )


def test_an_unknown_namespace_names_the_nearest(with_session) -> None:
    async def work(session: Session) -> None:
        session.encode("nsu=urn:test:plnt;s=x")

    with pytest.raises(NotFound) as caught:
        with_session(work)
    assert PLANT in caught.value.hint


def test_a_bad_service_result_becomes_an_error_with_its_code(with_session) -> None:
    async def work(session: Session) -> None:
        await session.ask(ua.DeleteSubscriptionsRequest())
        await session.checked(requests.browse_next([b"\x01\x02"]))

    with pytest.raises(OmptoolError) as caught:
        with_session(work)
    assert faults.fault_code(caught.value) >> 31 == 1


def test_call_hands_out_a_service_fault_untouched(with_session) -> None:
    async def work(session: Session) -> bytes:
        return await session.call(requests.browse_next([b"\x01\x02"]))

    body = with_session(work)
    assert body[:4] == struct.pack("<BBH", 1, 0, 397)


def test_what_a_server_announces_is_not_kept(with_session) -> None:
    def count() -> int:
        gc.collect()
        return sum(isinstance(each, Endpoint) for each in gc.get_objects())

    async def work(session: Session) -> int:
        return count()

    before = count()
    assert with_session(work) == before


def test_a_connection_that_breaks_is_known_at_once_with_its_reason(space: Space) -> None:
    async def main() -> None:
        async with connect(ServerConfig(url=space.url, timeout_s=60)) as session:
            waiting = asyncio.ensure_future(session.call(ua.PublishRequest(), timeout_s=0))
            await asyncio.sleep(0)
            session._protocol.abandon("the cable was pulled")
            await asyncio.wait_for(session.closed.wait(), 30)
            assert session.reason == "the cable was pulled"
            with pytest.raises(Unreachable, match="cable was pulled"):
                await waiting
            with pytest.raises(Unreachable, match="cable was pulled"):
                await session.call(ua.ReadRequest())

    asyncio.run(main())


def test_a_key_of_no_session_leads_to_a_new_one(space: Space) -> None:
    async def main() -> tuple[bool, list[str]]:
        server = ServerConfig(url=space.url, timeout_s=60)
        async with connect(server) as first:
            key = first.key
        async with connect(server, resume=key) as second:
            return second.resumed, second.namespaces

    resumed, namespaces = asyncio.run(main())
    assert not resumed
    assert PLANT in namespaces


def test_secrets_of_a_session_stay_out_of_its_repr(with_session) -> None:
    async def work(session: Session) -> str:
        return repr(session.key)

    assert with_session(work) == "SessionKey()"


def test_a_request_times_out_and_the_session_lives_on(with_session) -> None:
    async def work(session: Session) -> int:
        parameters = ua.CreateSubscriptionParameters(
            RequestedPublishingInterval=60_000, RequestedLifetimeCount=100, RequestedMaxKeepAliveCount=10
        )
        await session.ask(ua.CreateSubscriptionRequest(Parameters=parameters))
        with pytest.raises(Unreachable, match="no answer to Publish within"):
            for _ in range(3):  # the first may be answered at once, with a keep-alive
                await session.call(ua.PublishRequest(), timeout_s=0.05)
        return len((await session.ask(ua.FindServersRequest())).Servers)

    assert with_session(work) == 1


def test_nothing_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    error = failure(f"opc.tcp://127.0.0.1:{port}")
    assert isinstance(error, Unreachable)
    assert f"nothing listens on port {port}" in error.message and error.hint


def test_nobody_has_this_name() -> None:
    error = failure("opc.tcp://no-such-host.invalid:4840")
    assert isinstance(error, Unreachable)
    assert "no-such-host.invalid" in error.message and error.hint


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", "HTTP"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "SSH"),
        (b"\x15\x03\x01\x00\x02\x02\x46\x00", "TLS"),
        (b"\x00\x01\x02\x03garbage and more", "garbage"),
        (b"ACKF\xff\xff\xff\xff", "not an OPC UA server"),
        (b"hi", "b'hi'"),
    ],
)
def test_something_else_listens(answer: bytes, word: str) -> None:
    def handle(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(answer)

    with peer(handle) as url:
        error = failure(url)
    assert isinstance(error, Unreachable)
    assert word in error.message
    assert "port" in error.hint


def test_it_hangs_up_at_once() -> None:
    with peer(lambda connection: None) as url:
        error = failure(url)
    assert isinstance(error, Unreachable)
    assert "before it answered in OPC UA" in error.message


def test_it_says_nothing() -> None:
    release = threading.Event()
    with peer(lambda connection: release.wait(60) and None) as url:
        error = failure(url, timeout_s=0.3)
        release.set()
    assert isinstance(error, Unreachable)
    assert "did not answer in OPC UA within 0.3 s" in error.message


def test_it_falls_silent_after_the_acknowledge() -> None:
    release = threading.Event()

    def handle(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(acknowledge())
        release.wait(60)

    with peer(handle) as url:
        error = failure(url, timeout_s=0.5)
        release.set()
    assert isinstance(error, Unreachable)
    assert "OpenSecureChannel" in error.message


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("BadTcpServerTooBusy", Unreachable),
        ("BadTooManySessions", Unreachable),
        ("BadTcpEndpointUrlInvalid", ServerRefused),
        ("BadSecurityChecksFailed", ServerRefused),
        ("BadSecurityModeRejected", ServerRefused),
    ],
)
def test_it_answers_hello_with_an_error(name: str, kind: type[OmptoolError]) -> None:
    with peer(reply(error_message(status.code_of(name)))) as url:
        error = failure(url)
    assert isinstance(error, kind)
    assert name in error.message and error.hint
    assert faults.fault_code(error) == status.code_of(name)


def test_a_message_that_does_not_decode_ends_the_connection() -> None:
    def handle(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(acknowledge())
        connection.recv(65536)
        connection.sendall(struct.pack("<4sI", b"OPNF", 40) + b"\xff" * 32)
        connection.recv(65536)

    with peer(handle) as url:
        error = failure(url)
    assert isinstance(error, Unreachable)
    assert "does not decode" in error.message


def test_an_aborted_answer_is_an_error_at_once() -> None:
    """Part 6, 6.7.3: chunk type A carries a StatusCode in place of the rest of the message."""

    def handle(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(acknowledge())
        opened = connection.recv(65536)
        (request_id,) = struct.unpack_from("<I", opened, _sequence_at(opened) + 4)
        answer = ua.OpenSecureChannelResponse()
        answer.Parameters.SecurityToken = ua.ChannelSecurityToken(ChannelId=1, TokenId=1, RevisedLifetime=60_000)
        connection.sendall(_open_chunk(struct_to_binary(answer), request_id))
        created = connection.recv(65536)
        (request_id,) = struct.unpack_from("<I", created, 20)
        connection.sendall(struct.pack("<4sIIIIIIi", b"MSGA", 32, 1, 1, 2, request_id, 0x80B80000, -1))
        connection.recv(65536)

    with peer(handle) as url:
        error = failure(url, timeout_s=30)
    assert isinstance(error, ServerRefused)
    assert "BadRequestTooLarge" in error.message


def _sequence_at(chunk: bytes) -> int:
    """Where the sequence header of an OPN chunk starts: behind policy URI, certificate and thumbprint."""
    (length,) = struct.unpack_from("<i", chunk, 12)
    return 16 + max(length, 0) + 8


def _open_chunk(body: bytes, request_id: int) -> bytes:
    policy = b"http://opcfoundation.org/UA/SecurityPolicy#None"
    head = struct.pack("<I", 1) + struct.pack("<i", len(policy)) + policy + struct.pack("<ii", -1, -1)
    rest = head + struct.pack("<II", 1, request_id) + body
    return struct.pack("<4sI", b"OPNF", len(rest) + 8) + rest


def test_urls() -> None:
    assert host_and_port("opc.tcp://[::1]:4841/path") == ("::1", 4841)
    assert host_and_port("opc.tcp://plant") == ("plant", 4840)
    for wrong in ("http://plant", "opc.tcp://", "opc.tcp://plant:99999", "plant:4840"):
        with pytest.raises(UsageError):
            host_and_port(wrong)
