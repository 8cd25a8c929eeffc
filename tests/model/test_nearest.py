"""Suggestions: the intended name comes first, nonsense gets none, many candidates stay quick."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from omptool.model.nearest import glob_hint, nearest, nearest_paths

PATHS = ["Line1/Press7/TemperatureOil", "Line1/Press7/TemperatureTool", "Line1/Press7/Speed", "Line2/Oven/Power"]


def test_a_typing_error_finds_what_was_meant() -> None:
    assert nearest("Line1/Press7/TempratureOil", PATHS)[0] == "Line1/Press7/TemperatureOil"
    assert nearest("line2/oven/power", PATHS)[0] == "Line2/Oven/Power"


def test_what_resembles_nothing_gets_no_suggestion() -> None:
    assert nearest("zzzz", PATHS) == []
    assert nearest("anything", []) == []


def test_a_needle_is_found_among_many() -> None:
    many = [f"Plant/Line{line}/Machine{n}/Tag{tag}" for line in range(20) for n in range(50) for tag in range(20)]
    wanted = "Plant/Line7/Machine33/Tag11"
    assert nearest("Plant/Line7/Machin33/Tag11", [*many, wanted])[0] == wanted


@given(st.text(max_size=30), st.lists(st.text(max_size=30), max_size=60), st.integers(0, 5))
def test_suggestions_are_candidates_without_repetition(text: str, candidates: list[str], n: int) -> None:
    found = nearest(text, candidates, n)
    assert len(found) == len(set(found)) <= n
    assert set(found) <= set(candidates)


@given(st.text(min_size=1, max_size=30), st.lists(st.text(max_size=30), max_size=60))
def test_the_name_itself_comes_first(text: str, candidates: list[str]) -> None:
    assert nearest(text, [*candidates, text])[0].casefold() == text.casefold()


def test_a_glob_that_matches_nothing_is_met_by_its_last_name() -> None:
    paths = ["Plant/Line1/Press7/TemperatureOil", "Plant/Line1/Press7/Power", "Server/Auditing"]
    assert nearest_paths("**/Temprature*", paths) == ["Plant/Line1/Press7/TemperatureOil"]
    assert nearest_paths("Plant/Line1/Press8/Powr", paths)[0] == "Plant/Line1/Press7/Power"
    assert nearest_paths("zzz", paths) == []


def test_the_hint_for_a_glob() -> None:
    paths = ["Plant/Line1/Press7/Power"]
    assert glob_hint("Line1/*/Power", paths).endswith("--select '**/Line1/*/Power'")
    assert glob_hint("**/Powr", paths) == "nearest:\n  Plant/Line1/Press7/Power"
    assert glob_hint("**/zzz", paths) == ""
