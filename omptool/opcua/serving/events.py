"""Alarms of our server: conditions without nodes, sent as events of the Server object, again on ConditionRefresh.

asyncua carries them; this makes its events of plain facts. A condition is retained while it is active, so whoever comes
late hears of it by a refresh.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from asyncua import ua
from asyncua.common.event_objects import AlarmCondition
from asyncua.server.event_generator import EventGenerator
from asyncua.ua.object_ids import ObjectIds

from omptool.opcua.serving.served import ServedAlarm

if TYPE_CHECKING:
    from collections.abc import Callable

    from asyncua.server.internal_server import InternalServer

    from omptool.opcua.serving.subscription import ServedSubscriptions

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_REFRESH = (ObjectIds.ConditionType_ConditionRefresh, ObjectIds.ConditionType_ConditionRefresh2)
_STANDARD = (ObjectIds.RefreshStartEventType, ObjectIds.RefreshEndEventType)


class Alarms:
    """Sends them."""

    def __init__(self, subscriptions: ServedSubscriptions, to_ua: Callable[[str], ua.NodeId]) -> None:
        self._subscriptions = subscriptions
        self._to_ua = to_ua

    async def put(self, alarm: ServedAlarm) -> None:
        """Tell every subscriber."""
        await self._subscriptions.trigger_event(self._event(alarm))

    def _event(self, alarm: ServedAlarm) -> Any:
        made: Any = AlarmCondition
        event = made(self._to_ua(alarm.source), alarm.message, alarm.severity)
        event.add_property("NodeId", self._to_ua(alarm.condition), ua.VariantType.NodeId)
        event.emitting_node = ua.NodeId(ua.Int32(ObjectIds.Server))
        event.EventId = uuid.uuid4().bytes
        event.SourceName, event.ConditionName = alarm.source_name, alarm.name
        event.Time = _EPOCH + timedelta(microseconds=alarm.time_ns // 1000)
        event.ReceiveTime = datetime.now(UTC)
        event.BranchId = ua.NodeId()
        event.Retain = alarm.is_active or not alarm.is_acked
        state = {"EnabledState/Id": True, "ActiveState/Id": alarm.is_active, "AckedState/Id": alarm.is_acked}
        event.__dict__.update(state | {"SuppressedOrShelved": False})
        event.ActiveState = ua.LocalizedText("Active" if alarm.is_active else "Inactive")
        event.AckedState = ua.LocalizedText("Acknowledged" if alarm.is_acked else "Unacknowledged")
        return event


async def install(internal: InternalServer, subscriptions: ServedSubscriptions) -> None:
    """Let the methods that refresh conditions speak of our subscriptions; asyncua has bound them to its own."""
    for method in _REFRESH:
        internal.isession.add_method_callback(ua.NodeId(ua.Int32(method)), subscriptions.condition_refresh)
    for kind in _STANDARD:
        generator = EventGenerator(internal.isession)
        await generator.init(kind, add_generates_event=False)
        subscriptions.standard_events[kind] = generator
