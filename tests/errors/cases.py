"""Every case of bad input, by the section of docs/reference/errors.md that it stands in."""

from __future__ import annotations

from tests.errors import (
    cases_analyses,
    cases_capture,
    cases_cloud,
    cases_lake,
    cases_security,
    cases_server,
    cases_setup,
    cases_shared,
)
from tests.errors.case import Case

SHARED = "every command"
"""Section of what many commands say alike."""

_OWN = (
    cases_server.SECTIONS
    | cases_security.SECTIONS
    | cases_capture.SECTIONS
    | cases_lake.SECTIONS
    | cases_analyses.SECTIONS
    | cases_cloud.SECTIONS
    | cases_setup.SECTIONS
)
SECTIONS: dict[str, tuple[Case, ...]] = {
    SHARED: cases_shared.SHARED, "omptool": _OWN.pop("omptool"), "config": _OWN.pop("config"), **_OWN,
}  # fmt: skip
