"""The published data of Part 13 as arrays: raw values, settings and expected results."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from omptool.analytics.part13.aggregates import compute
from omptool.analytics.part13.series import Series, Settings, Times, Windows, series, windows
from omptool.model.status import code_of

FOLDER = Path(__file__).parent / "reference"
INFO = {"Calculated": 0x401, "Interpolated": 0x402, "Partial": 0x404}


@cache
def rows(name: str) -> list[dict[str, str]]:
    with (FOLDER / f"part13_{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def moment(text: str) -> int:
    """Nanoseconds since midnight."""
    hours, minutes, seconds = text.split(":")
    return round((int(hours) * 3600 + int(minutes) * 60 + float(seconds)) * 1000) * 1_000_000


def status(text: str) -> int:
    """`Good, Calculated` as a number."""
    name, *info = text.split(", ")
    code = code_of(name)
    for each in info:
        code |= INFO[each]
    return code


@dataclass
class Historian:
    """Raw values with the settings that Annex A gives them."""

    name: str
    series: Series
    settings: Settings
    start: int
    end: int

    def windows(self, seconds: float) -> Windows:
        return windows(self.start, self.end, int(seconds * 1e9))


@cache
def historian(name: str, **changes: bool) -> Historian:
    config = next(row for row in rows("historian_config") if row["historian"] == name)
    flags = {key: config[key] == "true" for key in ("treat_uncertain_as_bad", "stepped", "use_sloped_extrapolation")}
    percents = {key: float(config[key]) for key in ("percent_data_bad", "percent_data_good")}
    settings = Settings(**(flags | changes), **percents, always_stepped=config["datatype"] == "Boolean")
    raw = [row for row in rows("historian_inputs") if row["historian"] == name]
    texts = [{"true": "1", "false": "0", "": "nan"}.get(row["value"], row["value"]) for row in raw]
    value = np.array([float(text) for text in texts])
    return Historian(
        name,
        series(
            np.array([moment(row["timestamp"]) for row in raw]),
            value,
            np.array([code_of(row["statuscode"]) for row in raw], np.uint32),
            np.isnan(value),
            settings,
        ),
        settings,
        moment(config["request_start"]),
        moment(config["request_end"]),
    )


def annotations(name: str) -> Times:
    found = [moment(row["data_timestamp"]) for row in rows("historian1_annotations") if row["historian"] == name]
    return np.array(found, np.int64)


@cache
def answer(name: str, aggregate: str, seconds: float) -> dict[int, tuple[float, int]]:
    """Time → value and status of every window."""
    given = historian(name)
    found = compute(aggregate, given.series, given.windows(seconds), given.settings, annotations(name))
    assert found.time is not None
    return {
        int(time): (float(value), int(code))
        for time, value, code in zip(found.time, found.value, found.status, strict=True)
    }
