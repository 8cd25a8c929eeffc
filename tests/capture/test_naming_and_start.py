"""What is settled before a capture begins: names that tell servers apart, who is waited for, what must be there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from omptool.capture.entries import GapEntry, current_gaps, read_until, until_text
from omptool.capture.recording import startup
from omptool.capture.recording.commitline import CommitLine
from omptool.capture.recording.naming import Introduced, Names, Shared
from omptool.capture.recording.startup import Startup
from omptool.capture.recording.terms import Intervals, Wanted
from omptool.capture.selecting.nodelist import Listed
from omptool.capture.selecting.selection import Choice, choose, nowhere
from omptool.config import ServerConfig
from omptool.errors import DiskFull, NotFound, ServerRefused, Unreachable, UsageError
from omptool.model.nodes import Node
from omptool.opcua.subscribing.backoff import FIRST_S, LONG_S, MOST_S, OPENING_S, REFUSED_S, SOON, Backoff

NODE = Node("nsu=urn:x;s=a", "Line1/A", "nsu=urn:x;A", node_class="Variable")


def server(number: int, uri: str, name: str | None = None) -> Introduced:
    return Introduced(number, name, f"opc.tcp://10.0.0.{number}:4840", uri)


def test_a_server_goes_by_its_application_uri() -> None:
    names = Names()
    assert names.settle([server(0, "urn:a", "press7"), server(1, "urn:b"), server(2, "", "oven2"), server(3, "")]) == []
    assert [names.late(server(n, uri)) for n, uri in enumerate(("urn:a", "urn:b", "", ""))] == [
        "urn:a", "urn:b", "oven2", "opc.tcp://10.0.0.3:4840",
    ]  # fmt: skip


def test_two_that_share_one_go_by_their_names() -> None:
    names = Names()
    shared = names.settle([server(0, "urn:plc", "press7"), server(1, "urn:plc", "press8"), server(2, "urn:b", "oven2")])
    assert shared == [Shared("urn:plc", ("press7", "press8"))]
    assert names.late(server(2, "urn:b", "oven2")) == "urn:b"
    assert names.late(server(3, "urn:plc", "press9")) == "press9"


def test_two_that_share_one_without_names_are_told_how_to_get_them() -> None:
    with pytest.raises(UsageError, match=r"press7 and opc.tcp://10.0.0.1:4840 both call themselves urn:plc") as error:
        Names().settle([server(0, "urn:plc", "press7"), server(1, "urn:plc")])
    assert '[servers.NAME1]\nurl = "opc.tcp://10.0.0.1:4840"' in error.value.hint


def test_one_that_comes_late_keeps_to_what_is_free() -> None:
    names = Names()
    names.settle([server(0, "urn:plc", "press7")])
    assert names.late(server(1, "urn:plc", "press8")) == "press8"
    with pytest.raises(UsageError, match="urn:plc"):
        names.late(server(2, "urn:plc"))


def decided(*outcomes: Choice | Exception | None) -> Startup:
    """A start with these first attempts; None is one that takes its time."""
    wanted = [Wanted(ServerConfig(f"opc.tcp://10.0.0.{n}"), Intervals(100, 0)) for n in range(len(outcomes))]
    begin = Startup(wanted)

    async def main() -> None:
        waiting: list[Awaitable[None]] = []
        for number, outcome in enumerate(outcomes):
            if isinstance(outcome, Choice):
                begin.introduced(number, f"urn:{number}")
                waiting.append(asyncio.ensure_future(begin.chosen(number, outcome)))
            elif outcome is not None:
                waiting.append(asyncio.ensure_future(begin.failed(number, outcome)))
        try:
            await begin.decide()
        finally:
            for each in waiting:
                each.cancel()  # type: ignore[attr-defined]  # futures

    asyncio.run(main())
    return begin


def test_one_that_is_away_or_slow_does_not_keep_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(startup, "PATIENCE_S", 0.05)
    begin = decided(Choice([NODE], {}), Unreachable("away"), None)
    assert begin.begun.is_set()
    assert begin.name(0) == "urn:0"


@pytest.mark.parametrize(
    ("outcomes", "kind"),
    [
        ([Unreachable("a"), Unreachable("b")], Unreachable),
        ([Unreachable("a"), ServerRefused("b")], Unreachable),
        ([ServerRefused("a"), ServerRefused("b")], ServerRefused),
        ([UsageError("typed wrongly"), Choice([NODE], {})], UsageError),
        ([ValueError("a bug"), Unreachable("b")], ValueError),
        ([ServerRefused("only one")], ServerRefused),
    ],
)
def test_a_start_that_cannot_succeed_fails_at_once(outcomes: list[Choice | Exception], kind: type[Exception]) -> None:
    with pytest.raises(kind):
        decided(*outcomes)


def test_a_term_must_be_somewhere_and_every_server_must_have_something() -> None:
    other = NotFound("elsewhere", "nearest")
    assert decided(Choice([NODE], {"B": other}), Choice([NODE], {"A": other})).begun.is_set()
    with pytest.raises(NotFound, match="'C' is on none of the 2 servers"):
        decided(Choice([NODE], {"C": other}), Choice([NODE], {"A": other, "C": other}))
    with pytest.raises(NotFound, match=r"nothing on opc.tcp://10.0.0.1 is 'A'"):
        decided(Choice([NODE], {}), Choice([], {"A": other}))


def test_what_is_not_on_this_server_is_noted_per_term() -> None:
    found = choose([NODE], globs=["**/A", "**/B"], listed=[Listed("Line1/A"), Listed("Line1/C")])
    assert ([node.path for node in found.nodes], list(found.missing)) == (["Line1/A"], ["**/B", "Line1/C"])
    assert nowhere([Choice([NODE], {})]) is None
    with pytest.raises(UsageError, match="another node on each server"):
        choose([NODE], listed=[Listed("ns=2;s=A")])


def with_line(sync: Callable[[], object], script: Callable[[CommitLine], Awaitable[None]]) -> list[tuple[float, int]]:
    """What it said of a slow disk."""
    slow: list[tuple[float, int]] = []

    async def main() -> None:
        line = CommitLine(sync, lambda *said: slow.append(said))
        await script(line)
        await line.close()

    asyncio.run(main())
    return slow


def test_a_slow_disk_is_told_once_for_all_who_wait() -> None:
    async def script(line: CommitLine) -> None:
        await asyncio.gather(*(line.commit(lambda: None) for _ in range(5)))

    [(seconds, waited)] = with_line(lambda: time.sleep(1.1), script)
    assert seconds >= 1.1 and waited == 5


def test_whoever_waits_for_the_disk_is_synced_together_and_in_order() -> None:
    done: list[object] = []

    async def script(line: CommitLine) -> None:
        first = asyncio.ensure_future(line.commit(lambda: done.append("first")))
        await asyncio.sleep(0)
        await asyncio.gather(first, *(line.commit(lambda n=n: done.append(n)) for n in range(5)))

    with_line(lambda: done.append("sync"), script)
    assert done[:2] == ["first", "sync"]
    assert [each for each in done if each != "sync"] == ["first", 0, 1, 2, 3, 4]
    assert done.count("sync") == 2


def test_one_servers_trouble_is_its_own_a_full_disk_is_everybodys() -> None:
    async def script(line: CommitLine) -> None:
        outcomes = await asyncio.gather(
            line.commit(lambda: 1), line.commit(lambda: 1 // 0), line.commit(lambda: 3), return_exceptions=True
        )
        assert [outcomes[0], outcomes[2]] == [1, 3]
        assert isinstance(outcomes[1], ZeroDivisionError)

    with_line(lambda: None, script)

    def full() -> None:
        raise DiskFull("no space left")

    async def nobody(line: CommitLine) -> None:
        outcomes = await asyncio.gather(line.commit(lambda: 1), line.commit(lambda: 2), return_exceptions=True)
        assert all(isinstance(outcome, DiskFull) for outcome in outcomes)

    with_line(full, nobody)


def test_a_server_is_tried_again_soon_then_less_often_and_never_in_step() -> None:
    longest, shortest = Backoff(lambda: 1.0), Backoff(lambda: 0.0)
    steps = [longest.failed() for _ in range(SOON + 1)]
    assert steps[:4] == [FIRST_S, 2 * FIRST_S, MOST_S, MOST_S]
    assert steps[-1] == LONG_S
    assert shortest.failed() == FIRST_S / 2
    assert longest.failed(refused=True) == REFUSED_S
    longest.lasted(3600)
    assert (longest.attempts, longest.failed()) == (0, FIRST_S)


def test_a_short_time_out_grows_while_a_server_is_not_had_and_a_long_one_stays() -> None:
    backoff, limits = Backoff(lambda: 1.0), []
    for _ in range(9):
        limits.append(backoff.limits(1.5, is_back=True)[0])
        assert backoff.limits(30.0, is_back=False) == (30.0, 30.0)
        backoff.failed()
    assert limits == [1.5, 1.5, 3.0, 3.0, 6.0, 6.0, 10.0, 10.0, 10.0]
    backoff.lasted(3600)
    assert backoff.limits(1.5, is_back=True) == (1.5, 1.5)
    backoff.failed()
    assert backoff.limits(30.0, is_back=True) == (30.0, OPENING_S)


def test_of_windows_written_again_the_last_holds() -> None:
    def gap(start: int, end: int | None, key: str | None) -> GapEntry:
        return GapEntry("s", None, None, start, end, "connection_lost", None, "explained", {}, key)

    written = [gap(1, None, "a"), gap(1, 2, None), gap(5, None, "b"), gap(1, 2, None), gap(1, 3, "a")]
    assert current_gaps(written) == [gap(1, 3, "a"), gap(1, 2, None), gap(5, None, "b"), gap(1, 2, None)]


ODD = (
    b"",
    b"7",
    b"7 8 9",
    b"-1 5",
    b"x 5",
    b"7 " + b"9" * 30,
    b"9" * 100 + b" 1",
    b"7 8 -9 1",
    b"7 8 1 -1",
    b"1 2 3 x",
)


@pytest.mark.parametrize("text", ODD)
def test_a_moment_that_is_none_is_none(text: bytes) -> None:
    assert read_until(text) == {}


def test_moments_of_many_subscriptions_are_never_later_than_they_were() -> None:
    first = 1795350991897762700
    assert read_until(until_text({7: first})) == {7: first}
    moments = {9: first - 1, 7: first, 3000: first + 10**9, 8: first - 10**12}
    assert read_until(until_text(moments)) == {7: first, 8: first - 10**12, 9: first - 1000, 3000: first + 10**9}
