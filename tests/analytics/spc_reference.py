"""Published data and results of control charts, and the way from arrays to a recipe's rows."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from omptool.analytics import catalog
from omptool.analytics.spc.measured import Measured

FOLDER = Path(__file__).parent / "reference"


@cache
def rows(name: str) -> list[dict[str, str]]:
    with (FOLDER / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def measured(values: Any, groups: Any = None, *, first: Any = None) -> Measured:
    """Values of a table without times."""
    value = np.array(values, np.float64)
    labels = None if groups is None else [str(group) for group in groups]
    return Measured(
        name="table",
        value=value,
        time=None,
        group=None if groups is None else np.unique(groups, return_inverse=True)[1].astype(np.int64),
        labels=labels,
        first=None if first is None else np.array(first, np.bool_),
        coverage=1.0,
        percent_good=100.0,
    )


def run(name: str, given: Measured, **parameters: object) -> pa.Table:
    """The rows of an analysis, its parameters those of the header when nobody says otherwise."""
    from importlib import import_module

    recipe = catalog.load(name)
    defaults = {parameter.name: parameter.default for parameter in recipe.parameters}
    assert set(parameters) <= set(defaults)
    return import_module(f"omptool.analytics.finish.{recipe.finish}").finish(given, defaults | parameters)


def piston_rings(trial: bool | None = True) -> Measured:
    """25 samples of the trial, the 15 behind it, or all with the trial as baseline."""
    found = [row for row in rows("spc_pistonrings") if trial is None or (row["trial"] == "TRUE") == trial]
    first = [row["trial"] == "TRUE" for row in found] if trial is None else None
    return measured([row["diameter"] for row in found], [int(row["sample"]) for row in found], first=first)


def tires() -> Measured:
    return measured([row["diameter"] for row in rows("spc_sas_tires_individuals")])


def published(name: str, **where: str) -> dict[str, float]:
    """Metric → value of the rows that match."""
    found = [row for row in rows(name) if all(row[key] == value for key, value in where.items())]
    assert found
    return {row["metric"]: float(row["value"]) for row in found}
