"""Files of other tools, read the way commands read them, as plain rows."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa

from omptool.model.contracts import TELEMETRY
from omptool.model.plant import PlantModel
from omptool.sources.foreign.context import Options
from omptool.sources.foreign.source import ForeignSource
from omptool.sources.resolve import resolve


def source(
    path: Path, *, input_format: str | None = None, plant: PlantModel | None = None, **said: Any
) -> ForeignSource:
    """The source that a command would open for the file."""
    found = resolve(str(path), input_format=input_format, plant=plant, foreign=Options(**said))
    assert isinstance(found, ForeignSource), f"{path} is taken as {found.kind}"
    return found


def rows_of(found: ForeignSource) -> list[dict[str, Any]]:
    """Its telemetry, checked against the contract."""
    table = pa.RecordBatchReader.from_stream(found.views()["telemetry"]).read_all().cast(TELEMETRY)
    table.validate(full=True)
    wrong = [field.name for field in TELEMETRY if not field.nullable and table[field.name].null_count]
    assert wrong == []
    return table.to_pylist()


def rejects_of(found: ForeignSource) -> list[dict[str, Any]]:
    """What was set aside; the file has been read."""
    stream = BytesIO()
    for file in found.files:
        file.rejects.copy_to(stream)
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def read(path: Path, **said: Any) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows and rejects of a file."""
    found = source(path, **said)
    return rows_of(found), rejects_of(found)


def file(folder: Path, name: str, content: str | bytes) -> Path:
    """A file with this content."""
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path
