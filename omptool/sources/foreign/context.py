"""What every reader of a foreign recording is given, and what it tells while it reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo

from omptool.sources.foreign.events import Events
from omptool.sources.foreign.points import Nodes
from omptool.sources.foreign.rejects import Rejects


@dataclass(frozen=True, slots=True)
class Options:
    """What a user says about files of other tools.

    Attributes:
        columns: role → column, for tables whose header does not tell.
        server: of rows that name none; None is the file's name.
        zone: of times without an offset; None is UTC.
        wants_telemetry: rows are asked for as telemetry: a table with one column per tag is taken as such.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    server: str | None = None
    zone: tzinfo | None = None
    wants_telemetry: bool = False


@dataclass(slots=True)
class Context:
    """One pass over one file.

    Attributes:
        bare_times: how many times had no offset and were read in `zone`.
        notes: what else a user should know, with how often it was so.
    """

    nodes: Nodes
    rejects: Rejects
    columns: Mapping[str, str] = field(default_factory=dict)
    zone: tzinfo = UTC
    on_bytes: Callable[[int], None] = lambda _: None
    bare_times: int = 0
    notes: dict[str, int] = field(default_factory=dict)
    events: Events = field(init=False)

    def __post_init__(self) -> None:
        self.events = Events(self.nodes, self.zone)

    def note(self, what: str, count: int = 1) -> None:
        """Count something a user should know that is no wrong row."""
        self.notes[what] = self.notes.get(what, 0) + count
