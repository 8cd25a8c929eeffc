"""Sections about time: OEE, stops by reason, states in their order. Pure but for asking."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from omptool.analytics.report import charts
from omptool.analytics.report.asker import Asker
from omptool.analytics.report.content import Figure, Section
from omptool.analytics.report.shaping import PLACES, Row, between, chosen, grade, named, nothing, table
from omptool.analytics.report.words import count, duration, number, percent

_SUMMED = ("pbt", "apt", "ideal_s", "pq", "gq", "sq", "rq")
SLOTS = 600
"""Stretches of a state that are shorter than this part of the window are drawn as one: a screen has no more columns."""
_ODD = 5
"""Remarks below the OEE."""
_FEWER = 300
"""The same where there are so many machines that the page would grow."""


def oee(asker: Asker) -> Section:
    """OEE of every machine, and over time."""
    pieces = named(asker.run("oee", places=PLACES, period=asker.period).rows.to_pylist())
    if not pieces:
        return nothing("oee", "OEE")
    rows = _by_machine(pieces)
    rows.sort(key=lambda row: (row["oee_index"] is None, row["oee_index"], row["name"]))
    whole = overall(rows)
    command = asker.command("oee")
    shown, notes = chosen([_bar(row) for row in rows], "machines", "with the lowest OEE", command)
    figures = [
        Figure("OEE by machine", f"Bars of OEE for {count(len(shown), 'machine')}, lowest first.", charts.oee(shown))
    ]
    names = [row["name"] for row in shown]
    cells = _cells(asker, pieces, set(names))
    if len({cell["since"] for cell in cells}) > 1:
        title = f"OEE by {asker.period}"
        figures.append(Figure(title, f"{title} and machine, darker is better.", charts.grid(cells, names, "OEE")))
    odd = _odd(asker, pieces)
    notes += odd[:_ODD] + ([f"{len(odd) - _ODD:,} more remarks: {command}"] if len(odd) > _ODD else [])
    return Section(
        "oee", "OEE",
        lead=[_sentence(whole, len(rows)), "OEE = availability × effectiveness × quality (ISO 22400-2)."],
        figures=figures, notes=notes, grade=grade(whole["oee_index"], 0.75, 0.5),
        tables=[table("OEE by machine", _OEE, [_cells_of(row) for row in rows], command)],
        figure=("OEE", percent(whole["oee_index"]), "all machines together"),
    )  # fmt: skip


_OEE = {
    "Machine": False, "OEE": True, "Availability": True, "Effectiveness": True, "Quality": True, "Planned": True,
    "Producing": True, "Parts": True, "Good": True, "Coverage": True,
}  # fmt: skip


def _cells_of(row: Row) -> list[str]:
    shares = (row[name] for name in ("oee_index", "availability", "effectiveness", "quality_ratio"))
    times = (duration(row[name]) for name in ("pbt", "apt"))
    return [row["name"], *map(percent, shares), *times, number(row["pq"]), number(row["gq"]), percent(row["coverage"])]


def _bar(row: Row) -> dict[str, Any]:
    keys = ("name", "availability", "effectiveness", "quality_ratio", "coverage")
    return {"oee": row["oee_index"]} | {key: row[key] for key in keys}


def overall(rows: list[dict[str, Any]]) -> dict[str, float | None]:
    """OEE of all machines together: of the sums of their times and parts."""
    sums = {name: sum(row[name] or 0 for row in rows) for name in _SUMMED}
    priced = all(row["ideal_s"] is not None for row in rows)
    availability = _ratio(sums["apt"], sums["pbt"])
    effectiveness = _ratio(sums["ideal_s"], sums["apt"]) if priced else None
    quality = _ratio(sums["gq"], sums["pq"])
    known = [share for share in (availability, effectiveness, quality) if share is not None]
    product = math.prod(known) if len(known) == 3 else None
    return {
        "availability": availability, "effectiveness": effectiveness, "quality_ratio": quality,
        "oee_index": 0.0 if sums["pbt"] and not sums["pq"] else product, **sums,
        "ideal_s": sums["ideal_s"] if priced else None,
    }  # fmt: skip


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _sentence(whole: dict[str, float | None], machines: int) -> str:
    of = f"of {count(machines, 'machine')} together" if machines > 1 else "of the machine"
    return (
        f"OEE {of}: {percent(whole['oee_index'])}; {number(whole['gq'])} good parts of {number(whole['pq'])} in "
        f"{duration(whole['pbt'])} of planned machine time."
    )


def _by_machine(pieces: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row per machine from those of its periods: times and parts add up, and OEE is of the sums."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for piece in pieces:
        found[piece["name"]].append(piece)
    return [
        {"name": name, "coverage": _coverage(mine)} | overall(mine) for name, mine in found.items()
    ]  # fmt: skip


def _odd(asker: Asker, pieces: Sequence[Row]) -> list[str]:
    """What is odd about rows, and of which period where it is not odd about all of a machine's."""
    lengths = Counter(piece["name"] for piece in pieces)
    told: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for piece in pieces:
        if piece["note"]:
            told[piece["name"], piece["note"]].append(piece)
    lines = []
    for (name, note), mine in sorted(told.items()):
        more = f" and {len(mine) - 1:,} more" if len(mine) > 1 else ""
        when = f", {asker.period} from {asker.clock.text(mine[0]['start'])}{more}"
        lines.append(f"{name}{when if len(mine) < lengths[name] else ''}: {note}")
    return lines


def _coverage(pieces: list[dict[str, Any]]) -> float:
    lengths = [(piece["end"] - piece["start"]).total_seconds() for piece in pieces]
    if all(piece["coverage"] == 1 for piece in pieces):
        return 1.0
    seen: float = sum(piece["coverage"] * length for piece, length in zip(pieces, lengths, strict=True))
    whole: float = sum(lengths)
    return seen / whole


def _cells(asker: Asker, rows: list[dict[str, Any]], names: set[str]) -> list[dict[str, Any]]:
    return [
        {"name": row["name"], "share": row["oee_index"]} | between(asker.clock, row["start"], row["end"])
        for row in rows
        if row["name"] in names and row["oee_index"] is not None
    ]


def stops(asker: Asker) -> Section:
    """Stops by reason, of all machines together."""
    analysis = asker.run("downtime_pareto", places=())
    rows = analysis.rows.to_pylist()
    command = asker.command("downtime_pareto", "--by", "site")
    title = "Stops by reason"
    if not rows and analysis.touched.startswith("no values"):
        return nothing("stops", title)
    if not rows:
        return Section("stops", title, lead=["No stop in this window."], grade="good", notes=analysis.notes)
    total = sum(row["seconds"] for row in rows)
    bars = [
        {key: row[key] for key in ("reason", "share", "cumulative")}
        | {"number": row["stops"], "time": duration(row["seconds"])}
        for row in rows
    ]
    shown, notes = chosen(bars, "reasons", "that cost most", command, most=20)
    few = next((at + 1 for at, row in enumerate(rows) if row["cumulative"] >= 0.8), len(rows))
    lead = f"{count(sum(row['stops'] for row in rows), 'stop')} took {duration(total)} of planned machine time."
    cells = [
        [row["reason"], number(row["stops"]), duration(row["seconds"]), percent(row["share"]),
         percent(row["cumulative"]), duration(row["longest_s"]), number(row["censored"])]
        for row in rows
    ]  # fmt: skip
    columns = {
        "Reason": False, "Stops": True, "Time": True, "Share": True, "Cumulative": True, "Longest": True,
        "Cut short": True,
    }  # fmt: skip
    return Section(
        "stops", title,
        lead=[lead, f"{count(few, 'reason')} of {len(rows):,} {'makes' if few == 1 else 'make'} up 80 % of it."],
        figures=[Figure("Share of all stopped time, and cumulative", f"Pareto of {count(len(shown), 'reason')}.",
                        charts.pareto(shown))],
        tables=[table(title, columns, cells, command)], notes=notes,
        figure=("Stopped", duration(total), "of planned machine time"),
    )  # fmt: skip


def states(asker: Asker) -> Section:
    """What each machine did, one after another."""
    every = named(asker.run("time_elements", places=PLACES).rows.to_pylist())
    if not every:
        return nothing("states", "States in their order")
    exact = _element_times(every)
    order = sorted(exact, key=lambda name: (-exact[name].get("ADET", 0) - exact[name].get("ADOT", 0), name))
    command = asker.command("time_elements")
    shown, notes = chosen([{"name": name} for name in order], "machines", "that stood longest", command)
    names = sorted(str(row["name"]) for row in shown)
    slots = SLOTS if len(order) <= 10 else _FEWER
    rows = _pieces(asker, [row for row in every if row["name"] in set(names)], slots)
    merged = sum(row["merged"] > 1 for row in rows)
    if merged:
        slot = duration((asker.end - asker.start).total_seconds() / slots)
        notes.append(
            f"States shorter than {slot} that follow each other are drawn as the one that took most of their time: "
            f"{count(merged, 'piece')} of the picture. The table and all other figures are exact."
        )
    bars = [_piece(asker, row) for row in rows]
    cells = [[name, *(duration(exact[name].get(key, 0)) for key in charts.ELEMENTS)] for name in sorted(exact)]
    columns = {"Machine": False} | {words: True for words, _ in charts.ELEMENTS.values()}
    return Section(
        "states", "States in their order", figures=[Figure(
            "What each machine did", f"Timeline of {count(len(names), 'machine')}.", charts.timeline(bars, names), True,
        )],
        tables=[table("Time by element of ISO 22400", columns, cells, command)], notes=notes,
    )  # fmt: skip


def _pieces(asker: Asker, machines: list[dict[str, Any]], slots: int) -> list[dict[str, Any]]:
    """Runs of states of these machines alone, with the names that they have among all."""
    names = {tuple(row[key] for key in PLACES): row["name"] for row in machines}
    mine = frozenset((tag.server, tag.node_id) for tag in asker.tags() if (tag.site, tag.line, tag.machine) in names)
    found = asker.run("state_timeline", places=PLACES, parameters={"slots": slots}, only=mine).rows.to_pylist()
    named = ((row, names.get(tuple(row[key] for key in PLACES))) for row in found)
    return [row | {"name": name} for row, name in named if name is not None]


def _piece(asker: Asker, row: Row) -> dict[str, Any]:
    return {
        "name": row["name"], "state": row["state"], "element": charts.ELEMENTS[row["element"]][0],
        "lasted": duration(row["seconds"]), "merged": f"{row['merged']:,} states" if row["merged"] > 1 else "",
    } | between(asker.clock, row["since"], row["till"])  # fmt: skip


def _element_times(rows: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for row in rows:
        found[row["name"]][row["element"]] += row["seconds"]
    return found
