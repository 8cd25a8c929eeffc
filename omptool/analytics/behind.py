"""The values behind the rows of an analysis of single Variables: what its picture is drawn of. Pure."""

from __future__ import annotations

from dataclasses import replace

from omptool.analytics.recipe import Column, Parameter, Recipe

_COLUMNS = (
    Column("tag", "", "path below the machine"),
    Column("point", "", "its number"),
    Column("time", "", "when"),
    Column("value", "", "the tag's unit"),
    Column("coverage", "1", "of its Variable"),
    Column("percent_good", "%", "of its Variable"),
)


def behind(recipe: Recipe, pieces: int = 0) -> Recipe:
    """An analysis with the same roles and parameters that gives the points of each Variable instead of its result.

    Args:
        pieces: of a line with more points the least and the greatest of each of so many stretches; 0: all.
    """
    thinned = Parameter("pieces", "int", "stretches of a line", pieces)
    return replace(recipe, finish="points", columns=_COLUMNS, parameters=(*recipe.parameters, thinned))
