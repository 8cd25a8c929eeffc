"""Lakes that somebody made on purpose: nothing outside the lake's folder is read, written or removed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from omptool.errors import LakeError, OmptoolError
from omptool.lake import layout
from omptool.lake.convert import convert
from omptool.lake.staging import clean
from omptool.lake.table import Table
from omptool.sources.capture import CaptureSource
from omptool.sources.lake import LakeSource
from omptool.store import local
from tests.capture import build

PART = "part-run-1.parquet"
ODD: list[Any] = [None, True, -1, 2**63, 1e999, "", "\ud800", [], {}, "²", "../../x", [[[[]]]]]


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """A lake of one small capture."""
    convert([CaptureSource(build.small(tmp_path / "a.omcap"))], tmp_path / "lake")
    return tmp_path / "lake"


def _log(lake: Path, view: str = "telemetry") -> Path:
    return max((lake / view / "_delta_log").glob("*.json"))


def _add(lake: Path, path: str) -> None:
    """One more commit that names a file."""
    newest = _log(lake)
    action = {
        "path": path, "partitionValues": {"site": "s", "date": "2026-01-01"}, "size": 1, "modificationTime": 0,
        "dataChange": True,
    }  # fmt: skip
    (newest.parent / f"{int(newest.stem) + 1:020d}.json").write_text(json.dumps({"add": action}) + "\n")


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd", "../../secret.parquet", "site=a/../../../secret.parquet", "file:///etc/passwd",
        "https://example.org/x.parquet", "s3://bucket/x.parquet", "%2e%2e/%2e%2e/secret.parquet", "C:/x.parquet",
        "a%00b", "..%5c..%5cx", "link/x.parquet", "link.parquet",
    ],
)  # fmt: skip
def test_a_log_that_names_files_elsewhere_is_refused(lake: Path, tmp_path: Path, name: str) -> None:
    pq.write_table(pa.table({"a": [1]}), tmp_path / "secret.parquet")
    (lake / "telemetry" / "link").symlink_to(tmp_path)
    (lake / "telemetry" / "link.parquet").symlink_to(tmp_path / "secret.parquet")
    _add(lake, name)
    with pytest.raises(LakeError, match=r"does not lie in the table's folder|cannot read the log"):
        LakeSource(lake).views()


def test_a_lake_reached_by_a_link_is_a_lake(lake: Path, tmp_path: Path) -> None:
    (tmp_path / "linked").symlink_to(lake)
    assert LakeSource(tmp_path / "linked").views().keys() == LakeSource(lake).views().keys()


@pytest.mark.parametrize("name", ["a", "a/b", "site=%41/date=2026-01-01/p.parquet", "a b/ä", "..a/b..", "x=1:2"])
def test_names_inside_are_inside(tmp_path: Path, name: str) -> None:
    assert local.inside(tmp_path, name) == tmp_path / name


@pytest.mark.parametrize("view", ["telemetry", "..", "../victims", "/"])
@pytest.mark.parametrize(
    "name", ["part-run-1.parquet", "../victims/part-run-1.parquet", "link/part-run-1.parquet", "x"]
)
def test_what_a_killed_run_left_cannot_name_files_elsewhere(lake: Path, tmp_path: Path, view: str, name: str) -> None:
    victims = tmp_path / "victims"
    victims.mkdir()
    (lake / "telemetry" / "link").symlink_to(victims)
    for file in (PART, "x"):
        (victims / file).write_text("mine")
        (lake / "telemetry" / file).write_text("kept unless the run made it")
    staging = lake / layout.STAGING / "run"
    staging.mkdir(parents=True)
    files = [name, str(victims / "x"), 7, None]
    (staging / "moves.json").write_text(
        json.dumps({view: {"version": Table(lake, "telemetry").version, "files": files}})
    )
    clean(lake)
    assert sorted(file.name for file in victims.iterdir()) == [PART, "x"]
    assert (lake / "telemetry" / "x").exists()
    removed = view == "telemetry" and name == PART
    assert (lake / "telemetry" / PART).exists() != removed


@pytest.mark.parametrize("text", [b"", b"[", b"7", b"[" * 100_000, b'{"telemetry":7}', b'{"telemetry":{}}', b"\xff"])
def test_any_list_of_moves_is_survived(lake: Path, text: bytes) -> None:
    (lake / layout.STAGING / "run").mkdir(parents=True)
    (lake / layout.STAGING / "run" / "moves.json").write_bytes(text)
    clean(lake)
    assert not (lake / layout.STAGING).exists()


def test_a_staging_folder_that_is_a_link_is_refused(lake: Path, tmp_path: Path) -> None:
    """Cleaning up would empty whatever it points to."""
    victims = tmp_path / "victims"
    (victims / "photos").mkdir(parents=True)
    (lake / layout.STAGING).symlink_to(victims)
    with pytest.raises(LakeError, match="link to somewhere else"):
        clean(lake)
    assert (victims / "photos").is_dir()
    (lake / layout.STAGING).unlink()
    (lake / layout.STAGING).mkdir()
    (lake / layout.STAGING / "run").symlink_to(victims)
    clean(lake)
    assert (victims / "photos").is_dir()


def test_rows_are_not_written_through_a_link(lake: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for folder in list((lake / "telemetry").glob("site=*")):
        folder.rename(tmp_path / "old")
        folder.symlink_to(elsewhere)
    with pytest.raises(LakeError):
        convert([CaptureSource(build.small(tmp_path / "b.omcap"))], lake)
    assert not list(elsewhere.rglob("*.parquet"))


@pytest.mark.parametrize("odd", range(len(ODD)))
def test_any_value_in_a_commit(lake: Path, odd: int) -> None:
    """One value of the log at a time is something else: an error of ours, or an answer."""
    path = lake / "telemetry" / "_delta_log" / f"{0:020d}.json"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for at, line in enumerate(lines):
        for changed in _replaced(line, ODD[odd]):
            path.write_text("".join(json.dumps(entry) + "\n" for entry in [*lines[:at], changed, *lines[at + 1 :]]))
            try:
                source = LakeSource(lake)
                source.views(), source.plant(), source.holds("x"), source.gap_reasons()
                Table(lake, "telemetry").committed_at()
            except OmptoolError as error:
                assert str(error)


def _replaced(data: Any, value: Any) -> list[Any]:
    if isinstance(data, dict):
        return [value] + [{**data, key: new} for key in data for new in _replaced(data[key], value)]
    return [value]


def test_odd_names_in_the_log_folder(lake: Path) -> None:
    for name in ("².json", "x.json", f"{'9' * 30}.json"):
        (lake / "telemetry" / "_delta_log" / name).write_text("{}")
    assert LakeSource(lake).version >= 0


def test_a_gaps_file_that_is_none_is_said(lake: Path) -> None:
    for file in (lake / "gaps").rglob("*.parquet"):
        file.write_bytes(b"PAR1 nonsense PAR1")
    (lake / "gaps" / "_delta_log").mkdir(exist_ok=True)
    if Table(lake, "gaps").files():
        with pytest.raises(LakeError, match="cannot read"):
            LakeSource(lake).gap_reasons()
