"""What must be known of all servers before a capture begins: who is there, what they are called, what is chosen.

Every server's first attempt ends here, with what was found or with an error. As soon as all have, or the first has
waited long enough, it is decided once for all: the capture begins, or it cannot, and then nothing is left behind.
Knows no server and no file.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from omptool.capture.recording.naming import Introduced, Names, Shared
from omptool.capture.recording.terms import Wanted
from omptool.capture.selecting.selection import Choice, nowhere
from omptool.errors import NotFound, OmptoolError, ServerRefused, Unreachable, UsageError, none_answers

PATIENCE_S = 5.0
"""A server that is ready waits so long for those that are not: they come later, the capture begins without them."""


class Startup:
    """Collects first attempts, decides, and lets everybody go on.

    Attributes:
        begun: set when the capture may begin.
        names: settled when it begins.
        shared: ApplicationUris that several servers share, with the names that stand for them.
    """

    def __init__(self, wanted: Sequence[Wanted]) -> None:
        self.begun = asyncio.Event()
        self.names = Names()
        self.shared: list[Shared] = []
        self._wanted = wanted
        self._introduced: dict[int, Introduced] = {}
        self._choices: dict[int, Choice] = {}
        self._errors: dict[int, BaseException] = {}
        self._tried: dict[int, list[BaseException]] = {}
        self._changed, self._over = asyncio.Event(), asyncio.Event()

    def introduced(self, number: int, application_uri: str) -> None:
        """A server was reached."""
        server = self._wanted[number].server
        self._introduced[number] = Introduced(number, server.name, server.url, application_uri)

    def name(self, number: int) -> str:
        """What rows call a server that was introduced; once the capture has begun.

        Raises:
            UsageError: it cannot be told from another one.
        """
        return self.names.late(self._introduced[number])

    def offer(self, number: int, choice: Choice) -> None:
        """A server is ready."""
        self._choices[number] = choice
        self._errors.pop(number, None)  # each is in one of the two
        self._tried.pop(number, None)

    async def chosen(self, number: int, choice: Choice) -> None:
        """A server is ready; returns when it may subscribe."""
        self.offer(number, choice)
        self._changed.set()
        await self.begun.wait()

    async def failed(self, number: int, error: BaseException, *, has_more: bool = False) -> None:
        """An attempt failed; returns when another one makes sense: at once where its server has more addresses."""
        self._choices.pop(number, None)
        tried = self._tried.setdefault(number, [])
        tried.append(error)
        if has_more and not _is_wrong_input(error):
            return
        self._errors[number] = none_answers(self._wanted[number].label, self._tried.pop(number))
        self._changed.set()
        waits = [asyncio.ensure_future(event.wait()) for event in (self.begun, self._over)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()

    def give_up(self) -> None:
        """It is over, begun or not: nobody waits for another attempt any more."""
        self._over.set()

    async def decide(self) -> None:
        """Wait until it is known what the capture begins with, and begin.

        Raises:
            NotFound, UsageError: what was asked for cannot be had.
            Unreachable, ServerRefused: none of the servers can be recorded.
        """
        deadline = None
        while len(self._choices) + len(self._errors) < len(self._wanted):
            if self._choices and deadline is None:
                deadline = time.monotonic() + PATIENCE_S
            if deadline is not None and time.monotonic() >= deadline:
                break
            self._changed.clear()
            await _set_until(self._changed, deadline)
        self.check()
        self.begun.set()

    def check(self) -> None:
        """Decide by what is known now.

        Raises:
            OmptoolError: as `decide`.
        """
        for error in self._errors.values():
            if _is_wrong_input(error):
                raise error
        if not self._choices:
            raise self.nobody()
        self.shared = self.names.settle([server for _, server in sorted(self._introduced.items())])
        if not self._errors and len(self._choices) == len(self._wanted):
            missing = nowhere(list(self._choices.values()))
            if missing is not None:
                raise missing
        for number, choice in self._choices.items():
            if not choice.nodes:
                terms = ", ".join(map(repr, choice.missing))
                raise NotFound(
                    f"nothing on {self._wanted[number].label} is {terms}",
                    "leave that server out, or add a --select that matches there",
                )

    def nobody(self) -> BaseException:
        """The error when none of the servers can be recorded."""
        errors = list(self._errors.values())
        if len(errors) == 1:
            return errors[0]
        ours = next((error for error in errors if not isinstance(error, OmptoolError)), None)
        if ours is not None:
            return ours
        lines = [error.message for error in errors if isinstance(error, OmptoolError)]
        kind = Unreachable if any(isinstance(error, Unreachable) for error in errors) else ServerRefused
        return kind(f"none of the {len(errors)} servers can be captured", "\n".join(lines))


def _is_wrong_input(error: BaseException) -> bool:
    """Whether it was caused by what was typed: waiting does not mend it."""
    return isinstance(error, NotFound | UsageError)


async def _set_until(event: asyncio.Event, deadline: float | None) -> None:
    try:
        async with asyncio.timeout(None if deadline is None else max(deadline - time.monotonic(), 0)):
            await event.wait()
    except TimeoutError:
        return
