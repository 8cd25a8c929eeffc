"""What is drawn on a terminal while something runs: its own lines are redrawn, and nothing else is touched."""

from __future__ import annotations

import io
import re
import sys

import pytest

from omptool.cli import diagnostics


class Terminal(io.StringIO):
    """A stderr that a person looks at."""

    def isatty(self) -> bool:
        return True

    def screen(self, columns: int = 80) -> list[str]:
        """What stands on it: lines, the cursor moved up, and everything below it removed."""
        rows, at = [""], 0
        for up, text in re.findall(r"\x1b\[(\d+)F\x1b\[J|([^\x1b]+)", self.getvalue()):
            if up:
                at -= int(up)
                assert at >= 0, "above its own lines"
                del rows[at:]
                rows.append("")
            for number, line in enumerate(text.split("\n")):
                at += number > 0
                rows += [""] * (at + 1 - len(rows))
                rows[at] += line
                while len(rows[at]) > columns:
                    rows += [rows[at][columns:]]
                    rows[at] = rows[at][:columns]
                    at += 1
        return rows


def looking(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """stderr from now on."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "10")
    return terminal


def test_what_is_said_stands_above_what_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = looking(monkeypatch)
    diagnostics.note("begun")
    with diagnostics.Progress(interval_s=0) as block:
        block.update(["one", "two"])
        diagnostics.note("something happened", "look at it")
        assert shown.screen() == ["begun", "something happened", "  look at it", "one", "two", ""]
        block.update(["three"])
        diagnostics.error("this too")
        assert shown.screen() == ["begun", "something happened", "  look at it", "omptool: this too", "three", ""]
    diagnostics.note("done")
    assert shown.screen() == ["begun", "something happened", "  look at it", "omptool: this too", "done", ""]


def test_what_is_left_standing_is_not_touched_again(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = looking(monkeypatch)
    block = diagnostics.Progress(interval_s=0)
    block.update(["one"])
    block.leave()
    diagnostics.note("done")
    block.clear()
    assert shown.screen() == ["one", "done", ""]


def test_a_block_that_is_taller_than_the_terminal_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = looking(monkeypatch)
    with diagnostics.Progress(interval_s=0) as block:
        for _ in range(3):
            block.update([f"line {number}" for number in range(40)])
        assert shown.screen() == [*(f"line {number}" for number in range(9)), ""]


def test_lines_that_a_narrower_terminal_wraps_are_removed_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = looking(monkeypatch)
    diagnostics.note("begun")
    with diagnostics.Progress(interval_s=0) as block:
        block.update(["x" * 70, "y" * 30])
        monkeypatch.setenv("COLUMNS", "40")
        block.update(["z" * 70])
    assert "\x1b[3F" in shown.getvalue()
