"""A stock asyncua server, run as a process of its own, whose variables count up; it notes what a client acknowledged.

Usage: counting_server.py OPTIONS-AS-JSON. Prints one JSON line with `url`.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from asyncua import Server, ua
from asyncua.common.utils import ServiceError
from asyncua.server.history import HistoryDict
from asyncua.server.internal_subscription import InternalSubscription
from asyncua.server.monitored_item_service import MonitoredItemService

NAMESPACE = "urn:test:counting"


@dataclass(frozen=True)
class Options:
    """What the server does.

    Attributes:
        counters: variables Line1/Counter0 …, each counting 0, 1, 2 …
        period_s: between two steps; every step writes every counter.
        limit: CreateMonitoredItems with more items is refused; 0 = none.
        states_limit: whether OperationLimits says so.
        refused: counters whose monitoring is refused with BadUserAccessDenied.
        queue: queue size granted at most.
        sampling_ms: sampling interval granted; stock asyncua says the publishing interval, though it samples nothing.
        swallow: every so many messages one is not sent, though the server thinks it was; 0 = none.
        forgets: whether a swallowed message cannot be had by Republish either.
        prefix: of the identifiers of its counters.
        fillers: namespaces before its own, so that its indexes are others.
        port: to listen on; 0 is a free one.
        uri: its ApplicationUri.
        truth: file for `NUMBER UNIX_NS`, a line per step.
        history: "" for none, `kept`, `sampled` every tenth value, `breaks` after the first page.
        grows: file; as soon as it is there another counter comes, and the first one goes.
        acknowledged: file for `CLIENT_HANDLE VALUE` of everything acknowledged.
    """

    counters: int = 5
    period_s: float = 0.005
    limit: int = 0
    states_limit: bool = False
    refused: tuple[int, ...] = ()
    queue: int = 10_000
    sampling_ms: float = 0.0
    swallow: int = 0
    forgets: bool = False
    prefix: str = ""
    fillers: int = 0
    port: int = 0
    truth: str = ""
    uri: str = "urn:test:counting:server"
    acknowledged: str = ""
    history: str = ""
    grows: str = ""

    def text(self) -> str:
        return json.dumps(asdict(self))


def install(options: Options) -> None:
    """Give asyncua the traits that `options` name."""
    _install_items(options)
    _install_messages(options)
    _install_history(options)


def _install_items(options: Options) -> None:
    create_all = MonitoredItemService.create_monitored_items
    create_one = MonitoredItemService._create_data_change_monitored_item

    make_common = MonitoredItemService._make_monitored_item_common

    def granting(self: Any, params: Any) -> Any:
        result, item = make_common(self, params)
        result.RevisedSamplingInterval = options.sampling_ms
        return result, item

    async def limited(self: Any, params: Any) -> Any:
        if options.limit and len(params.ItemsToCreate) > options.limit:
            raise ServiceError(ua.StatusCodes.BadTooManyOperations)
        return await create_all(self, params)

    async def refusing(self: Any, params: Any) -> Any:
        name = params.ItemToMonitor.NodeId.Identifier
        if name in {f"Counter{number}" for number in options.refused}:
            return ua.MonitoredItemCreateResult(StatusCode=ua.StatusCode(ua.StatusCodes.BadUserAccessDenied))
        return await create_one(self, params)

    MonitoredItemService._make_monitored_item_common = granting  # type: ignore[method-assign]
    MonitoredItemService.create_monitored_items = limited  # type: ignore[method-assign]
    MonitoredItemService._create_data_change_monitored_item = refusing  # type: ignore[method-assign]
    MonitoredItemService._revise_queue_size = (  # type: ignore[method-assign]
        lambda self, requested: min(requested, options.queue)
    )


def _install_messages(options: Options) -> None:
    publish = InternalSubscription.publish
    pop = InternalSubscription._pop_publish_result

    def noting(self: Any, acks: Any) -> None:
        with Path(options.acknowledged).open("a") as file:
            for number in acks:
                for notification in self._not_acknowledged_results[number].NotificationMessage.NotificationData:
                    for item in notification.MonitoredItems:
                        file.write(f"{item.ClientHandle} {item.Value.Value.Value}\n")
        publish(self, acks)

    def swallowing(self: Any) -> Any:
        result = pop(self)
        number = result.NotificationMessage.SequenceNumber
        if not options.swallow or not result.NotificationMessage.NotificationData or number % options.swallow:
            return result
        if options.forgets:
            del self._not_acknowledged_results[number]
        return pop(self)  # a keep-alive now, with the next number

    InternalSubscription._pop_publish_result = swallowing  # type: ignore[method-assign]
    if options.acknowledged:
        InternalSubscription.publish = noting  # type: ignore[method-assign]


def _install_history(options: Options) -> None:
    save, read = HistoryDict.save_node_value, HistoryDict.read_node_history
    HistoryDict.__init__.__defaults__ = (100,)  # values of one answer

    async def sampling(self: Any, node_id: Any, value: Any) -> None:
        if value.Value.Value % 10 == 0:
            await save(self, node_id, value)

    pages: dict[Any, int] = {}

    async def breaking(self: Any, node_id: Any, *window: Any) -> Any:
        pages[node_id] = pages.get(node_id, 0) + 1
        if pages[node_id] > 1:
            raise ServiceError(ua.StatusCodes.BadHistoryOperationInvalid)
        return await read(self, node_id, *window)

    if options.history == "sampled":
        HistoryDict.save_node_value = sampling  # type: ignore[method-assign]
    if options.history == "breaks":
        HistoryDict.read_node_history = breaking  # type: ignore[method-assign]


async def main(options: Options) -> None:
    install(options)
    server = Server()
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{options.port}/counting")
    await server.set_application_uri(options.uri)
    for number in range(options.fillers):
        await server.register_namespace(f"urn:test:filler:{number}")
    namespace = await server.register_namespace(NAMESPACE)
    line = await server.nodes.objects.add_folder(ua.NodeId("Line1", namespace), ua.QualifiedName("Line1", namespace))
    counters = [
        await line.add_variable(
            ua.NodeId(f"{options.prefix}Counter{number}", namespace),
            ua.QualifiedName(f"Counter{number}", namespace),
            0.0,
        )
        for number in range(options.counters)
    ]
    if options.states_limit:
        node = server.get_node(ua.ObjectIds.Server_ServerCapabilities_OperationLimits_MaxMonitoredItemsPerCall)
        await node.write_value(ua.Variant(options.limit, ua.VariantType.UInt32))
    await server.start()
    for counter in counters if options.history else ():
        await server.historize_node_data_change(counter, period=None)
    port = server.bserver._server.sockets[0].getsockname()[1]
    print(json.dumps({"url": f"opc.tcp://127.0.0.1:{port}/counting"}), flush=True)  # noqa: T201
    truth = Path(options.truth).open("w") if options.truth else None  # noqa: SIM115, ASYNC230  as long as we live
    number = 0
    while True:
        number += 1
        if options.grows and Path(options.grows).exists():  # noqa: ASYNC240  a few bytes, now and then
            options = replace(options, grows="")
            names = (
                ua.NodeId(f"Counter{len(counters)}", namespace),
                ua.QualifiedName(f"Counter{len(counters)}", namespace),
            )
            counters.append(await line.add_variable(*names, 0.0))
            await server.delete_nodes([counters.pop(0)])
        now = datetime.now(UTC)
        if truth:
            truth.write(f"{number} {round(now.timestamp() * 1e6) * 1000}\n")
            truth.flush()
        for counter in counters:
            value = ua.Variant(float(number), ua.VariantType.Double)
            await counter.write_value(ua.DataValue(value, SourceTimestamp=now, ServerTimestamp=now))
        await asyncio.sleep(options.period_s)


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    given = json.loads(sys.argv[1])
    asyncio.run(main(Options(**given | {"refused": tuple(given["refused"])})))
