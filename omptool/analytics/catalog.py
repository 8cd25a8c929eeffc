"""Which analyses there are: every file in `recipes/`. Adding one is adding one file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files

from omptool.analytics.recipe import Recipe, parse
from omptool.errors import NotFound, RecipeError
from omptool.model.nearest import nearest

_HERE = files("omptool.analytics")


def names() -> list[str]:
    """All analyses by name."""
    found = (entry.name for entry in (_HERE / "recipes").iterdir())
    return sorted(name.removesuffix(".sql") for name in found if name.endswith(".sql"))


@cache
def load(name: str) -> Recipe:
    """The analysis of this name.

    Raises:
        NotFound: there is none; the hint has the nearest.
    """
    known = names()
    if name not in known:
        close = nearest(name, known, 1)
        hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"
        raise NotFound(f"no analysis {name}", f"{hint}\nomptool analyze --list")
    return parse(name, (_HERE / "recipes" / f"{name}.sql").read_text(encoding="utf-8"), share)


def share(name: str) -> str:
    """What several recipes say alike.

    Raises:
        RecipeError: a recipe names one that is not there.
    """
    file = _HERE / "shares" / f"{name}.sql"
    if not file.is_file():
        raise RecipeError(f"there is no share {name}")
    return file.read_text(encoding="utf-8")


def part(name: str) -> str:
    """Shared CTEs that recipes name in `parts`."""
    return (_HERE / "parts" / f"{name}.sql").read_text(encoding="utf-8").strip()


def ctes(recipe: Recipe, section: str, instead: Mapping[str, str] | None = None) -> list[str]:
    """The WITH list of a recipe, without its last SELECT.

    Args:
        instead: what stands for shared parts, and for the section.
    """
    known = instead or {}
    shared: Sequence[str] = recipe.parts if section == "telemetry" else recipe.table_parts
    own = [known.get(section) or recipe.sections[section], f"result AS (\n{recipe.sections['result']}\n)"]
    return [*(known.get(name) or part(name) for name in shared), *own]
