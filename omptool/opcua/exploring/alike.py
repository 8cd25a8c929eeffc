"""Looks at a server once for all that answer alike: machines of one type say the same of their nodes, word for word.

The first look is written down: what was asked, and a digest of each answer. The next server is asked the same, several
questions at once; as long as its answers are the same, so is what they mean, and nothing is decoded again. At the first
difference the look is made in the usual way, without asking anew for what was answered already. So another address
space is never taken for a known one, and what it costs to be mistaken is a few questions.

Knows no node and no file; only answers to Browse, Read and their like count, never values that are watched.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Generic, TypeVar

from omptool.errors import OmptoolError
from omptool.model.nodeid import escape_uri
from omptool.opcua.hooks import RawRequest
from omptool.opcua.requests import BROWSE_NEXT
from omptool.protocol.wire import body_start

if TYPE_CHECKING:
    from omptool.model.datatypes import DataType
    from omptool.opcua.session import Session

T = TypeVar("T")

MOST_SCRIPTS = 32
"""Kinds of servers that are known at once."""
MOST_STEPS = 200
"""Questions of a look that is written down: beyond 200,000 nodes, sharing what is known of them is not what counts."""
IN_FLIGHT = 4
"""Questions at once, as `batch` has it."""

Send = Callable[[RawRequest], Awaitable[bytes]]
Question = tuple[int, bytes]
"""Service and parameters."""


@dataclass(slots=True)
class Script(Generic[T]):
    """A look: what it asked, what the answers were like, what came of it.

    Attributes:
        key: what must be the same before anything is asked.
    """

    key: Hashable
    questions: list[Question] = field(default_factory=list)
    digests: list[bytes] = field(default_factory=list)
    data_types: dict[str, DataType] = field(default_factory=dict)
    knows_all_structures: bool = False
    result: T | None = None


class Recording:
    """Stands between a session and its server while a look is made in the usual way.

    Args:
        answers: to questions that need not be asked again.
    """

    def __init__(self, answers: dict[Question, bytes]) -> None:
        self._known = answers
        self.questions: list[Question] = []
        self.answers: list[bytes] = []
        self.is_whole = True

    async def checked(self, request: RawRequest, send: Send) -> bytes:
        """The answer to a question, and note both."""
        question = (request.service_id, request.parameters)
        if request.service_id == BROWSE_NEXT:
            self.spoil()  # a continuation point is one session's
        at = len(self.questions)
        self.questions.append(question)
        self.answers.append(b"")
        body = self._known.pop(question, None)
        if body is None:
            try:
                body = await send(request)
            except OmptoolError:
                self.spoil()
                raise
        self.answers[at] = digest(body)
        return body

    def spoil(self) -> None:
        """Something was asked that cannot be written down."""
        self.is_whole = False


class Alike(Generic[T]):
    """Looks at servers of a few kinds."""

    def __init__(self) -> None:
        self._scripts: list[Script[T]] = []

    async def look(
        self,
        session: Session,
        how: Hashable,
        look: Callable[[], Awaitable[T]],
        names: Callable[[T, str], bool],
    ) -> T:
        """The result of `look`, which asks nothing but `session`; of a server that answers alike the very same object.

        Args:
            how: what else the result depends on.
            names: whether a result names something of a namespace, whose text (`nsu=…;`) it is given. Nearly every
                server has one that is its own (index 1, Part 3, 8.2.2); where nothing is of it, it is no difference.
        """
        key = (how, _shared(session.namespaces), session.limits, session.capacity)
        answers: dict[Question, bytes] = {}
        script = await self._followed(session, [each for each in self._scripts if each.key == key], answers)
        if script is not None:
            session.data_types.update(script.data_types)
            session.knows_all_structures |= script.knows_all_structures
            assert script.result is not None
            return script.result
        recording = session.recording = Recording(answers)
        try:
            result = await look()
        finally:
            session.recording = None
        own = f"nsu={escape_uri(session.namespaces[1])};" if len(session.namespaces) > 1 else ""
        if not (own and (names(result, own) or any(own in repr(kind) for kind in session.data_types.values()))):
            return self._kept(session, key, recording, result)
        return result

    async def _followed(
        self, session: Session, scripts: list[Script[T]], answers: dict[Question, bytes]
    ) -> Script[T] | None:
        """The one of these scripts that the server answers to, if any; `answers` has what was asked for it."""
        at = 0
        while scripts:
            questions = scripts[0].questions[at : at + IN_FLIGHT]
            if not questions:
                return scripts[0]
            try:
                bodies = await session.all_checked([RawRequest(*question) for question in questions])
            except OmptoolError:
                return None  # whoever asks in the usual way is told of it, or halves what is too much
            answers |= zip(questions, bodies, strict=True)
            for question, body in zip(questions, bodies, strict=True):
                found = digest(body)
                scripts = [
                    each
                    for each in scripts
                    if at < len(each.digests) and each.digests[at] == found and each.questions[at] == question
                ]
                if not scripts:
                    break
                at += 1
            await asyncio.sleep(0)  # others have their turn, however many are alike
        return None

    def _kept(self, session: Session, key: Hashable, recording: Recording, result: T) -> T:
        """The result, of which a script is kept where that can be; that of another one where both looked at once."""
        asked, answered = recording.questions, recording.answers
        if not recording.is_whole or not 0 < len(asked) <= MOST_STEPS or not all(answered):
            return result
        for script in self._scripts:
            if (script.key, script.questions, script.digests) == (key, asked, answered) and script.result is not None:
                return script.result
        if len(self._scripts) >= MOST_SCRIPTS:
            del self._scripts[0]
        types, knows_all = dict(session.data_types), session.knows_all_structures
        self._scripts.append(Script(key, asked, answered, types, knows_all, result))
        return result


def _shared(uris: list[str]) -> Hashable:
    """What must be the same of the namespaces: not the server's own, if nothing else can be mistaken for it."""
    is_plain = len(uris) > 1 and bool(uris[1]) and len(set(uris)) == len(uris)
    return (is_plain, *(uris[:1] + uris[2:] if is_plain else uris))


def digest(body: bytes) -> bytes:
    """Of what an answer says, without when and to which question."""
    return blake2b(body[:4] + body[body_start(body) :], digest_size=16).digest()
