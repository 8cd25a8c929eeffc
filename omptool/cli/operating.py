"""What keeps a recording in order while nobody looks: its disk, its lock, its log, its metrics.

Each option is a key of `[capture]` too (`config.operations`), so that a unit file or a crontab need not repeat them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from omptool.cli.options import LockOption

if TYPE_CHECKING:
    from omptool.capture.recording.terms import Upkeep
    from omptool.config import Config
    from omptool.config.operations import Address


class LogFormat(StrEnum):
    """How a line of the log is written."""

    TEXT = "text"
    JSON = "json"


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
LogFileOption = Annotated[
    Path | None,
    typer.Option(
        "--log-file",
        help="Write what happens to FILE, a line each; at 10 MB it becomes FILE.1, five old ones are kept.",
        metavar="FILE",
    ),
]
LogFormatOption = Annotated[
    LogFormat | None, typer.Option("--log-format", help="How a line of the log is written. Default: text.")
]
MetricsOption = Annotated[
    str | None,
    typer.Option(
        "--metrics",
        help="Serve metrics for Prometheus at http://[HOST:]PORT/metrics; without a HOST on 127.0.0.1 only.",
        metavar="[HOST:]PORT",
    ),
]


@dataclass(frozen=True, slots=True)
class Operations:
    """The options, as typed."""

    rotate_size: RotateSizeOption = None
    rotate_every: RotateEveryOption = None
    keep_for: KeepForOption = None
    keep_size: KeepSizeOption = None
    keep_free: KeepFreeOption = None
    lock: LockOption = None
    log_file: LogFileOption = None
    log_format: LogFormatOption = None
    metrics: MetricsOption = None

    def flags(self) -> dict[str, str | None]:
        """By key of the settings, for `settings.load`."""
        typed = {f"capture.{name}": getattr(self, name) for name in self.__slots__}
        return {key: None if value is None else str(value) for key, value in typed.items()}


_SHARE = 8
"""Unless it is said, a segment ends when it has this part of what may stay: deleting is as fine as that."""


@dataclass(frozen=True, slots=True)
class Operating:
    """What holds, typed or set."""

    upkeep: Upkeep
    lock: Path | None
    log_file: Path | None
    log_format: LogFormat
    metrics: Address | None


def read(config: Config) -> Operating:
    """Put together what was typed and set."""
    lock, log_file = config["capture.lock"], config["capture.log_file"]
    return Operating(
        _upkeep(config),
        None if lock is None else lock.expanduser(),
        None if log_file is None else log_file.expanduser(),
        LogFormat(config["capture.log_format"]),
        config["capture.metrics"],
    )


def _upkeep(config: Config) -> Upkeep:
    """When segments end, and which may stay."""
    from omptool.capture.recording.terms import Keep, Upkeep
    from omptool.config.operations import LEAST_BYTES, LEAST_S

    keep = Keep(config["capture.keep_for"], config["capture.keep_size"], config["capture.keep_free"])
    size, every = config["capture.rotate_size"], config["capture.rotate_every"]
    if size is None and keep.size is not None:
        size = min(max(keep.size // _SHARE, LEAST_BYTES), 64 << 20)
    if every is None and keep.age_s is not None:
        every = min(max(keep.age_s / _SHARE, LEAST_S), 900.0)
    return Upkeep(size, every, keep)
