"""The settings of this run: read once, by the first who asks, and the same for everybody after.

A command that takes `--config` or interval flags asks first, with them; `emit` asks later, for format and time zone.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from omptool import config
from omptool.cli.access import NOTHING, Access
from omptool.config import Config, ServerConfig
from omptool.errors import ConfigError, NotFound, UsageError

if TYPE_CHECKING:
    from omptool.model.plant import PlantModel

_current: list[Config] = []


def load(path: Path | None = None, flags: Mapping[str, str | None] | None = None) -> Config:
    """Read the settings for this run; `flags` are those of the command line by key, None = not given."""
    given = {key: value for key, value in (flags or {}).items() if value is not None}
    _current[:] = [config.read(path, given)]
    _use_stores(_current[0])
    return _current[0]


def _use_stores(loaded: Config) -> None:
    """Let the stores be where the settings say."""
    import os

    from omptool.config.stores import STORE_SETTINGS, Stores
    from omptool.store import access

    values = {setting.key.rpartition(".")[2]: loaded[setting.key] for setting in STORE_SETTINGS}
    origin = loaded.values["stores.azure_endpoint"].origin
    is_own = origin.startswith(("$", f"{config.user_file(os.environ)}:"))
    access.use(Stores(**values, is_own=is_own))


def current() -> Config:
    """What `load` read, or the settings without flags."""
    return _current[0] if _current else load()


def server(loaded: Config, text: str, access: Access = NOTHING) -> ServerConfig:
    """The server that a user named, talked to as `access` says, with what is worth knowing about it said on stderr.

    A file or folder of that name is told apart from a mistyped server.

    Raises:
        UsageError: neither a known name nor an address.
    """
    if text and text not in loaded.servers and "://" not in text and Path(text).exists():
        from omptool.cli.diagnostics import typed

        raise UsageError(
            f"{text} is a {'folder' if Path(text).is_dir() else 'file'}, not a server",
            f"give an address, opc.tcp://HOST:4840, or look into it:  omptool info {typed(text)}",
        )
    found = _profiled(access.applied(loaded.server(text)))
    _say_security()
    return found


def _profiled(chosen: ServerConfig) -> ServerConfig:
    """The server with what `doctor --save` learned of it."""
    import os
    from dataclasses import replace

    from omptool.config import profile

    known = profile.read(chosen.url, os.environ)
    return replace(chosen, limits=known.limits, capacity=known.capacity)


def _say_security() -> None:
    """Let what `omptool.security` finds worth knowing be a note, each once."""
    import logging

    from omptool.cli import diagnostics

    logger = logging.getLogger("omptool.security")
    if logger.handlers:
        return
    said: set[str] = set()

    class Notes(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            text = record.getMessage()
            if text not in said:
                said.add(text)
                diagnostics.note(f"note: {text}")

    logger.propagate = False
    logger.addHandler(Notes())


def servers(loaded: Config, texts: Sequence[str]) -> list[ServerConfig]:
    """The servers that a user named, each once: addresses, names, and globs of names such as 'line-*'.

    Raises:
        UsageError: one is written twice, is unknown, or a glob matches no name.
    """
    from omptool.model.path import SPECIAL

    found: dict[str, ServerConfig] = {}
    by_glob: set[str] = set()
    for text in texts:
        is_glob = text not in loaded.servers and "://" not in text and not SPECIAL.isdisjoint(text)
        for one in map(_profiled, loaded.matching(text)) if is_glob else [server(loaded, text)]:
            before = found.setdefault(one.url, one)
            if before is not one and not (before.name == one.name and (is_glob or one.url in by_glob)):
                name = before.name or one.name
                same = f", which is {name}," if name else ""
                raise UsageError(f"{one.url}{same} is named twice", "name each server once")
            if is_glob:
                by_glob.add(one.url)
    return list(found.values())


def forget() -> None:
    """Start a new run in the same process."""
    import logging

    _current.clear()
    logging.getLogger("omptool.security").handlers.clear()


def zone(tz: str | None = None) -> tuple[dt.tzinfo, str]:
    """The zone of tables and of times without offset: `--tz`, else output.tz, else the system's; with its name."""
    from omptool.cli.table import local_zone

    return local_zone(tz or current()["output.tz"])


def zone_name(tz: str | None, model: PlantModel | None) -> str | None:
    """Where a plant model is in use: `--tz`, else output.tz, else the plant's zone; None is the system's."""
    return tz or current()["output.tz"] or (model.zone if model else None)


def plant(path: Path | None = None) -> PlantModel | None:
    """The plant model a user named, else plant.toml beside omptool.toml or in the current folder, if there is one."""
    from omptool.config.files import read_text
    from omptool.model.plant import PlantModel

    candidates = [path] if path else [current().folder / "plant.toml", Path("plant.toml")]
    for candidate in candidates:
        try:
            model = PlantModel.parse(read_text(candidate), str(candidate))
        except FileNotFoundError:
            continue
        except UnicodeDecodeError:
            raise ConfigError(f"{candidate} is not UTF-8 text", "save it as UTF-8") from None
        check_plant_zone(model, candidate)
        return model
    if path:
        raise NotFound(f"no plant model {path}", "name a plant.toml, or leave --plant out")
    return None


def check_plant_zone(model: PlantModel, origin: object) -> None:
    """Refuse a plant model whose zone this computer does not know."""
    from zoneinfo import ZoneInfo

    if model.zone is None:
        return
    try:
        ZoneInfo(model.zone)
    except (KeyError, ValueError, OSError):
        raise ConfigError(f"{origin}: there is no time_zone {model.zone!r}", 'write it as "Europe/Berlin"') from None
