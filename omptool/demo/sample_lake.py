"""A sample's capture as a lake, made by `lake.convert` and then freed of everything that differs from run to run.

delta-rs 1.6 draws table ids at random, stamps every commit with the system's clock, writes the members of its JSON in
the order of a hash table and notes the folder it wrote to; it takes none of them as a parameter. The Delta protocol
leaves a writer free in all four, so the finished log is written again with fixed ids and times. Names, sizes,
statistics, schemas and transactions stay what the library wrote, as do the data files.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from omptool.demo.plant import SECOND
from omptool.demo.sample_plans import Recording
from omptool.lake import layout
from omptool.lake.convert import convert
from omptool.model.plant import PlantModel
from omptool.sources.capture import CaptureSource

_OF_THE_RUN = ("location", "metadata", "properties", "protocol")
"""Parameters of an operation that name the folder, or repeat as text what the next lines of the log say."""


def write(recording: Recording, capture: Path, lake: Path, plant: PlantModel) -> None:
    """Convert the capture to the new folder `lake`.

    Raises:
        OutputExists, DiskFull, LakeError: as `convert`.
    """
    convert([CaptureSource(capture, plant=plant)], lake, plant=plant, run=recording.run)
    (lake / layout.LOCK).unlink()
    for view in layout.SCHEMAS:
        for commit in (lake / view / "_delta_log").glob("*.json"):
            stamp = _converted_ms(recording) + 1000 * int(commit.stem)
            actions = [json.loads(line) for line in commit.read_text("utf-8").splitlines()]
            lines = [json.dumps(_fixed(action, view, stamp, recording), sort_keys=True) + "\n" for action in actions]
            commit.write_text("".join(lines), "utf-8", newline="\n")


def _converted_ms(recording: Recording) -> int:
    return (recording.capture_end + 60 * SECOND) // 1_000_000


def _fixed(action: dict[str, Any], view: str, stamp: int, recording: Recording) -> dict[str, Any]:
    """One action of a commit with the ids and times that it always has."""
    if "commitInfo" in action:
        told = action["commitInfo"]
        told["timestamp"] = stamp
        for name in _OF_THE_RUN:
            told["operationParameters"].pop(name, None)
    if "metaData" in action:
        action["metaData"] |= {"id": str(uuid5(NAMESPACE_URL, f"urn:omptool:sample:{recording.run}:{view}"))}
        action["metaData"]["createdTime"] = _converted_ms(recording)
    if "add" in action:
        action["add"]["modificationTime"] = stamp
    return action
