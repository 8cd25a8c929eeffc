"""The options of `capture` about OPC UA events and alarms, and what they ask for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from omptool.capture.selecting.nodelist import EventsOf, Notifier, check, is_node_id
from omptool.errors import UsageError
from omptool.model.eventfields import MOST_FIELDS, EventWish, check_field
from omptool.model.path import Glob

if TYPE_CHECKING:
    from omptool.config import Config

EventsOption = Annotated[bool, typer.Option("--events", help="Record events and alarms too, all of each server.")]
EventSourceOption = Annotated[
    list[str] | None,
    typer.Option("--event-source", help="Events of objects whose path matches only; repeatable.", metavar="GLOB"),
]
EventFieldOption = Annotated[
    list[str] | None,
    typer.Option(
        "--event-field", help="One more field of each event: a path such as LimitState/CurrentState.", metavar="PATH"
    ),
]
EventTypeOption = Annotated[
    list[str] | None,
    typer.Option(
        "--event-type", help="Only events of this type and its subtypes: a NodeId; repeatable.", metavar="NODEID"
    ),
]
EventSeverityOption = Annotated[
    int | None,
    typer.Option("--event-severity", help="Only events of at least this severity.", metavar="N", min=1, max=1000),
]


@dataclass(frozen=True, slots=True)
class TypedEvents:
    """What was typed about events."""

    events: EventsOption = False
    event_source: EventSourceOption = None
    event_field: EventFieldOption = None
    event_type: EventTypeOption = None
    event_severity: EventSeverityOption = None

    def over(self, config: Config) -> TypedEvents:
        """With what the settings say where nothing was typed."""
        return TypedEvents(
            self.events or config["capture.events"],
            self.event_source or config["capture.event_source"],
            self.event_field or config["capture.event_field"],
            self.event_type or config["capture.event_type"],
            self.event_severity or config["capture.event_severity"],
        )

    def asked(self, listed: Sequence[Notifier] = ()) -> EventsOf | None:
        """What to watch; None where nothing asks for events.

        Raises:
            UsageError: a field, type or glob that is none.
        """
        sources, fields, types = self.event_source or (), self.event_field or (), self.event_type or ()
        if not (self.events or sources or fields or types or self.event_severity or listed):
            return None
        if len(fields) > MOST_FIELDS:
            raise UsageError(f"--event-field: more than {MOST_FIELDS} fields", "ask for fewer")
        for node_id in types:
            _check_type(node_id)
        for glob in sources:
            Glob(glob)
        wish = EventWish(tuple(map(check_field, fields)), tuple(types), self.event_severity or 0)
        return EventsOf(tuple(sources), wish, tuple(listed))


def _check_type(node_id: str) -> None:
    if not is_node_id(node_id) or node_id.startswith("ns="):
        hint = "write i=2915 for alarms, or nsu=<namespace uri>;i=<number>"
        raise UsageError(f"--event-type: {node_id!r} is no NodeId", hint)
    check(node_id)
