"""Structures and enumerations of a stack that is not ours, by the definitions that it gives."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.peers.plants import Plant

ENUMERATIONS = "Enumerations"


def rows_of(plant: Plant, invoke: Any) -> dict[str, dict[str, Any]]:
    result = invoke(
        "browse", plant.url, "--values", "--class", "Variable", "--select", "Plant/{Structures,Enumerations}/**"
    )
    assert result.code == 0, result.err
    return {row["path"]: row for row in result.rows}


def expected(plain: Any) -> Any:
    """What stands in the JSON: an absent optional field is null."""
    match plain:
        case dict():
            return {key: expected(value) for key, value in plain.items()}
        case list():
            return [expected(value) for value in plain]
    return plain


def matches(found: Any, plain: Any) -> bool:
    match plain:
        case dict():
            rest = {key: value for key, value in found.items() if key not in plain and key != "@type"}
            return not any(rest.values()) and all(matches(found[key], value) for key, value in plain.items())
        case list():
            return len(found) == len(plain) and all(map(matches, found, plain))
    return bool(found == plain)


@pytest.mark.parametrize("limits", ["none", "three"])
def test_structures_read_as_what_their_server_calls_them(limits: str, request: Any, invoke: Any) -> None:
    plant: Plant = request.getfixturevalue("plant" if limits == "none" else "small_plant")
    rows = rows_of(plant, invoke)
    structures = [truth for truth in plant.typed if truth.names[0] != ENUMERATIONS]
    assert len(structures) > 12
    for truth in structures:
        row = rows[truth.path]
        assert base64.b64decode(row["raw"]) == truth.variant, truth.path
        if truth.plain is not None:
            assert matches(json.loads(row["value_text"]), truth.plain), (truth.path, row["value_text"])
