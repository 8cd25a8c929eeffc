"""The verdict on a capture: complete, sampled or windows, each item once, with cause."""

from __future__ import annotations

from pathlib import Path

from omptool.capture.reader import Capture
from omptool.capture.verify import Verification, verify
from omptool.model.vocabulary import GapReason, GapState
from tests.capture import build


def verified(path: Path) -> Verification:
    return verify(Capture.open(path))


def test_complete(tmp_path: Path) -> None:
    result = verified(build.small(tmp_path / "a.omcap"))
    (verdict,) = result.verdicts
    assert (verdict.verdict, verdict.items, verdict.rows, verdict.server) == ("complete", 4, 24, build.SERVER.server)
    assert (verdict.first_ns, verdict.last_ns) == (build.T0, build.T0 + 23_000_000)
    assert not result.has_windows and not result.has_unexplained


def test_initial_values_do_not_stretch_the_time(tmp_path: Path) -> None:
    writer = build.start(tmp_path / "a.omcap")
    writer.append(build.rows_of(build.doubles([1.0], start_ns=build.T0 - 10**15), flags=1))
    writer.append(build.rows_of(build.doubles([2.0])))
    writer.close()
    (verdict,) = verified(tmp_path / "a.omcap").verdicts
    assert (verdict.rows, verdict.first_ns, verdict.last_ns) == (2, build.T0, build.T0)


def test_sampled_says_why(tmp_path: Path) -> None:
    writer = build.start(tmp_path / "a.omcap")
    item = {
        "node_id": "nsu=urn:test:plant;s=Line1.T2", "asked_sampling_ms": 100.0, "sampling_ms": 500.0,
        "asked_queue_size": 10, "queue_size": 10, "sampled": True,
    }  # fmt: skip
    queue = item | {"node_id": "nsu=urn:test:plant;s=Line1.T3", "sampling_ms": 100.0, "queue_size": 1}
    writer.journal("revised", server=build.SERVER.server, sub=1, detail={"items": [item, queue]})
    writer.append(build.rows_of(build.doubles([1, 2, 3, 4])))
    writer.close()
    verdicts = verified(tmp_path / "a.omcap").verdicts
    assert [(v.verdict, v.items) for v in verdicts] == [("complete", 2), ("sampled", 1), ("sampled", 1)]
    assert {v.detail for v in verdicts} == {
        "", "server keeps one value per 500 ms (asked 100)", "server queues 1 value (asked 10)",
    }  # fmt: skip


def test_windows_of_one_item_leave_the_others_complete(tmp_path: Path) -> None:
    writer = build.start(tmp_path / "a.omcap")
    writer.append(build.rows_of(build.doubles([1, 2, 3, 4])))
    writer.gap(
        GapReason.QUEUE_OVERFLOW, server=build.SERVER.server, node=2, start_ns=build.T0, end_ns=build.T0 + 5000,
        state=GapState.EXPLAINED,
    )  # fmt: skip
    writer.close()
    result = verified(tmp_path / "a.omcap")
    assert [(v.verdict, v.items, v.paths[-1]) for v in result.verdicts] == [
        ("complete", 3, "Line1/T3"),
        ("windows", 1, "Line1/T1"),
    ]
    assert result.has_windows and not result.has_unexplained


def test_an_open_window_is_unexplained(tmp_path: Path) -> None:
    writer = build.start(tmp_path / "a.omcap")
    writer.gap(GapReason.STALE, server=build.SERVER.server, start_ns=1, end_ns=None, state=GapState.OPEN)
    writer.close()
    assert verified(tmp_path / "a.omcap").has_unexplained


def test_without_a_stop_one_window_is_explained(tmp_path: Path) -> None:
    result = verified(build.small(tmp_path / "a.omcap", close=False))
    (verdict,) = result.verdicts
    (window,) = verdict.windows
    assert (window["reason"], window["end_time"], window["state"]) == ("client_stopped", None, "explained")
    assert result.has_windows and not result.has_unexplained


def test_damage_is_unexplained_until_it_is_recorded(tmp_path: Path) -> None:
    from omptool.capture.recover import recover

    path = build.small(tmp_path / "a.omcap")
    segment = path / "seg-00000001.arrows"
    data = bytearray(segment.read_bytes())
    data[-3000] ^= 1
    segment.write_bytes(data)
    assert verified(path).has_unexplained
    recover(path)
    result = verified(path)
    assert result.has_windows and not result.has_unexplained


def test_rows_of_unknown_handles_are_counted(tmp_path: Path) -> None:
    writer = build.start(tmp_path / "a.omcap")
    writer.append(build.rows_of(build.doubles([1, 2, 3, 4, 5, 6], handles=6)))
    writer.close()
    (verdict,) = verified(tmp_path / "a.omcap").verdicts
    assert (verdict.items, verdict.rows) == (6, 6)


def test_a_server_without_items_still_shows_its_windows(tmp_path: Path) -> None:
    from omptool.capture.writer import CaptureWriter

    writer = CaptureWriter.create(tmp_path / "a.omcap")
    writer.gap(GapReason.CONNECTION_LOST, server="urn:x", start_ns=1, end_ns=2, state=GapState.EXPLAINED)
    writer.close()
    (verdict,) = verified(tmp_path / "a.omcap").verdicts
    assert (verdict.server, verdict.items, len(verdict.windows)) == ("urn:x", 0, 1)


def test_a_window_of_a_subscription_is_no_window_of_another_ones_items(tmp_path: Path) -> None:
    from omptool.capture.writer import CaptureWriter

    writer = CaptureWriter.create(tmp_path / "a.omcap")
    writer.put_nodes(build.SERVER, build.nodes())
    for number, handles in ((4711, [1, 2]), (4712, [3, 4])):
        writer.subscription(build.SERVER.server, epoch=1, subscription_id=number, detail={"handles": handles})
    for sub in (2, None):
        writer.gap(
            GapReason.SEQUENCE_LOST, server=build.SERVER.server, start_ns=build.T0, end_ns=build.T0 + 1, sub=sub,
            state=GapState.EXPLAINED,
        )  # fmt: skip
    writer.close()
    verdicts = verified(tmp_path / "a.omcap").verdicts
    assert {verdict.paths: len(verdict.windows) for verdict in verdicts} == {
        ("Line1/T0", "Line1/T1"): 1,
        ("Line1/T2", "Line1/T3"): 2,
    }
