"""Which tag or column plays which role. Pure: lists in, lists out.

`--map ROLE=X` wins over `[roles]` of plant.toml, that over the recipe's own globs. Of several globs the first that
matches in a machine decides there, so machines of different makers can stand side by side.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from omptool.analytics.recipe import Recipe, Role
from omptool.analytics.wellknown import Voice, one_machine, voice
from omptool.errors import NotFound, UsageError
from omptool.model.listing import listed
from omptool.model.nearest import nearest
from omptool.model.path import Glob, glob_of
from omptool.model.plant import PlantModel
from omptool.model.specs import NO_SPEC, spec_of

VALUE = "value"
"""The role of what an analysis of Variables looks at."""

_Place = tuple[str | None, ...]
_MAP = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.+)", re.DOTALL)


class Tag(NamedTuple):
    """A Variable and where it stands."""

    server: str
    node_id: str
    site: str
    area: str | None
    line: str | None
    machine: str
    tag: str


class Bound(NamedTuple):
    """A Variable with the role it plays.

    Attributes:
        needed: nothing can be said without it.
        place: site to machine.
        voice: how it says a state.
    """

    role: str
    server: str
    node_id: str
    needed: bool
    place: tuple[str, str | None, str | None, str]
    voice: Voice = Voice()


@dataclass(frozen=True, slots=True)
class Binding:
    """The roles of all machines that have the required ones.

    Attributes:
        needed_roles: how many roles must have had a value before anything is known.
        notes: what a person should know: machines left out, optional roles that nobody plays.
    """

    bound: tuple[Bound, ...]
    needed_roles: int
    notes: tuple[str, ...]


def parse_maps(texts: Sequence[str], roles: Sequence[Role]) -> dict[str, str]:
    """`ROLE=X` → role and glob or column; a role may be spelled in any case, and as ISO 22400 or its recipe spells it.

    Raises:
        UsageError: a wrong spelling, a role that the analysis does not have, a role given twice.
    """
    known = [role.name for role in roles]
    spelled = {each.casefold(): role.name for role in roles for each in role.globs}
    spelled |= {name.casefold(): name for name in known}
    found: dict[str, str] = {}
    for text in texts:
        match = _MAP.fullmatch(text)
        if match is None:
            raise UsageError(f"cannot read --map {text}: it is ROLE=TAG or ROLE=COLUMN", f"example: --map {known[0]}=X")
        name = spelled.get(match[1].casefold())
        if name is None:
            close = nearest(match[1], known, 1)
            raise UsageError(
                f"no role {match[1]}", f"did you mean {close[0]}?" if close else f"roles are {', '.join(known)}"
            )
        if name in found:
            raise UsageError(f"--map {name} is given twice", "write several tags as one glob: {A,B}")
        found[name] = match[2]
    return found


def bind(
    recipe: Recipe,
    tags: Iterable[Tag],
    *,
    maps: Mapping[str, str],
    plant: Mapping[str, Sequence[str]],
    given: Iterable[str] = (),
    priced: Callable[[_Place], bool] = lambda _: False,
    product: bool = False,
    values: Collection[tuple[str, str]] | None = None,
) -> Binding:
    """Find the tags of every role.

    Args:
        tags: all Variables that were recorded.
        maps: from `--map`.
        plant: `[roles]` of plant.toml.
        given: parameters that have a value; a role they replace is not needed.
        priced: whether ideal cycle times of a machine are known by product: where it has the role product they take
            the place of the role ideal, which the others keep, and those in which `maps` finds it.
        product: whether rows are told apart by product, so that some machine must say one.

    Raises:
        NotFound: no machine has a required role; the hint says what to type.
        UsageError: several tags of one machine match.
    """
    dispensable = set(given)
    roles = [role for role in recipe.roles if not (role.parameter and role.parameter in dispensable)]
    machines: dict[_Place, list[Tag]] = {}
    for tag in tags:
        machines.setdefault((tag.site, tag.area, tag.line, tag.machine), []).append(tag)
    ideal = any(role.name == "ideal" for role in recipe.roles)
    told_by_product = {key for key in machines if ideal and priced(key)}
    if not product and not told_by_product:
        roles = [role for role in roles if role.name != "product" or role.required]
    found = {
        role.name: _of_role([maps[role.name]] if role.name in maps else plant.get(role.name, role.globs), machines)
        for role in roles
    }
    if values is not None and VALUE in found:
        mine = {key: [tag for tag in each if tag[:2] in values] for key, each in found[VALUE].items()}
        found[VALUE] = {key: each for key, each in mine.items() if each}
    told_by_product &= found.get("product", {}).keys()
    mapped = found.get("ideal", {}).keys() if "ideal" in maps else set()
    told_by_product -= mapped  # who names a tag means it
    if mapped and not told_by_product and not product:  # nor does anything else ask for a product
        roles = [role for role in roles if role.name != "product" or role.required]
        found = {role.name: found[role.name] for role in roles}
    if not product and any(role.name == "product" and not role.required for role in roles):
        found["product"] = {key: tags for key, tags in found["product"].items() if key in told_by_product}
    if told_by_product and "ideal" in found and ("ideal" not in maps or mapped):
        roles = [replace(role, required=role.required and role.name != "ideal") for role in roles]
        found["ideal"] = {key: tags for key, tags in found["ideal"].items() if key not in told_by_product}
    found = _instead(roles, found, {*maps, *plant})
    stand_ins = {role.instead: role for role in roles if role.instead}
    required = [role for role in roles if role.required]
    for role in [*required, *(role for role in roles if product and role.name == "product")]:
        if not found[role.name] and not found.get(role.instead):
            raise _missing(recipe, role, maps.get(role.name), [tag.tag for each in machines.values() for tag in each])
    whole = [key for key in machines if all(_has(found, role, key) for role in required)]
    if not whole:
        names = ", ".join(role.name for role in required)
        raise NotFound(
            f"no machine has all roles of {recipe.name}: {names}", f"omptool analyze {recipe.name} --explain"
        )
    for role in roles:
        _refuse_ambiguous(role, {key: found[role.name][key] for key in whole if key in found[role.name]})
    bound = [
        Bound(role.name, one.server, one.node_id, stand_ins.get(role.name, role).required, one[2:6], _voice(role, one))
        for key in whole
        for role in roles
        for one in found[role.name].get(key, ())
    ]
    told = [role for role in roles if not (told_by_product and role.name == "ideal")]
    told = [role for role in told if role.globs or role.name in maps or role.name in plant]  # else nobody asked for it
    told = [role for role in told if role.name not in stand_ins]
    return Binding(tuple(bound), len(required), tuple(_notes(told, found, whole)))


def _instead(roles: Sequence[Role], found: Mapping[str, _Found], asked: Collection[str]) -> dict[str, _Found]:
    """What was found, without stand-ins of roles that are there themselves; a stand-in somebody asked for is wanted."""
    kept = dict(found)
    for role in roles:
        if role.instead in kept:
            wanted = role.instead in asked and role.name not in asked
            loser, winner = (role.name, role.instead) if wanted else (role.instead, role.name)
            kept[loser] = {key: tags for key, tags in kept[loser].items() if key not in found[winner]}
    return kept


def _has(found: Mapping[str, _Found], role: Role, key: tuple[str | None, ...]) -> bool:
    return key in found[role.name] or key in found.get(role.instead, {})


def _voice(role: Role, tag: Tag) -> Voice:
    return voice(tag.tag) if role.name == "state" else Voice()


def roles_of(recipe: Recipe, plant: PlantModel, tags: Sequence[Tag]) -> Mapping[str, Sequence[str]]:
    """[roles] of the plant model; where they name no measured value, it is whatever has a specification."""
    if not recipe.series or "value" in plant.roles:
        return plant.roles
    named = sorted({glob_of(tag.tag) for tag in tags if spec_of(plant.specs, tag.machine, tag.tag) != NO_SPEC})
    return {**plant.roles, "value": (f"{{{','.join(named)}}}",)} if named else plant.roles


def tags_of_roles(
    recipe: Recipe, tags: Iterable[Tag], plant: Mapping[str, Sequence[str]]
) -> dict[str, dict[tuple[str | None, ...], list[Tag]]]:
    """Role → place of a machine → its tags, by [roles] of plant.toml and the recipe's own globs."""
    machines: dict[tuple[str | None, ...], list[Tag]] = {}
    for tag in tags:
        machines.setdefault(tag[2:6], []).append(tag)
    found = {role.name: _of_role(plant.get(role.name, role.globs), machines) for role in recipe.roles}
    return _instead(recipe.roles, found, set(plant))


def lacking(recipe: Recipe, found: Mapping[str, _Found], place: tuple[str | None, ...]) -> list[str]:
    """Required roles that a machine does not have, by what `tags_of_roles` found."""
    return [role.name for role in recipe.roles if role.required and not _has(found, role, place)]


_Found = dict[tuple[str | None, ...], list[Tag]]
_Machines = Mapping[tuple[str | None, ...], Sequence[Tag]]


def _of_role(globs: Sequence[str], machines: _Machines) -> _Found:
    names = {tag.tag for tags in machines.values() for tag in tags}  # machines of one kind have the same ones
    matched = [{name for name in names if glob.matches(name)} for glob in map(Glob, globs)]
    found = {}
    for key, tags in machines.items():
        for those in matched:
            if matching := [tag for tag in tags if tag.tag in those]:
                found[key] = matching
                break
    return found


def candidates(role: Role, tags: Iterable[Tag]) -> list[str]:
    """Tags of a machine that could play a role, where only one may and nobody said which; else none."""
    names = sorted({tag.tag for tag in tags})
    several = len(names) > 1 and not role.many and not (role.name == "state" and one_machine(names))
    return names if several else []


def _refuse_ambiguous(role: Role, found: _Machines) -> None:
    for key, tags in found.items():
        if names := candidates(role, tags):
            raise UsageError(
                f"{len(names)} tags of {key[-1]} could be {role.name}: {listed(names, 4)}",
                f"say which: --map {role.name}={names[0]}",
            )


def _missing(recipe: Recipe, role: Role, glob: str | None, tags: Sequence[str]) -> NotFound:
    wanted = glob or role.name
    close = nearest(wanted, tags, 3)
    say = f"no tag matches {glob} for the role {role.name}" if glob else f"no tag has the role {role.name}"
    example = close[0] if close and (glob or role.globs) else "TAG"
    hint = f"name the tag for {role.name} ({role.about.split(':')[0]}): --map {role.name}='{example}'"
    own = [Glob(text) for text in role.globs]
    itself = next((tag for tag in tags if any(each.matches(tag) for each in own)), None)
    if glob and itself is not None:
        hint = f"{itself} has the role by itself: leave out --map {role.name}, or name another tag"
    if not glob and not role.globs:  # any tag may be meant
        known = sorted(set(tags))
        hint += f"\ntags are {listed(known)}"
    if role.instead:
        hint += f"\nor a tag for {role.instead} in its place: --map {role.instead}=TAG"
    if role.parameter:
        hint += f"\nor give a value: --param {role.parameter}=VALUE"
    needing = recipe.name if role.required else f"--by {role.name}"
    return NotFound(f"{say}; {needing} needs it", hint)


def _notes(
    roles: Sequence[Role], found: Mapping[str, _Found], whole: Sequence[tuple[str | None, ...]]
) -> Iterable[str]:
    kept = set(whole)
    partly = sorted({str(key[-1]) for machines in found.values() for key in machines if key not in kept})
    if partly:
        lacking = [role.name for role in roles if role.required]
        yield f"left out, because not all of {', '.join(lacking)} are there: {', '.join(partly)}"
    for role in roles:
        if not role.required and not any(_has(found, role, key) for key in kept):
            yield f"no tag has the role {role.name}: {role.about}"


def maps_of(
    recipe: Recipe, columns: Sequence[str], table: str, maps: Mapping[str, str], plant: PlantModel | None
) -> Mapping[str, str]:
    """`--map`; where it names no measured value and no column is called so, that is the one with a specification.

    Raises:
        UsageError: several columns have one.
    """
    if not recipe.series or plant is None or "value" in maps or "value" in map(str.casefold, columns):
        return maps
    named = [column for column in columns if spec_of(plant.specs, table, column) != NO_SPEC]
    if len(named) > 1:
        raise UsageError(
            f"{len(named)} columns of {table} have a specification: {', '.join(named[:4])}",
            f'one at a time: --map value="{named[0]}"',
        )
    return {**maps, "value": named[0]} if named else maps


def bind_columns(recipe: Recipe, columns: Sequence[str], table: str, maps: Mapping[str, str]) -> dict[str, str]:
    """Role → column of a plain table: `--map`, else the column with the role's name in any case.

    Raises:
        NotFound: a role has no column.
    """
    by_name = {column.casefold(): column for column in columns}
    found = {}
    for role in recipe.table:
        wanted = maps.get(role.name, role.name)
        spellings = [wanted] if role.name in maps else [wanted, *role.globs]
        column = next((by_name[each.casefold()] for each in spellings if each.casefold() in by_name), None)
        column = wanted if wanted in columns else column
        if column is None and not role.required and role.name not in maps:
            continue
        if column is None:
            close = nearest(wanted, columns, 1)
            example = close[0] if close else "COLUMN"
            raise NotFound(
                f'no column "{wanted}" in {table} for the role {role.name} ({role.about})',
                f'--map {role.name}="{example}"\ncolumns: {", ".join(columns)}',
            )
        found[role.name] = column
    return found
