"""Every parser against arbitrary and mutated bytes: only the documented errors come out. The quick half of fuzzing."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omptool.errors import MalformedMessage
from omptool.protocol.browse import parse_browse_response
from omptool.protocol.items import decode_data_values
from omptool.protocol.publish import event_fields, parse_publish_response
from omptool.protocol.read import parse_read_response
from omptool.protocol.variant import decode_variant, value_list
from omptool.protocol.wire import Reader
from tests.fuzz import wire
from tests.fuzz.targets import TARGETS

SLOW = {"recover": 25, "delta": 50, "segment": 50, "interval": 50, "summary": 100, "nodes": 100}
"""Targets that write files: fewer rounds of them in the CI tier."""

_INTERESTING = [b"\xff" * 4, b"\0" * 4, b"\xff\xff\xff\x7f", b"\0\0\0\x80", b"\xff" * 8, b"\0" * 8, b"\x01\0\0\0"]


def mutated(seed: bytes, choice: random.Random) -> bytes:
    """The seed with one to eight changes: bits, numbers that lengths are made of, cuts, repetitions."""
    data = bytearray(seed)
    for _ in range(choice.randint(1, 8)):
        at = choice.randrange(len(data) + 1)
        match choice.randrange(5):
            case 0 if at < len(data):
                data[at] ^= 1 << choice.randrange(8)
            case 1:
                piece = choice.choice(_INTERESTING)
                data[at : at + len(piece)] = piece
            case 2:
                del data[at : at + choice.randint(1, 16)]
            case 3:
                data[at:at] = data[at : at + choice.randint(1, 64)]
            case _:
                data[at:at] = choice.randbytes(choice.randint(1, 8))
    return bytes(data)


@pytest.mark.parametrize("name", TARGETS)
def test_mutations_of_valid_bytes(name: str) -> None:
    target = TARGETS[name]
    choice = random.Random(name)
    seeds = target.seeds()
    rounds = SLOW.get(name, 1000) * (10 if settings.default.max_examples > 100 else 1)
    for _ in range(rounds):
        target.run(mutated(choice.choice(seeds), choice))


@pytest.mark.parametrize("name", [name for name in TARGETS if name not in SLOW])
@given(data=st.binary(max_size=400))
def test_arbitrary_bytes(name: str, data: bytes) -> None:
    TARGETS[name].run(data)


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_at_all(name: str) -> None:
    TARGETS[name].run(b"")


def _items_of(body: bytes) -> object:
    count, data = parse_read_response(body)
    return decode_data_values(data, count).raw


@pytest.mark.parametrize(
    ("parse", "seeds"),
    [
        (parse_publish_response, wire.publish_seeds),
        (parse_browse_response, wire.browse_seeds),
        (_items_of, wire.read_seeds),
        (lambda body: decode_variant(body, ()), wire.variant_seeds),
        (lambda body: event_fields(body, 1), lambda: [b"\1\0\0\0\1\0\0\0\x0b" + b"\1" * 8]),
    ],
    ids=["publish", "browse", "read", "variant", "event"],
)
def test_every_truncation_is_refused_and_nothing_behind_the_end_is_read(
    parse: Callable[[bytes], object], seeds: Callable[[], list[bytes]]
) -> None:
    for seed in seeds():
        whole = repr(parse(seed))
        for end in range(len(seed)):
            try:
                cut = repr(parse(seed[:end]))
            except MalformedMessage:
                continue
            assert (
                cut != whole or end >= len(seed) - 4
            )  # an empty array of diagnostics ends some answers, and is not read


@pytest.mark.parametrize("name", ["publish", "republish", "browse", "read", "variant", "structure", "definition"])
def test_no_length_is_believed_before_it_is_checked(name: str) -> None:
    """Every four bytes in turn say two thousand million; nothing is allocated for that."""
    target = TARGETS[name]
    for seed in target.seeds():
        target.run(seed)
        for at in range(len(seed) - 3):
            lie = seed[:at] + b"\xff\xff\xff\x7f" + seed[at + 4 :]
            tracemalloc.start()
            target.run(lie)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert peak < 2_000_000, (at, peak)


@given(st.binary(max_size=60), st.binary(max_size=20), st.binary(max_size=20))
def test_a_reader_sees_nothing_outside_its_bounds(data: bytes, before: bytes, behind: bytes) -> None:
    """Every way to read, in the middle of a larger buffer and alone, gives the same or fails alike."""
    names = [name for name in vars(Reader) if not name.startswith("_") and name not in {"data", "pos", "end"}]
    for name in names:
        if name in {"skip", "expect"}:
            continue
        results = []
        for reader in (Reader(data), Reader(before + data + behind, len(before), len(before) + len(data))):
            start = reader.pos
            try:
                results.append((getattr(reader, name)(), reader.pos - start))
            except MalformedMessage:
                results.append((None, -1))
        assert results[0] == results[1], name


@given(st.binary(max_size=100))
def test_lists_of_numbers_agree_with_the_decoder(data: bytes) -> None:
    for kind in (0x83, 0x8B, 0xC6):
        raw = bytes([kind]) + data
        try:
            found = value_list(raw)
        except MalformedMessage:
            with pytest.raises(MalformedMessage):
                decode_variant(raw, ())
            continue
        variant = decode_variant(raw, ())
        if found is None:
            assert variant.value is None
        else:
            assert len(found[0]) == len(variant.value) and found[1] == len(variant.dimensions or (1,))
