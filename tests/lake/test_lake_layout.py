"""Folder names of partitions: everything odd is encoded, and nothing is lost."""

from __future__ import annotations

import re
from urllib.parse import unquote

from hypothesis import given
from hypothesis import strategies as st

from omptool.lake import layout
from omptool.model.contracts import VIEWS


@given(st.text())
def test_escape_is_reversible_and_safe(text: str) -> None:
    escaped = layout.escape(text)
    assert re.fullmatch(r"[A-Za-z0-9_%-]*", escaped)
    assert unquote(escaped) == text


def test_escape_keeps_plain_names_and_hides_what_readers_take_for_null() -> None:
    assert layout.escape("007") == "007"
    assert layout.escape("Werk Ü/1") == "Werk%20%C3%9C%2F1"
    assert layout.escape("__HIVE_DEFAULT_PARTITION__") != "__HIVE_DEFAULT_PARTITION__"
    assert unquote(layout.escape("__HIVE_DEFAULT_PARTITION__")) == "__HIVE_DEFAULT_PARTITION__"


def test_file_columns_and_partition_columns_are_the_contract() -> None:
    for view, schema in VIEWS.items():
        stored = {*layout.file_schema(view).names, *layout.PARTITIONS[view]} - {"date"}
        assert stored == set(schema.names)
