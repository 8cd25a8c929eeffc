"""The same targets under a coverage-guided fuzzer, a minute each; left out where atheris has no wheel (conftest.py)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.targets import TARGETS

SECONDS = int(os.environ.get("OMPTOOL_FUZZ_SECONDS", "60"))


@pytest.mark.full
@pytest.mark.timeout(SECONDS + 240)
@pytest.mark.parametrize("name", TARGETS)
def test_guided_by_coverage(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "files"  # the fuzzer ends its process without cleaning up
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.hunt", name, str(SECONDS), str(tmp_path / "corpus")],
        cwd=Path(__file__).parents[2],
        env={
            **os.environ,
            "OMPTOOL_FUZZ_FOLDER": str(folder),
            "PYTHONPATH": os.pathsep.join(filter(None, [".", os.environ.get("PYTHONPATH")])),
        },
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=SECONDS + 200,
        check=False,
    )
    found = [path.name for path in tmp_path.iterdir() if path.is_file()]
    assert done.returncode == 0 and not found, f"{found}\n{done.stderr[-3000:]}"
    assert "DONE" in done.stderr
