"""`omptool doctor`: where the way to a server ends, and why; and how much the server takes."""

from __future__ import annotations

import os
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated

import typer

from omptool.cli import diagnostics, settings, terminal
from omptool.cli.access import NOTHING, Access
from omptool.cli.exits import ExitCode
from omptool.cli.grouping import grouped
from omptool.cli.options import (
    ConfigOption,
    ForceOption,
    FormatOption,
    OutputOption,
    TimeoutOption,
)
from omptool.cli.output import Rows, choose_format, emit, print_text, refuse_existing
from omptool.cli.signals import run_async
from omptool.errors import OutputFailed, UsageError

if TYPE_CHECKING:
    from omptool.config import ServerConfig
    from omptool.opcua.diagnose import Diagnosis

COLUMNS = ("step", "state", "detail", "hint", "milliseconds")
_NOT_STATED = " not stated"
_LEAST = 60
"""Cells of a line; on a narrower terminal it breaks where the terminal likes."""
_SIGNS = {"ok": "✓", "note": "!", "failed": "✗"}


@grouped
def doctor(
    server: Annotated[str, typer.Argument(help="opc.tcp://HOST:PORT, or a name from omptool.toml.", metavar="SERVER")],
    save: Annotated[
        bool, typer.Option("--save", help="Keep the limits for browse and capture, which obey them from then on.")
    ] = False,
    access: Access = NOTHING,
    timeout: TimeoutOption = None,
    config: ConfigOption = None,
    format: FormatOption = None,
    output: OutputOption = None,
    force: ForceOption = False,
) -> ExitCode:
    """Walk the way to a server step by step: say where it ends, why, and what to do; then measure the server.

    Name, TCP, Hello, endpoints, certificate, session, namespaces, read, browse, subscribe, history; the first failure
    ends it. Gentle: one request at a time for a few seconds, and a subscription of at most 100 items for two.

    \b
    Examples:
      omptool doctor opc.tcp://10.1.4.7:4840
      omptool doctor press7 --save
      omptool doctor press7 --format json -o press7.json
    """
    if save and access.per_request is not None:
        raise UsageError("--save keeps what a server takes, and --per-request says it", "leave out one of them")
    chosen = _unlearned(settings.server(settings.load(config), server, access), access)
    if output is not None and str(output) != "-":
        refuse_existing(output, force=force)

    async def work() -> ExitCode:
        from omptool.opcua.diagnose import diagnose

        found = await diagnose(chosen, timeout_s=timeout)
        rows = [*_steps(found), *_measures(found)]
        if format is None and output is None and choose_format(None, None) == "table":
            print_text(_screen(chosen.url, rows))
        else:
            emit(Rows(COLUMNS, rows), format=format, output=output, force=force)
        if found.error is not None:
            raise found.error
        if save:
            _save(chosen.url, found)
        return ExitCode.OK

    return run_async(work)


def _unlearned(server: ServerConfig, access: Access) -> ServerConfig:
    """The server without what an earlier profile or a setting says of it: that is what is to be found out."""
    from omptool.model.limits import Capacity, ServerLimits

    return replace(server, limits=ServerLimits(), capacity=Capacity(), per_request=access.per_request)


def _steps(found: Diagnosis) -> list[tuple[object, ...]]:
    return [tuple(getattr(step, name) for name in COLUMNS) for step in found.steps]


def _measures(found: Diagnosis) -> list[tuple[object, ...]]:
    """OperationLimits and capacity: what the server states, or less where it was seen to take less; then the rates."""
    if found.error is not None:
        return []
    limits = asdict(found.limits) | asdict(found.capacity)
    rates = {
        "round_trip_ms": found.round_trip_ms,
        "values_read_per_s": found.values_per_s and round(found.values_per_s),
        "values_sent_per_s": found.changes_per_s,
        "items_subscribed": found.items,
    }
    said = [("limit", f"{name} {count:g}" if count else f"{name}{_NOT_STATED}") for name, count in limits.items()]
    said += [("rate", f"{name} {number}") for name, number in rates.items()]
    return [(kind, "ok", detail, "", None) for kind, detail in said]


def _screen(url: str, rows: list[tuple[object, ...]]) -> str:
    import sys
    import textwrap

    lines = [terminal.style(terminal.escape(url), "bold", sys.stdout)]
    width = max(len(str(row[0])) for row in rows)
    for step, state, detail, hint, _ in _told(rows):
        head, behind = f"{_SIGNS[str(state)]} {step!s:<{width}}  ", " " * (width + 4)
        texts = [str(detail), *([str(hint)] if hint and state == "note" else [])]
        for text in texts:
            lines += textwrap.wrap(
                terminal.escape(text),
                max(terminal.columns(80), _LEAST),
                initial_indent=head,
                subsequent_indent=behind,
                break_long_words=False,
                break_on_hyphens=False,
            )
            head = behind
    return "\n".join(lines) + "\n"


def _told(rows: list[tuple[object, ...]]) -> list[tuple[object, ...]]:
    """For a person: rates stand with the steps that measured them; limits that nobody states in one line."""
    told = [row for row in rows if row[0] != "rate" and not str(row[2]).endswith(_NOT_STATED)]
    unknown = [str(row[2]).removesuffix(_NOT_STATED) for row in rows if str(row[2]).endswith(_NOT_STATED)]
    return [*told, ("limit", "ok", f"not stated: {', '.join(unknown)}", "", None)] if unknown else told


def _save(url: str, found: Diagnosis) -> None:
    from datetime import UTC, datetime

    from omptool.config import profile

    measured = {
        "application_uri": found.application_uri,
        "saved_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "round_trip_ms": found.round_trip_ms,
        "values_read_per_s": found.values_per_s,
        "values_sent_per_s": found.changes_per_s,
        "items_subscribed": found.items,
    }
    try:
        path = profile.save(url, profile.Profile(found.limits, found.capacity), measured, os.environ)
    except OSError as error:
        hint = "set XDG_STATE_HOME to a folder of yours"
        raise OutputFailed(f"the profile cannot be written: {error}", hint) from error
    diagnostics.note(f"saved the profile of {url} in {path}")
