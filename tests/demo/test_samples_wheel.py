"""The samples travel in the wheel, and once only: an editable install finds them beside the package."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from omptool.demo.samples import folder
from tests.conftest import ROOT, clean_environment


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel as pip has it built, without a network and without an environment of its own."""
    target = tmp_path_factory.mktemp("wheel")
    code = "from hatchling.build import build_wheel; import sys; build_wheel(sys.argv[1])"
    subprocess.run([sys.executable, "-c", code, str(target)], check=True, cwd=ROOT, capture_output=True, timeout=100)
    return zipfile.ZipFile(next(target.glob("*.whl")))


def test_the_wheel_holds_every_file_of_the_samples_once(wheel: zipfile.ZipFile) -> None:
    inside = {name.removeprefix("omptool/sample_data/") for name in wheel.namelist() if "sample_data/" in name}
    assert inside == {path.relative_to(folder()).as_posix() for path in folder().rglob("*") if path.is_file()}
    assert not [name for name in wheel.namelist() if not name.startswith(("omptool/", "omptool-"))]


def test_what_the_wheel_holds_is_listed_and_copied(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    """The package out of the wheel, before any other on the path."""
    package = tmp_path / "unpacked"
    wheel.extractall(package)

    def run(*args: str) -> list[dict[str, object]]:
        done = subprocess.run(
            [sys.executable, "-m", "omptool", *args],
            check=True,
            capture_output=True,
            encoding="utf-8",
            cwd=tmp_path,
            env=clean_environment(tmp_path, {"PYTHONPATH": str(package)}),
            timeout=100,
        )
        return [json.loads(line) for line in done.stdout.splitlines()]

    where = "from omptool.demo.samples import folder; print(folder())"
    told = subprocess.run(
        [sys.executable, "-c", where], check=True, capture_output=True, encoding="utf-8", cwd=tmp_path, timeout=100,
        env=os.environ | {"PYTHONPATH": str(package)},
    ).stdout  # fmt: skip
    assert Path(told.strip()) == package / "omptool" / "sample_data"
    names = ["cnc-cell", "fault-day", "packaging-line", "press-line"]
    assert [row["name"] for row in run("samples", "list")] == names
    run("samples", "copy", "press-line", "mine")
    source, copied = folder() / "press-line", tmp_path / "mine" / "press-line"
    kept = {path.relative_to(source): path.read_bytes() for path in source.rglob("*") if path.is_file()}
    assert {p.relative_to(copied): p.read_bytes() for p in copied.rglob("*") if p.is_file()} == kept
    (row,) = run("query", "select count(*) n from telemetry", "--on", str(copied / "lake"))
    assert row["n"] == run("info", str(copied / "press-line.omcap"))[0]["rows"]


def test_an_editable_install_finds_them_beside_the_package() -> None:
    assert folder() == ROOT / "sample_data"
    installed = importlib.metadata.files("omptool") or ()
    assert not [path for path in installed if "sample_data" in path.parts and path.parts[0] == "omptool"]
