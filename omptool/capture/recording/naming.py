"""What the rows of a capture call each server (C1): its ApplicationUri, or its name in omptool.toml where two share it.

Pure. Names are settled once, when the capture begins, for all servers known by then; one that comes later must fit in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from omptool.errors import UsageError

if TYPE_CHECKING:
    from omptool.capture.nodetable import ServerIdentity


class Introduced(NamedTuple):
    """A server that was reached: its place in the list of servers, its name in omptool.toml, what it calls itself."""

    number: int
    name: str | None
    url: str
    application_uri: str

    @property
    def own_name(self) -> str:
        return self.application_uri or self.name or self.url


class Shared(NamedTuple):
    """An ApplicationUri of several servers, and the names by which their rows go instead."""

    application_uri: str
    names: tuple[str, ...]


class Names:
    """Gives every server of a capture a name of its own."""

    def __init__(self) -> None:
        self._names: dict[int, str] = {}
        self._shared: list[str] = []
        self._kept: dict[int, tuple[str, str]] = {}

    def keep(self, number: int, identity: ServerIdentity) -> None:
        """A server of an earlier run, as long as it calls itself the same, goes by the name that it had."""
        self._kept[number] = (identity.application_uri, identity.server)

    def settle(self, servers: Sequence[Introduced]) -> list[Shared]:
        """Name the servers that the capture begins with; returns what several of them share.

        Raises:
            UsageError: two of them call themselves the same and have no name in omptool.toml.
        """
        count = Counter(server.own_name for server in servers)
        shared = self._shared = [uri for uri, number in count.items() if number > 1]
        for uri in shared:
            nameless = [server for server in servers if server.own_name == uri and server.name is None]
            if nameless:
                raise _indistinct(uri, [server for server in servers if server.own_name == uri], nameless)
        for server in servers:
            is_shared = server.own_name in shared
            self._names[server.number] = self._earlier(server) or (
                server.name if is_shared and server.name else server.own_name
            )
        return [Shared(uri, tuple(self._names[one.number] for one in servers if one.own_name == uri)) for uri in shared]

    def late(self, server: Introduced) -> str:
        """The name of a server that came later, or again.

        Raises:
            UsageError: another one has it, and this one has no other.
        """
        if server.number not in self._names:
            taken = {*self._names.values(), *self._shared}
            wished = (self._earlier(server), server.own_name, server.name)
            free = [name for name in wished if name and name not in taken]
            if not free:
                raise _indistinct(server.own_name, [server], [server])
            self._names[server.number] = free[0]
        return self._names[server.number]

    def _earlier(self, server: Introduced) -> str | None:
        uri, name = self._kept.get(server.number, ("", ""))
        return name if name and uri == server.application_uri else None


def _indistinct(uri: str, servers: Sequence[Introduced], nameless: Sequence[Introduced]) -> UsageError:
    who = " and ".join(server.name or server.url for server in servers)
    same = f"both call themselves {uri}" if len(servers) == 2 else f"call themselves {uri}, like another one"
    tables = [f'[servers.NAME{number}]\nurl = "{server.url}"' for number, server in enumerate(nameless, 1)]
    return UsageError(
        f"{who} {same}, so their rows could not be told apart",
        "\n".join(["give them names in omptool.toml, and capture them by these:", *tables]),
    )
