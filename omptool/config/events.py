"""Keys of `[capture]` about OPC UA events and alarms: what is recorded of them where nothing is typed. Pure."""

from __future__ import annotations

from omptool.config.schema import Setting, globs, text


def _switch(value: object) -> bool:
    """As TOML or as a variable of the environment has it."""
    if value in (True, "true"):
        return True
    if value in (False, "false"):
        return False
    raise ValueError("true or false")


def _texts(value: object) -> tuple[str, ...]:
    given = value if isinstance(value, list) else [value]
    try:
        return tuple(map(text, given))
    except ValueError:
        raise ValueError("a text, or a list of texts") from None


def _severity(value: object) -> int:
    number = int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value
    if type(number) is not int or not 1 <= number <= 1000:
        raise ValueError("a number from 1 to 1000")
    return number


EVENT_SETTINGS = (
    Setting("capture.events", _switch, "false", "Record events and alarms too, all of each server."),
    Setting("capture.event_source", globs, None, "Events of objects whose path matches only: a glob or a list."),
    Setting("capture.event_field", _texts, None, "More fields of each event: a path or a list of them."),
    Setting("capture.event_type", _texts, None, "Only events of these types and their subtypes: NodeIds."),
    Setting("capture.event_severity", _severity, None, "Only events of at least this severity, 1 to 1000."),
)
"""In the order of the reference."""
