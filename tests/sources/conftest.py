"""Makes the helpers of the lake and source tests importable."""

from __future__ import annotations

import sys
from pathlib import Path

_TESTS = Path(__file__).parent.parent
sys.path[:0] = [str(_TESTS / "lake"), str(_TESTS / "sources")]
