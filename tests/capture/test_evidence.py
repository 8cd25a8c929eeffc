"""The account of a subscription against its rows: what fits is complete, what does not is unexplained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omptool.capture.evidence import merged, spans, subtracted
from omptool.capture.format import Flag
from omptool.capture.reader import Capture
from omptool.capture.verify import Verification, verify
from omptool.model.vocabulary import GapReason, GapState
from omptool.protocol.ledger import LAST, Range
from tests.capture import build

ACCOUNT: dict[str, Any] = {
    "first": 1, "next": 3, "received": 2, "values": 8, "rows": 8, "row": 8, "keep_alives": 0, "end": True,
    "until": build.T0 + 10**9, "missing": [],
}  # fmt: skip


def captured(path: Path, *messages: int, account: dict[str, Any] | None, close: bool = True, **gap: Any) -> Path:
    """Four rows for each message, then the account."""
    writer = build.start(path, ledger=True)
    for number in messages:
        writer.append(build.rows_of(build.doubles([1, 2, 3, 4]), sequence=number))
    if gap:
        writer.gap(
            GapReason.SEQUENCE_LOST, server=build.SERVER.server, start_ns=build.T0, end_ns=build.T0 + 1,
            state=GapState.EXPLAINED, sub=1, detail=gap,
        )  # fmt: skip
    if account is not None:
        writer.journal("ledger", server=build.SERVER.server, sub=1, detail=account)
    if close:
        writer.close()
    else:
        writer.commit()
    return path


def verified(path: Path) -> Verification:
    return verify(Capture.open(path))


def causes(path: Path) -> list[str]:
    windows = {str(w): w for verdict in verified(path).verdicts for w in verdict.windows if w["state"] == "open"}
    return [window["detail"] for window in windows.values()]


def test_rows_that_fit_their_account_are_complete(tmp_path: Path) -> None:
    result = verified(captured(tmp_path / "a.omcap", 1, 2, account=ACCOUNT))
    assert [verdict.verdict for verdict in result.verdicts] == ["complete"]
    assert not result.has_unexplained


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"rows": 12}, "12 rows were stored, 8 are here"),
        ({"rows": 4, "values": 4}, "4 rows were stored, 8 are here"),
        ({"values": 9}, "9 values were received, 8 accounted for"),
        ({"next": 4}, "1 of messages 3 to 3 are neither here nor named as lost"),
        ({"next": 2}, "message 2 came, the account ends with 1"),
        ({"row": 4, "rows": 4, "values": 4}, "4 rows came after the last account"),
    ],
)
def test_what_does_not_fit_is_unexplained(tmp_path: Path, change: dict[str, Any], cause: str) -> None:
    path = captured(tmp_path / "a.omcap", 1, 2, account=ACCOUNT | change)
    assert verified(path).has_unexplained
    assert any(cause in found for found in causes(path))


@pytest.mark.parametrize(
    "change",
    [
        {"values": 10, "undecodable": 2}, {"values": 10, "left_out": 2}, {"next": 4, "bare": 1},
        {"next": 9, "unnumbered": 1}, {"next": 9, "restarts": 2},
    ],
)  # fmt: skip
def test_what_the_account_says_itself_is_believed(tmp_path: Path, change: dict[str, Any]) -> None:
    assert causes(captured(tmp_path / "a.omcap", 1, 2, account=ACCOUNT | change)) == []


def test_a_hole_with_a_window_is_explained_and_one_without_is_not(tmp_path: Path) -> None:
    account = ACCOUNT | {"next": 5, "received": 2}
    told = captured(tmp_path / "a.omcap", 1, 4, account=account, first=2, last=3)
    assert (verified(told).has_windows, causes(told)) == (True, [])
    assert len(causes(captured(tmp_path / "b.omcap", 1, 4, account=account))) == 1
    assert len(causes(captured(tmp_path / "c.omcap", 1, 4, account=account, first=2, last=2))) == 1


def test_what_a_history_returned_came_with_no_message(tmp_path: Path) -> None:
    writer = build.start(tmp_path / "a.omcap", ledger=True)
    for number, flags in ((1, 0), (0, Flag.HISTORY), (2, 0)):
        writer.append(build.rows_of(build.doubles([1, 2, 3, 4]), sequence=number, flags=int(flags)))
    writer.journal("ledger", server=build.SERVER.server, sub=1, detail=ACCOUNT | {"row": 12})
    writer.close()
    assert causes(tmp_path / "a.omcap") == []


def test_numbers_go_over_the_wrap(tmp_path: Path) -> None:
    account = ACCOUNT | {"first": LAST - 1, "next": 2}
    path = captured(tmp_path / "a.omcap", LAST - 1, 1, account=account, first=LAST, last=LAST)
    assert causes(path) == []
    assert len(causes(captured(tmp_path / "b.omcap", LAST - 1, 1, account=account))) == 1


def test_a_writer_killed_with_a_message_missing_has_told_of_it(tmp_path: Path) -> None:
    account = ACCOUNT | {"next": 4, "end": False, "missing": [[2, 2, build.T0 + 5, build.T0 + 9]]}
    path = captured(tmp_path / "a.omcap", 1, 3, account=account, close=False)
    assert causes(path) == []
    [window] = [row for row in Capture.open(path).gaps().to_pylist() if row["reason"] == "sequence_lost"]
    assert (window["missing"], window["state"]) == (1, "explained")


def test_rows_behind_the_last_account_of_a_killed_writer_are_held_to_their_numbers(tmp_path: Path) -> None:
    account = ACCOUNT | {"next": 2, "rows": 4, "row": 4, "values": 4, "end": False}
    assert causes(captured(tmp_path / "a.omcap", 1, 2, 3, account=account, close=False)) == []
    assert len(causes(captured(tmp_path / "b.omcap", 1, 2, 4, account=account, close=False))) == 1


def test_without_an_account_only_what_promised_one_is_judged(tmp_path: Path) -> None:
    assert len(causes(captured(tmp_path / "a.omcap", 1, 2, account=None))) == 1
    assert not verified(build.small(tmp_path / "b.omcap")).has_unexplained


@pytest.mark.parametrize(
    "nonsense",
    [{}, {"first": "x"}, {"first": 0, "next": 1}, ACCOUNT | {"rows": 2**70}, ACCOUNT | {"values": [1]}],
)
def test_an_account_that_makes_no_sense_is_none(tmp_path: Path, nonsense: dict[str, Any]) -> None:
    assert len(causes(captured(tmp_path / "a.omcap", 1, 2, account=nonsense))) == 1


SPAN = st.tuples(st.integers(0, 60), st.integers(1, 20)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@given(st.lists(SPAN, max_size=12), SPAN)
def test_spans_are_sets_of_numbers(parts: list[tuple[int, int]], whole: tuple[int, int]) -> None:
    numbers = {number for part in parts for number in range(*part)}
    assert {number for part in merged(parts) for number in range(*part)} == numbers
    left = list(subtracted(whole, merged(parts)))
    assert {number for part in left for number in range(*part)} == set(range(*whole)) - numbers
    assert left == merged(left)


@given(st.integers(1, LAST), st.integers(0, 40), st.integers(0, 40))
def test_steps_from_an_origin_count_every_number_once(origin: int, before: int, count: int) -> None:
    first = (origin - 1 - before) % LAST + 1
    last = (first - 1 + count) % LAST + 1
    assert sum(end - start for start, end in spans(origin, first, last)) == Range(first, last).count
