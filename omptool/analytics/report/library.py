"""The chart library as text, from the package `vl-convert-python`; the only file that knows it."""

from __future__ import annotations

import importlib.util

from omptool.errors import NotFound

_WANTED = "window.drawChart = vegaEmbed;"


def require() -> None:
    """Make sure that the library is there, before anything is computed for it.

    Raises:
        NotFound: the package is not installed.
    """
    if importlib.util.find_spec("vl_convert") is None:
        raise NotFound(
            "a report needs the chart library Vega, and it is not installed", "pip install 'omptool[report]'"
        )


def bundle() -> str:
    """JavaScript that sets `window.drawChart`: Vega, Vega-Lite and what puts them on a page, for an inline script."""
    import vl_convert

    text: str = vl_convert.javascript_bundle(_WANTED)
    # what ends or hides a script must not stand in one
    return text.replace("</script", "<\\/script").replace("<!--", "<\\!--")
