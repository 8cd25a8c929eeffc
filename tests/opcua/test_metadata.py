"""What the server says about its nodes: types, units, enumerations, values, and where they stand in the plant."""

from __future__ import annotations

from typing import Any

import pytest
from asyncua import ua

from omptool.model import status
from omptool.model.nodes import Node
from omptool.model.plant import places
from omptool.opcua.exploring.crawl import crawl
from omptool.opcua.exploring.definitions import enum_names_of
from omptool.opcua.exploring.equipment import with_equipment
from omptool.opcua.exploring.metadata import enrich
from omptool.opcua.session import Session
from omptool.opcua.values import read_values
from tests.opcua.address_space import CELSIUS, PLANT, Space


def node(text: str) -> str:
    return f"nsu={PLANT};s={text}"


@pytest.fixture
def described(with_session) -> dict[str, Node]:
    async def work(session: Session) -> list[Node]:
        return await enrich(session, await crawl(session))

    return {found.node_id: found for found in with_session(work)}


def test_a_variable_has_type_unit_and_range(described: dict[str, Node]) -> None:
    found = described[node("Temp")]
    assert (found.data_type, found.data_type_id) == ("Double", "i=11")
    assert (found.unit, found.unit_id) == ("°C", CELSIUS)
    assert (found.eu_low, found.eu_high) == (-20.0, 120.0)
    assert found.description == "Oil temperature"
    assert (found.value_rank, found.array_dimensions, found.access_level) == (-1, None, 1)
    assert found.type_definition == "i=63"


def test_enumerations_are_found_in_all_three_places(described: dict[str, Node]) -> None:
    assert described[node("Door")].enum_names == {0: "Closed", 1: "Open"}
    assert described[node("Mode1")].enum_names == {-1: "Fault", 10: "Auto", 20: "Hand"}
    assert described[node("Mode1")].data_type == "Mode"
    states = described[node("State1")].enum_names
    assert states is not None and states[4] == "Shutdown"


def test_properties_are_marked(described: dict[str, Node]) -> None:
    assert described[node("Temp.EURange")].is_property
    assert not described[node("Temp")].is_property


def test_equipment_is_what_the_specifications_say(space: Space, described: dict[str, Node]) -> None:
    kinds = {found.path: found.equipment for found in described.values() if found.equipment}
    assert kinds == {
        "Leipzig": "site",
        "Leipzig/Hall2": "area",
        "Leipzig/Hall2/Line1": "line",
        "Leipzig/Hall2/Line1/Press7": "machine",
        "DeviceSet/Drive": "machine",
    }


def test_places_follow_from_equipment(described: dict[str, Node]) -> None:
    found = places("urn:server", list(described.values()))
    assert tuple(found[node("Press7.Speed")]) == ("Leipzig", "Hall2", "Line1", "Press7", "Speed")
    assert found[node("Drive.Torque")].machine == "Drive"
    assert found[node("Temp")].machine == "urn:server"


def test_names_alone_make_no_equipment(with_session) -> None:
    nodes = [Node("nsu=urn:x;s=a", "Site", "Site"), Node("nsu=urn:x;s=b", "Site/EquipmentLevel", "EquipmentLevel",
             parents=("nsu=urn:x;s=a",), is_property=True)]  # fmt: skip

    async def work(session: Session) -> list[Node]:
        return await with_equipment(session, nodes, nodes)

    assert [found.equipment for found in with_session(work)] == [None, None]


def test_values_come_with_status_and_both_times(with_session) -> None:
    wanted = ["Temp", "V.Bad", "V.UInt64", "V.String", "nothing", "Described"]

    async def work(session: Session) -> Any:
        return await read_values(session, [node(text) for text in wanted])

    columns = with_session(work)
    assert columns.client_handle.tolist() == list(range(len(wanted)))
    assert columns.f64[0] == 61.5 and columns.has_source[0] and columns.has_server[0]
    assert [status.name(code) for code in columns.status.tolist()] == [
        "Good", "BadSensorFailure", "Good", "Good", "BadNodeIdUnknown", "BadAttributeIdInvalid",
    ]  # fmt: skip
    assert columns.i64[2] == -1 and columns.vtype[2] == 9
    assert columns.text[3] == "Ä\n漢"


def test_values_in_many_requests_are_the_same_rows(with_session, monkeypatch) -> None:
    wanted = [node(f"Odd.{number}") for number in range(18)]

    async def work(session: Session) -> list[list[float]]:
        whole = await read_values(session, wanted)
        monkeypatch.setattr(type(session.limits), "chunk", lambda self, stated: 5)
        return [whole.f64.tolist(), (await read_values(session, wanted)).f64.tolist()]

    whole, cut = with_session(work)
    assert whole == cut == [float(number) for number in range(18)]


def test_reading_nothing_is_nothing(with_session) -> None:
    assert len(with_session(lambda session: read_values(session, []))) == 0


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ([ua.LocalizedText("a"), ua.LocalizedText(None)], {0: "a", 1: ""}),
        ([ua.EnumValueType(Value=7, DisplayName=ua.LocalizedText("x"))], {7: "x"}),
        ([ua.EnumField(Value=3, Name="f", DisplayName=ua.LocalizedText("other"))], {3: "f"}),
        ([ua.LocalizedText("a"), 5], None),
        ([], None),
        (None, None),
        ("text", None),
        (5, None),
    ],
)
def test_enumeration_texts_or_nothing(value: object, names: dict[int, str] | None) -> None:
    assert enum_names_of(value) == names
