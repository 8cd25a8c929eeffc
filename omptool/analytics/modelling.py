"""What a plant model should say: a proposal from what was recorded, and what each analysis still lacks. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from omptool.analytics.binding import VALUE, Tag, candidates, lacking, tags_of_roles
from omptool.analytics.recipe import Recipe
from omptool.analytics.wellknown import understood
from omptool.model import path as paths
from omptool.model.vocabulary import MachineState

_ROLES = {
    "state": r"state|status|betriebsart|zustand",
    "good": r"(good|ok|gut)[ _]*(count|parts|teile|zaehler|counter)|(count|parts)[ _]*(good|ok)|parts?count|produced",
    "produced": r"(total|prod\w*|processed)[ _]*(count|parts|teile|zaehler|counter)",
    "scrap": r"scrap|reject|nok|nio|bad[ _]*(count|parts)|ausschuss",
    "rework": r"rework|nacharbeit",
    "ideal": r"ideal.*cycle|(nominal|target|planned|soll).*cycle|taktzeit",
    "reason": r"reason|stop.*cause|downtime.*code",
    "product": r"product|recipe|article|part[ _]*(type|number)|material",
    "power": r"(active)?[ _]*power$|leistung",
    "meter": r"energy|energie|kwh",
    "serial": r"serial",
    "alarm": r"^(active)?[ _]*alarm([ _]*(code|number|no|nr|id))?$|fault[ _]*(code|number)|stör(nummer|code)",
}
_INSTEAD = {"produced": "good", "meter": "power"}
"""Roles that are of use only where the other one is not there."""
_NEGATIONS = re.compile(r"no|not|non|nicht|kein\w*|ohne|un(?!avail|it|til|load)\w+|in(?:active|operative)")
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z]+")
_STATES = {
    MachineState.EXECUTING: r"run|produc|execut|auto|work|process",
    MachineState.SETUP: r"setup|set[ -]up|change|tool",
    MachineState.OUT_OF_SERVICE: r"fault|error|break|alarm|fail|abort|trouble|stör",
    MachineState.NOT_AVAILABLE: r"\boff\b|planned|unavail|holiday|shift",
    MachineState.NOT_EXECUTING: r"idle|wait|starv|block|hold|stop|suspend|ready|stand",
}


class Lack(NamedTuple):
    """Whether a machine has what an analysis needs; `to_name` is the role `value` where no tag has it: any may."""

    site: str
    area: str | None
    line: str | None
    machine: str
    analysis: str
    ready: bool
    missing: str
    to_name: str


_ANY = ("**",)
MEANINGS = "meanings"
"""What is missing where the role `state` has a tag and nothing that it says has a meaning."""


class Asked(NamedTuple):
    """A role that several tags of a machine could play."""

    machine: str
    role: str
    tags: tuple[str, ...]


def several(recipes: Sequence[Recipe], tags: Sequence[Tag], plant: Mapping[str, Sequence[str]]) -> list[Asked]:
    """Roles that analyses refuse to choose a tag for."""
    found = {
        Asked(str(place[-1]), role.name, tuple(names))
        for recipe in recipes
        for by_role in [tags_of_roles(recipe, tags, plant)]
        for role in recipe.roles
        for place, same in by_role[role.name].items()
        if (names := candidates(role, same))
    }
    return sorted(found)


def lacks(
    recipes: Sequence[Recipe],
    tags: Sequence[Tag],
    plant: Mapping[str, Sequence[str]],
    priced: Callable[[tuple[str | None, ...]], bool] = lambda _: False,
    meaningless: Collection[tuple[str, str]] = (),
    watched: Collection[tuple[str | None, ...]] = (),
) -> Iterator[Lack]:
    """A row per machine and analysis, in order. A role that several tags could play is missing too.

    Args:
        plant: `[roles]` of plant.toml.
        priced: whether `[ideal_cycle]` is about a machine; where it says its product it needs no tag of the role ideal.
        meaningless: nodes (server, node_id) that said nothing with a meaning.
        watched: machines whose alarms come as events.
    """
    machines = sorted({tag[2:6] for tag in tags}, key=lambda place: tuple(text or "" for text in place))
    for recipe in recipes:
        found = tags_of_roles(recipe, tags, plant)
        for place in machines:
            missing = lacking(recipe, found, place)
            if "ideal" in missing and place in found.get("product", {}) and priced(place):
                missing.remove("ideal")
            if recipe.events and place in watched:
                missing = []
            missing += [role.name for role in recipe.roles if candidates(role, found[role.name].get(place, ()))]
            said = found.get("state", {}).get(place, []) if "elements" in recipe.parts else []
            if said and all((tag.server, tag.node_id) in meaningless for tag in said):
                missing.append(MEANINGS)
            to_name = [name for name in missing if name == VALUE]
            missing = [name for name in missing if name not in to_name]
            yield Lack(*place, recipe.name, not missing, " ".join(missing), " ".join(to_name))


def machines_of(
    tags: Sequence[Tag],
    changed: Collection[tuple[str, str]],
    recipes: Sequence[Recipe],
    plant: Mapping[str, Sequence[str]],
) -> list[Tag]:
    """The tags without those of places that are no machines: nothing there changed, and nothing has a role of its own.

    Args:
        changed: nodes (server, node_id) that said more than their first value.
        plant: `[roles]` of plant.toml.
    """
    there: set[tuple[str | None, ...]] = {tag[2:6] for tag in tags if (tag.server, tag.node_id) in changed}
    for recipe in recipes:
        found = tags_of_roles(recipe, tags, plant)
        there.update(place for role in recipe.roles if role.globs != _ANY for place in found[role.name])
    return [tag for tag in tags if tag[2:6] in there]


def propose(
    tags: Sequence[Tag],
    plant: Mapping[str, Sequence[str]],
    states: Mapping[str, Collection[str]],
    recipes: Sequence[Recipe],
    watched: Collection[tuple[str | None, ...]] = (),
) -> str:
    """A plant.toml to begin with.

    Args:
        plant: roles that are known already.
        states: tag of a state → the values that came.
        watched: machines whose alarms come as events.
    """
    return "\n".join(
        [*_place_lines(tags), "", *_role_lines(tags, plant, recipes, watched), "", *_state_lines(states), "", _REST]
    )


def state_tags(tags: Sequence[Tag], plant: Mapping[str, Sequence[str]], recipes: Sequence[Recipe]) -> list[Tag]:
    """The tags that say a state, found or guessed."""
    oee = next(recipe for recipe in recipes if recipe.name == "oee")
    found = tags_of_roles(oee, tags, plant)["state"]
    guess = _guess("state", tags)
    return [tag for same in found.values() for tag in same] or [tag for tag in tags if tag.tag == guess]


def _place_lines(tags: Sequence[Tag]) -> Iterator[str]:
    sites = sorted({tag.site for tag in tags})
    yield f"site = {json.dumps(sites[0])}" if sites and sites != ["unassigned"] else '# site = "Leipzig"'
    yield '# time_zone = "Europe/Berlin"'
    yield ""
    if glob := _machine_glob(tags):
        yield "# These have the same tags below them, so each may be a machine."
        yield from ("[[machine]]", f"path = {json.dumps(glob)}", '# area = "…"', '# line = "…"')
    else:
        names = sorted({tag.machine for tag in tags})
        listed = ", ".join(map(_quoted, names[:8])) + (" …" if len(names) > 8 else "")
        yield f"# Machines as the servers say them: {listed}"
        yield from ("# [[machine]]", '# path = "Line1/*"', '# line = "Line 1"')


def _machine_glob(tags: Sequence[Tag]) -> str | None:
    """The folder whose children hold equal tags, where all tags lie in one machine."""
    if len({tag[2:6] for tag in tags}) != 1:
        return None
    split = [paths.split(tag.tag) for tag in tags]
    for depth in (1, 2, 3):
        below: dict[tuple[str, ...], set[str]] = {}
        for names in split:
            if len(names) > depth:
                below.setdefault(names[:depth], set()).add(paths.join(names[depth:]))
        if len(below) > 1 and set.intersection(*below.values()):
            above = {names[:-1] for names in below}
            return paths.join([*min(above), "*"]).replace("&*", "*") if len(above) == 1 else None
    return None


def _role_lines(
    tags: Sequence[Tag],
    plant: Mapping[str, Sequence[str]],
    recipes: Sequence[Recipe],
    watched: Collection[tuple[str | None, ...]],
) -> Iterator[str]:
    yield "[roles]"
    defined = {role.name: recipe for recipe in recipes for role in recipe.roles if role.name in _ROLES}
    known = {role for role in _ROLES if _guess(role, tags)}
    for role in _ROLES:
        if role in _INSTEAD and (role not in known or _INSTEAD[role] in known):
            continue
        found = tags_of_roles(defined[role], tags, plant)[role] if role in defined else {}
        guess = _guess(role, tags)
        if role == "alarm" and {tag[2:6] for tag in tags} <= set(watched):
            yield "# alarm needs no tag: events of alarms were recorded"
        elif found:
            names = sorted({tag.tag for same in found.values() for tag in same})
            yield f"# {role} is found without help: {', '.join(map(_quoted, names[:3]))}"
        elif guess is not None:
            yield f"{role} = {_quoted(guess)}  # a guess by its name"
        else:
            yield f'# {role} = "…"'


def _guess(role: str, tags: Sequence[Tag]) -> str | None:
    fitting = sorted(
        {tag.tag for tag in tags if re.search(_ROLES[role], paths.split(tag.tag)[-1], re.IGNORECASE)},
        key=lambda text: (len(text), text),
    )
    return fitting[0] if fitting else None


def _quoted(text: str) -> str:
    """As TOML writes a text; in a comment it must not end the line either."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _state_lines(states: Mapping[str, Collection[str]]) -> Iterator[str]:
    told: set[str] = set()
    yield f"[states]  # value of the state → {', '.join(MachineState)}"
    yield '# codes of some machines only: write [[states]] in place of [states], below it machine = "Press*"'
    for tag, values in states.items():
        yield f"# {_quoted(tag)}"
        for value in sorted(set(values) - understood(tag) - told):
            told.add(value)  # another tag may say it too, and a key stands once
            word, sure = _meaning(value)
            line = f"{_quoted(value)} = {json.dumps(word)}"
            yield f"{line}  # a guess" if sure else f"# {line}"


def _meaning(value: str) -> tuple[MachineState, bool]:
    """What a state may mean, and whether its words say only that: "not running" and "auto stop" say two things."""
    found = [word for word, like in _STATES.items() if re.search(like, value, re.IGNORECASE)]
    negated = any(_NEGATIONS.fullmatch(word.lower()) for word in _WORDS.findall(value))
    if not found or negated:
        return MachineState.NOT_EXECUTING, False
    if found[0] == MachineState.EXECUTING and len(found) > 1:
        return found[1], False
    return found[0], True


_REST = """\
# [[shift]]
# name = "early"
# start = "06:00"
# end = "14:00"
# days = ["Mon", "Tue", "Wed", "Thu", "Fri"]

# [[planned_stop]]
# name = "break"
# start = "09:00"
# end = "09:15"
# dates = ["2026-12-25"]  # only then; machine = "Press*", line and site: only there

# [ideal_cycle]  # product → ideal seconds per part; of some machines: [[ideal_cycle]], below it machine = "Press*"
# "Bracket A" = 4.6
"""
