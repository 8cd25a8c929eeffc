"""The section about alarms. Pure but for asking."""

from __future__ import annotations

from typing import Any

from omptool.analytics.report import charts
from omptool.analytics.report.asker import Asker
from omptool.analytics.report.content import Figure, Section
from omptool.analytics.report.shaping import Row, between, nothing, table
from omptool.analytics.report.words import count, duration, number, percent

_TOP = 15
_KINDS = {"Alarms": "var(--accent)"}
_GRADES = {"acceptable": "good", "manageable": "poor", "too many": "bad"}


def alarms(asker: Asker) -> Section:
    """How many alarms came, when, and which of them."""
    id, title = "alarms", "Alarms"
    rows = asker.run("alarm_rate", places=()).rows.to_pylist()
    if not rows:
        return nothing(id, title)
    [whole] = rows
    by_words = {"by_message": True} if _is_told_by_words(asker) else {}
    top = asker.run("alarm_chatter", places=(), parameters={"top": _TOP, **by_words}).rows.to_pylist()
    over_time = _over_time(asker)
    figures = []
    if len(over_time) > 1 and whole["alarms"]:
        words = f"Alarms by {asker.period}"
        figures.append(Figure(words, f"{words}, all machines together.", charts.columns(over_time, _KINDS, "alarms")))
    frequent = [row for row in top if row["alarms"]]
    if frequent:
        bars = [_bar(row) for row in frequent]
        figures.append(Figure("The most frequent alarms, and cumulative", f"Pareto of {count(len(bars), 'alarm')}.",
                              charts.pareto(bars)))  # fmt: skip
    columns = {
        "Source": False, "Alarm": False, "Alarms": True, "Share": True, "Cumulative": True, "Chattering": True,
        "Fleeting": True, "Standing": True, "Mean time": True, "Longest": True,
    }  # fmt: skip
    more = ("--param", "by_message=true") if by_words else ()
    command = asker.command("alarm_chatter", "--by", "site", "--param", "top=0", *more)
    return Section(
        id, title, lead=_lead(whole), figures=figures, grade=_GRADES.get(whole["verdict"] or "", ""),
        tables=[table("The most frequent alarms", columns, [_cells(row) for row in top], command)] if top else [],
        figure=("Alarms", number(whole["alarms"]), f"{_rate(whole)} in 10 min"),
    )  # fmt: skip


def _is_told_by_words(asker: Asker) -> bool:
    """Whether all conditions have one name: then their messages say what was wrong, as where all are called Stopped."""
    rows = asker.run("alarm_chatter", places=("site",), parameters={"top": 0}).rows.to_pylist()
    named = {row["alarm"] for row in rows}
    return len(named) == 1 and len(rows) < sum(row["alarms"] for row in rows)


def _lead(whole: Row) -> list[str]:
    if not whole["alarms"]:
        return ["No alarm in this window."]
    per = f"{_rate(whole)} in 10 min and operator: {whole['verdict']}"
    first = f"{count(whole['alarms'], 'alarm')}, {per}; at most {count(whole['peak'], 'alarm')} within 10 min."
    floods = (
        f"{count(whole['floods'], 'flood')}, {duration(whole['flood_s'])} in all" if whole["floods"] else "No flood"
    )
    stale = f"{count(whole['stale'], 'stale alarm')}" if whole["stale"] else "no stale alarm"
    return [first, f"{floods}; {stale}; {whole['standing']:,} standing at the end."]


def _rate(whole: Row) -> str:
    return number(whole["per_10min"], digits=2)


def _bar(row: Row) -> dict[str, Any]:
    return {
        "reason": f"{row['source']}: {row['alarm']}", "share": row["share"], "cumulative": row["cumulative"],
        "number": row["alarms"], "time": duration(row["mean_s"]),
    }  # fmt: skip


def _cells(row: Row) -> list[str]:
    return [
        row["source"], row["alarm"], number(row["alarms"]), percent(row["share"]), percent(row["cumulative"]),
        number(row["chattering"]), number(row["fleeting"]), number(row["standing"]), duration(row["mean_s"]),
        duration(row["longest_s"]),
    ]  # fmt: skip


def _over_time(asker: Asker) -> list[dict[str, Any]]:
    rows = asker.run("alarm_rate", places=(), period=asker.period).rows.to_pylist()
    return [
        {"kind": "Alarms", "low": 0, "high": row["alarms"], "text": number(row["alarms"])}
        | between(asker.clock, row["start"], row["end"])
        for row in rows
    ]
