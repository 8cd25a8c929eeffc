"""The house stays as drawn: the order of the folders, pure parts, one place that prints, one that exits."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "omptool"
PURE = sorted([*PACKAGE.glob("model/*.py"), *PACKAGE.glob("protocol/*.py"), PACKAGE / "errors.py"])
ALL = sorted(PACKAGE.glob("**/*.py"))
OUTSIDE_CLI = [path for path in ALL if "cli" not in path.relative_to(PACKAGE).parts and path.name != "__main__.py"]

_OPENS = {"open", "input", "print", "exec", "eval"}
_READS_CLOCK = {"now", "utcnow", "today", "time", "time_ns", "monotonic", "monotonic_ns", "perf_counter"}
_CLOCKS = {"datetime", "date", "time", "dt"}


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _calls(path: Path) -> Iterator[tuple[str, str, int]]:
    """Owner, name and line of each call: `datetime.now()` is ("datetime", "now", …), `open()` is ("", "open", …)."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            target = node.func
            if isinstance(target, ast.Name):
                yield "", target.id, node.lineno
            elif isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name):
                yield target.value.id, target.attr, node.lineno


def test_import_contracts() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-logo"],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", PURE, ids=_name)
def test_pure_parts_open_nothing_and_read_no_clock(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert not [node for node in ast.walk(tree) if isinstance(node, (ast.Await, ast.AsyncFunctionDef))]
    wrong = [
        f"{owner}.{name} in line {line}"
        for owner, name, line in _calls(path)
        if (not owner and name in _OPENS) or (owner in _CLOCKS and name in _READS_CLOCK)
    ]
    assert wrong == []


@pytest.mark.parametrize("path", OUTSIDE_CLI, ids=_name)
def test_only_the_command_line_prints_and_exits(path: Path) -> None:
    wrong = [
        f"{owner}.{name} in line {line}"
        for owner, name, line in _calls(path)
        if (not owner and name in {"print", "exit", "quit"})
        or (owner, name) in {("sys", "exit"), ("os", "_exit"), ("asyncio", "run"), ("signal", "signal")}
    ]
    assert wrong == []


def _catches_everything(handler: ast.ExceptHandler) -> bool:
    names = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    caught = any(
        name is None or (isinstance(name, ast.Name) and name.id in {"Exception", "BaseException"}) for name in names
    )
    return caught and not any(isinstance(node, ast.Raise) for node in ast.walk(handler))


def test_one_place_in_each_process_catches_everything() -> None:
    """The command line, and the worker of the cloud that never runs beside one.

    Clean-up that raises again, or raises what a user understands, is no catch-all.
    """
    places = [
        _name(path)
        for path in ALL
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ExceptHandler) and _catches_everything(node)
    ]
    assert places == ["omptool/cli/app.py", "omptool/cloud/server/worker.py"]


def test_no_catch_all_modules() -> None:
    assert [_name(path) for path in ALL if path.stem in {"utils", "util", "helpers", "common", "misc"}] == []
