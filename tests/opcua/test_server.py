"""Our server seen by somebody else's client: the tree, what numbers mean, and every value of the plant."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from asyncua import Client, ua
from asyncua.ua.ua_binary import variant_to_binary

from omptool.demo import nodes, parts, source
from omptool.demo.plant import APPLICATION_URI, MACHINES, MINUTE, Outcome, shift_start
from omptool.demo.schedule import Plant
from omptool.demo.truth import lines, time_text
from omptool.errors import Busy, UsageError
from omptool.model.builtin import BuiltinType
from omptool.model.nodes import Node
from omptool.opcua.serving.served import ServedValue, encode_variant
from omptool.opcua.serving.server import Served, serve
from tests.conftest import running_demo
from tests.opcua.stock_client import stock_client

PLANT = Plant(1)
START = shift_start(62_028) + 3 * 60 * MINUTE + 40 * MINUTE
FEED_ID = "nsu=urn:omptool:demo:plant;s=Line2.CNC1.FeedOverride"
NAMESPACE = 5
"""Index of the plant's namespace."""


async def _nothing() -> AsyncIterator[ServedValue]:
    return
    yield


async def _serve_plant(speed: float, **options: Any) -> Served:
    values = source.simulated(PLANT, START, None, speed=speed, clock=time.time_ns)
    return await serve(
        nodes.build(),
        values,
        initial=source.initial(PLANT, START),
        namespaces=nodes.NAMESPACES,
        application_uri=APPLICATION_URI,
        **options,
    )


@contextlib.asynccontextmanager
async def connected(served: Served) -> AsyncIterator[Client]:
    try:
        async with stock_client(served.url) as client:
            yield client
    finally:
        await served.stop()


def _run(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(work())


class Heard:
    """Everything a subscription was told, in order."""

    def __init__(self, enough: int) -> None:
        self.rows: list[tuple[str, ua.DataValue]] = []
        self.enough = asyncio.Event()
        self._wanted = enough

    async def datachange_notification(self, node: Any, _value: Any, data: Any) -> None:
        self.rows.append((node.nodeid.Identifier, data.monitored_item.Value))
        if len(self.rows) >= self._wanted:
            self.enough.set()


async def _variables(client: Client) -> list[Any]:
    found = []
    for name in PLANT.channels:
        found.append(client.get_node(ua.NodeId(name.partition(";s=")[2], NAMESPACE)))
    return found


def test_the_tree_has_published_types_and_references() -> None:
    async def work() -> None:
        async with connected(await _serve_plant(0.001)) as client:
            assert await client.get_namespace_array() == list(nodes.NAMESPACES)
            press = await client.nodes.objects.get_child(
                [f"{NAMESPACE}:{name}" for name in ("Riverside", "Stamping", "Line1", "Press1")]
            )
            assert press.nodeid == ua.NodeId("Line1.Press1", NAMESPACE)
            forward = ua.BrowseDirection.Forward
            listed = await client.get_node(ua.NodeId(1001, 3)).get_references(ua.ObjectIds.Organizes, forward)
            assert [reference.NodeId.Identifier for reference in listed] == [
                f"{machine.line}.{machine.name}" for machine in MACHINES
            ]
            add_in = (await press.get_references(ua.ObjectIds.HasAddIn, forward))[0]
            assert add_in.BrowseName == ua.QualifiedName("Identification", 2)
            assert add_in.TypeDefinition == ua.NodeId(1012, 3)
            line = client.get_node(ua.NodeId("Line1", NAMESPACE))
            (level,) = await line.get_references(ua.NodeId(4713, 4), forward)
            assert level.BrowseName == ua.QualifiedName("EquipmentLevel", 4)
            assert await client.get_node(level.NodeId).read_value() == 5
            area = client.get_node(ua.NodeId("Stamping", NAMESPACE))
            (made_up_of,) = await area.get_references(ua.NodeId(5115, 4), forward)
            assert made_up_of.NodeId == line.nodeid

    _run(work)


def test_units_ranges_enums_and_arrays_are_told() -> None:
    async def work() -> None:
        async with connected(await _serve_plant(0.001)) as client:
            oil = client.get_node(ua.NodeId("Line1.Press1.TemperatureOil", NAMESPACE))
            unit = await (await oil.get_child("0:EngineeringUnits")).read_value()
            assert (unit.UnitId, unit.DisplayName.Text) == (4408652, "°C")
            assert unit.NamespaceUri == "http://www.opcfoundation.org/UA/units/un/cefact"
            limits = await (await oil.get_child("0:EURange")).read_value()
            assert (limits.Low, limits.High) == (0.0, 120.0)
            state = client.get_node(ua.NodeId("Line1.Press1.State", NAMESPACE))
            kind = client.get_node(await state.read_data_type())
            assert kind.nodeid == ua.NodeId("MachineState", NAMESPACE)
            names = await (await kind.get_child("0:EnumStrings")).read_value()
            assert [name.Text for name in names][:3] == ["PlannedStop", "Producing", "Starved"]
            spectrum = client.get_node(ua.NodeId("Line2.CNC1.VibrationSpectrum", NAMESPACE))
            assert await spectrum.read_value_rank() == 1
            assert await spectrum.read_array_dimensions() == [16]
            assert len(await spectrum.read_value()) == 16

    _run(work)


def test_a_read_gives_what_the_schedule_says() -> None:
    async def work() -> None:
        async with connected(await _serve_plant(0.001)) as client:
            for node, (name, channel) in zip(await _variables(client), PLANT.channels.items(), strict=True):
                held = PLANT.value_at(name, START)
                value = await node.read_data_value(raise_on_bad_status=False)
                assert value.Value.VariantType == ua.VariantType(int(channel.signal.type))
                assert _microseconds(value.SourceTimestamp) == held.time_ns // 1000
                assert value.ServerTimestamp.year >= 2026
                if isinstance(held.value, parts.Part):
                    assert _plain(value) == held.value.encode(NAMESPACE)
                elif channel.signal.type is not BuiltinType.DateTime:
                    assert _plain(value) == held.value

    _run(work)


def test_every_value_of_a_fast_plant_arrives_once_and_unchanged(tmp_path: Path) -> None:
    """An hour a minute, all Variables, compared with the printed truth; the server has a process of its own."""

    async def work(url: str) -> None:
        async with stock_client(url) as client:
            heard = Heard(25_000)
            subscription = await client.create_subscription(200, heard, queue_maxsize=1_000_000)
            await subscription.subscribe_data_change(await _variables(client), queuesize=10_000)
            async with asyncio.timeout(90):
                await heard.enough.wait()
            await subscription.delete()
            _compare(heard)

    with running_demo(tmp_path, "--speed", "60", "--from", time_text(START)) as demo:
        asyncio.run(work(demo.url))


def _compare(heard: Heard) -> None:
    by_node: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for name, value in heard.rows:
        by_node[name].append(
            (_microseconds(value.SourceTimestamp), _plain(value), value.StatusCode.value if value.StatusCode else 0)
        )
    assert len(by_node) == len(PLANT.channels)
    latest = max(rows[-1][0] for rows in by_node.values()) * 1000
    end = latest - 20 * 1_000_000_000  # what one publishing interval brings may still have been on its way
    truth: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for line in lines(PLANT, START, end):
        row = json.loads(line)
        if row["kind"] == "value":
            truth[row["node_id"].partition(";s=")[2]].append(row)
    compared = 0
    for name, rows in by_node.items():
        initial = rows[0][0]
        received = [row for row in rows[1:] if row[0] * 1000 < end]
        wanted = [row for row in truth[name] if _from_text(row["time"]) > initial]
        assert [row[0] for row in received] == [_from_text(row["time"]) for row in wanted], name
        assert [row[2] for row in received] == [row["status"] for row in wanted], name
        for (_, value, _), row in zip(received, wanted, strict=True):
            assert _column(row, value) == value, (name, row)
        compared += len(received)
    assert compared > 10_000


def _column(row: dict[str, Any], value: Any) -> Any:
    """The truth's value column in the terms of a Python client; a datetime cannot tell the last digit."""
    if isinstance(value, tuple):
        return tuple(row["value_list"])
    if isinstance(value, bytes):
        said = json.loads(row["value_text"])
        return parts.Part(
            said["Product"], Outcome[said["Outcome"]], said["CycleTime"], said["BoreDiameter"]
        ).encode(NAMESPACE)  # fmt: skip
    if isinstance(value, datetime):
        return datetime.fromisoformat(row["value_text"][:26] + "Z")
    return row["value_text"] if isinstance(value, str) else row["value"]


def _plain(value: ua.DataValue) -> Any:
    """As the schedule has it; of a structure its bytes."""
    inner = value.Value.Value
    if isinstance(inner, ua.ExtensionObject):
        return variant_to_binary(value.Value)
    if isinstance(inner, ua.LocalizedText):
        return inner.Text
    return tuple(inner) if isinstance(inner, list) else inner


def _microseconds(moment: Any) -> int:
    return int(moment.timestamp()) * 1_000_000 + int(moment.microsecond)


def _from_text(text: str) -> int:
    return _microseconds(datetime.fromisoformat(text))


def test_the_server_ends_with_its_values_and_lets_clients_fetch_the_rest() -> None:
    async def ten() -> AsyncIterator[ServedValue]:
        for number in range(10):
            yield ServedValue(0, "nsu=urn:x;s=N", encode_variant(BuiltinType.Int32, number), 0, 10_000_000 + number)

    async def work() -> None:
        table = [Node("nsu=urn:x;s=N", "N", "nsu=urn:x;N", "N", data_type="Int32", parents=("i=85",))]
        gate = asyncio.Event()

        async def gated() -> AsyncIterator[ServedValue]:
            await gate.wait()
            async for value in ten():
                yield value

        served = await serve(table, gated(), namespaces=("", "urn:a", "urn:x"), application_uri="urn:a")
        async with connected(served) as client:
            heard = Heard(11)
            subscription = await client.create_subscription(50, heard)
            await subscription.subscribe_data_change(client.get_node(ua.NodeId("N", 2)), queuesize=100)
            gate.set()
            assert served.finished is not None
            await served.finished
            assert await served.drained(30)
            async with asyncio.timeout(30):
                await heard.enough.wait()
            assert [value.Value.Value for _, value in heard.rows] == [None, *range(10)]
            assert heard.rows[0][1].StatusCode.value == ua.StatusCodes.BadWaitingForInitialData
            assert served.served == 10

    _run(work)


def test_clients_may_not_write_or_add_nodes() -> None:
    async def work() -> None:
        async with connected(await _serve_plant(0.001)) as client:
            product = client.get_node(ua.NodeId("Line1.Press1.Product", NAMESPACE))
            with pytest.raises(ua.UaStatusCodeError):
                await product.write_value("mine")
            with pytest.raises(ua.UaStatusCodeError):
                await client.nodes.objects.add_object(NAMESPACE, "mine")

    _run(work)


def test_a_set_point_takes_a_number_and_nothing_else() -> None:
    async def work() -> None:
        async with connected(await _serve_plant(0.001)) as client:
            feed = client.get_node(ua.NodeId("Line2.CNC1.FeedOverride", NAMESPACE))
            heard = Heard(2)
            subscription = await client.create_subscription(50, heard)
            await subscription.subscribe_data_change(feed)
            with pytest.raises(ua.UaStatusCodeError, match="BadTypeMismatch"):
                await feed.write_value(ua.Variant("fast", ua.VariantType.String))
            await feed.write_value(ua.DataValue(ua.Variant(55.0, ua.VariantType.Double)))
            assert await feed.read_value() == 55.0
            async with asyncio.timeout(30):
                await heard.enough.wait()
            assert [value.Value.Value for _, value in heard.rows] == [PLANT.value_at(FEED_ID, START).value, 55.0]
            await subscription.delete()

    _run(work)


def test_a_structure_is_read_by_the_definition_that_the_server_gives() -> None:
    async def work() -> None:
        async with connected(await _serve_plant(0.001, data_types=parts.DATA_TYPES)) as client:
            await client.load_data_type_definitions()
            read = await client.get_node(ua.NodeId("Line2.CNC1.LastPart", NAMESPACE)).read_value()
            held = PLANT.value_at(FEED_ID.replace("FeedOverride", "LastPart"), START).value
            assert isinstance(held, parts.Part)
            assert (read.Product, read.Outcome.name) == (held.product, held.outcome.name)
            assert (read.CycleTime, read.BoreDiameter) == (held.cycle_s, held.measure)

    _run(work)


def test_a_port_in_use_is_said() -> None:
    async def work() -> None:
        served = await serve([], _nothing(), namespaces=("", "urn:a"), application_uri="urn:a")
        port = int(served.url.rpartition(":")[2])
        try:
            with pytest.raises(Busy, match=f"port {port} on 127.0.0.1 is in use"):
                await serve([], _nothing(), namespaces=("", "urn:a"), application_uri="urn:a", port=port)
        finally:
            await served.stop()

    _run(work)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "example.com"])
def test_only_this_computer_is_served(host: str) -> None:
    with pytest.raises(UsageError, match="other computers"):
        asyncio.run(serve([], _nothing(), namespaces=("", "urn:a"), application_uri="urn:a", host=host))  # type: ignore[arg-type]


@pytest.mark.parametrize(("host", "shown"), [("localhost", "127.0.0.1"), ("::1", "[::1]")])
def test_this_computer_has_several_names(host: str, shown: str) -> None:
    async def work() -> None:
        served = await serve([], _nothing(), namespaces=("", "urn:a"), application_uri="urn:a", host=host)
        async with connected(served) as client:
            assert served.url.startswith(f"opc.tcp://{shown}:")
            assert await client.get_namespace_array() == ["http://opcfoundation.org/UA/", "urn:a"]

    _run(work)


def test_an_error_of_the_source_comes_out() -> None:
    async def broken() -> AsyncIterator[ServedValue]:
        raise ValueError("torn")
        yield

    async def work() -> None:
        served = await serve([], broken(), namespaces=("", "urn:a"), application_uri="urn:a")
        try:
            assert served.finished is not None
            with pytest.raises(ValueError, match="torn"):
                await served.finished
        finally:
            await served.stop()

    _run(work)


def test_stopping_is_quick_and_leaves_nothing_behind(capfd: pytest.CaptureFixture[str]) -> None:
    async def work() -> None:
        served = await _serve_plant(60.0)
        async with stock_client(served.url) as client:
            subscription = await client.create_subscription(50, Heard(1))
            await subscription.subscribe_data_change((await _variables(client))[:20], queuesize=10)
            async with asyncio.timeout(20):
                await served.stop()

    _run(work)
    assert "Traceback" not in capfd.readouterr().err
