"""Lists in sentences."""

from __future__ import annotations

import pytest

from omptool.model.listing import listed


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ([], ""),
        (["a"], "a"),
        (["a", "b"], "a, b"),
        (["a", "b", "c"], "a, b and 1 more"),
        ({str(number): 0 for number in range(1, 1236)}, "1, 2 and 1,233 more"),
    ],
)
def test_the_first_names_and_how_many_more(names: list[str], said: str) -> None:
    assert listed(names, 2) == said
