"""Bad input of the commands that read a capture: info, verify, recover, cat, replay."""

from __future__ import annotations

from tests.errors.case import Case

INFO = (
    Case("no CAPTURE", "info", 2),
    Case("nothing there", "info shfit.omcap", 1, given=("shift.omcap",)),
    Case("an empty folder", "info empty", 1, files={"empty/": ""}),
    Case("a file of rows", "info orders.csv", 1),
    Case("the output exists", "info shift.omcap -o orders.csv", 1),
)

SECTIONS = {"info": INFO}
