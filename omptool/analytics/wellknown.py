"""Tags that need no plant model: what companion specifications call them, and how they say a state. Pure.

Machinery (OPC 40001-1), MachineTool (OPC 40501-1) and PackML (OPC 30050, ISA-TR88.00.02) name their nodes the same on
every server. A number of PackML means something on a node of PackML only: what a node may say is its `Book`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from enum import IntEnum
from typing import NamedTuple

from omptool.model import path as paths
from omptool.model.vocabulary import PACKML, PACKML_NUMBERS, PROGRAM, MachineState

_OF_MACHINE = ("MachineryBuildingBlocks", "Monitoring/MachineTool")
"""Where a machine has its own building blocks; those of its components lie deeper."""


def _own(name: str) -> tuple[str, ...]:
    return (*(f"{folder}/{name}" for folder in _OF_MACHINE), f"**/{name}")


_INNER = ("MachineState/CurrentState", "MachineState/ExecuteState/CurrentState")

GLOBS: Mapping[str, tuple[str, ...]] = {
    "state": (
        *_own("MachineryItemState/CurrentState"), "State", "**/Status/StateCurrent", "**/StateCurrent",
        f"**/BaseStateMachine/{{CurrentState,{','.join(_INNER)}}}", "Production/ActiveProgram/State/CurrentState",
    ),
    "mode": _own("MachineryOperationMode/CurrentState"),
    "good": (
        "GoodCount", "**/GoodCount", "**/Admin/ProdGoodCount", *_own("OperationCounters/PartsProducedInLifetime"),
        "Production/Statistics/PartsProducedInLifetime", *_own("OperationCounters/OperationCycleCounter"),
    ),
    "produced": ("**/Admin/ProdProcessedCount",),
    "scrap": ("ScrapCount", "**/ScrapCount", "**/Admin/ProdDefectiveCount"),
    "rework": ("ReworkCount", "**/ReworkCount", "**/Admin/ProdReworkCount"),
    "ideal": ("IdealCycleTime", "**/IdealCycleTime"),
    "product": ("Product", "**/Product", "**/ProductId", "**/RecipeName", "Production/ActiveProgram/Name"),
    "reason": ("StateReason", "**/StopReason", "**/DownReason"),
    "meter": ("EnergyCounter", "**/EnergyCounter", "**/ActiveEnergy", "**/EnergyTotal"),
    "power": ("Power", "**/ActivePower", "**/Power"),
}  # fmt: skip
"""Role → tags that have it when nobody says otherwise; recipes that name a role without globs mean these."""


class Book(IntEnum):
    """Which words and numbers a node says its state in."""

    ANY = 0
    PACKML_NUMBER = 1
    PACKML_MACHINE = 2
    PROGRAM = 3


class Voice(NamedTuple):
    """How a node says a state.

    Attributes:
        nested: it is a state machine within another one: Bad while that is elsewhere, which says nothing.
        machine: the path of the state machine that it is a level of, else empty.
    """

    book: Book = Book.ANY
    nested: bool = False
    machine: str = ""


def voice(tag: str) -> Voice:
    """How the node with this tag says a state."""
    names = paths.split(tag)
    if names[-1:] == ("StateCurrent",):
        return Voice(Book.PACKML_NUMBER)
    if names[-3:] == ("ActiveProgram", "State", "CurrentState"):
        return Voice(Book.PROGRAM)
    for level in _INNER:
        depth = len(paths.split(level))
        if paths.join(names[-depth:]) == level:
            return Voice(Book.PACKML_MACHINE, True, paths.join(names[:-depth]))
    if names[-2:] == ("BaseStateMachine", "CurrentState"):
        return Voice(Book.PACKML_MACHINE, False, paths.join(names[:-1]))
    return Voice()


def one_machine(tags: Collection[str]) -> bool:
    """Whether tags are the levels of one state machine, which say a state together."""
    machines = {voice(tag).machine for tag in tags}
    return len(machines) == 1 and machines != {""}


class Code(NamedTuple):
    """What a node says, what it means, and a name for it where it is a number."""

    book: int
    said: str
    meaning: str
    name: str | None = None


OUTER = frozenset({"Cleared", "Running"})
"""What the outer state machines of PackML say while an inner one has the word; parts/timeline.sql leaves it out."""


def understood(tag: str) -> frozenset[str]:
    """What a node with this tag may say without [states] of plant.toml."""
    book = voice(tag).book
    said = {code.said for code in codes({}) if code.book == book}
    return frozenset(said | OUTER if book == Book.PACKML_MACHINE else said)


def codes(own: Mapping[str, MachineState]) -> Iterator[Code]:
    """Everything that is understood.

    Args:
        own: [states] of plant.toml. Its words win everywhere, its numbers where no companion specification has them.
    """
    words = {**{state.value: state for state in MachineState}, **PACKML, **own}
    numberless = {word: state for word, state in words.items() if not word.isdecimal()}
    for word, state in words.items():
        yield Code(Book.ANY, word, state)
    for word, state in numberless.items():
        yield Code(Book.PACKML_NUMBER, word, state)
        yield Code(Book.PACKML_MACHINE, word, state)
    for number, word in PACKML_NUMBERS.items():
        yield Code(Book.PACKML_NUMBER, str(number), words[word], word)
    for word in sorted(own.keys() - numberless.keys() - {str(number) for number in PACKML_NUMBERS}):
        yield Code(Book.PACKML_NUMBER, word, own[word])
    for word, state in {**numberless, **PROGRAM, **own}.items():
        yield Code(Book.PROGRAM, word, state)
