"""Which faults are tried: by name, as data."""

from __future__ import annotations

from tests.faults.faults import Fault, Kind

CASES: dict[str, tuple[Fault, ...]] = {
    "nothing": (),
    "reset": (Fault(Kind.RESET),),
    "hole": (Fault(Kind.HOLE, 2.0),),
    "freeze": (Fault(Kind.FREEZE, 1.0),),
    "long-freeze": (Fault(Kind.FREEZE, 4.5),),
}
