"""Which machines an entry of plant.toml is about: `site`, `area`, `line` and `machine` as globs, no key: all. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar

from omptool.errors import ConfigError, OmptoolError
from omptool.model.path import Glob

KEYS = ("site", "area", "line", "machine")
"""In the order of a place."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Scope:
    """Machines whose place matches every glob; without globs all."""

    globs: tuple[tuple[int, Glob], ...] = ()

    def covers(self, place: Sequence[str | None]) -> bool:
        """Whether a machine is among them.

        Args:
            place: its site, area, line and name; what is not known matches no glob.
        """
        return all((name := place[at]) is not None and glob.matches(name) for at, glob in self.globs)


ALL = Scope()


@dataclass(frozen=True, slots=True)
class Scoped(Generic[T]):
    """What an entry says to each of its keys, for its machines."""

    scope: Scope
    told: Mapping[str, T] = field(hash=False)


def told_of(rules: Iterable[Scoped[T]], place: Sequence[str | None]) -> dict[str, T]:
    """What is said of a machine: for each key the first entry that covers the machine and has the key."""
    found: dict[str, T] = {}
    for rule in rules:
        if rule.scope.covers(place):
            found = {**rule.told, **found}
    return found


class Entry(NamedTuple):
    """A table of plant.toml without its scope; `where` begins an error, a key of the table ends it."""

    scope: Scope
    rest: Mapping[str, Any]
    where: str


def entries(data: Mapping[str, Any], key: str, origin: str, example: str) -> Iterator[Entry]:
    """`[KEY]`, which is about all machines, or any number of `[[KEY]]`.

    Args:
        example: a line below the heading.

    Raises:
        ConfigError: neither of both, or a glob that is none.
    """
    value = data.get(key, {})
    if isinstance(value, dict):
        if value:
            yield Entry(ALL, value, f"{origin}: {key}.")
        return
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise ConfigError(
            f"{origin}: {key} is a table, or a list of tables",
            f'write [{key}] and below it {example}; [[{key}]] with machine = "Press*" for some machines',
        )
    for number, entry in enumerate(value, 1):
        where = f"{origin}: {key} {number}: "
        rest = {name: each for name, each in entry.items() if name not in KEYS}
        yield Entry(scope_of(entry, where), rest, where)


def scope_of(entry: Mapping[str, Any], where: str) -> Scope:
    """The scope in a table.

    Raises:
        ConfigError: a glob that is none.
    """
    there = (key for key in KEYS if key in entry)
    return Scope(tuple((KEYS.index(key), glob_in(entry, key, where)) for key in there))


def glob_in(entry: Mapping[str, Any], key: str, where: str) -> Glob:
    """The glob that a table has for a key; without one everything matches.

    Raises:
        ConfigError: a glob that is none.
    """
    text = entry.get(key, "*")
    if not isinstance(text, str):
        raise ConfigError(f"{where}{key} is no text", f'write {key} = "…", a glob')
    try:
        return Glob(text)
    except OmptoolError as error:
        raise ConfigError(f"{where}{error.message}", error.hint) from None
