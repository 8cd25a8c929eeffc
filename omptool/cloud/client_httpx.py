"""httpx without its own command line, which loads rich, pygments and click: a fifth of a second at every start."""

import sys

sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]  # None is how Python says "not there"
import httpx  # noqa: E402  after the line above

__all__ = ["httpx"]
