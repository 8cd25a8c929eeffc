"""`[[capture.nodes]]` of omptool.toml: how the nodes under a glob are to be recorded. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from omptool.config.schema import Setting, text
from omptool.errors import UsageError
from omptool.model import monitoring as words
from omptool.model.monitoring import Monitoring
from omptool.model.path import Glob


@dataclass(frozen=True, slots=True)
class NodeRule:
    """Settings for the nodes whose path matches; of several rules for a node an earlier one wins."""

    match: str
    monitoring: Monitoring


def _glob(value: object) -> str:
    pattern = text(value)
    try:
        Glob(pattern)
    except UsageError as error:
        raise ValueError(f"a path glob ({error.message})") from None
    return pattern


def _of(read: Callable[[str], Any], wanted: str) -> Callable[[object], Any]:
    def parse(value: object) -> Any:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        try:
            return read(str(value) if is_number else text(value))
        except (UsageError, ValueError):
            raise ValueError(wanted) from None

    return parse


_DURATION = 'a duration such as "250ms" or "5s", or "0"'

NODE_SETTINGS = (
    Setting("match", _glob, None, "Path glob of the nodes; required. Where several match, earlier ones win."),
    Setting("sampling_interval", _of(words.parse_interval, _DURATION), None, "How often the server looks at a value."),
    Setting(
        "queue_size",
        _of(words.parse_queue, f"a number from 1 to {words.MOST_QUEUE}"),
        None,
        "Values that wait at the server. Default: what four publishing intervals need.",
    ),
    Setting(
        "discard", _of(words.parse_discard, '"oldest" or "newest"'), "oldest", "What goes when the queue runs over."
    ),
    Setting(
        "deadband",
        _of(words.parse_deadband, 'a number such as 0.5, or a share of the range such as "2%"'),
        None,
        "How far a number must move to be reported.",
    ),
    Setting(
        "trigger",
        _of(words.parse_trigger, " or ".join(f'"{trigger}"' for trigger in words.Trigger)),
        "status-value",
        "What is reported: changes of status, of value too, of SourceTimestamp too.",
    ),
    Setting("poll", _of(words.parse_interval, _DURATION), "0", "Read the value so often instead of subscribing to it."),
    Setting("heartbeat", _of(words.parse_interval, _DURATION), "0", "Repeat the last value after so long a silence."),
)
"""Keys of a `[[capture.nodes]]` table, in the order of the reference."""

_FIELDS = {"sampling_interval": "sampling_ms", "poll": "poll_ms", "heartbeat": "heartbeat_ms"}


def rule_of(values: Mapping[str, Any]) -> NodeRule:
    """The rule of a table whose values are parsed already."""
    said = {_FIELDS.get(key, key): value for key, value in values.items() if key != "match"}
    return NodeRule(values["match"], Monitoring(**said))
