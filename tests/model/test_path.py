"""Paths and globs: whatever a name holds, its path splits back, and its glob finds it and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omptool.errors import UsageError
from omptool.model.path import Glob, glob_of, join, split

NAMES = st.text(alphabet=st.sampled_from([*"ab/&*?{},[]() .\\^$|+é\n"]), min_size=1, max_size=6)
PATHS = st.lists(NAMES, min_size=1, max_size=4)


@given(PATHS)
def test_split_undoes_join(names: list[str]) -> None:
    assert list(split(join(names))) == names


@given(PATHS, PATHS)
def test_a_path_as_glob_matches_exactly_that_path(names: list[str], others: list[str]) -> None:
    glob = Glob(glob_of(join(names)))
    assert glob.matches(join(names))
    assert glob.matches(join(others)) == (names == others)


@given(PATHS)
def test_wildcards_cover_every_name(names: list[str]) -> None:
    path = join(names)
    assert Glob("**").matches(path)
    assert Glob("/".join("*" * len(names))).matches(path)
    assert not Glob("/".join("*" * (len(names) + 1))).matches(path)
    assert Glob("**/" + glob_of(join(names[-1:]))).matches(path)


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("Line1/**/Temperature*", "Line1/Press7/Oil/TemperatureTool", True),
        ("Line1/**/Temperature*", "Line1/Temperature", True),
        ("Line1/**/Temperature*", "Line2/Temperature", False),
        ("Line?/Press{7,8}/*", "Line1/Press8/Speed", True),
        ("Line?/Press{7,8}/*", "Line12/Press8/Speed", False),
        ("Line1/*", "Line1/Press7/Speed", False),
        ("Line1/**", "Line1/Press7/Speed", True),
        ("Line1/**", "Line10/Press7", False),
        ("[default]Oven/x", "[default]Oven/x", True),
        ("a&*b", "a*b", True),
        ("a&*b", "axb", False),
        ("a,b", "a,b", True),
        ("a?b", "a&/b", True),
        ("a?b", "a/b", False),
        ("A", "a", False),
    ],
)
def test_glob(pattern: str, path: str, expected: bool) -> None:
    assert Glob(pattern).matches(path) is expected


@pytest.mark.parametrize("pattern", ["a{b", "a}b", "a**/b", "a/**b"])
def test_a_malformed_glob_is_refused_with_advice(pattern: str) -> None:
    with pytest.raises(UsageError) as caught:
        Glob(pattern)
    assert pattern in caught.value.message
    assert caught.value.hint
