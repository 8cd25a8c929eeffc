"""Where a node stands in the plant: site, area, line, machine and tag (C5). First match wins:

1. a rule of `plant.toml`,
2. the `[servers.NAME]` settings of the capture,
3. what the server's companion specifications say (ISA-95 equipment levels, Machinery and DI machines),
4. site `unassigned`, machine = the server's name.

Resolution happens when rows are read, never when they are captured, so a better model improves old captures too.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from omptool.errors import ConfigError, UsageError
from omptool.model import bounded_toml
from omptool.model import path as paths
from omptool.model.nodes import Node
from omptool.model.scopes import KEYS, Scoped, entries, told_of
from omptool.model.shifts import Calendar
from omptool.model.specs import SpecRule, parse_specs
from omptool.model.vocabulary import MachineState

UNASSIGNED = "unassigned"
"""Site of a node about which nobody says anything."""


class Place(NamedTuple):
    """The C2 columns that say where; area and line may be unknown."""

    site: str
    area: str | None
    line: str | None
    machine: str
    tag: str


@dataclass(frozen=True, slots=True)
class ServerPlace:
    """What `[servers.NAME]` says about all nodes of a server.

    `machine` is a name, or a glob of the machine's own path; see `MachineGlob`.
    """

    site: str | None = None
    area: str | None = None
    line: str | None = None
    machine: str | None = None


class MachineGlob:
    """A path glob that finds the machine above a node.

    The machine's name is the last name of the path that matched, or the one that the pattern has in parentheses:
    `Line1/*` makes `Line1/Press7/Oil/Temperature` machine Press7, tag `Oil/Temperature`; `(*)/Data` makes
    `Press7/Data/Speed` machine Press7, tag `Speed`. Parentheses count only around a whole name, and once.

    Raises:
        UsageError: not a glob, or open which name is meant: two in parentheses, or any number of names behind them.
    """

    def __init__(self, pattern: str) -> None:
        parts = paths.split(pattern)
        grouped = [index for index, part in enumerate(parts) if part.startswith("(") and part.endswith(")")]
        behind = parts[grouped[0] :] if grouped else ()
        if len(grouped) > 1 or any(part == "**" or part.count("{") != part.count("}") for part in behind):
            raise UsageError(
                f"machine glob {pattern!r} leaves open which name is the machine's",
                "put one name in parentheses, with neither ** nor / in braces behind it: Line1/(*)/Data",
            )
        self._name_from_end = grouped[0] - len(parts) if grouped else -1
        self._glob = paths.Glob(re.sub(r"(^|/)\(([^/]*)\)(?=/|$)", r"\1\2", pattern))

    def find(self, names: Sequence[str]) -> tuple[str, int] | None:
        """Name of the innermost machine in the names of a path, and how many names lead to it; None without a match."""
        for depth in range(len(names), 0, -1):
            if self._glob.matches(paths.join(names[:depth])):
                return names[depth + self._name_from_end], depth
        return None


@dataclass(frozen=True, slots=True)
class Rule:
    """One `[[machine]]` of plant.toml: every node below `path` on `server`, by its C1 or short name (None: on any)."""

    path: MachineGlob
    server: str | None = None
    site: str | None = None
    area: str | None = None
    line: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class PlantModel:
    """A parsed plant.toml.

    Attributes:
        site: the site of all rules that name none, and of nodes about which nobody says one; `zone` its IANA time zone.
        digest: SHA-256 of the text, to tell one model from another.
        text: the text itself, for the copy kept in a lake.
        roles: `[roles]`: what tags are for, role → globs of the tag, the first that matches counts.
        states: `[states]`, or `[[states]]` of some machines: vendor's code or text of a state → word of OPC 40001-1.
        calendar: shifts, planned stops, ideal cycle times.
        specs: `[[spec]]`: what measured values should be, the first that matches counts.
    """

    site: str | None
    zone: str | None
    rules: tuple[Rule, ...]
    digest: str
    text: str = field(repr=False)
    roles: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    states: tuple[Scoped[MachineState], ...] = ()
    calendar: Calendar = field(default_factory=Calendar, hash=False)
    specs: tuple[SpecRule, ...] = field(default=(), hash=False)

    def states_of(self, place: Sequence[str | None]) -> dict[str, MachineState]:
        """What codes and texts of a machine's state mean; `place` is its site, area, line and name."""
        return told_of(self.states, place)

    @classmethod
    def parse(cls, text: str, origin: str = "plant.toml") -> PlantModel:
        """Read plant.toml.

        Raises:
            ConfigError: not TOML, an unknown key, or a value of the wrong type.
        """
        try:
            data = bounded_toml.loads(text)
        except ValueError as error:
            raise ConfigError(
                f"{origin} is not valid TOML: {str(error)[:1].lower()}{str(error)[1:]}",
                "texts stand in quotes, sections in brackets: [[machine]], [roles], [states]",
            ) from None
        return cls.of(data, origin, text)

    @classmethod
    def of(cls, data: Mapping[str, Any], origin: str = "plant.toml", text: str = "") -> PlantModel:
        """The model of a plant.toml that has been parsed already, as a cloud server sends it.

        Raises:
            ConfigError: an unknown key, or a value of the wrong type.
        """
        known = {"site", "time_zone", "machine", "roles", "states", "shift", "planned_stop", "ideal_cycle", "spec"}
        _expect(data, known, origin)
        machines = data.get("machine", [])
        if not isinstance(machines, list) or not all(isinstance(entry, dict) for entry in machines):
            raise ConfigError(f"{origin}: machine is a list of tables", "write [[machine]] above each of them")
        site = _text(data, "site", origin)
        rules = tuple(_rule(entry, site, f"{origin}: machine {n}") for n, entry in enumerate(machines, 1))
        digest = hashlib.sha256(text.encode()).hexdigest()
        roles, states = _roles(data, origin), _states(data, origin)
        calendar = Calendar.of(data, origin)
        zone, specs = _text(data, "time_zone", origin), parse_specs(data, origin)
        return cls(site, zone, rules, digest, text, roles, states, calendar, specs)


def places(
    server: str,
    nodes: Sequence[Node],
    model: PlantModel | None = None,
    settings: ServerPlace | None = None,
    server_name: str | None = None,
) -> dict[str, Place]:
    """The place of every node.

    Args:
        server: C1 server name; rules name this or `server_name`.
        nodes: all nodes of one server that are known, with the objects above the variables.
        model: plant.toml, when there is one.
        settings: what omptool.toml says about this server.
        server_name: the short name for `machine` where nothing else is known; default `server`.

    Returns:
        NodeId text → Place, for every node given.
    """
    settings = settings or ServerPlace()
    finder = _Finder(
        rules=[rule for rule in (model.rules if model else ()) if rule.server in (None, server, server_name)],
        settings=settings,
        settings_glob=_settings_glob(settings.machine),
        evidence=_equipment_by_path(nodes),
        default_site=(model.site if model else None) or UNASSIGNED,
        server_name=server_name or server,
    )
    return {node.node_id: finder.place(node.path) for node in nodes}


@dataclass(slots=True)
class _Finder:
    """Everything known about one server, asked once per node."""

    rules: Sequence[Rule]
    settings: ServerPlace
    settings_glob: MachineGlob | None
    evidence: Mapping[str, tuple[str, str]]
    default_site: str
    server_name: str

    def place(self, path: str) -> Place:
        names = paths.split(path)
        rule, machine, depth = self._machine(names)
        evident = self._evident(names)

        def level(key: str) -> str | None:
            return getattr(rule, key, None) or getattr(self.settings, key) or evident.get(key)

        return Place(
            level("site") or self.default_site, level("area"), level("line"), machine, paths.join(names[depth:])
        )

    def _machine(self, names: Sequence[str]) -> tuple[Rule | None, str, int]:
        """The rule that applies, the machine's name, and how many names lead to the machine."""
        for rule in self.rules:
            if found := rule.path.find(names):
                return rule, rule.name or found[0], found[1]
        if self.settings_glob and (found := self.settings_glob.find(names)):
            return None, *found
        if self.settings.machine and not self.settings_glob:
            return None, self.settings.machine, 0
        for depth in range(len(names), 0, -1):
            kind, name = self.evidence.get(paths.join(names[:depth]), ("", ""))
            if kind == "machine":
                return None, name, depth
        return None, self.server_name, 0

    def _evident(self, names: Sequence[str]) -> dict[str, str]:
        """Level → name of the innermost equipment of that level above a node."""
        found = (self.evidence.get(paths.join(names[:depth])) for depth in range(1, len(names) + 1))
        return dict(filter(None, found))


def _equipment_by_path(nodes: Sequence[Node]) -> dict[str, tuple[str, str]]:
    found = {}
    for node in nodes:
        if node.equipment:
            names = paths.split(node.path)
            found[node.path] = (node.equipment, node.equipment_name or (names[-1] if names else node.browse_name))
    return found


def _settings_glob(machine: str | None) -> MachineGlob | None:
    """The glob in a server's settings; None for a plain name, and for what is no glob: captures come from anybody."""
    try:
        return MachineGlob(machine) if machine and is_glob(machine) else None
    except UsageError:
        return None


def is_glob(machine: str) -> bool:
    """Whether the setting `machine` is meant as a `MachineGlob` and not as a name."""
    return any(character in paths.SPECIAL or character in "()" for character in machine)


def _rule(entry: Mapping[str, Any], site: str | None, origin: str) -> Rule:
    _expect(entry, {"path", "server", "site", "area", "line", "name"}, origin)
    path = _text(entry, "path", origin)
    if path is None:
        raise ConfigError(
            f"{origin}: path is missing", 'write path = "Line1/Press7", the glob of the machine\'s own path'
        )
    rest = {key: _text(entry, key, origin) for key in ("server", "site", "area", "line", "name")}
    rest["site"] = rest["site"] or site
    try:
        return Rule(MachineGlob(path), **rest)
    except UsageError as error:
        raise ConfigError(f"{origin}: {error.message}", error.hint) from None


def _expect(data: Mapping[str, Any], known: set[str], origin: str) -> None:
    for key in data:
        if key not in known:
            raise ConfigError(f"{origin}: unknown key {key!r}", f"known are {', '.join(sorted(known))}")


def _text(data: Mapping[str, Any], key: str, origin: str) -> str | None:
    value = data.get(key)
    if value is not None and not isinstance(value, str):
        raise ConfigError(f"{origin}: {key} is {json.dumps(value, default=str)}, not a text", f'write {key} = "…"')
    return value


def _table(data: Mapping[str, Any], key: str, origin: str) -> Mapping[str, Any]:
    value = data.get(key, {})
    if not isinstance(value, dict):
        raise ConfigError(f"{origin}: {key} is a table", f"write [{key}] and a line for each below it")
    return value


def _roles(data: Mapping[str, Any], origin: str) -> dict[str, tuple[str, ...]]:
    found = {}
    for role, value in _table(data, "roles", origin).items():
        globs = [value] if isinstance(value, str) else value
        if not isinstance(globs, list) or not globs or not all(isinstance(glob, str) for glob in globs):
            raise ConfigError(f"{origin}: roles.{role} is neither a tag glob nor a list of them", f'{role} = "State"')
        for glob in globs:
            paths.Glob(glob)
        found[role] = tuple(globs)
    return found


def _states(data: Mapping[str, Any], origin: str) -> tuple[Scoped[MachineState], ...]:
    words = [state.value for state in MachineState]
    found = []
    for scope, given, where in entries(data, "states", origin, '1 = "Executing"'):
        for code, word in given.items():
            if word not in words:
                some = "; above codes of some machines stands [[states]]" if code in KEYS else ""
                raise ConfigError(
                    f"{where}{code} is {json.dumps(word, default=str)}", f"known are {', '.join(words)}{some}"
                )
        found.append(Scoped(scope, {code: MachineState(word) for code, word in given.items()}))
    return tuple(found)
