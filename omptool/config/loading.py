"""Resolve settings from flags, environment and files that somebody else has read. Pure.

Every value keeps its origin, every refusal names file, line, key and the nearest valid key.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omptool.config.schema import SERVER_SETTINGS, SETTINGS, ServerConfig, Setting, checked_url
from omptool.errors import ConfigError, UsageError
from omptool.model import bounded_toml

FILE_NAME = "omptool.toml"
_SECRETS = {"password", "token", "secret", "passphrase", "key"}
_SERVER_FIELDS = {"publishing_interval": "publishing_ms", "sampling_interval": "sampling_ms", "timeout": "timeout_s"}


@dataclass(frozen=True, slots=True)
class Value:
    """A resolved setting: what it is and who said so (`--flag`, `$VARIABLE`, `FILE:LINE` or `default`)."""

    key: str
    value: Any
    written: object
    origin: str


@dataclass(frozen=True, slots=True)
class File:
    """A settings file as text; `load` gets them, the one that wins first."""

    path: Path
    text: str


@dataclass(frozen=True, slots=True)
class Config:
    """All settings of one run.

    Attributes:
        values: by key; the keys of `SETTINGS`.
        servers: by name, with the values of each table for `config show`.
        looked_in: the files that were read, the winner first.
        folder: of the project file, else the current one; relative paths and plant.toml belong to it.
    """

    values: Mapping[str, Value]
    servers: Mapping[str, ServerConfig] = field(default_factory=dict)
    server_values: Mapping[str, tuple[Value, ...]] = field(default_factory=dict)
    looked_in: tuple[Path, ...] = ()
    folder: Path = Path()

    def __getitem__(self, key: str) -> Any:
        return self.values[key].value

    def all_values(self) -> list[Value]:
        """Every setting, general ones first."""
        return [*self.values.values(), *(v for values in self.server_values.values() for v in values)]

    def server(self, name_or_url: str) -> ServerConfig:
        """The server called so in a `[servers.NAME]` table, or at this URL.

        Raises:
            UsageError: neither a known name nor an address.
        """
        if name_or_url in self.servers:
            return self.servers[name_or_url]
        if "://" in name_or_url:
            return ServerConfig(url=checked_url(name_or_url))
        raise UsageError(f'no server "{name_or_url}" in {FILE_NAME}', self._server_hint(name_or_url))

    def _server_hint(self, name: str) -> str:
        if re.fullmatch(r"[\w.-]+:\d+(/.*)?", name):
            return f"write an address as opc.tcp://{name}"
        near = _nearest(name, self.servers)
        looked = ", ".join(map(str, self.looked_in)) or f"no {FILE_NAME} found"
        return f"{near}give an address, opc.tcp://HOST:4840, or add [servers.{name}] with a url\nread: {looked}"

    def publishing_ms(self, server: ServerConfig) -> float:
        """Publishing interval for `server`: a flag wins, then the server's own, then the general one."""
        return float(self._interval("capture.publishing_interval", server.publishing_ms))

    def sampling_ms(self, server: ServerConfig) -> float:
        """Sampling interval for `server`; same order."""
        return float(self._interval("capture.sampling_interval", server.sampling_ms))

    def _interval(self, key: str, of_server: float | None) -> Any:
        general = self.values[key]
        return general.value if of_server is None or general.origin.startswith("--") else of_server


def load(flags: Mapping[str, str], environ: Mapping[str, str], files: Sequence[File]) -> Config:
    """Resolve all settings; pure.

    Args:
        flags: typed on the command line, by key (`capture.publishing_interval`).
        environ: the environment; only `OMPTOOL_*` is looked at.
        files: the one that wins first.

    Raises:
        ConfigError: an unknown key or a value that cannot be; names file, line, key and the nearest valid key.
    """
    parsed = [(file, _parsed(file)) for file in files]
    for file, table in parsed:
        _check_keys(file, table)
    _check_variables(environ)
    values = {setting.key: _resolve(setting, flags, environ, parsed) for setting in SETTINGS}
    servers: dict[str, ServerConfig] = {}
    server_values: dict[str, tuple[Value, ...]] = {}
    for file, table in parsed:
        for name, entry in table.get("servers", {}).items():
            if name not in servers:
                servers[name], server_values[name] = _server(file, name, entry)
    return Config(values, servers, server_values, tuple(file.path for file in files))


def _parsed(file: File) -> dict[str, Any]:
    try:
        return bounded_toml.loads(file.text)
    except ValueError as error:
        raise ConfigError(f"{file.path} is not valid TOML: {str(error)[:1].lower()}{str(error)[1:]}") from error


def _check_keys(file: File, table: Mapping[str, Any]) -> None:
    sections: dict[str, set[str]] = {}
    for setting in SETTINGS:
        section, name = setting.key.split(".")
        sections.setdefault(section, set()).add(name)
    for section, entries in table.items():
        if section == "servers":
            continue
        if section not in sections:
            raise _unknown(file, (), section, [*sections, "servers"])
        if not isinstance(entries, dict):
            raise ConfigError(
                f"{_where(file, (), section)}: {section} must be a table", f"write [{section}] on a line of its own"
            )
        for name in entries:
            if name not in sections[section]:
                raise _unknown(file, (section,), name, sections[section])
    servers = table.get("servers", {})
    if not isinstance(servers, dict) or not all(isinstance(entry, dict) for entry in servers.values()):
        raise ConfigError(
            f"{_where(file, (), 'servers')}: servers must be tables", "write [servers.NAME] and below it url = …"
        )
    for server, entry in servers.items():
        for name in entry:
            if name not in {setting.key for setting in SERVER_SETTINGS}:
                raise _unknown(file, ("servers", server), name, [setting.key for setting in SERVER_SETTINGS])


def _check_variables(environ: Mapping[str, str]) -> None:
    known = {setting.variable for setting in SETTINGS} | {"OMPTOOL_CONFIG"}
    for name in environ:
        if name.startswith("OMPTOOL_") and name not in known:
            raise ConfigError(
                f"unknown variable {name} in the environment",
                _nearest(name, known) + f"known: {', '.join(sorted(known))}",
            )


def _unknown(file: File, table: tuple[str, ...], key: str, known: Sequence[str] | set[str]) -> ConfigError:
    where = _where(file, table, key)
    if key.lower() in _SECRETS:
        return ConfigError(f'{where}: "{key}" is a secret and does not belong in a settings file', "remove the line")
    place = f"[{'.'.join(table)}]" if table else FILE_NAME
    return ConfigError(
        f'{where}: unknown key "{key}" in {place}', _nearest(key, known) + f"known: {', '.join(sorted(known))}"
    )


def _nearest(typed: str, known: Sequence[str] | set[str] | Mapping[str, Any]) -> str:
    matches = difflib.get_close_matches(typed, list(known), n=1, cutoff=0.5)
    return f"did you mean {matches[0]}?\n" if matches else ""


def _resolve(
    setting: Setting,
    flags: Mapping[str, str],
    environ: Mapping[str, str],
    parsed: Sequence[tuple[File, Mapping[str, Any]]],
) -> Value:
    section, name = setting.key.split(".")
    if setting.key in flags:
        return _value(setting, setting.key, flags[setting.key], "--" + name.replace("_", "-"))
    if environ.get(setting.variable):
        return _value(setting, setting.key, environ[setting.variable], f"${setting.variable}")
    for file, table in parsed:
        if name in table.get(section, {}):
            return _value(setting, setting.key, table[section][name], _where(file, (section,), name))
    value = None if setting.default is None else setting.parse(setting.default)
    return Value(setting.key, value, setting.default, "default")


def _value(setting: Setting, key: str, written: object, origin: str) -> Value:
    try:
        return Value(key, setting.parse(written), written, origin)
    except ValueError as error:
        raise ConfigError(f"{origin}: {key} must be {error}, not {written!r}") from None
    except UsageError as error:
        raise ConfigError(f"{origin}: {key}: {error.message}", error.hint) from None


def _server(file: File, name: str, entry: Mapping[str, Any]) -> tuple[ServerConfig, tuple[Value, ...]]:
    table = ("servers", name)
    if "url" not in entry:
        raise ConfigError(
            f"{_where(file, table, None)}: [servers.{name}] has no url", 'add url = "opc.tcp://HOST:4840"'
        )
    values = []
    for setting in SERVER_SETTINGS:
        key = f"servers.{name}.{setting.key}"
        if setting.key in entry:
            values.append(_value(setting, key, entry[setting.key], _where(file, table, setting.key)))
    fields = {_SERVER_FIELDS.get(v.key.rsplit(".", 1)[1], v.key.rsplit(".", 1)[1]): v.value for v in values}
    return ServerConfig(name=name, **fields), tuple(values)


def _where(file: File, table: tuple[str, ...], key: str | None) -> str:
    line = _line_of(file.text, table, key)
    return f"{file.path}:{line}" if line else str(file.path)


def _line_of(text: str, table: tuple[str, ...], key: str | None) -> int | None:
    """Line of `key` in `[table]`, or of the header of the table; None where it is written in some other TOML way."""
    current: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*\[\s*([^\[\]]+?)\s*\]", line):
            current = tuple(part.strip().strip("\"'") for part in re.findall(r"\"[^\"]*\"|'[^']*'|[^.]+", header[1]))
            if (key is None and current == table) or current == (*table, key):
                return number
        elif key is not None and current == table and re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*[.=]", line):
            return number
    return None
