"""The closed sets of words in the columns of C2 and C3, so that no part spells one differently."""

from __future__ import annotations

from enum import StrEnum


class Origin(StrEnum):
    """How a row came to us."""

    LIVE = "live"
    INITIAL = "initial"
    REPUBLISHED = "republished"
    HISTORY = "history"
    POLLED = "polled"
    HEARTBEAT = "heartbeat"
    IMPORTED = "imported"


class TimeBasis(StrEnum):
    """Which stamp the column `time` shows."""

    SOURCE = "source"
    SERVER = "server"
    RECEIVE = "receive"


class GapReason(StrEnum):
    """Why values may be missing."""

    CONNECTION_LOST = "connection_lost"
    SERVER_RESTART = "server_restart"
    SEQUENCE_LOST = "sequence_lost"
    QUEUE_OVERFLOW = "queue_overflow"
    STALE = "stale"
    ITEM_FAILED = "item_failed"
    CLIENT_STOPPED = "client_stopped"
    CLIENT_SLOW = "client_slow"
    DISK_FULL = "disk_full"
    CLOCK_STEP = "clock_step"
    CORRUPT_SEGMENT = "corrupt_segment"
    RETENTION = "retention"


class GapState(StrEnum):
    """What is known of a gap: cause unknown, cause observed, or the whole window returned by history."""

    OPEN = "open"
    EXPLAINED = "explained"
    BACKFILLED = "backfilled"


class Quality(StrEnum):
    """The two top bits of a StatusCode."""

    GOOD = "Good"
    UNCERTAIN = "Uncertain"
    BAD = "Bad"


class MachineState(StrEnum):
    """What a machine does: MachineryItemState of OPC 40001-1, 8.3, and `Setup` for Executing in the mode Setup."""

    EXECUTING = "Executing"
    SETUP = "Setup"
    NOT_EXECUTING = "NotExecuting"
    OUT_OF_SERVICE = "OutOfService"
    NOT_AVAILABLE = "NotAvailable"


PACKML = {
    "Execute": MachineState.EXECUTING,
    **dict.fromkeys(
        (
            "Stopped", "Stopping", "Starting", "Idle", "Resetting", "Holding", "Held", "Unholding", "Suspending",
            "Suspended", "Unsuspending", "Completing", "Completed", "Complete",
        ),
        MachineState.NOT_EXECUTING,
    ),
    **dict.fromkeys(("Aborting", "Aborted", "Clearing"), MachineState.OUT_OF_SERVICE),
}  # fmt: skip
"""States of PackML (OPC 30050) in the words of OPC 40001-1; [states] of plant.toml wins."""

PACKML_NUMBERS = dict(
    enumerate(
        (
            "Clearing", "Stopped", "Starting", "Idle", "Suspended", "Execute", "Stopping", "Aborting", "Aborted",
            "Holding", "Held", "Unholding", "Suspending", "Unsuspending", "Resetting", "Completing", "Complete",
        ),
        1,
    )
)  # fmt: skip
"""StateCurrent of PackML (ISA-TR88.00.02): number → state."""

PROGRAM = {
    "Running": MachineState.EXECUTING,
    **dict.fromkeys(("Initializing", "Interrupted", "Ended"), MachineState.NOT_EXECUTING),
    "Aborted": MachineState.OUT_OF_SERVICE,
}
"""States of a machine tool's active program (OPC 40501-1), which older servers say in place of MachineryItemState."""
