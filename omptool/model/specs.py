"""What a measured value should be: `[[spec]]` of plant.toml, limits and target of tags. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from omptool.errors import ConfigError
from omptool.model.path import Glob
from omptool.model.scopes import glob_in

_KEYS = ("lsl", "target", "usl")


class Spec(NamedTuple):
    """Lower and upper specification limit, and target; None where there is none."""

    lsl: float | None = None
    usl: float | None = None
    target: float | None = None


NO_SPEC = Spec()


@dataclass(frozen=True, slots=True)
class SpecRule:
    """The specification of tags whose name matches, in machines whose name matches."""

    tag: Glob
    machine: Glob
    spec: Spec


def spec_of(rules: Sequence[SpecRule], machine: str, tag: str) -> Spec:
    """What the first rule that matches says; nothing where none does."""
    return next((rule.spec for rule in rules if rule.tag.matches(tag) and rule.machine.matches(machine)), NO_SPEC)


def parse_specs(data: Mapping[str, Any], origin: str) -> tuple[SpecRule, ...]:
    """From the tables of plant.toml.

    Raises:
        ConfigError: no tag, an unknown key, a limit that is no number, limits that leave no room.
    """
    value = data.get("spec", [])
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise ConfigError(f"{origin}: spec is a list of tables", "write [[spec]] above each of them")
    return tuple(_rule(entry, f"{origin}: spec {number}") for number, entry in enumerate(value, 1))


def _rule(entry: Mapping[str, Any], where: str) -> SpecRule:
    for key in entry:
        if key not in ("tag", "machine", *_KEYS):
            raise ConfigError(f"{where}: unknown key {key!r}", "known are lsl, machine, tag, target, usl")
    if "tag" not in entry:
        raise ConfigError(f"{where}: tag is missing", 'write tag = "BoreDiameter"')
    numbers = {key: _number(entry, key, where) for key in _KEYS}
    spec = Spec(**numbers)
    if spec.lsl is not None and spec.usl is not None and spec.lsl >= spec.usl:
        raise ConfigError(f"{where}: lsl = {spec.lsl:g} is not below usl = {spec.usl:g}", "lsl is the lower limit")
    return SpecRule(glob_in(entry, "tag", f"{where}: "), glob_in(entry, "machine", f"{where}: "), spec)


def _number(entry: Mapping[str, Any], key: str, where: str) -> float | None:
    value = entry.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ConfigError(f"{where}: {key} is no number", f"write {key} = 25.02")
    return float(value)
