"""A lake with hard values, and a real `omptool cloud serve` over it, for tests of what asks one."""

from __future__ import annotations

import contextlib
import json
import math
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from omptool.demo.schedule import Plant
from omptool.lake.convert import convert
from omptool.model.plant import PlantModel
from tests.analytics.plants import Recorded, gap, ns, telemetry
from tests.conftest import clean_environment

START, END = "2026-11-16T07:00:00+00:00", "2026-11-16T08:00:00+00:00"
ZONE = "Asia/Kolkata"

HARD_NUMBERS = (math.nan, math.inf, -math.inf, -0.0, 0.0, 5e-324, 1.7976931348623157e308, 0.1, 1e16 + 2, -1.5, None)
HARD_INTEGERS = (18446744073709551615, -9223372036854775808, 9007199254740993)
HARD_TEXTS = (
    "", "null", "NULL", " ", "a,b", 'say "hi"', "it's", "two\nlines", "car\rriage", "tab\there", "nul\0inside", "\\N",
    "Ölstand °C", "😀", "\u202eevil", "\x1b[31mred", "=1+1", "'; drop table telemetry; --", None,
)  # fmt: skip


def hard_rows(first_seq: int) -> list[dict[str, object]]:
    """Telemetry with values that writers and wires get wrong."""
    values: list[dict[str, object]] = [{"value": value} for value in HARD_NUMBERS]
    values += [{"value": float(value), "value_exact": Decimal(value)} for value in HARD_INTEGERS]
    values += [{"value_text": text} for text in HARD_TEXTS]
    values += [{"value_list": [1.0, math.nan, None, -0.0]}, {"value_list": []}, {"raw": b"\x00\xff\r\n,"}]
    begin = datetime.fromisoformat(END)
    return [
        {
            "time": begin + timedelta(microseconds=7 * n), "time_ns": n % 10 * 100, "time_basis": "source",
            "site": "Riverside", "machine": 'Odd "1", 2', "tag": f"Hard{n % 3}", "path": "Hard", "server": "urn:hard",
            "node_id": f"nsu=urn:hard;s=Hard{n % 3}", "type": "x", "status": 0, "quality": "Good", "overflow": False,
            "origin": "live", "capture": "c1", "seq": first_seq + n,
        } | value
        for n, value in enumerate(values)
    ]  # fmt: skip


def make_lake(folder: Path) -> Path:
    """An hour of the simulated plant with a gap, followed by the hard values; its plant model names a zone."""
    rows = telemetry(Plant(1), ns(START), ns(END))
    rows += hard_rows(len(rows) + 1)
    gaps = [gap("2026-11-16T07:20:00+00:00", "2026-11-16T07:21:30+00:00")]
    recording = Recorded(rows, gaps)
    convert([recording], folder, plant=PlantModel.parse(f'time_zone = "{ZONE}"\n'))  # type: ignore[list-item]
    return folder


@dataclass(frozen=True)
class Cloud:
    """A running server, and settings that name it `plant`."""

    url: str
    token_file: Path
    process: subprocess.Popen[str]
    said: list[str]
    """What it had said on stderr, once it has ended."""

    @property
    def settings(self) -> str:
        return f'[cloud.plant]\nurl = "{self.url}"\ntoken_file = "{self.token_file}"\n'


@contextlib.contextmanager
def running_cloud(home: Path, lake: Path, *options: str) -> Iterator[Cloud]:
    """`omptool cloud serve --port 0 OPTIONS` until the block ends."""
    token_file = home / "cloud.token"
    said: list[str] = []
    process = subprocess.Popen(
        [
            sys.executable, "-m", "omptool", "cloud", "serve", "--lake", str(lake), "--port", "0",
            "--token-file", str(token_file), *options,
        ],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", env=clean_environment(home), cwd=home,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"the server did not start: {process.communicate()[1]}")
        yield Cloud(json.loads(line)["url"], token_file, process, said)
    finally:
        process.terminate()
        try:
            said.append(process.communicate(timeout=20)[1])
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
