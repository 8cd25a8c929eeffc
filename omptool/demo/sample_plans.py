"""The samples that come with omptool, as facts: which machines are recorded how, when, and what goes wrong.

Everything that a recording would find out from clocks, random numbers or the computer it runs on is written down here,
so that the same bytes come out every time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from omptool.demo.plant import HOUR, LINES, MINUTE, SECOND, SHIFT, Line, Machine
from omptool.model.vocabulary import GapReason

SEED = 1
"""The plant that `omptool demo` serves without options."""

PUBLISHING = SECOND
"""Publishing interval; messages carry what happened since the one before."""


@dataclass(frozen=True)
class Session:
    """One connection to the server: messages from `start` to `end`, both included."""

    epoch: int
    start: int
    end: int


@dataclass(frozen=True)
class Outage:
    """Time without a connection.

    Attributes:
        last: when the last message was sent that arrived.
        back: when the connection is there again.
    """

    last: int
    back: int
    reason: GapReason = GapReason.CONNECTION_LOST
    cause: str = "connection reset by peer"

    @property
    def gap(self) -> tuple[int, int]:
        """[start, end) in which values may be missing: from one publishing interval before the last message."""
        return self.last - PUBLISHING, self.back


@dataclass(frozen=True)
class Recording:
    """One sample. Times are Unix nanoseconds.

    Attributes:
        name: of its folder and its capture.
        title: for people.
        line, machines: whose signals.
        start, end: what it is about; the recording begins ten seconds earlier and ends ten seconds later.
        host, server: name of the computer with the OPC UA server, and of the server in omptool.toml.
        token: random part of the capture's id.
        run: stands in the names of the lake's data files.
        left_out: signals that nobody selected.
        slowed: sampling intervals that the server grants for some; all else it reports with every change.
        outages: in order.
        clock_ahead: how far the server's clock is ahead, and until when (true time); then it is set.
        packml: the server speaks PackML, see `sample_packml`.
        events: the server's alarms are recorded, see `sample_events`.
        plant_toml: the plant model beside it.
    """

    name: str
    title: str
    line: Line
    machines: tuple[Machine, ...]
    start: int
    end: int
    host: str
    server: str
    token: str
    run: str
    plant_toml: str
    left_out: frozenset[str] = frozenset()
    slowed: Mapping[str, int] = field(default_factory=dict)
    outages: tuple[Outage, ...] = ()
    clock_ahead: tuple[int, int] = (0, 0)
    packml: bool = False
    events: bool = False

    @property
    def capture_start(self) -> int:
        return self.start - 10 * SECOND

    @property
    def capture_end(self) -> int:
        return self.end + 10 * SECOND

    @property
    def gaps(self) -> list[tuple[int, int]]:
        return [outage.gap for outage in self.outages]

    @property
    def sessions(self) -> list[Session]:
        starts = [self.capture_start, *(outage.back for outage in self.outages)]
        ends = [*(outage.last for outage in self.outages), self.capture_end]
        return [Session(epoch, *ends) for epoch, ends in enumerate(zip(starts, ends, strict=True), 1)]

    @property
    def uri(self) -> str:
        return f"urn:{self.host}:LineServer"

    def stamp(self, time_ns: int) -> int:
        """What the server's clock shows."""
        ahead, until = self.clock_ahead
        return time_ns + ahead if time_ns < until else time_ns


_FAST = frozenset({"PressForce", "HydraulicPressure", "BeltSpeed", "AirPressure", "SpindleSpeed", "SpindleLoad"})
"""With them a shift would be twenty times as large."""

_MONDAY = 1_794_808_800 * SECOND
"""2026-11-16 06:00 UTC, when a shift begins."""

_ROLES = """\

# Which tags the analyses read. These are the names of OPC 40001-1 (Machinery), which omptool knows without being told.
[roles]
mode = "MachineryOperationMode/CurrentState"
good = "GoodCount"
scrap = "ScrapCount"
rework = "ReworkCount"
ideal = "IdealCycleTime"
"""
_SITE = """\
# Where the machines stand, the server of the line says itself (ISA-95 and Machinery).
# What it does not say is the time zone of the site.
site = "Riverside"
time_zone = "Europe/London"
"""
_SHIFTS = """\

[[shift]]
name = "early"
start = "06:00"
end = "14:00"

[[shift]]
name = "late"
start = "14:00"
end = "22:00"

[[shift]]
name = "night"
start = "22:00"
end = "06:00"
"""
_PACKML = """\
site = "Riverside"
time_zone = "Europe/London"

# The packers say the states of PackML, which omptool knows. Two of them mean something of their own on this line:
[states]
Stopped = "NotAvailable"    # only in breaks and at handover, which are planned
Idle = "Setup"              # the line is set up in this state

[roles]
state = "Status/StateCurrent"
reason = "Status/StopReason"
product = "Status/RecipeName"
good = "Admin/ProdGoodCount"
scrap = "Admin/ProdDefectiveCount"
rework = "Admin/ProdReworkCount"
alarm = "Admin/AlarmCode"
power = "Energy/ActivePower"

# No tag says how long a package should take: seconds per product.
[ideal_cycle]
"Bracket A" = 4.8
"Bracket B" = 5.52
"Hinge C" = 4.32
"Housing M4" = 8.0
"Housing M6" = 10.0
"Flange K" = 6.8
"""

PRESS_LINE = Recording(
    name="press-line",
    title="one shift of a press line: two presses and a packer",
    line=LINES[0], machines=LINES[0].machines, start=_MONDAY, end=_MONDAY + SHIFT,
    host="line1.riverside.example", server="line1", token="7d0c2e91ab54", run="5f1e0c7a93d28b46",
    plant_toml=_SITE + _ROLES,
    left_out=frozenset({"PressForce", "HydraulicPressure", "BeltSpeed", "AirPressure"}),
    slowed={"Power": 5 * SECOND, "Vibration": 10 * SECOND, "VibrationSpectrum": MINUTE},
    # the connection breaks after 09:28:13; at 09:34:36 it is there again
    outages=(Outage(_MONDAY + 208 * MINUTE + 13 * SECOND, _MONDAY + 214 * MINUTE + 36 * SECOND),),
)  # fmt: skip

CNC_CELL = Recording(
    name="cnc-cell",
    title="two CNC machines, a worn tool",
    line=LINES[1], machines=LINES[1].machines[:2], start=_MONDAY + 16 * HOUR, end=_MONDAY + 32 * HOUR,
    host="line2.riverside.example", server="line2", token="3b91d0f6e2c8", run="c40e7715ba9d2f63",
    plant_toml=_SITE + _SHIFTS + _ROLES,
    left_out=_FAST | {"Vibration", "VibrationSpectrum", "LastPart", "LastPartTime", "DoorClosed", "FeedOverride"},
    slowed={"Power": 10 * SECOND, "TemperatureSpindle": 30 * SECOND, "TemperatureCoolant": MINUTE},
)  # fmt: skip

PACKAGING_LINE = Recording(
    name="packaging-line",
    title="two packers that say PackML",
    line=LINES[0], machines=(LINES[0].machines[2], LINES[1].machines[2]), start=_MONDAY + 24 * HOUR,
    end=_MONDAY + 24 * HOUR + SHIFT, host="packaging.riverside.example", server="packaging", token="e58a41c7093f",
    run="91b3d5f07a2c4e68", plant_toml=_PACKML, packml=True,
    slowed={"Power": 10 * SECOND, "TemperatureSeal": 30 * SECOND},
)  # fmt: skip

_WEDNESDAY = _MONDAY + 48 * HOUR
FAULT_DAY = Recording(
    name="fault-day",
    title="a day of gaps and faults",
    line=LINES[0], machines=LINES[0].machines, start=_WEDNESDAY, end=_WEDNESDAY + 3 * SHIFT,
    host="line1.riverside.example", server="line1", token="a2f4679c1d30", run="2d86f1c95b07ea34",
    plant_toml=_SITE + _SHIFTS + _ROLES,
    left_out=_FAST | {
        "Vibration", "VibrationSpectrum", "LastPartTime", "CycleTime", "PeakForce", "PackageWeight", "DoorClosed",
    },
    slowed={
        "GoodCount": MINUTE, "Power": 30 * SECOND, "TemperatureOil": MINUTE, "TemperatureTool": MINUTE,
        "TemperatureSeal": 10 * SECOND, "TemperatureMotor": MINUTE,
    },
    outages=(
        Outage(_WEDNESDAY + 5 * HOUR + 2 * MINUTE, _WEDNESDAY + 5 * HOUR + 6 * MINUTE),
        Outage(_WEDNESDAY + 10 * HOUR + 40 * MINUTE, _WEDNESDAY + 10 * HOUR + 52 * MINUTE, GapReason.SERVER_RESTART,
               "the server's StartTime changed"),
        Outage(_WEDNESDAY + 20 * HOUR + 10 * MINUTE, _WEDNESDAY + 20 * HOUR + 11 * MINUTE + 35 * SECOND),
    ),
    clock_ahead=(90 * SECOND, _WEDNESDAY + 4 * HOUR + 40 * MINUTE), events=True,
)  # fmt: skip

RECORDINGS = (PRESS_LINE, CNC_CELL, PACKAGING_LINE, FAULT_DAY)
