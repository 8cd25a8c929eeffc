"""Which events are asked for: by options, by omptool.toml, and what is typed wins."""

from __future__ import annotations

from pathlib import Path

import pytest

from omptool.cli.capture_events import TypedEvents
from omptool.config import File, load
from omptool.errors import ConfigError

SET = """[capture]
events = true
event_source = ["Line1/**", "Line2/Press"]
event_field = "LimitState/CurrentState"
event_type = ["i=2915"]
event_severity = 500
"""


def test_settings_say_what_is_not_typed() -> None:
    config = load({}, {}, [File(Path("omptool.toml"), SET)])
    events = TypedEvents(event_severity=700).over(config).asked()
    assert events is not None
    assert events.sources == ("Line1/**", "Line2/Press")
    assert (events.wish.severity, events.wish.types) == (700, ("i=2915",))
    assert "LimitState/CurrentState" in events.wish.fields


def test_without_either_there_are_none() -> None:
    assert TypedEvents().over(load({}, {}, [])).asked() is None
    by_environment = load({}, {"OMPTOOL_CAPTURE_EVENTS": "true"}, [])
    assert TypedEvents().over(by_environment).asked() is not None


@pytest.mark.parametrize("line", ['events = "yes"', "event_field = 5", "event_severity = 0", "event_source = []5"])
def test_what_cannot_be(line: str) -> None:
    with pytest.raises(ConfigError, match=r"omptool\.toml"):
        load({}, {}, [File(Path("omptool.toml"), f"[capture]\n{line}\n")])
