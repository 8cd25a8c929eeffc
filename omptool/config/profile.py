"""What `doctor --save` learned of servers, kept for the commands that talk to them later: state, not configuration.

A file per address. A profile only makes requests smaller; one that cannot be read is as if it were not there.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from omptool.config.files import sessions_folder
from omptool.model import bounded_json
from omptool.model.limits import Capacity, ServerLimits

MAX_BYTES = 64 << 10


def folder(environ: Mapping[str, str]) -> Path:
    """Where profiles lie; may not exist."""
    return sessions_folder(environ).with_name("servers")


def path_of(url: str, environ: Mapping[str, str]) -> Path:
    """The file of the server at `url`."""
    return folder(environ) / f"{hashlib.sha256(url.encode()).hexdigest()[:24]}.json"


@dataclass(frozen=True, slots=True)
class Profile:
    """What a server takes: `limits` in one request, `capacity` at all; 0 where nothing is known."""

    limits: ServerLimits = field(default_factory=ServerLimits)
    capacity: Capacity = field(default_factory=Capacity)


def save(url: str, profile: Profile, measured: Mapping[str, Any], environ: Mapping[str, str]) -> Path:
    """Write the profile of a server; it replaces an older one at once.

    Raises:
        OSError: it cannot be written.
    """
    path = path_of(url, environ)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}.partial")
    partial.write_text(json.dumps({"url": url, **asdict(profile), **measured}, indent=1), encoding="utf-8")
    partial.replace(path)
    return path


def read(url: str, environ: Mapping[str, str]) -> Profile:
    """The profile of a server; nothing is known where there is none, or none that can be read."""
    try:
        with path_of(url, environ).open("rb") as file:
            stored = bounded_json.loads(file.read(MAX_BYTES))
    except (OSError, ValueError):
        return Profile()
    limits, capacity = (
        _numbers(stored, name, kind) for name, kind in (("limits", ServerLimits), ("capacity", Capacity))
    )
    return Profile(ServerLimits(**limits), Capacity(**capacity))


def _numbers(stored: Any, name: str, kind: type) -> dict[str, Any]:
    """The positive numbers that a part of a profile has for the fields of `kind`."""
    part = stored.get(name) if isinstance(stored, dict) else None
    if not isinstance(part, dict):
        return {}
    known = {one.name: part.get(one.name) for one in fields(kind)}
    whole = {name for name in known if not name.endswith("_ms")}
    return {
        name: value
        for name, value in known.items()
        if not isinstance(value, bool)
        and isinstance(value, int if name in whole else int | float)
        and 0 < value < float("inf")
    }
