"""Sections about the record itself: what may be missing, and how good the values are. Pure but for asking."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from omptool.analytics.report import charts
from omptool.analytics.report.asker import Asker
from omptool.analytics.report.content import Figure, Section
from omptool.analytics.report.shaping import PLACES, Row, between, chosen, grade, named, nothing, table
from omptool.analytics.report.words import count, duration, number, percent

_GAPS = """
SELECT server, node_id, start_time, least(coalesce(end_time, $end), $end) AS end_time, end_time IS NULL AS unknown,
       reason, state, missing
FROM gaps WHERE start_time < $end AND coalesce(end_time, $end) > $start ORDER BY start_time, server, reason LIMIT 1000
"""
_GAP_COUNTS = """
SELECT state, reason, count(*) AS windows FROM gaps
WHERE start_time < $end AND coalesce(end_time, $end) > $start GROUP BY state, reason ORDER BY state, reason
"""


def completeness(asker: Asker, statements: list[str], is_proven: bool) -> Section:
    """What may be missing.

    Args:
        statements: what `verify` says of each source.
        is_proven: whether nothing is damaged or missing for no known cause.
    """
    window = {"start": asker.start, "end": asker.end}
    counted = asker.rows(_GAP_COUNTS, window)
    rows = asker.rows(_GAPS, window)
    total = sum(row["windows"] for row in counted)
    open_ones = sum(row["windows"] for row in counted if row["state"] != "backfilled")
    lead = [_gap_sentence(total, open_ones, counted), *statements]
    worst = (
        "bad" if not is_proven or any(row["state"] == "open" for row in counted) else "poor" if open_ones else "good"
    )
    columns = {
        "Server": False,
        "From": False,
        "To": False,
        "Lasted": True,
        "Reason": False,
        "State": False,
        "Missing": True,
    }
    cells = [_cells(asker, row) for row in rows]
    title = "Windows in which values may be missing"
    tile = ("Completeness", count(open_ones, "gap"), "windows that may lack values")
    if not open_ones:
        tile = ("Completeness", "no gap", "no window lacks values")
    if not rows:
        return Section("completeness", "Completeness", lead=lead, grade=worst, figure=tile)
    edges = (asker.clock.axis(asker.start), asker.clock.axis(asker.end))
    drawn = charts.spans([_span(asker, row) for row in rows], edges)
    more = [f"The chart shows the first {len(rows):,} of {total:,} windows."] if total > len(rows) else []
    return Section(
        "completeness", "Completeness", lead=lead, grade=worst, figure=tile, notes=more,
        figures=[Figure(title, f"{count(total, 'window')} on the line of time.", drawn, True)],
        tables=[table(title, columns, cells, f'omptool query "from gaps" {asker.option} {asker.source}')],
    )  # fmt: skip


def _gap_sentence(total: int, open_ones: int, counted: list[dict[str, Any]]) -> str:
    if not total:
        return "No window in which values may be missing."
    reasons: dict[str, int] = defaultdict(int)
    for row in counted:
        if row["state"] != "backfilled":
            reasons[row["reason"]] += row["windows"]
    listed = ", ".join(f"{number:,} {reason}" for reason, number in sorted(reasons.items()))
    filled = total - open_ones
    refilled = f"{count(filled, 'window')} backfilled from history" if filled else ""
    if not open_ones:
        return f"No window in which values may be missing; {refilled}."
    return f"{count(open_ones, 'window')} in which values may be missing ({listed})" + (
        f"; {refilled}." if refilled else "."
    )


def _span(asker: Asker, row: Row) -> dict[str, object]:
    since = max(row["start_time"], asker.start)
    return {"name": row["server"], "reason": row["reason"], "state": row["state"]} | between(
        asker.clock, since, max(row["end_time"], since)
    )


def _cells(asker: Asker, row: Row) -> list[str]:
    lasted = "unknown" if row["unknown"] else duration((row["end_time"] - row["start_time"]).total_seconds())
    till = "unknown" if row["unknown"] else asker.clock.text(row["end_time"])
    missing = "unknown" if row["missing"] is None else f"at least {row['missing']:,}"
    return [row["server"], asker.clock.text(row["start_time"]), till, lasted, row["reason"], row["state"], missing]


_SMALL = 1_000_000
"""Values up to which every tag is looked at by time: that takes ten times as long as all the rest of a page."""


def quality(asker: Asker) -> Section:
    """How good the values of every tag are: by time, or of very many values by their number."""
    counts = asker.counts()
    return _by_number(asker, counts) if sum(row["rows"] for row in counts) > _SMALL else _by_time(asker)


def _by_number(asker: Asker, counts: list[dict[str, Any]]) -> Section:
    rows = named(counts)
    for row in rows:
        row["share"] = row["good"] / row["rows"]
    machines: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        machines[row["name"]].append(row)
    shares = sorted(
        (sum(row["good"] for row in mine) / sum(row["rows"] for row in mine), name) for name, mine in machines.items()
    )
    bars = [{"name": name, "share": share, "grade": grade(share, 0.999, 0.9)} for share, name in shares]
    command = asker.command("data_quality")
    shown, notes = chosen(bars, "machines", "with the smallest share", command)
    rows.sort(key=lambda row: (row["share"], row["name"], row["tag"]))
    poor, total = sum(row["share"] < 1 for row in rows), _sum(rows, "rows")
    lead = f"{number(total)} values of {count(len(rows), 'tag')}; "
    lead += f"{count(poor, 'tag has', 'tags have')} values that are not Good." if poor else "all Good."
    columns = {
        "Machine": False, "Tag": False, "Values": True, "Good": True, "Uncertain": True, "Bad": True, "Overflows": True,
    }  # fmt: skip
    cells = [
        [row["name"], row["tag"], number(row["rows"]), percent(row["share"]),
         *(number(row[key]) for key in ("uncertain", "bad", "overflows"))]
        for row in rows
    ]  # fmt: skip
    notes.append(
        f"Of so many values only the number is told; the time they were good for, duplicates, silence: {command}"
    )
    return Section(
        "quality", "Data quality", lead=[lead], grade=grade(shares[0][0], 0.999, 0.9), notes=notes,
        figures=[Figure("Share of Good values", f"Bars of {count(len(shown), 'machine')}, worst first.",
                        charts.shares(shown, "Good values"))],
        tables=[table("Tags, the doubtful ones first", columns, cells, command)],
        figure=("Good values", percent(_sum(rows, "good") / total), "of all values"),
    )  # fmt: skip


def _sum(rows: Sequence[Row], key: str) -> int:
    total: int = sum(row[key] for row in rows)
    return total


def _by_time(asker: Asker) -> Section:
    analysis = asker.run("data_quality", places=PLACES)
    rows = named(analysis.rows.to_pylist())
    if not rows:
        return nothing("quality", "Data quality")
    machines: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        machines[row["name"]].append(row)
    means = sorted((_mean(mine) / 100, name) for name, mine in machines.items())
    bars = [{"name": name, "share": mean, "grade": grade(mean, 0.999, 0.9)} for mean, name in means]
    command = asker.command("data_quality")
    shown, notes = chosen(bars, "machines", "with the least Good time", command)
    rows.sort(key=lambda row: (row["percent_good"], -row["bad"], -row["duplicates"], row["name"], row["tag"]))
    poor = sum(row["percent_good"] < 100 for row in rows)
    odd = _odd(rows)
    lead = f"{number(sum(row['rows'] for row in rows))} values of {count(len(rows), 'tag')}; "
    lead += f"{count(poor, 'tag was', 'tags were')} not Good all the time." if poor else "all Good, all the time."
    columns = {
        "Machine": False, "Tag": False, "Values": True, "Good time": True, "Coverage": True, "Uncertain": True,
        "Bad": True, "Duplicates": True, "Longest silence": True, "Clock skew": True,
    }  # fmt: skip
    cells = [
        [row["name"], row["tag"], number(row["rows"]), percent(row["percent_good"] / 100), percent(row["coverage"]),
         number(row["uncertain"]), number(row["bad"]), number(row["duplicates"]), duration(row["longest_silence_s"]),
         number(row["max_skew_s"], "s")]
        for row in rows
    ]  # fmt: skip
    return Section(
        "quality", "Data quality", lead=[lead, *odd], notes=notes,
        grade=grade(means[0][0], 0.999, 0.9),
        figures=[Figure("Time with Good values, mean of each machine's tags",
                        f"Bars of {count(len(shown), 'machine')}, worst first.", charts.shares(shown, "Good time"))],
        tables=[table("Tags, the doubtful ones first", columns, cells, command)],
        figure=("Good values", percent(_mean(rows) / 100), "of the time, mean of all tags"),
    )  # fmt: skip


def _mean(rows: Sequence[Row]) -> float:
    total: float = sum(row["percent_good"] for row in rows)
    return total / len(rows)


def _odd(rows: list[dict[str, Any]]) -> list[str]:
    told = {
        "bad": "Bad", "uncertain": "Uncertain", "duplicates": "equal to the one before", "backward": "back in time",
        "overflows": "with a queue that ran over",
    }  # fmt: skip
    found = {words: sum(row[key] for row in rows) for key, words in told.items()}
    parts = [f"{number:,} {words}" for words, number in found.items() if number]
    return [f"Values that are {', '.join(parts)}."] if parts else []
