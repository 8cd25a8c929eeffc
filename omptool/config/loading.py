"""Resolve settings from flags, environment and files that somebody else has read. Pure.

Every value keeps its origin, every refusal names file, line, key and the nearest valid key.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from omptool.config.cloud import CLOUD_SETTINGS, CloudConfig
from omptool.config.lines import line_of
from omptool.config.noderules import NODE_SETTINGS, NodeRule, rule_of
from omptool.config.operations import SETTINGS
from omptool.config.schema import SERVER_SETTINGS, ServerConfig, Setting, checked_url, redacted
from omptool.errors import ConfigError, UsageError
from omptool.model import bounded_toml
from omptool.model.path import Glob

FILE_NAME = "omptool.toml"
_SECRETS = {"password", "token", "secret", "passphrase", "key", "account_key", "azure_key", "s3_key", "s3_secret"}
_FIELDS = {
    "publishing_interval": "publishing_ms",
    "sampling_interval": "sampling_ms",
    "rebrowse": "rebrowse_ms",
    "timeout": "timeout_s",
}
_NAMED = {"servers": SERVER_SETTINGS, "cloud": CLOUD_SETTINGS}
"""Sections of tables with names that users choose."""
_RULE = re.compile(r"\s*\[\[\s*capture\s*\.\s*nodes\s*\]\]")
_URLS = {"servers": 'add url = "opc.tcp://HOST:4840"', "cloud": 'add url = "https://HOST"'}


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
        servers, clouds: by name.
        table_values: the values of each `[servers.NAME]` and `[cloud.NAME]`, for `config show`.
        node_rules: of `[[capture.nodes]]`, all of one file.
        looked_in: the files that were read, the winner first.
        folder: of the project file, else the current one; relative paths and plant.toml belong to it.
    """

    values: Mapping[str, Value]
    servers: Mapping[str, ServerConfig] = field(default_factory=dict)
    clouds: Mapping[str, CloudConfig] = field(default_factory=dict)
    table_values: tuple[Value, ...] = ()
    looked_in: tuple[Path, ...] = ()
    folder: Path = Path()
    node_rules: tuple[NodeRule, ...] = ()

    def __getitem__(self, key: str) -> Any:
        return self.values[key].value

    def all_values(self) -> list[Value]:
        """Every setting, general ones first."""
        return [*self.values.values(), *self.table_values]

    def server(self, name_or_url: str) -> ServerConfig:
        """The server called so in a `[servers.NAME]` table, or at this URL.

        Raises:
            UsageError: neither a known name nor an address.
        """
        if name_or_url in self.servers:
            return self.servers[name_or_url]
        if "://" in name_or_url:
            return ServerConfig(url=checked_url(name_or_url), pki=self["pki.folder"])
        raise UsageError(f'no server "{name_or_url}" in {FILE_NAME}', self._server_hint(name_or_url))

    def matching(self, glob: str) -> list[ServerConfig]:
        """The servers whose names a glob matches, in the order of the settings.

        Raises:
            UsageError: a malformed glob, or none.
        """
        wanted = Glob(glob)
        found = [name for name in self.servers if wanted.matches(name)]
        if not found:
            near = _nearest(glob, self.servers)
            looked = ", ".join(map(str, self.looked_in)) or f"no {FILE_NAME} found"
            raise UsageError(
                f"no server in {FILE_NAME} has a name like {glob!r}",
                f"{near}the tables [servers.NAME] name servers:  omptool config show\nread: {looked}",
            )
        return [self.server(name) for name in found]

    def cloud(self, name: str) -> CloudConfig:
        """The cloud API called so in a `[cloud.NAME]` table.

        Raises:
            UsageError: an unknown name; an address counts as one, because a token belongs to a url of the settings.
        """
        if name in self.clouds:
            return self.clouds[name]
        what = f"no cloud {json.dumps(redacted(name), ensure_ascii=False)} in {FILE_NAME}"
        table = "[cloud.NAME]" if "/" in name or not name else f"[cloud.{name}]"
        looked = ", ".join(map(str, self.looked_in)) or f"no {FILE_NAME} found"
        raise UsageError(
            what, f"{_nearest(name, self.clouds)}add {table} with url and token_file, and name it so\nread: {looked}"
        )

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

    def rebrowse_ms(self, server: ServerConfig) -> float:
        """How often to look for new nodes of `server`; same order, 0 = never."""
        return float(self._interval("capture.rebrowse", server.rebrowse_ms))

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
    servers, clouds, rules = _tables("servers", parsed), _tables("cloud", parsed), _node_rules(parsed)
    pki = values["pki.folder"].value
    return Config(
        values,
        {name: _server(file, name, found, pki) for name, (file, found) in servers.items()},
        {name: _cloud(file, name, found) for name, (file, found) in clouds.items()},
        tuple(value for found in (*servers.values(), *clouds.values()) for value in found[1])
        + tuple(value for rule in rules for value in rule),
        tuple(file.path for file in files),
        node_rules=tuple(rule_of({value.key.rsplit(".", 1)[1]: value.value for value in rule}) for rule in rules),
    )


def _node_rules(parsed: Sequence[tuple[File, Mapping[str, Any]]]) -> list[tuple[Value, ...]]:
    """The values of each `[[capture.nodes]]` of the first file that has any."""
    for file, table in parsed:
        tables = table.get("capture", {}).get("nodes")
        if tables is not None:
            return [_node_rule(file, number, entry) for number, entry in enumerate(tables, 1)]
    return []


def _node_rule(file: File, number: int, entry: Mapping[str, Any]) -> tuple[Value, ...]:
    lines = [at for at, line in enumerate(file.text.splitlines(), 1) if _RULE.match(line)]
    where = f"{file.path}:{lines[number - 1]}" if number <= len(lines) else str(file.path)
    if "match" not in entry:
        raise ConfigError(f"{where}: [[capture.nodes]] number {number} has no match", 'add match = "**/Temperature*"')
    return tuple(
        _value(each, f"capture.nodes.{number}.{each.key}", entry[each.key], where)
        for each in NODE_SETTINGS
        if each.key in entry
    )


def _tables(
    section: str, parsed: Sequence[tuple[File, Mapping[str, Any]]]
) -> dict[str, tuple[File, tuple[Value, ...]]]:
    """The tables of a section by name, each whole from the first file that has it."""
    found: dict[str, tuple[File, tuple[Value, ...]]] = {}
    for file, table in parsed:
        for name, entry in table.get(section, {}).items():
            if name not in found:
                found[name] = file, _table_values(file, section, name, entry)
    return found


def _parsed(file: File) -> dict[str, Any]:
    try:
        return bounded_toml.loads(file.text)
    except ValueError as error:
        raise ConfigError(
            f"{file.path} is not valid TOML: {str(error)[:1].lower()}{str(error)[1:]}", _then_check(str(file.path))
        ) from error


def _check_keys(file: File, table: Mapping[str, Any]) -> None:
    sections: dict[str, set[str]] = {}
    for setting in SETTINGS:
        section, name = setting.key.split(".")
        sections.setdefault(section, set()).add(name)
    for section, entries in table.items():
        if section in _NAMED:
            _check_named(file, section, entries)
            continue
        if section not in sections:
            raise _unknown(file, (), section, [*sections, *_NAMED])
        if not isinstance(entries, dict):
            raise ConfigError(
                f"{_where(file, (), section)}: {section} must be a table", f"write [{section}] on a line of its own"
            )
        for name in entries:
            if (section, name) == ("capture", "nodes"):
                _check_rules(file, entries[name])
            elif name not in sections[section]:
                raise _unknown(file, (section,), name, sections[section])


def _check_rules(file: File, tables: Any) -> None:
    if not isinstance(tables, list) or not all(isinstance(entry, dict) for entry in tables):
        where = _where(file, ("capture",), "nodes")
        raise ConfigError(f"{where}: capture.nodes must be tables", "write [[capture.nodes]] and below it match = …")
    for entry in tables:
        _check_known(file, ("capture", "nodes"), entry, NODE_SETTINGS)


def _check_named(file: File, section: str, tables: Any) -> None:
    if not isinstance(tables, dict) or not all(isinstance(entry, dict) for entry in tables.values()):
        raise ConfigError(
            f"{_where(file, (), section)}: {section} must be tables", f"write [{section}.NAME] and below it url = …"
        )
    for name, entry in tables.items():
        _check_known(file, (section, name), entry, _NAMED[section])


def _check_known(file: File, table: tuple[str, ...], entry: Mapping[str, Any], settings: Sequence[Setting]) -> None:
    known = [setting.key for setting in settings]
    for key in entry:
        if key not in known:
            raise _unknown(file, table, key, known)


_ELSEWHERE = frozenset({"OMPTOOL_CONFIG", "OMPTOOL_PASSWORD"})
"""Variables that are no settings."""


def _check_variables(environ: Mapping[str, str]) -> None:
    known = {setting.variable for setting in SETTINGS} | _ELSEWHERE
    for name in environ:
        if name.startswith("OMPTOOL_") and name not in known:
            raise ConfigError(
                f"unknown variable {name} in the environment",
                _nearest(name, known) + f"known: {', '.join(sorted(known))}",
            )


def _unknown(file: File, table: tuple[str, ...], key: str, known: Sequence[str] | set[str]) -> ConfigError:
    where = _where(file, table, key)
    if key.lower() in _SECRETS:
        file_key = next((name for name in ("token_file", "password_file") if name in known), "")
        instead = f'put it into a file of its own and write {file_key} = "FILE"' if file_key else ""
        return ConfigError(
            f'{where}: "{key}" is a secret and does not belong in a settings file', instead or "remove the line"
        )
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
            return _in_file(
                file, _value(setting, setting.key, table[section][name], _where(file, (section,), name)), setting
            )
    value = None if setting.default is None else setting.parse(setting.default)
    return Value(setting.key, value, setting.default, "default")


def _value(setting: Setting, key: str, written: object, origin: str) -> Value:
    try:
        return Value(key, setting.parse(written), written, origin)
    except ValueError as error:
        what = origin if origin.startswith("--") else f"{origin}: {key}"
        raise ConfigError(f"{what} must be {error}, not {written!r}", _correct(origin)) from None
    except UsageError as error:
        raise ConfigError(f"{origin}: {key}: {error.message}", error.hint) from None


def _in_file(file: File, value: Value, setting: Setting) -> Value:
    """A path that stands in a file, relative to that file; whoever reads it knows where `~` is."""
    if not setting.is_path:
        return value
    path = Path(value.value)
    return replace(value, value=path if path.parts[:1] == ("~",) else file.path.parent / path)


def _correct(origin: str) -> str:
    if origin.startswith("--"):
        return "write a value of that kind, or leave the option out"
    return f"unset {origin[1:]}, or give it another value" if origin.startswith("$") else _then_check(origin)


def _then_check(file: str) -> str:
    path = re.sub(r":\d+$", "", file)
    return "correct it, then:  omptool config check" + ("" if path == FILE_NAME else f" --config {path}")


def _table_values(file: File, section: str, name: str, entry: Mapping[str, Any]) -> tuple[Value, ...]:
    table = (section, name)
    if "urls" in entry and "url" in entry:
        where = _where(file, table, "urls")
        raise ConfigError(f"{where}: [{section}.{name}] has url and urls", "name every address in urls")
    if "url" not in entry and "urls" not in entry:
        raise ConfigError(f"{_where(file, table, None)}: [{section}.{name}] has no url", _URLS[section])
    return tuple(
        _in_file(
            file,
            _value(setting, f"{section}.{name}.{setting.key}", entry[setting.key], _where(file, table, setting.key)),
            setting,
        )
        for setting in _NAMED[section]
        if setting.key in entry
    )


def _fields(values: Sequence[Value]) -> dict[str, Any]:
    return {_FIELDS.get(key, key): value.value for value in values for key in [value.key.rsplit(".", 1)[1]]}


def _server(file: File, name: str, values: Sequence[Value], pki: Path | None) -> ServerConfig:
    fields = _fields(values)
    nodes, urls = fields.get("nodes"), fields.get("urls")
    more = ({"nodes": str(file.path.parent / nodes)} if nodes else {}) | ({"url": urls[0]} if urls else {})
    return ServerConfig(name=name, pki=pki, **fields | more)


def _cloud(file: File, name: str, values: Sequence[Value]) -> CloudConfig:
    fields = _fields(values)
    if "token_file" not in fields:
        raise ConfigError(
            f"{_where(file, ('cloud', name), None)}: [cloud.{name}] has no token_file",
            'add token_file = "FILE", the one that `omptool cloud serve` named',
        )
    return CloudConfig(name=name, **fields)


def _where(file: File, table: tuple[str, ...], key: str | None) -> str:
    line = line_of(file.text, table, key)
    return f"{file.path}:{line}" if line else str(file.path)
