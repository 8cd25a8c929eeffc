"""The addresses of one server, tried in turn."""

from __future__ import annotations

from omptool.config import ServerConfig
from omptool.opcua.subscribing.route import AT_ONCE_S, Route


def test_the_next_one_at_once_and_a_pause_after_each_round() -> None:
    route = Route(ServerConfig("opc.tcp://a:1", urls=("opc.tcp://a:1", "opc.tcp://b:1", "opc.tcp://c:1")))
    seen = [(route.server.url[-3], route.failed(2.0)) for _ in range(6)]
    assert seen == [("a", AT_ONCE_S), ("b", AT_ONCE_S), ("c", 2.0)] * 2


def test_a_change_of_address_is_told_once() -> None:
    route = Route(ServerConfig("opc.tcp://a:1", urls=("opc.tcp://a:1", "opc.tcp://b:1")))
    assert route.stands() == ""
    route.failed(2.0)
    assert route.stands() == "opc.tcp://a:1"
    assert route.stands() == ""
    assert route.failed(2.0) == AT_ONCE_S


def test_a_single_address_waits_as_it_must() -> None:
    route = Route(ServerConfig("opc.tcp://a:1"))
    assert [route.failed(2.0), route.failed(0.5)] == [2.0, 0.5]
    assert route.server.url == "opc.tcp://a:1"
