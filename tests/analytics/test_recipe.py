"""Recipes say what they must, and stay in the SQL that every engine answers alike."""

from __future__ import annotations

import re

import pytest

from omptool.analytics import catalog
from omptool.analytics.recipe import parse
from omptool.errors import NotFound, RecipeError

GOOD = """/* omptool
title = "T"
about = "A"
formula = ["x = 1"]
source = "S"
evidence = "published value"
chart = "coverage"
[roles.state]
about = "what"
globs = ["State"]
[parameters.k]
type = "float"
about = "factor"
default = 1.5
[columns.coverage]
about = "seen"
[columns.percent_good]
about = "good"
*/
-- telemetry
elements AS (SELECT 1 AS coverage)
-- result
SELECT * FROM elements
"""


def test_a_recipe_is_read() -> None:
    recipe = parse("demo", GOOD)
    assert (recipe.name, recipe.title, recipe.evidence) == ("demo", "T", "published value")
    assert recipe.roles[0].globs == ("State",)
    assert recipe.parameters[0].default == 1.5
    assert recipe.sections == {
        "telemetry": "elements AS (SELECT 1 AS coverage)", "result": "SELECT * FROM elements"
    }  # fmt: skip


SHARES = {
    "first": """/* omptool
by = "line"
chart = "percent_good"
[parameters.a]
type = "int"
about = "of the share"
default = 1
[parameters.k]
type = "int"
about = "hidden"
*/
-- telemetry
elements AS (SELECT 2 AS coverage)
-- table
elements AS (SELECT 3 AS coverage)
""",
    "last": """/* omptool
[table.value]
about = "a column"
[parameters.z]
type = "text"
about = "of the last share"
*/
""",
}


def test_what_is_shared_stands_where_the_recipe_says_and_its_own_word_wins() -> None:
    text = GOOD.replace('title = "T"', 'title = "T"\nshare = ["first", "own", "last"]')
    recipe = parse("demo", text, SHARES.__getitem__)
    assert (recipe.by, recipe.chart) == ("line", "coverage")
    assert [(each.name, each.about) for each in recipe.parameters] == [
        ("a", "of the share"), ("k", "factor"), ("z", "of the last share")
    ]  # fmt: skip
    assert recipe.parameters[1].default == 1.5 and recipe.parameters[1].type == "float"
    assert recipe.sections["telemetry"] == "elements AS (SELECT 1 AS coverage)"
    assert recipe.sections["table"] == "elements AS (SELECT 3 AS coverage)"
    assert [role.name for role in recipe.table] == ["value"]


@pytest.mark.parametrize("share", ['["first"]', '["own", "first", "own"]', '"first"', '["own", "nowhere"]'])
def test_a_share_that_is_none_is_refused(share: str) -> None:
    def shared(name: str) -> str:
        return SHARES[name] if name in SHARES else catalog.share(name)

    with pytest.raises(RecipeError, match="share"):
        parse("demo", GOOD.replace('title = "T"', f'title = "T"\nshare = {share}'), shared)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("/* omptool", "/* other", "no header"),
        ('title = "T"', "title = ", "demo.sql: "),
        ('title = "T"', "title = 3", "title must be a text"),
        ('title = "T"\n', "", "title must be a text"),
        ('title = "T"', 'titel = "T"', "unknown key titel"),
        ('formula = ["x = 1"]', 'formula = "x"', "formula must be a list of texts"),
        ("published value", "hearsay", "evidence is 'hearsay'"),
        ('globs = ["State"]', "globs = 1", "roles.state: globs must be a list"),
        ('globs = ["State"]', "required = 1", "required must be true or false"),
        ('globs = ["State"]', 'parameter = "z"', "role state names the parameter z"),
        ("default = 1.5", 'default = "much"', "default is no float"),
        ('type = "float"', 'type = "real"', "type is 'real'"),
        ("[columns.coverage]", "[columns.seen]", "no column coverage"),
        ("-- telemetry\n", "", "SQL before the first section"),
        ("-- telemetry", "-- table", "roles and the section telemetry belong together"),
        ("-- result\nSELECT * FROM elements\n", "", "section result is missing"),
        ("[roles.state]", "[roles]", "roles must be tables"),
    ],
)
def test_a_bad_header_is_named(old: str, new: str, says: str) -> None:
    assert old in GOOD
    with pytest.raises(RecipeError, match=re.escape(says)):
        parse("demo", GOOD.replace(old, new, 1))


def test_an_unknown_analysis_has_a_nearest_name() -> None:
    with pytest.raises(NotFound, match="no analysis time_in_stat") as caught:
        catalog.load("time_in_stat")
    assert "did you mean time_in_state?" in caught.value.hint


_NOT_ALIKE = (
    r"\bASOF\b|WITHIN GROUP|\bREPLACE\b|quantile|percentile|\blist\(|string_agg|array_agg|ORDER BY[^()]*\)\s*FILTER"
)
_NO_ORDER = r"\bOVER\s*\(\s*\)|\bAS\s*\(\s*(\)|ROWS\b)"
"""Windows whose rows are in whatever order their subquery left them."""


@pytest.mark.parametrize("name", catalog.names())
def test_recipes_keep_to_the_shared_subset(name: str) -> None:
    recipe = catalog.load(name)
    for section in recipe.sections:
        assert not re.search(_NO_ORDER, recipe.sections[section], re.IGNORECASE)
        if section != "result":
            text = ",\n".join(catalog.ctes(recipe, section))
            assert not re.search(_NOT_ALIKE, text, re.IGNORECASE)
            assert not re.search(_NO_ORDER, text, re.IGNORECASE)
            assert not re.search(r"\b(min|max|sum|count)\([^()]*\bORDER BY\b", text, re.IGNORECASE)


@pytest.mark.parametrize("name", catalog.names())
def test_every_role_and_column_is_explained(name: str) -> None:
    from omptool.analytics.explain import explain

    recipe, text = catalog.load(name), explain(catalog.load(name))
    for entry in (*recipe.roles, *recipe.table, *recipe.columns, *recipe.parameters):
        assert entry.about and entry.about in text
    for formula in recipe.formula:
        assert " ".join(formula.split()) in " ".join(text.split())
