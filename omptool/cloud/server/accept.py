"""Which of several media types a client wants (RFC 9110, 12.5.1). Pure."""

from __future__ import annotations

from collections.abc import Sequence


def choose(accept: str | None, offered: Sequence[str]) -> str | None:
    """The offered type that an Accept header likes best; of equals the one offered first; None when it wants none.

    A missing or empty header wants anything. Parts that cannot be read count for nothing.
    """
    if accept is None or not accept.strip():
        return offered[0]
    ranges = [found for part in accept.split(",") if (found := _range(part)) is not None]
    best = max(offered, key=lambda media_type: _quality(media_type, ranges))
    return best if _quality(best, ranges) > 0 else None


def _range(part: str) -> tuple[str, float] | None:
    media_range, *parameters = (piece.strip() for piece in part.lower().split(";"))
    quality = next((one[2:] for one in parameters if one.startswith("q=")), "1")
    try:
        value = float(quality)
    except ValueError:
        return None
    return (media_range, value) if "/" in media_range and 0 <= value <= 1 else None


def _quality(media_type: str, ranges: Sequence[tuple[str, float]]) -> float:
    """By the most specific range that matches."""
    kind = media_type.partition("/")[0]
    for wanted in (media_type, f"{kind}/*", "*/*"):
        if found := [quality for media_range, quality in ranges if media_range == wanted]:
            return max(found)
    return 0.0
