"""Which faults of the connection are tried: by name, as data."""

from __future__ import annotations

from tests.faults.chunks import HEADER, REQUEST_ID, SERVICE_RESULT, TYPE_ID
from tests.faults.faults import Fault, Kind, Way
from tests.faults.scenario import Step, disk_stalled, server_killed, server_stopped, volley

_ONE: dict[str, Fault] = {
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
}

_WAY_BACK: dict[str, str] = {
    "hello": "ACK", "channel": "OPN", "session": "CreateSessionResponse", "activation": "ActivateSessionResponse",
    "reading": "ReadResponse", "subscribing": "CreateSubscriptionResponse", "items": "CreateMonitoredItemsResponse",
    "republishing": "RepublishResponse", "transfer": "TransferSubscriptionsResponse",
}  # fmt: skip
"""Messages on the way back from a fault that another one hits."""

CASES: dict[str, tuple[Step, ...]] = {
    "nothing": (),
    **{name: (volley(fault),) for name, fault in _ONE.items()},
    "three-resets": (volley(_ONE["reset"]), volley(_ONE["reset"]), volley(Fault(Kind.RESET, pause_s=0.0))),
    "disk-stalled": (disk_stalled(3.0),),
    **{
        f"reset-then-cut-{name}": (
            volley(_ONE["reset"], Fault(Kind.TRUNCATE, way=Way.DOWN, message=message, offset=20)),
        )
        for name, message in _WAY_BACK.items()
    },
    **{
        f"reset-then-hole-{name}": (volley(_ONE["reset"], Fault(Kind.HOLE, 0.5, way=Way.DOWN, message=message)),)
        for name, message in _WAY_BACK.items()
    },
}

SERVER_CASES: dict[str, tuple[Step, ...]] = {
    "server-killed": (server_killed(1.0),),
    "server-stopped": (server_stopped(6.0),),
    "server-killed-and-stopped": (server_killed(0.0), server_stopped(6.0)),
}
"""These need a server of their own."""

HARMLESS = frozenset(CASES) | {"server-stopped", "clock-forward", "clock-back", "clock-to-and-fro"}
"""What must leave no window: session, subscription and queues outlive it, or Republish brings what was spoilt."""
