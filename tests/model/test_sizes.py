"""Sizes as people write them."""

from __future__ import annotations

import pytest

from omptool.errors import UsageError
from omptool.model.sizes import parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [("1", 1), ("500kB", 500_000), ("64MB", 64_000_000), ("1.5 GiB", 3 << 29), ("2tb", 2 * 10**12), ("10 G", 10**10)],
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "much", "-1GB", "0", "0.0MB", "5 apples", "1e9", "GB"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(UsageError, match="is no"):
        parse_size(text)
