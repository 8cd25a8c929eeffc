"""What we rely on inside asyncua, and the promise that omptool only reads."""

from __future__ import annotations

import asyncio

import pytest
from asyncua import Client, ua
from asyncua.client.ua_client import UaClient, UASocketProtocol
from asyncua.common.connection import SecureConnection

from omptool.capture.format import MAX_DECODED
from omptool.opcua import hooks, hooks_framing, requests
from omptool.opcua.session import Session

CHANGING = (
    "Write", "Call", "HistoryUpdate", "AddNodes", "AddReferences", "DeleteNodes", "DeleteReferences",
    "RegisterServer", "RegisterServer2", "SetTriggering", "Cancel",
)  # fmt: skip


def encoding_id(service: str) -> int:
    return int(getattr(ua.ObjectIds, f"{service}Request_Encoding_DefaultBinary"))


@pytest.mark.parametrize("name", hooks.PRIVATE_HOOKS[Client])
def test_client_still_has(name: str) -> None:
    assert hasattr(Client("opc.tcp://127.0.0.1"), name)


@pytest.mark.parametrize("name", hooks.PRIVATE_HOOKS[UaClient])
def test_uaclient_still_has(name: str) -> None:
    assert hasattr(Client("opc.tcp://127.0.0.1").uaclient, name)


@pytest.mark.parametrize("name", hooks.PRIVATE_HOOKS[UASocketProtocol])
def test_protocol_still_has(name: str) -> None:
    assert hasattr(UASocketProtocol(), name)


@pytest.mark.parametrize("name", hooks.PRIVATE_HOOKS[SecureConnection])
def test_connection_still_has(name: str) -> None:
    assert hasattr(UASocketProtocol()._connection, name)


@pytest.mark.parametrize("name", hooks_framing.SHORT_WAY_HOOKS[SecureConnection])
def test_connection_still_has_for_the_short_way(name: str) -> None:
    assert hasattr(UASocketProtocol()._connection, name)


def test_the_one_request_that_is_sent_past_the_guard_is_an_allowed_one() -> None:
    assert hooks_framing.PUBLISH in hooks.ALLOWED_SERVICES


@pytest.mark.parametrize("service", CHANGING)
def test_no_changing_service_is_allowed(service: str) -> None:
    assert encoding_id(service) not in hooks.ALLOWED_SERVICES


def test_allowed_services_are_known_by_name_and_only_read() -> None:
    by_id = {
        getattr(ua.ObjectIds, name): name.removesuffix("Request_Encoding_DefaultBinary")
        for name in dir(ua.ObjectIds)
        if name.endswith("Request_Encoding_DefaultBinary")
    }
    names = {by_id[service] for service in hooks.ALLOWED_SERVICES}
    for word in ("Write", "Update", "Add", "Call", "Register"):
        assert not [name for name in names if word in name], word
    assert {name for name in names if name.startswith("Delete")} == {"DeleteMonitoredItems", "DeleteSubscriptions"}


@pytest.mark.parametrize(
    "request_", [ua.WriteRequest(), ua.CallRequest(), ua.AddNodesRequest(), hooks.RawRequest(encoding_id("Write"), b"")]
)
def test_a_changing_request_never_reaches_the_wire(with_session, request_) -> None:
    async def work(session: Session) -> None:
        with pytest.raises(hooks.ForbiddenServiceError):
            await session.call(request_)

    with_session(work)


REFRESH = ua.CallMethodRequest(ObjectId=ua.NodeId(2782), MethodId=ua.NodeId(3875))


def call(*methods: ua.CallMethodRequest) -> ua.CallRequest:
    request = ua.CallRequest()
    request.Parameters.MethodsToCall = list(methods)
    return request


@pytest.mark.parametrize(
    "request_",
    [
        call(),
        call(ua.CallMethodRequest(ObjectId=ua.NodeId(2782), MethodId=ua.NodeId(3876))),  # Enable is no refresh
        call(ua.CallMethodRequest(ObjectId=ua.NodeId(2253), MethodId=ua.NodeId(3875))),
        call(ua.CallMethodRequest(ObjectId=ua.NodeId(2782, 1), MethodId=ua.NodeId(3875))),
        call(ua.CallMethodRequest(ObjectId=ua.NodeId(2782), MethodId=ua.NodeId(3875, 1))),
        call(ua.CallMethodRequest(ObjectId=ua.NodeId(2782), MethodId=ua.NodeId("3875"))),
        call(REFRESH, ua.CallMethodRequest(ObjectId=ua.NodeId(2782), MethodId=ua.NodeId(11492))),
        hooks.RawRequest(encoding_id("Call"), b""),
    ],
)
def test_no_method_but_condition_refresh_is_ever_called(with_session, request_) -> None:
    assert not hooks.is_allowed(request_)

    async def work(session: Session) -> None:
        with pytest.raises(hooks.ForbiddenServiceError):
            await session.call(request_)

    with_session(work)


def test_condition_refresh_may_be_called_and_nothing_else_that_looks_like_it() -> None:
    assert hooks.is_allowed(call(REFRESH)) and hooks.is_allowed(call(REFRESH, REFRESH))
    look_alike = call(REFRESH)
    look_alike.TypeId = ua.NodeId(encoding_id("Write"))
    assert not hooks.is_allowed(look_alike)
    assert (hooks.CONDITION_TYPE, hooks.CONDITION_REFRESH) == (2782, 3875)


def test_asyncuas_own_methods_cannot_write_either(with_session) -> None:
    async def work(session: Session) -> None:
        node = session._client.get_node(session.to_ua("nsu=urn:test:plant;s=Temp"))
        with pytest.raises(hooks.ForbiddenServiceError):
            await node.write_value(1.0)

    with_session(work)


def test_a_request_of_another_namespace_is_not_mistaken_for_one_of_ours() -> None:
    request = ua.ReadRequest()
    request.TypeId = ua.NodeId(requests.READ, 7)
    assert hooks.service_id(request) not in hooks.ALLOWED_SERVICES


def test_asyncua_starts_no_task_of_its_own_but_channel_renewal(with_session) -> None:
    async def work(session: Session) -> set[str]:
        return {task.get_coro().__qualname__ for task in asyncio.all_tasks()}

    names = {name for name in with_session(work) if name.startswith(("Client.", "UaSession."))}
    assert names == {"Client._renew_channel_loop"}


def test_the_largest_message_fits_into_what_a_capture_gives_back() -> None:
    assert hooks.MAX_CHUNK < hooks.MAX_MESSAGE < 0.8 * MAX_DECODED


def test_the_last_chunk_counts_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks, "MAX_MESSAGE", 100)
    protocol = hooks.GuardedProtocol()
    protocol.data_received(b"MSGF" + (120).to_bytes(4, "little") + bytes(112))
    assert protocol.fault == "it sent a message of more than 0 MiB"
