"""What the plant is made of: machines, products, rates, and the signals each machine has. Nothing happens here."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from omptool.model.builtin import BuiltinType

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 3600 * SECOND

NAMESPACE = "urn:omptool:demo:plant"
APPLICATION_URI = "urn:omptool:demo"
SITE = "Riverside"


class State(IntEnum):
    """What a machine does; the names are the EnumStrings of its data type."""

    PlannedStop = 0
    Producing = 1
    Starved = 2
    Blocked = 3
    MicroStop = 4
    Breakdown = 5
    Changeover = 6


ITEM_STATES = {
    State.PlannedStop: "NotAvailable",
    State.Producing: "Executing",
    State.Starved: "NotExecuting",
    State.Blocked: "NotExecuting",
    State.MicroStop: "NotExecuting",
    State.Breakdown: "OutOfService",
    State.Changeover: "Executing",
}
"""MachineryItemState of OPC 40001-1, 8.3."""

OPERATION_MODES = {
    State.PlannedStop: "None",
    State.Producing: "Processing",
    State.Starved: "Processing",
    State.Blocked: "Processing",
    State.MicroStop: "Processing",
    State.Breakdown: "Maintenance",
    State.Changeover: "Setup",
}
"""MachineryOperationMode of OPC 40001-1, 8.4."""


class Outcome(IntEnum):
    """What became of a part."""

    Good = 0
    Scrap = 1
    Rework = 2


@dataclass(frozen=True)
class Unit:
    """EngineeringUnits: text and UNECE code; the unit id is the code's bytes as a number (Part 8, 5.6.4.3)."""

    text: str
    code: str

    @property
    def id(self) -> int:
        return int.from_bytes(self.code.encode("ascii"), "big")


CELSIUS = Unit("°C", "CEL")
KILOWATT = Unit("kW", "KWT")
SECONDS = Unit("s", "SEC")
MILLIMETRES_PER_SECOND = Unit("mm/s", "C16")
KILONEWTON = Unit("kN", "B47")
BAR = Unit("bar", "BAR")
PER_MINUTE = Unit("1/min", "C94")
PERCENT = Unit("%", "P1")
MILLIMETRE = Unit("mm", "MMT")
GRAM = Unit("g", "GRM")
METRES_PER_SECOND = Unit("m/s", "MTS")


@dataclass(frozen=True)
class Sampled:
    """How a measured signal behaves.

    Attributes:
        period_ns: time between samples; a sample equal to the one before is no change and is not reported.
        producing, waiting, stopped: level while producing, while running empty (starved, blocked, micro-stop,
            changeover), and while switched off (breakdown, planned stop).
        noise: standard deviation while producing; a tenth of it while waiting, none while stopped, unless
            `always_noisy`.
        decimals: resolution of the sensor.
        lag_s: time constant of a first-order lag, for temperatures.
        drift: added per day of wear, on machines that wear.
        always_noisy: the sensor's own noise, also when nothing moves.
    """

    period_ns: int
    producing: float
    waiting: float
    stopped: float
    noise: float
    decimals: int
    lag_s: float = 0.0
    drift: float = 0.0
    always_noisy: bool = False


@dataclass(frozen=True)
class Signal:
    """One Variable of a machine.

    Attributes:
        name: BrowseName, or a path of two below a companion specification's object.
        type: built-in type on the wire.
        about: description for people.
        unit, low, high: EngineeringUnits and EURange.
        sampled: how it is measured; None when it follows from what the machine does.
        length: elements of an array, 0 for a scalar.
        is_setpoint: clients may write it; the plant goes on as if they had not, and sets it again with the next order.
    """

    name: str
    type: BuiltinType
    about: str
    unit: Unit | None = None
    low: float | None = None
    high: float | None = None
    sampled: Sampled | None = None
    length: int = 0
    is_setpoint: bool = False


_T = BuiltinType
COMMON = (
    Signal("State", _T.Int32, "What the machine does"),
    Signal("StateReason", _T.String, "Why it does not produce"),
    Signal("MachineryItemState/CurrentState", _T.LocalizedText, "State in the terms of OPC 40001-1"),
    Signal("MachineryOperationMode/CurrentState", _T.LocalizedText, "Operation mode in the terms of OPC 40001-1"),
    Signal("AlarmCode", _T.UInt16, "Number of the alarm that stopped the machine, 0 for none"),
    Signal("DoorClosed", _T.Boolean, "Guard door"),
    Signal("Product", _T.String, "Product being made"),
    Signal("Order", _T.String, "Order being worked on"),
    Signal("GoodCount", _T.UInt32, "Good parts since 06:00 UTC"),
    Signal("ScrapCount", _T.UInt32, "Scrapped parts since 06:00 UTC"),
    Signal("ReworkCount", _T.UInt32, "Parts to be reworked since 06:00 UTC"),
    Signal("LastPartTime", _T.DateTime, "When the last part was finished"),
    Signal("CycleTime", _T.Double, "Machining time of the last part, stops excluded", SECONDS, 0, 60),
    Signal("IdealCycleTime", _T.Double, "Shortest cycle time of the product on this machine", SECONDS, 0, 60),
)

SPECTRUM = Signal(
    "VibrationSpectrum", _T.Double, "Vibration velocity in 16 bands of 125 Hz", MILLIMETRES_PER_SECOND, 0, 20,
    Sampled(5 * SECOND, 1.0, 0.0, 0.0, 0.2, 3), length=16,
)  # fmt: skip


def _power(producing: float, waiting: float, stopped: float) -> Signal:
    behaviour = Sampled(SECOND // 2, producing, waiting, stopped, 0.04 * producing, 2, always_noisy=True)
    return Signal("Power", _T.Double, "Active power", KILOWATT, 0, 2 * producing, behaviour)


def _vibration(level: float) -> Signal:
    behaviour = Sampled(SECOND // 10, level, 0.1 * level, 0.0, 0.15 * level, 3)
    return Signal("Vibration", _T.Double, "Vibration velocity (RMS)", MILLIMETRES_PER_SECOND, 0, 10 * level, behaviour)


def _temperature(
    name: str, about: str, hot: float, warm: float, high: float, lag_s: float, drift: float = 0.0
) -> Signal:
    behaviour = Sampled(2 * SECOND, hot, warm, 24.0, 0.15, 2, lag_s=lag_s, drift=drift, always_noisy=True)
    return Signal(name, _T.Double, about, CELSIUS, 0, high, behaviour)


PRESS_SIGNALS = (
    _power(38.0, 6.0, 0.6),
    _vibration(4.0),
    _temperature("TemperatureOil", "Hydraulic oil", 58.0, 45.0, 120, 900),
    _temperature("TemperatureTool", "Die", 74.0, 40.0, 250, 420),
    Signal("PressForce", _T.Double, "Ram force", KILONEWTON, 0, 2500, Sampled(SECOND // 5, 1200.0, 0.0, 0.0, 90.0, 1)),
    Signal(
        "HydraulicPressure",
        _T.Float,
        "Hydraulic pressure",
        BAR,
        0,
        315,
        Sampled(SECOND // 2, 210.0, 160.0, 0.0, 4.0, 2),
    ),
    Signal("PeakForce", _T.Double, "Peak force of the last part", KILONEWTON, 0, 2500),
    SPECTRUM,
)
FEED, LAST_PART = "FeedOverride", "LastPart"
CNC_SIGNALS = (
    _power(14.0, 3.5, 0.4),
    _vibration(1.6),
    _temperature("TemperatureSpindle", "Spindle bearing; creeps up with tool wear", 46.0, 34.0, 120, 1200, drift=18.0),
    _temperature("TemperatureCoolant", "Coolant", 27.0, 24.5, 60, 1800),
    Signal(
        "SpindleSpeed",
        _T.Double,
        "Spindle speed",
        PER_MINUTE,
        0,
        12000,
        Sampled(SECOND // 5, 7200.0, 600.0, 0.0, 40.0, 0),
    ),
    Signal("SpindleLoad", _T.Float, "Spindle load", PERCENT, 0, 150, Sampled(SECOND // 2, 62.0, 4.0, 0.0, 6.0, 2)),
    Signal("BoreDiameter", _T.Double, "Bore of the last part, nominal 25 mm, limits ±0.02", MILLIMETRE, 24.9, 25.1),
    Signal(FEED, _T.Double, "Feed asked for, of the programmed one", PERCENT, 0, 150, is_setpoint=True),
    Signal(LAST_PART, _T.ExtensionObject, "All about the last part"),
    SPECTRUM,
)
PACKER_SIGNALS = (
    _power(5.5, 1.8, 0.2),
    _vibration(0.8),
    _temperature("TemperatureSeal", "Sealing jaw", 182.0, 168.0, 250, 240),
    _temperature("TemperatureMotor", "Main drive", 52.0, 38.0, 120, 900),
    Signal(
        "BeltSpeed", _T.Double, "Belt speed", METRES_PER_SECOND, 0, 2, Sampled(SECOND // 5, 0.65, 0.2, 0.0, 0.01, 3)
    ),
    Signal("AirPressure", _T.Float, "Compressed air", BAR, 0, 10, Sampled(SECOND // 2, 6.1, 6.3, 6.4, 0.05, 2)),
    Signal("PackageWeight", _T.Double, "Weight of the last package", GRAM, 0, 2000),
    SPECTRUM,
)


@dataclass(frozen=True)
class Kind:
    """A kind of machine: its signals, what stops it, and what is measured on each part."""

    name: str
    model: str
    signals: tuple[Signal, ...]
    breakdowns: tuple[str, ...]
    micro_stops: tuple[str, ...]
    changeover_min: tuple[float, float]
    part_signal: str
    part_nominal: float
    part_noise: float
    part_decimals: int
    part_drift: float = 0.0

    def alarm_code(self, reason: str) -> int:
        """Number of a stop reason: breakdowns from 100, micro-stops from 200; 0 for anything else."""
        if reason in self.breakdowns:
            return 100 + self.breakdowns.index(reason)
        return 200 + self.micro_stops.index(reason) if reason in self.micro_stops else 0


PRESS = Kind(
    "Press", "HP-250", COMMON + PRESS_SIGNALS,
    ("Hydraulic pressure low", "Die damaged", "Light curtain fault", "Lubrication failure"),
    ("Part not ejected", "Feeder jam", "Double sheet"),
    (14.0, 24.0), "PeakForce", 1480.0, 22.0, 1,
)  # fmt: skip
CNC = Kind(
    "CNC", "MC-500", COMMON + CNC_SIGNALS,
    ("Tool broken", "Spindle overload", "Coolant pump failure", "Axis following error"),
    ("Chip in clamping", "Tool measurement", "Door sensor"),
    (8.0, 15.0), "BoreDiameter", 25.0, 0.004, 4, part_drift=0.009,
)  # fmt: skip
PACKER = Kind(
    "Packer", "FP-80", COMMON + PACKER_SIGNALS,
    ("Sealing jaw heater failed", "Film torn", "Main drive overload"),
    ("Carton jam", "Label missing", "Film end"),
    (5.0, 9.0), "PackageWeight", 742.0, 2.4, 1,
)  # fmt: skip


@dataclass(frozen=True)
class Machine:
    """A machine: how fast, how reliable, how good.

    Attributes:
        cycle_s: ideal cycle time of a product with factor 1.
        breakdown_h, micro_stop_min: mean time between them.
        scrap, rework: shares of parts.
        wears: its drifts show; tool change and service every day at 06:00 UTC set them back.
    """

    name: str
    line: str
    kind: Kind
    cycle_s: float
    breakdown_h: float
    micro_stop_min: float
    scrap: float
    rework: float
    wears: bool = False


@dataclass(frozen=True)
class Line:
    """Machines in the order of the material flow, and what the line makes (product: cycle time factor)."""

    name: str
    area: str
    machines: tuple[Machine, ...]
    products: dict[str, float] = field(hash=False)


LINES = (
    Line(
        "Line1", "Stamping",
        (
            Machine("Press1", "Line1", PRESS, 5.2, 5.0, 9.0, 0.008, 0.004),
            Machine("Press2", "Line1", PRESS, 6.4, 4.0, 8.0, 0.012, 0.006),
            Machine("Packer1", "Line1", PACKER, 4.8, 6.0, 7.0, 0.004, 0.010),
        ),
        {"Bracket A": 1.0, "Bracket B": 1.15, "Hinge C": 0.9},
    ),
    Line(
        "Line2", "Machining",
        (
            Machine("CNC1", "Line2", CNC, 11.0, 5.0, 12.0, 0.010, 0.008, wears=True),
            Machine("CNC2", "Line2", CNC, 13.5, 4.0, 10.0, 0.010, 0.008),
            Machine("Packer2", "Line2", PACKER, 8.0, 6.0, 9.0, 0.004, 0.010),
        ),
        {"Housing M4": 1.0, "Housing M6": 1.25, "Flange K": 0.85},
    ),
)  # fmt: skip
MACHINES = tuple(machine for line in LINES for machine in line.machines)

SHIFT = 8 * HOUR
SHIFT_OFFSET = 6 * HOUR
SHIFTS_PER_DAY = 3


def shift_of(time_ns: int) -> int:
    """Number of the shift (06:00, 14:00, 22:00 UTC) that a time lies in; every third one starts a plant day."""
    return (time_ns - SHIFT_OFFSET) // SHIFT


def shift_start(shift: int) -> int:
    """Unix nanoseconds."""
    return shift * SHIFT + SHIFT_OFFSET


def wear(time_ns: int) -> float:
    """How worn a tool is: 0 at 06:00 UTC, towards 1 a day later."""
    day = SHIFTS_PER_DAY * SHIFT
    return ((time_ns - SHIFT_OFFSET) % day) / day
