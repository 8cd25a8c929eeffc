"""Files appear whole or not at all."""

from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from omptool.errors import Busy, DiskFull, OutputExists, OutputFailed
from omptool.store import local


def test_write_atomic_replaces_the_content_and_leaves_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "er" / "file"
    local.write_atomic(target, b"one")
    local.write_atomic(target, b"two")
    assert target.read_bytes() == b"two"
    assert [entry.name for entry in target.parent.iterdir()] == ["file"]


def test_a_failed_write_leaves_the_old_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "file"
    local.write_atomic(target, b"one")

    def refuse(_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(local, "sync_file", refuse)
    with pytest.raises(DiskFull, match="no space left while writing"), local.writing(target):
        local.write_atomic(target, b"two")
    assert target.read_bytes() == b"one"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_create_refuses_a_taken_name(tmp_path: Path) -> None:
    local.create(tmp_path / "file", b"one")
    with pytest.raises(OutputExists, match="exists"):
        local.create(tmp_path / "file", b"two")
    assert (tmp_path / "file").read_bytes() == b"one"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), DiskFull),
        (OSError(errno.EFBIG, "File too large"), DiskFull),
        (OSError("Error writing bytes to file. Detail: [errno 27] File too large"), DiskFull),
        (PermissionError(errno.EACCES, "Permission denied"), OutputFailed),
    ],
)
def test_what_the_system_refuses_becomes_an_error_for_people(error: OSError, expected: type[Exception]) -> None:
    with pytest.raises(expected), local.writing(Path("lake")):
        raise error


def test_permission_is_no_disk_full(tmp_path: Path) -> None:
    with pytest.raises(OutputFailed, match="permission denied") as caught, local.writing(tmp_path):
        raise PermissionError(errno.EACCES, "Permission denied")
    assert not isinstance(caught.value, DiskFull)


def test_a_lock_is_exclusive_and_free_again_after_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    holder = (
        "import sys, time; from pathlib import Path; from omptool.store import local\n"
        "with local.lock(Path(sys.argv[1]), 'it'): print('held', flush=True); time.sleep(600)"
    )
    process = subprocess.Popen([sys.executable, "-c", holder, str(path)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(Busy, match="it is in use"), local.lock(path, "it"):
            pass
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
    with local.lock(path, "it"):
        assert path.exists()
