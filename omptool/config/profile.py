"""What `doctor --save` learned of servers, kept for the commands that talk to them later: state, not configuration.

A file per address. A profile only makes requests smaller; one that cannot be read is as if it were not there.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from omptool.config.files import sessions_folder
from omptool.model import bounded_json
from omptool.model.limits import ServerLimits

MAX_BYTES = 64 << 10


def folder(environ: Mapping[str, str]) -> Path:
    """Where profiles lie; may not exist."""
    return sessions_folder(environ).with_name("servers")


def path_of(url: str, environ: Mapping[str, str]) -> Path:
    """The file of the server at `url`."""
    return folder(environ) / f"{hashlib.sha256(url.encode()).hexdigest()[:24]}.json"


def save(url: str, limits: ServerLimits, measured: Mapping[str, Any], environ: Mapping[str, str]) -> Path:
    """Write the profile of a server; it replaces an older one at once.

    Raises:
        OSError: it cannot be written.
    """
    path = path_of(url, environ)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}.partial")
    partial.write_text(json.dumps({"url": url, "limits": asdict(limits), **measured}, indent=1), encoding="utf-8")
    partial.replace(path)
    return path


def limits_of(url: str, environ: Mapping[str, str]) -> ServerLimits:
    """What a server takes in one request, as its profile says; 0 where nothing is known."""
    try:
        with path_of(url, environ).open("rb") as file:
            stored = bounded_json.loads(file.read(MAX_BYTES))["limits"]
        known = {one.name: stored.get(one.name) for one in fields(ServerLimits)}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return ServerLimits()
    return ServerLimits(**{name: value for name, value in known.items() if isinstance(value, int) and value > 0})
