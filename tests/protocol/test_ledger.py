"""The ledger under every order in which publish, keep-alive, loss, republish and wrap can meet."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from omptool.protocol.ledger import LAST, Arrival, Ledger, Range, distance, step

NEAR_WRAP = st.integers(0, 12).map(lambda back: step(1, -back))
STARTS = st.one_of(st.just(1), NEAR_WRAP, st.integers(1, LAST))


def test_numbers_wrap_from_the_highest_to_one() -> None:
    assert step(LAST) == 1
    assert step(1, -1) == LAST
    assert distance(LAST, 2) == 2
    assert list(Range(LAST - 1, 2).numbers()) == [LAST - 1, LAST, 1, 2]
    assert 1 in Range(LAST, 1)
    assert 2 not in Range(LAST, 1)


def test_a_keep_alive_carries_the_next_number_and_uses_none_up() -> None:
    ledger = Ledger()
    ledger.keep_alive(1)
    ledger.keep_alive(1)
    assert ledger.notification(1) is Arrival.NEW
    ledger.keep_alive(2)
    assert ledger.notification(2) is Arrival.NEW
    assert ledger.missing == []
    assert (ledger.received, ledger.keep_alives) == (2, 2 + 1)


def test_a_keep_alive_reveals_a_lost_notification_before_the_next_one_comes() -> None:
    ledger = Ledger()
    ledger.notification(1)
    ledger.keep_alive(4, [2, 3])
    assert ledger.missing == [Range(2, 3)]
    assert ledger.to_republish(10) == [2, 3]
    assert ledger.republished(2) is Arrival.LATE
    assert ledger.notification(4) is Arrival.NEW
    assert ledger.give_up() == [Range(3, 3)]


def test_a_jump_is_missing_and_what_the_server_keeps_is_asked_for_first() -> None:
    ledger = Ledger()
    for number in range(1, 100):
        ledger.notification(number)
    assert ledger.notification(150, [140, 149, 150]) is Arrival.NEW
    assert ledger.missing == [Range(99 + 1, 149)]
    assert ledger.to_republish(10) == [140, 149]
    ledger.keep_alive(151)
    assert ledger.to_republish(3) == [100, 101, 102]


def test_a_jump_over_a_billion_numbers_costs_nothing() -> None:
    ledger = Ledger()
    ledger.notification(1_000_000_000)
    assert ledger.to_republish(2) == [1, 2]
    assert ledger.give_up()[0].count == 999_999_999


def test_zero_is_no_number() -> None:
    ledger = Ledger()
    assert ledger.notification(0) is Arrival.NEW
    ledger.keep_alive(0)
    assert (ledger.expected, ledger.missing, ledger.unnumbered) == (1, [], 1)
    assert ledger.take_acknowledgements(5) == ()


def test_what_arrives_after_it_was_given_up_is_still_welcome() -> None:
    ledger = Ledger()
    ledger.notification(5)
    ledger.give_up()
    assert ledger.notification(3) is Arrival.LATE
    assert ledger.lost == [Range(1, 2), Range(4, 4)]
    assert ledger.notification(3) is Arrival.DUPLICATE


def test_only_what_was_missing_when_the_repair_began_is_given_up() -> None:
    ledger = Ledger(LAST)
    ledger.notification(2)
    asked_up_to = ledger.expected
    ledger.notification(5)
    assert ledger.give_up(before=asked_up_to) == [Range(LAST, 1)]
    assert ledger.missing == [Range(3, 4)]
    assert ledger.lost == [Range(LAST, 1)]


def test_only_committed_notifications_are_acknowledged_and_only_once() -> None:
    ledger = Ledger()
    for number in (1, 2, 3):
        ledger.notification(number)
    assert ledger.take_acknowledgements(10) == ()
    ledger.committed([1, 2])
    assert ledger.take_acknowledgements(1) == (1,)
    assert ledger.take_acknowledgements(10) == (2,)
    assert ledger.take_acknowledgements(10) == ()
    ledger.return_acknowledgements([2])
    assert ledger.take_acknowledgements(10) == (2,)
    ledger.committed([3])
    assert ledger.take_acknowledgements(10) == (3,)


def test_a_duplicate_is_acknowledged_again_but_never_before_its_commit() -> None:
    ledger = Ledger()
    ledger.notification(1)
    assert ledger.notification(1) is Arrival.DUPLICATE
    assert ledger.take_acknowledgements(10) == ()
    ledger.committed([1])
    assert ledger.take_acknowledgements(10) == (1,)
    assert ledger.notification(1) is Arrival.DUPLICATE
    assert ledger.take_acknowledgements(10) == (1,)


def test_refused_acknowledgements_are_counted() -> None:
    ledger = Ledger()
    ledger.acknowledged([0, 0x807A0000, 0])
    assert ledger.refused_acknowledgements == 1


class World:
    """A server's view of one subscription, and what became of each number on the way."""

    def __init__(self, first: int) -> None:
        self.ledger = Ledger(first)
        self.first = self.next = first
        self.kept: list[int] = []
        self.delivered: set[int] = set()
        self.committed: set[int] = set()
        self.acknowledged: list[int] = []

    def publish(self, *, delivered: bool) -> None:
        number, self.next = self.next, step(self.next)
        self.kept.append(number)
        if delivered:
            assert self.ledger.notification(number, self.kept) is Arrival.NEW
            self.delivered.add(number)

    def keep_alive(self) -> None:
        self.ledger.keep_alive(self.next, self.kept)

    def republish(self) -> None:
        for number in self.ledger.to_republish(2):
            assert number not in self.delivered
            assert self.ledger.republished(number) is Arrival.LATE
            self.delivered.add(number)

    def repeat(self, index: int) -> None:
        seen = sorted(self.delivered, key=lambda number: distance(self.first, number))
        if seen:
            assert self.ledger.notification(seen[index % len(seen)], self.kept) is Arrival.DUPLICATE

    def commit(self) -> None:
        fresh = self.delivered - self.committed
        self.ledger.committed(fresh)
        self.committed |= fresh

    def acknowledge(self) -> None:
        taken = self.ledger.take_acknowledgements(3)
        assert set(taken) <= self.committed
        self.acknowledged += taken
        self.kept = [number for number in self.kept if number not in taken]

    def forget(self) -> None:
        """The retransmission queue of the server overruns."""
        self.kept = self.kept[-2:]


ACTIONS = st.one_of(
    st.sampled_from(["publish", "publish", "drop", "keep_alive", "republish", "commit", "acknowledge", "forget"]),
    st.integers(0, 50),
)


@given(first=STARTS, actions=st.lists(ACTIONS, max_size=80))
def test_every_number_is_received_missing_or_lost_and_never_two_of_them(first: int, actions: list[str | int]) -> None:
    world = World(first)
    for action in actions:
        match action:
            case int():
                world.repeat(action)
            case "publish" | "drop":
                world.publish(delivered=action == "publish")
            case _:
                getattr(world, str(action))()
    world.keep_alive()
    missing = [number for gap in world.ledger.missing for number in gap.numbers()]
    everything = {step(first, offset) for offset in range(distance(first, world.next))}
    assert len(missing) == len(set(missing))
    assert set(missing) == everything - world.delivered
    assert world.ledger.received == len(world.delivered)
    assert world.ledger.expected == world.next
    given_up = world.ledger.give_up()
    assert {number for gap in given_up for number in gap.numbers()} == set(missing)


@given(first=STARTS, count=st.integers(1, 30), data=st.data())
def test_everything_committed_is_acknowledged_in_the_end(first: int, count: int, data: st.DataObject) -> None:
    ledger = Ledger(first)
    numbers = [step(first, offset) for offset in range(count)]
    for number in numbers:
        ledger.notification(number)
    order = data.draw(st.permutations(numbers))
    acknowledged: list[int] = []
    for number in order:
        ledger.committed([number])
        acknowledged += ledger.take_acknowledgements(data.draw(st.integers(0, 3)))
    acknowledged += ledger.take_acknowledgements(count)
    assert acknowledged == order


@given(first=STARTS, data=st.data())
def test_messages_that_overtake_each_other_end_complete(first: int, data: st.DataObject) -> None:
    ledger = Ledger(first)
    numbers = [step(first, offset) for offset in range(12)]
    for number in data.draw(st.permutations(numbers)):
        assert ledger.notification(number) is not Arrival.DUPLICATE
    assert ledger.missing == []
    assert ledger.received == 12
