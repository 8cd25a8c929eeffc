"""What the words of an alarm journal say: that an alarm came, that it went, or neither. Pure."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Collection, Iterator

_CAME = {"1", "true", "t", "yes", "y", "on", "active", "act", "alm", "alarm", "alarmed", "in", "came", "set", "raised",
         "start", "started", "begin", "activated", "abnormal"}  # fmt: skip
_WENT = {"0", "false", "f", "no", "not", "n", "off", "inactive", "rtn", "return", "returned", "norm", "normal", "ok",
         "out", "went", "gone", "clear", "cleared", "reset", "end", "ended", "stop", "stopped",
         "deactivated"}  # fmt: skip
"""Words of journals; UNACK_ALM is an alarm, ACK_RTN none, and what has neither (ACK) changes nothing."""

_NEGATIONS = {"not", "no", "non"}
_OPEN = re.compile(r"(?<![^\W_])(?:not|no|un)[\W_]*ack[^\W_]*")
"""Not yet acknowledged: it says nothing of whether the alarm stands."""
_OFF_NORMAL = re.compile(r"(?<![^\W_])off[\W_]*normal(?![^\W_])")


def words(said: Collection[str], active_is: object, gone_is: object) -> tuple[list[str], list[str]]:
    """Which of the words of a column say that an alarm came, and which that it went.

    Args:
        said: in lower case.
        active_is, gone_is: as somebody lists them, separated by commas; None: the usual ones.
    """
    came, went = (None if text is None else _split(str(text), said) for text in (active_is, gone_is))
    if came is None and went is None:
        usual = {word: _usual(word) for word in said}
        return [word for word in said if usual[word]], [word for word in said if usual[word] is False]
    came = {word for word in said if _usual(word) and word not in (went or ())} if came is None else came
    found = [word for word in said if word in came]
    return found, [word for word in said if word not in came and (went is None or word in went)]


def _usual(word: str) -> bool | None:
    try:
        number = float(word)
    except ValueError:
        plain = _OFF_NORMAL.sub("abnormal", _OPEN.sub("", word))
        told = [turn for phrase in re.split(r"[,;|/]", plain) for turn in _turns(phrase)]
        return False if False in told else True if told else None
    return number != 0 if math.isfinite(number) else None


def _turns(phrase: str) -> Iterator[bool]:
    """What each word says; `not` turns round what follows. "Alarm acknowledged" does not say that it came."""
    parts = re.findall(r"[^\W_]+", phrase)
    negated = any(part in _NEGATIONS for part in parts) and len(parts) > 1
    follows = False
    neutral = {"alarm"} if any(part.startswith("ack") for part in parts) else set()
    for part in parts:
        if negated and part in _NEGATIONS:
            follows = True
        elif part in _WENT:
            yield follows
        elif part in _CAME - neutral:
            yield not follows


def _split(text: str, said: Collection[str]) -> set[str]:
    """A list with commas; a word that has one itself stands between double quotes, or alone."""
    if (whole := text.strip().lower()) in said:
        return {whole}
    return {word.strip().lower() for word in next(csv.reader([text], skipinitialspace=True), [])}
