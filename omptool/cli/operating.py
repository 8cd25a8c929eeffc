"""What keeps a recording in order while nobody looks: its log, its metrics. The options, and how they are read."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from omptool.cli.metrics import Address


class LogFormat(StrEnum):
    """How a line of the log is written."""

    TEXT = "text"
    JSON = "json"


LogFileOption = Annotated[
    Path | None,
    typer.Option(
        "--log-file",
        help="Write what happens to FILE, a line each; at 10 MB it becomes FILE.1, five old ones are kept.",
        metavar="FILE",
    ),
]
LogFormatOption = Annotated[LogFormat, typer.Option("--log-format", help="How a line of the log is written.")]
MetricsOption = Annotated[
    str | None,
    typer.Option(
        "--metrics",
        help="Serve metrics for Prometheus at http://[HOST:]PORT/metrics; without a HOST on 127.0.0.1 only.",
        metavar="[HOST:]PORT",
    ),
]


@dataclass(frozen=True, slots=True)
class Operating:
    """What was asked for."""

    log_file: Path | None = None
    log_format: LogFormat = LogFormat.TEXT
    metrics: Address | None = None


def read(log_file: Path | None, log_format: LogFormat, metrics: str | None) -> Operating:
    """Check the options before anybody connects.

    Raises:
        UsageError: a value that cannot be.
    """
    address = None
    if metrics is not None:
        from omptool.cli.metrics import parse

        address = parse(metrics)
    return Operating(log_file, log_format, address)
