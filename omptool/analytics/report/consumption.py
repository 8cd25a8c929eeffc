"""The section about energy. Pure but for asking."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from omptool.analytics.report import charts
from omptool.analytics.report.asker import Asker
from omptool.analytics.report.content import Figure, Section
from omptool.analytics.report.shaping import PLACES, Row, between, chosen, named, table
from omptool.analytics.report.words import count, number, percent

_KINDS = {"Producing": "var(--good)", "Not producing": "var(--amber)"}


def energy(asker: Asker) -> Section:
    """Energy of every machine, producing and not, and over time."""
    pieces = named(asker.run("energy", places=PLACES, period=asker.period).rows.to_pylist())
    rows = [row for row in _summed(pieces) if row["energy_kwh"] is not None]
    if not rows:
        return Section("energy", "Energy", empty="Nothing to show: power was not known at any time.",
                       hint=asker.command("data_quality"))  # fmt: skip
    rows.sort(key=lambda row: (-row["energy_kwh"], row["name"]))
    total, idle = (sum(row[key] or 0 for row in rows) for key in ("energy_kwh", "idle_kwh"))
    command = asker.command("energy")
    shown, notes = chosen(rows, "machines", "that take most", command)
    names = [row["name"] for row in shown]
    figures = [Figure("Energy by machine", f"Stacked bars of {count(len(names), 'machine')}.", charts.stack(
        [part for row in shown for part in _split(row, {"name": row["name"]})], names, _KINDS, "kWh"
    ))]  # fmt: skip
    over_time = _over_time(asker, pieces)
    if len({part["since"] for part in over_time}) > 1:
        title = f"Energy by {asker.period}"
        figures.append(Figure(title, f"{title}, all machines together.", charts.columns(over_time, _KINDS, "kWh")))
    columns = {
        "Machine": False, "Energy": True, "Not producing": True, "Share": True, "Mean power": True, "Parts": True,
        "Per part": True,
    }  # fmt: skip
    cells = [
        [row["name"], number(row["energy_kwh"], "kWh"), number(row["idle_kwh"], "kWh"), percent(row["idle_share"]),
         number(row["mean_kw"], "kW"), number(row["pq"]), number(row["per_part_kwh"], "kWh")]
        for row in rows
    ]  # fmt: skip
    lead = f"{number(total, 'kWh')}, {percent(idle / total if total else 0)} of it while nothing was produced."
    return Section(
        "energy", "Energy", lead=[lead], figures=figures, notes=notes,
        figure=("Energy", number(total, "kWh"), "all machines"),
        tables=[table("Energy by machine", columns, cells, command)],
    )  # fmt: skip


def _split(row: Row, where: dict[str, Any]) -> list[dict[str, Any]]:
    idle = row["idle_kwh"] or 0
    made = row["energy_kwh"] - idle
    parts = (("Producing", 0.0, made), ("Not producing", made, made + idle))
    return [
        where
        | {
            "kind": kind,
            "rank": rank,
            "low": low,
            "high": high,
            "amount": high - low,
            "text": number(high - low, "kWh"),
        }
        for rank, (kind, low, high) in enumerate(parts)
    ]


def _summed(pieces: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Per machine the sums over all periods, and what follows from them."""
    found: dict[str, dict[str, Any]] = {}
    for piece in pieces:
        row = found.setdefault(
            piece["name"], {"name": piece["name"], "energy_kwh": None, "idle_kwh": None, "known_s": 0}
        )
        row["pq"] = row.get("pq", 0) + piece["pq"]
        row["known_s"] += piece["known_s"]
        for key in ("energy_kwh", "idle_kwh"):
            if piece[key] is not None:
                row[key] = (row[key] or 0.0) + piece[key]
    for row in found.values():
        energy, idle = row["energy_kwh"], row["idle_kwh"]
        row["idle_share"] = idle / energy if energy else None
        row["mean_kw"] = energy * 3600 / row["known_s"] if energy is not None and row["known_s"] else None
        row["per_part_kwh"] = energy / row["pq"] if energy is not None and row["pq"] else None
    return list(found.values())


def _over_time(asker: Asker, pieces: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found: dict[tuple[Any, Any], dict[str, float]] = defaultdict(lambda: {"energy_kwh": 0.0, "idle_kwh": 0.0})
    for row in pieces:
        for key in ("energy_kwh", "idle_kwh"):
            found[row["start"], row["end"]][key] += row[key] or 0
    return [
        part
        for (since, till), row in sorted(found.items())
        for part in _split(row, dict(between(asker.clock, since, till)))
    ]
