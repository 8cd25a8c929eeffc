"""Every case of bad input, by the section of docs/reference/errors.md that it stands in."""

from __future__ import annotations

from tests.errors import cases_capture, cases_server
from tests.errors.case import Case

SECTIONS: dict[str, tuple[Case, ...]] = cases_server.SECTIONS | cases_capture.SECTIONS
