"""Writes `docs/reference/openapi.json`, the contract of the cloud API, from the program: `python -m docs.openapi`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

from omptool.cli.render_chunks import RENDERERS
from omptool.cloud.server import openapi
from omptool.cloud.server.app import ARROW, Pool, create_app

FILE = Path(__file__).parent / "reference" / "openapi.json"


def text() -> str:
    """The document as it must lie in the file."""
    app = create_app(Path(), "no-token-is-asked-for", cast(Pool, None), RENDERERS)
    document: dict[str, Any] = openapi.document(app, [ARROW, *RENDERERS])
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
