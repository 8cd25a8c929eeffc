"""What keeps a recording in order while nobody looks: its log, its metrics, its disk. The options and their reading."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from omptool.cli.narrow import timed
from omptool.errors import UsageError

if TYPE_CHECKING:
    from omptool.capture.recording import Upkeep
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


RotateSizeOption = Annotated[
    str | None,
    typer.Option(
        "--rotate-size", help="Begin a new segment file when one has this size. Default: 64MiB.", metavar="SIZE"
    ),
]
RotateEveryOption = Annotated[
    str | None,
    typer.Option("--rotate-every", help="Begin a new segment file after this long. Default: 15m.", metavar="DURATION"),
]
KeepForOption = Annotated[
    str | None,
    typer.Option("--keep-for", help="Delete segments that were closed longer ago.", metavar="DURATION"),
]
KeepSizeOption = Annotated[
    str | None,
    typer.Option("--keep-size", help="Delete the oldest segments while the capture is larger.", metavar="SIZE"),
]
KeepFreeOption = Annotated[
    str | None,
    typer.Option("--keep-free", help="Delete the oldest segments while less is free on the disk.", metavar="SIZE"),
]

_SHARE = 8
"""Unless it is said, a segment ends when it has this part of what may stay: deleting is as fine as that."""

_LEAST_BYTES, _LEAST_S = 64_000, 1.0
"""Smaller segments would hold little more than what each of them repeats."""


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


def upkeep(
    rotate_size: str | None,
    rotate_every: str | None,
    keep_for: str | None,
    keep_size: str | None,
    keep_free: str | None,
) -> Upkeep:
    """When segments end and which may stay; likewise.

    Raises:
        UsageError: a value that cannot be.
    """
    from omptool.capture.recording import Keep, Upkeep

    keep = Keep(_seconds("--keep-for", keep_for), _size("--keep-size", keep_size), _size("--keep-free", keep_free))
    size, every = _size("--rotate-size", rotate_size, _LEAST_BYTES), _seconds("--rotate-every", rotate_every, _LEAST_S)
    if size is None and keep.size is not None:
        size = min(max(keep.size // _SHARE, _LEAST_BYTES), 64 << 20)
    if every is None and keep.age_s is not None:
        every = min(max(keep.age_s / _SHARE, _LEAST_S), 900.0)
    return Upkeep(size, every, keep)


def _size(flag: str, text: str | None, least: int = 1) -> int | None:
    from omptool.model.sizes import parse_size

    size = None if text is None else timed(flag, parse_size, text)
    if size is not None and size < least:
        raise UsageError(f"{flag}: {text} is too small", f"at least {least // 1000} kB")
    return size


def _seconds(flag: str, text: str | None, least: float = 0.0) -> float | None:
    from omptool.model.times import parse_duration

    seconds = None if text is None else timed(flag, parse_duration, text).total_seconds()
    if seconds is not None and seconds < least:
        raise UsageError(f"{flag}: {text} is too short", f"at least {least:g}s")
    return seconds
