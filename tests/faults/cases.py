"""What is tried: faults of the connection, what else can go wrong, and both at once; by name, as data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from tests.faults.chunks import HEADER, REQUEST_ID, SERVICE_RESULT, TYPE_ID
from tests.faults.clients import (
    as_process,
    clock_set,
    killed,
    killed_and_resumed,
    starved,
    starved_and_resumed,
    stood_still,
)
from tests.faults.faults import Fault, Kind, Way
from tests.faults.scenario import Capturing, in_process
from tests.faults.steps import Step, disk_stalled, during, server_clock_set, server_killed, server_stopped, volley

ONE: dict[str, Fault] = {
    # the connection ends
    "reset": Fault(Kind.RESET),
    "reset-for-a-while": Fault(Kind.RESET, 1.5),
    "close": Fault(Kind.CLOSE),
    "refuse": Fault(Kind.REFUSE, 2.0),
    "reset-at-publish": Fault(Kind.RESET, way=Way.DOWN, message="PublishResponse", count=3),
    "reset-at-acknowledge": Fault(Kind.RESET, way=Way.UP, message="PublishRequest", count=2),
    # the connection stands, and nothing comes
    "hole": Fault(Kind.HOLE, 2.0),
    "long-hole": Fault(Kind.HOLE, 6.0),
    "hole-down": Fault(Kind.HOLE, 2.0, Way.DOWN),
    "hole-up": Fault(Kind.HOLE, 2.0, Way.UP),
    "half-open": Fault(Kind.HOLE, 0.05),
    "freeze": Fault(Kind.FREEZE, 1.0),
    "freeze-down": Fault(Kind.FREEZE, 1.0, Way.DOWN),
    "freeze-up": Fault(Kind.FREEZE, 1.0, Way.UP),
    "long-freeze": Fault(Kind.FREEZE, 4.5),
    "long-freeze-up": Fault(Kind.FREEZE, 4.5, Way.UP),
    "long-freeze-down": Fault(Kind.FREEZE, 4.5, Way.DOWN),
    # it comes slowly
    "delay": Fault(Kind.DELAY, 2.0, delay_s=0.4),
    "delay-beyond-time-out": Fault(Kind.DELAY, 3.0, delay_s=1.8),
    "drip": Fault(Kind.DRIP, 2.0, Way.DOWN, drip_bytes=16, drip_s=0.01),
    "drip-too-slow": Fault(Kind.DRIP, 4.0, Way.DOWN, drip_bytes=4, drip_s=0.1),
    # it comes broken
    "truncate-publish": Fault(Kind.TRUNCATE, way=Way.DOWN, message="PublishResponse", offset=60),
    "truncate-header": Fault(Kind.TRUNCATE, way=Way.DOWN, message="PublishResponse", offset=5),
    "truncate-request": Fault(Kind.TRUNCATE, way=Way.UP, message="PublishRequest", offset=30),
    "corrupt-kind": Fault(Kind.CORRUPT, way=Way.DOWN, message="PublishResponse", offset=0),
    "corrupt-size": Fault(Kind.CORRUPT, way=Way.DOWN, message="PublishResponse", offset=4),
    "corrupt-big-size": Fault(Kind.CORRUPT, way=Way.DOWN, message="PublishResponse", offset=7),
    "corrupt-channel": Fault(Kind.CORRUPT, way=Way.DOWN, message="PublishResponse", offset=HEADER),
    "corrupt-sequence": Fault(Kind.CORRUPT, way=Way.DOWN, message="PublishResponse", offset=REQUEST_ID - 4),
    "corrupt-request-id": Fault(Kind.CORRUPT, way=Way.DOWN, message="PublishResponse", offset=REQUEST_ID),
    "corrupt-type": Fault(Kind.CORRUPT, way=Way.DOWN, message="PublishResponse", offset=TYPE_ID + 2),
    "corrupt-result": Fault(Kind.CORRUPT, way=Way.DOWN, message="PublishResponse", offset=SERVICE_RESULT + 3),
    "corrupt-tail": Fault(Kind.CORRUPT, way=Way.DOWN, message="PublishResponse", offset=-9),
    "corrupt-request": Fault(Kind.CORRUPT, way=Way.UP, message="PublishRequest", offset=TYPE_ID + 2),
    # the secure channel is renewed just then
    "cut-renewal": Fault(Kind.TRUNCATE, way=Way.DOWN, message="OPN", offset=20),
    "cut-renewal-request": Fault(Kind.TRUNCATE, way=Way.UP, message="OPN", offset=20),
    "corrupt-renewal": Fault(Kind.CORRUPT, way=Way.DOWN, message="OPN", offset=HEADER),
    "hole-at-renewal": Fault(Kind.HOLE, 2.0, message="OPN"),
    "freeze-at-renewal": Fault(Kind.FREEZE, 1.0, message="OPN"),
    "freeze-beyond-renewal": Fault(Kind.FREEZE, 4.5, message="OPN"),
}

_WAY_BACK: dict[str, str] = {
    "hello": "ACK", "channel": "OPN", "session": "CreateSessionResponse", "activation": "ActivateSessionResponse",
    "reading": "ReadResponse", "subscribing": "CreateSubscriptionResponse", "items": "CreateMonitoredItemsResponse",
    "republishing": "RepublishResponse", "transfer": "TransferSubscriptionsResponse",
}  # fmt: skip
"""Messages on the way back from a fault that another one hits."""

KINDS: dict[str, Fault] = {
    "drop": ONE["reset"],
    "black hole": ONE["hole"],
    "freeze": ONE["freeze"],
    "delay": ONE["delay"],
    "truncate": ONE["truncate-publish"],
    "corrupt": ONE["corrupt-size"],
    "slow drip": ONE["drip"],
}
"""One of each kind, to meet everything else."""


class Windows(Enum):
    """Whether a capture must have windows."""

    NONE = "none"
    """Session, subscription and queues outlive it, or Republish brings what was spoilt."""
    SOME = "some"
    """Nobody could have had the values."""
    PERHAPS = "perhaps"
    """It depends on who is quicker."""


@dataclass(frozen=True)
class Harm:
    """What else can go wrong.

    Attributes:
        capturing: a process of its own where the harm is done to that.
        is_of_server: it needs a server of its own.
        told: kind of journal entry that must tell of it; empty = none.
    """

    step: Step
    windows: Windows = Windows.NONE
    capturing: Capturing = in_process
    is_of_server: bool = False
    told: str = ""


HARMS: dict[str, Harm] = {
    "server killed": Harm(server_killed(1.0), Windows.SOME, is_of_server=True),
    "client killed": Harm(killed_and_resumed(0.5), Windows.PERHAPS, as_process()),
    "disk full": Harm(starved, Windows.SOME, as_process()),
    "disk stalled": Harm(disk_stalled(3.0), told="slow_disk"),
    "server's clock": Harm(server_clock_set(30.0, -30.0, 0.0), is_of_server=True, told="clock_step"),
    "own clock": Harm(clock_set(3600.0, -30.0, 0.0), capturing=as_process(), told="clock_step"),
}


@dataclass(frozen=True)
class Case:
    """One capture: what goes wrong in it, one after the other, each shifted by chance; the rest as in `Harm`."""

    steps: tuple[Step, ...]
    windows: Windows = Windows.NONE
    capturing: Capturing = in_process
    is_of_server: bool = False
    told: str = ""


def _alone(harm: Harm) -> Case:
    return Case((harm.step,), harm.windows, harm.capturing, harm.is_of_server, harm.told)


def both(kind: str, harm: str) -> Case:
    """A fault of the connection, and a harm while it goes on."""
    its = HARMS[harm]
    told = "" if (kind, harm) == ("black hole", "disk stalled") else its.told  # nothing is to be written meanwhile
    return Case((during(KINDS[kind], its.step),), its.windows, its.capturing, its.is_of_server, told)


def _again(first: str, make: Callable[[str], Fault], messages: Sequence[tuple[str, str]]) -> dict[str, Case]:
    return {name: Case((volley(ONE[first], make(message)),)) for name, message in messages}


def _cut(message: str) -> Fault:
    return Fault(Kind.TRUNCATE, way=Way.DOWN, message=message, offset=20)


def _swallow(message: str) -> Fault:
    return Fault(Kind.HOLE, 0.5, way=Way.DOWN, message=message)


_EXPIRING = as_process("--backfill", lifetime_s=2.0)
"""The server gives the subscription up during a long fault, and may have a history."""

CASES: dict[str, Case] = {
    "nothing": Case(()),
    **{name: Case((volley(fault),)) for name, fault in ONE.items()},
    "three-resets": Case((volley(ONE["reset"]), volley(ONE["reset"]), volley(Fault(Kind.RESET, pause_s=0.0)))),
    **_again("reset", _cut, [(f"reset-then-cut-{name}", message) for name, message in _WAY_BACK.items()]),
    **_again("reset", _swallow, [(f"reset-then-hole-{name}", message) for name, message in _WAY_BACK.items()]),
    **{name.replace(" ", "-"): _alone(harm) for name, harm in HARMS.items()},
    "client-killed-for-good": Case((killed,), Windows.SOME, as_process()),
    "disk-full-and-resumed": Case((starved_and_resumed,), Windows.PERHAPS, as_process()),
    "server-stopped": Case((server_stopped(6.0),), is_of_server=True),
    "server-killed-and-stopped": Case((server_killed(0.0), server_stopped(6.0)), Windows.SOME, is_of_server=True),
    "client-stood-still": Case((stood_still(2.5),), capturing=as_process(), told="client_slow"),
    "client-stood-still-for-long": Case((stood_still(6.0),), capturing=as_process(), told="client_slow"),
    "server-back-behind": Case(
        (server_killed(0.5, ahead_s=-30.0),), Windows.SOME, is_of_server=True, told="clock_step"
    ),
    "server-back-ahead": Case((server_killed(0.5, ahead_s=30.0),), Windows.SOME, is_of_server=True, told="clock_step"),
    "expired": Case((volley(ONE["long-hole"]),), Windows.SOME, _EXPIRING),
    "expired-then-cut-history": Case((volley(ONE["long-hole"], _cut("HistoryReadResponse")),), Windows.SOME, _EXPIRING),
    "expired-then-hole-history": Case(
        (volley(ONE["long-hole"], _swallow("HistoryReadResponse")),), Windows.SOME, _EXPIRING
    ),
    **{f"{harm} during {kind}": both(kind, harm) for harm in HARMS for kind in KINDS},
}
