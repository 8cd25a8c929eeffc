"""The short way of messages: what it takes, what it refuses, and what it leaves to asyncua."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from asyncua import ua

from omptool.opcua import hooks_framing
from omptool.opcua.hooks_framing import FramingProtocol, Slot
from omptool.opcua.session import Session

CHANNEL, TOKEN = 5, 9


class Kept(Slot):
    """What a slot was given."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.errors: list[Exception] = []

    def set_result(self, body: bytes) -> None:
        self.bodies.append(bytes(body))

    def set_exception(self, error: Exception) -> None:
        self.errors.append(error)


class Wire:
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.is_aborted = False

    def write(self, data: bytes) -> None:
        self.sent.append(data)

    def is_closing(self) -> bool:
        return self.is_aborted

    def abort(self) -> None:
        self.is_aborted = True

    close = abort


@pytest.fixture
def line() -> tuple[FramingProtocol, Wire]:
    """A protocol with an open channel, whose server has sent 100 chunks."""
    protocol, wire = FramingProtocol(), Wire()
    protocol.transport = wire  # type: ignore[assignment]
    connection = protocol._connection
    connection.security_token = ua.ChannelSecurityToken(CHANNEL, TOKEN)
    connection._peer_sequence_number = 100
    return protocol, wire


def asked(protocol: FramingProtocol) -> tuple[Kept, int]:
    """A PublishRequest, and its number."""
    slot = Kept()
    protocol.publish(struct.pack("<i", 0), slot)
    return slot, protocol._request_id


def chunk(
    sequence: int, request: int, body: bytes, *, final: bytes = b"F", token: int = TOKEN, channel: int = CHANNEL
) -> bytes:
    return struct.pack("<3scIIIII", b"MSG", final, 24 + len(body), channel, token, sequence, request) + body


def test_a_request_is_numbered_and_carries_a_moment(line: tuple[FramingProtocol, Wire]) -> None:
    protocol, wire = line
    asked(protocol)
    asked(protocol)
    frames = [struct.unpack_from("<4s5I", sent) for sent in wire.sent]
    assert [(kind, channel, token) for kind, _, channel, token, _, _ in frames] == [(b"MSGF", CHANNEL, TOKEN)] * 2
    assert [size for _, size, *_ in frames] == [len(sent) for sent in wire.sent]
    assert [sequence for *_, sequence, _ in frames] == [1, 2]
    assert [request for *_, request in frames] == [1, 2]
    request: Any = ua.ua_binary.struct_from_binary(ua.PublishRequest, ua.utils.Buffer(wire.sent[1][24:]))
    assert request.RequestHeader.RequestHandle == 2
    assert request.RequestHeader.Timestamp.year >= 2026


def test_answers_come_in_any_pieces_and_chunks_are_joined(line: tuple[FramingProtocol, Wire]) -> None:
    protocol, _ = line
    (first, one), (second, two) = asked(protocol), asked(protocol)
    data = chunk(101, two, b"ab", final=b"C") + chunk(102, two, b"cd") + chunk(103, one, b"ef")
    for at in range(0, len(data), 7):
        protocol.data_received(data[at : at + 7])
    assert (first.bodies, second.bodies) == ([b"ef"], [b"abcd"])
    assert protocol._connection._peer_sequence_number == 103
    assert protocol._callbackmap == {}


def test_a_chunk_that_is_lost_ends_the_connection(line: tuple[FramingProtocol, Wire]) -> None:
    protocol, wire = line
    slot, request = asked(protocol)
    protocol.data_received(chunk(102, request, b"ab"))
    assert wire.is_aborted
    assert slot.bodies == []


@pytest.mark.parametrize("odd", [{"token": 7}, {"channel": 6}])
def test_what_is_of_another_channel_or_token_ends_the_connection(
    line: tuple[FramingProtocol, Wire], odd: dict[str, int]
) -> None:
    protocol, wire = line
    slot, request = asked(protocol)
    protocol.data_received(chunk(101, request, b"ab", **odd))
    assert wire.is_aborted
    assert slot.bodies == []


def test_a_new_token_is_taken_up(line: tuple[FramingProtocol, Wire]) -> None:
    protocol, wire = line
    slot, request = asked(protocol)
    protocol._connection.next_security_token = ua.ChannelSecurityToken(CHANNEL, 10)
    protocol.data_received(chunk(101, request, b"ab", token=10))
    assert slot.bodies == [b"ab"]
    again, request = asked(protocol)
    assert struct.unpack_from("<I", wire.sent[-1], 12) == (10,)
    protocol.data_received(chunk(102, request, b"cd", token=10))
    assert again.bodies == [b"cd"]


def test_the_chunks_of_two_messages_are_never_mixed(line: tuple[FramingProtocol, Wire]) -> None:
    protocol, wire = line
    (first, one), (second, two) = asked(protocol), asked(protocol)
    protocol.data_received(chunk(101, one, b"ab", final=b"C") + chunk(102, two, b"cd"))
    assert wire.is_aborted
    assert first.bodies == second.bodies == []
    assert [str(error) for error in first.errors + second.errors] == ["the chunks of a message are out of step"] * 2


def test_an_aborted_message_is_told_its_slot_and_the_connection_goes_on(line: tuple[FramingProtocol, Wire]) -> None:
    protocol, wire = line
    (first, one), (second, two) = asked(protocol), asked(protocol)
    reason = struct.pack("<Ii", 0x80B80000, -1)
    protocol.data_received(chunk(101, one, b"ab", final=b"C") + chunk(102, one, reason, final=b"A"))
    protocol.data_received(chunk(103, two, b"cd"))
    assert first.bodies == [] and len(first.errors) == 1
    assert second.bodies == [b"cd"]
    assert not wire.is_aborted


def test_numbers_wrap(line: tuple[FramingProtocol, Wire]) -> None:
    protocol, wire = line
    protocol._connection._sequence_number = protocol._connection._peer_sequence_number = 0xFFFF_FFFF
    slot, request = asked(protocol)
    assert struct.unpack_from("<I", wire.sent[-1], 16) == (1,)
    protocol.data_received(chunk(1, request, b"ab"))
    assert slot.bodies == [b"ab"]


def test_without_one_of_the_names_the_long_way_is_taken_and_told(with_session, monkeypatch) -> None:
    names = (*hooks_framing.SHORT_WAY_HOOKS[hooks_framing.SecureConnection], "_gone_in_the_next_release")
    monkeypatch.setitem(hooks_framing.SHORT_WAY_HOOKS, hooks_framing.SecureConnection, names)

    async def work(session: Session) -> tuple[tuple[str, ...], int]:
        return session.lacks, len(session.namespaces)

    lacks, namespaces = with_session(work)
    assert lacks == ("_gone_in_the_next_release",)
    assert namespaces > 1
