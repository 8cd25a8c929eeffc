"""What `replay` says: where it listens, how late its rows were, what it leaves out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from omptool.cli import diagnostics, output, terminal

if TYPE_CHECKING:
    from omptool.replay.player import Options, Player
    from omptool.sources.capture import CaptureSource


def say_state(source: CaptureSource, options: Options) -> None:
    """Loss and oddities are said before the first row."""
    from omptool.replay.stamps import Stamp
    from omptool.sources.source import describe_gaps

    if source.capture.damage:
        diagnostics.note(f"note: {source.label} is damaged; what is intact is played", f"omptool verify {source.label}")
    elif reasons := source.gap_reasons():
        diagnostics.note(f"note: {describe_gaps(source.label, reasons)}")
    if events := source.capture.event_rows:
        diagnostics.note(f"note: {events:,} events are not played")
    if options.rounds != 1 and options.stamp is Stamp.RECORDED:
        diagnostics.note("note: stamps go back with every round; --stamp shifted lets them rise")


def announce(url: str, player: Player, variables: int, source: str) -> None:
    """Say where it listens: a line of JSON for programs, a screen for people. Only once connections are accepted."""
    import json

    rate, rows = player.options.rate, player.known.rows
    if not terminal.stdout_is_terminal():
        hello = {"url": url, "rows": rows, "variables": variables, "rate": "max" if rate is None else rate}
        output.print_text(json.dumps(hello) + "\n")
        return
    pace = "as fast as rows are taken" if rate is None else f"{rate:g} × its own pace"
    lines = [
        f"{terminal.escape(source)} → {url}   {_count(rows, 'row')} of {_count(variables, 'variable')} · {pace}",
        "in another terminal:",
        f"  omptool capture {url} -o again.omcap",
        "Ctrl-C stops it",
    ]
    output.print_text("".join(line + "\n" for line in lines))


def last_word(player: Player, *, stopped: bool = False, unknown: int = 0) -> None:
    """Say what was played, how fast, and how late."""
    seconds = player.seconds
    speed = f" ({player.rows / seconds:,.0f}/s)" if seconds > 0 else ""
    rounds = f" in {player.rounds:,} rounds" if player.rounds > 1 else ""
    diagnostics.note(
        f"{'stopped after' if stopped else 'played'} {_count(player.rows, 'row')}{rounds} in {seconds:.1f} s{speed}"
        + _lateness(player)
    )
    if unknown:
        diagnostics.note(f"{_count(unknown, 'row')} of nodes without a description could not be served")


def still_serving(url: str) -> None:
    """Say that the end of the rows is not the end of the server."""
    diagnostics.note(f"{url} goes on serving the last values; Ctrl-C stops it")


def _lateness(player: Player) -> str:
    late = player.lateness
    if player.options.rate is None or not late.rows:
        return ""
    p50, p99 = (late.percentile_ns(share) / 1e6 for share in (0.5, 0.99))
    return f", late p50 {p50:.1f} ms, p99 {p99:.1f} ms, max {late.max_ns / 1e6:.1f} ms"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
