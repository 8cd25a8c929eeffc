"""`--log-file FILE --log-format text|json`: what a recording tells its log, a line each, in files that do not grow.

The lines are written by a thread of their own (the standard library's queue handler), so a slow disk below the log
delays no commit. A log that cannot be written any more is said once; it ends no recording.
"""

from __future__ import annotations

import contextlib
import json
import logging
import logging.handlers
import queue
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omptool.cli import diagnostics, terminal
from omptool.cli.operating import LogFormat
from omptool.errors import OmptoolError, OutputFailed
from omptool.model.times import format_time

if TYPE_CHECKING:
    from omptool.capture.recording.terms import RecordingResult

MAX_BYTES = 10_000_000
FILES = 5
"""At `MAX_BYTES` a log becomes FILE.1, that one FILE.2, and so on; so many old ones are kept."""


@contextlib.contextmanager
def logging_to(file: Path | None, format: LogFormat) -> Iterator[None]:
    """Write the log of what happens inside the block to `file`; nothing without one.

    Raises:
        OutputFailed: the file cannot be opened.
    """
    if file is None:
        yield
        return
    handler = _open(file)
    handler.setFormatter(_Json() if format is LogFormat.JSON else _Text())
    waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
    relay, log = _Relay(waiting), logging.getLogger("omptool")
    listener = logging.handlers.QueueListener(waiting, handler)
    before = log.level
    log.addHandler(relay)
    log.setLevel(logging.INFO)
    listener.start()
    try:
        yield
    except OmptoolError as error:
        log.error("failed", extra={"event": "failed", "detail": {"error": error.message}})
        raise
    finally:
        log.removeHandler(relay)
        log.setLevel(before)
        listener.stop()
        handler.close()


def summary(result: RecordingResult) -> None:
    """What became of each server, as the last lines of a recording; nothing where nobody listens."""
    from omptool.capture import oplog

    for server in result.servers:
        detail = {
            "rows": server.rows, "items": server.nodes, "failed": len(server.failed), "complete": server.is_complete,
            **{f"gaps_{reason}": count for reason, count in server.gaps.items()},
        }  # fmt: skip
        level = logging.INFO if server.is_complete else logging.WARNING
        oplog.LOG.log(level, "summary", extra={"event": "summary", "server": server.label, "detail": detail})


def _open(file: Path) -> logging.handlers.RotatingFileHandler:
    try:
        return _Handler(file, maxBytes=MAX_BYTES, backupCount=FILES, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise OutputFailed(f"cannot write the log {file}: {reason}", "name a file that you may write to") from None


class _Relay(logging.handlers.QueueHandler):
    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """As it is: nothing leaves this process, and the facts on the record are plain data."""
        return record


class _Handler(logging.handlers.RotatingFileHandler):
    _has_failed = False

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  logging's name
        """Say it once; the recording goes on."""
        if not self._has_failed:
            self._has_failed = True
            diagnostics.note(f"the log {self.baseFilename} cannot be written any more; the capture goes on")


class _Json(logging.Formatter):
    """One JSON object: time, level, event, server, then the facts of the event as `detail`."""

    def format(self, record: logging.LogRecord) -> str:
        facts = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "event": getattr(record, "event", record.name),
            "server": getattr(record, "server", None),
            "detail": getattr(record, "detail", {}) or {},
        }
        if not hasattr(record, "event"):
            facts["detail"] = {"message": record.getMessage()}
        return diagnostics.redact(json.dumps(facts, default=str))  # ASCII: nothing in it can steer a terminal


class _Text(logging.Formatter):
    """`TIME LEVEL SERVER event key=value …`."""

    def format(self, record: logging.LogRecord) -> str:
        event = getattr(record, "event", None) or record.getMessage()
        detail: dict[str, Any] = getattr(record, "detail", {}) or {}
        words = [_time(record), record.levelname.ljust(7), getattr(record, "server", None) or "-", event]
        words += [f"{name}={_word(value)}" for name, value in detail.items() if value is not None]
        return terminal.escape(diagnostics.redact(" ".join(words)))


def _word(value: object) -> str:
    if isinstance(value, str):
        return value if value and not set(value) & set(' "=') else json.dumps(value, ensure_ascii=False)
    return json.dumps(value, ensure_ascii=False, default=str)


def _time(record: logging.LogRecord) -> str:
    return format_time(int(record.created * 1000) * 1000)
