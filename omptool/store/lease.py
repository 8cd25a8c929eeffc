"""Who writes to a lake in a store: a lock object that is renewed while its holder lives.

A store has no lock that ends with a process, so the holder signs again and again, and whoever has not signed for
`DEAD_S` is taken for dead. Whether time has passed is told by the store's clock; nobody's own is trusted. A holder that
could not sign for `VALID_S` stops on its own, long before others may begin. A process of this computer that is gone is
known to be dead at once. Each change of the object depends on the state that was read, so two can never both win.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from omptool.errors import Busy, LakeError, OmptoolError
from omptool.model import bounded_json
from omptool.store import objects
from omptool.store.remote import Remote

RENEW_S = 15.0
VALID_S = 60.0
DEAD_S = 240.0
"""More than a commit that a valid holder has begun can take: the rest of its validity, and its request repeated."""

_AGAIN = "run the same command again: it goes on where it was"

_held: dict[Remote, Lease] = {}


class Lease:
    """The lock object `path`, held while this is open."""

    def __init__(self, path: Remote, what: str) -> None:
        """Take it.

        Raises:
            Busy: somebody else has it.
        """
        self._path = path
        self._what = what
        self._mine = _signature()
        self._count = 0
        self._tag = self._take()
        self._signed = time.monotonic()
        self._stop = threading.Event()
        self._lost = False
        self._thread = threading.Thread(target=self._renew, daemon=True, name="omptool-lease")
        self._thread.start()

    def _take(self) -> str:
        now = objects.read_tagged(self._path)
        state = _state(now[0]) if now else {}
        if now and not state.get("is_free") and not _is_dead(state, self._path):
            raise self._busy(state)
        tag = objects.write_if(self._path, self._text(), now[1] if now else None)
        if tag is None:
            again = objects.read_tagged(self._path)
            raise self._busy(_state(again[0]) if again else {})
        return tag

    def _busy(self, state: dict[str, Any]) -> Busy:
        host = state.get("host")
        where = "" if not host else f" on {host}, process {state.get('pid')}"
        return Busy(
            f"{self._what} is in use by another omptool{where}",
            "wait until it has finished, then run the same command again;"
            f" if that computer is gone, the lake is free {DEAD_S / 60:.0f} minutes after its last sign",
        )

    def _text(self, **more: object) -> bytes:
        self._count += 1
        return json.dumps(self._mine | {"count": self._count} | more).encode()

    def _renew(self) -> None:
        while not self._stop.wait(RENEW_S):
            started = time.monotonic()
            with contextlib.suppress(OmptoolError):  # the next time may do; after VALID_S nobody commits any more
                tag = objects.write_if(self._path, self._text(), self._tag)
                if tag is None and not self._is_still_mine():
                    self._lost = True
                    return
                if tag is not None:
                    self._tag = tag
                self._signed = started

    def _is_still_mine(self) -> bool:
        """Whether the object is what we wrote: an answer may get lost while the request did not."""
        now = objects.read_tagged(self._path)
        if now is None or _state(now[0]).get("token") != self._mine["token"]:
            return False
        self._tag = now[1]
        return True

    def confirm(self) -> None:
        """Raise LakeError unless it is certain that nobody else may write now."""
        if self._lost or time.monotonic() - self._signed > VALID_S:
            raise LakeError(f"{self._what} was not reached for a minute, and another omptool may write to it", _AGAIN)

    def release(self) -> None:
        """Let others write."""
        self._stop.set()
        self._thread.join(timeout=objects.RETRY_S)
        if not self._lost:
            with contextlib.suppress(OmptoolError):  # then it ends by itself
                objects.write_if(self._path, self._text(is_free=True), self._tag)


@contextlib.contextmanager
def hold(path: Remote, lake: Remote) -> Iterator[None]:
    """Be the only omptool that writes to `lake` while the block runs.

    Raises:
        Busy: another one does.
    """
    lease = Lease(path, str(lake))
    _held[lake] = lease
    try:
        yield
    finally:
        del _held[lake]
        lease.release()


def confirm(lake: Remote) -> None:
    """Before a commit: is `lake` certainly still ours?

    Raises:
        LakeError: it is not.
    """
    _held[lake].confirm()


def _state(data: bytes) -> dict[str, Any]:
    with contextlib.suppress(ValueError):
        found = bounded_json.loads(data)
        if isinstance(found, dict):
            return found
    return {}


def _is_dead(state: dict[str, Any], path: Remote) -> bool:
    """Whether the holder can no longer write."""
    here = _computer()
    pid = state.get("pid")
    if state.get("computer") == here and here and isinstance(pid, int) and os.name == "posix":
        return _started(pid) is None or _started(pid) != state.get("started")
    return _age(path) > DEAD_S


def _age(path: Remote) -> float:
    """Seconds since an object was written, by the clock of the store."""
    mark = path.parent / "_staging" / f".clock-{secrets.token_hex(8)}"
    objects.write(mark, b"")
    try:
        now, then = objects.facts(mark), objects.facts(path)
    finally:
        objects.delete([mark])
    return now.st_mtime - then.st_mtime if now and then else 0.0


def _signature() -> dict[str, Any]:
    return {
        "token": secrets.token_hex(16),
        "host": socket.gethostname(),
        "computer": _computer(),
        "pid": os.getpid(),
        "started": _started(os.getpid()),
    }


def _computer() -> str:
    """This boot of this computer, and the world of process numbers in it; empty where nobody can tell."""
    with contextlib.suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    return ""


def _started(pid: int) -> str | None:
    """When a process began, in the kernel's ticks; None where there is no such process."""
    with contextlib.suppress(OSError):
        facts = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
        return None if facts[0] in ("Z", "X") else facts[19]  # a dead one, of which its parent has not heard yet
    return None
