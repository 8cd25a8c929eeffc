"""`[[spec]]` of plant.toml: which tag it is about, and what it refuses."""

from __future__ import annotations

import re

import pytest

from omptool.errors import ConfigError
from omptool.model.plant import PlantModel
from omptool.model.specs import NO_SPEC, Spec, spec_of

TEXT = """
[[spec]]
tag = "BoreDiameter"
machine = "CNC1"
lsl = 24.99
usl = 25.01
[[spec]]
tag = "{BoreDiameter,Bore/*}"
lsl = 24.98
usl = 25.02
target = 25
"""


def test_the_first_that_matches_counts() -> None:
    specs = PlantModel.parse(TEXT).specs
    assert spec_of(specs, "CNC1", "BoreDiameter") == Spec(24.99, 25.01, None)
    assert spec_of(specs, "CNC2", "BoreDiameter") == Spec(24.98, 25.02, 25.0)
    assert spec_of(specs, "CNC1", "Bore/Depth") == Spec(24.98, 25.02, 25.0)
    assert spec_of(specs, "CNC1", "Power") == NO_SPEC
    assert PlantModel.parse("").specs == ()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("spec = 1", "spec is a list of tables"),
        ("[[spec]]\nlsl = 1", "spec 1: tag is missing"),
        ('[[spec]]\ntag = "A"\n[[spec]]\ntag = "A"\nlow = 1', "spec 2: unknown key 'low'"),
        ('[[spec]]\ntag = "A"\nlsl = "1"', "spec 1: lsl is no number"),
        ('[[spec]]\ntag = "A"\nusl = nan', "spec 1: usl is no number"),
        ('[[spec]]\ntag = "A"\nusl = true', "spec 1: usl is no number"),
        ('[[spec]]\ntag = "A"\nlsl = 2\nusl = 1', "spec 1: lsl = 2 is not below usl = 1"),
        ('[[spec]]\ntag = "A"\nmachine = 7', "spec 1: machine is no text"),
        ('[[spec]]\ntag = "{A"', "spec 1: "),
    ],
)
def test_what_is_wrong_is_named(text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(f"plant.toml: {says}")):
        PlantModel.parse(text)
