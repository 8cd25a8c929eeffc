"""Leaves the coverage-guided runs out, by name, where their fuzzer cannot be installed."""

from __future__ import annotations

import importlib.util
import os

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """OMPTOOL_FUZZ_LIST keeps them, for lists of what was left out."""
    if importlib.util.find_spec("atheris") is not None or os.environ.get("OMPTOOL_FUZZ_LIST"):
        return
    out = [item for item in items if "test_guided_by_coverage" in item.nodeid]
    if out:
        config.hook.pytest_deselected(items=out)
        items[:] = [item for item in items if item not in out]
