"""What to capture and how, as typed, listed or set: flags, `--nodes` and omptool.toml → what the recorder takes."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from omptool.capture.selecting.nodelist import EndpointNodes
from omptool.cli import diagnostics, nodefile, settings
from omptool.cli.access import NOTHING, Access
from omptool.cli.capture_events import TypedEvents
from omptool.cli.options import SelectOption
from omptool.errors import UsageError
from omptool.model import listing

if TYPE_CHECKING:
    from omptool.capture.recording.terms import Intervals, Selection, Wanted
    from omptool.capture.selecting.nodelist import NodeList
    from omptool.config import Config, ServerConfig
    from omptool.model.monitoring import Monitoring

T = TypeVar("T")

NO_EVENTS = TypedEvents()
EMPTY = EndpointNodes()
"""Nothing is asked of a server in particular."""

_SHOWN = 5
"""Servers named in one message."""

NodesOption = Annotated[
    str | None,
    typer.Option(
        "--nodes",
        help="Only the nodes in FILE, - is stdin: one NodeId or path per line, CSV (node,sampling,queue,deadband), "
        "a snapshot of browse, a publishednodes.json, or a configuration of Telegraf or benthos-umh.",
        metavar="FILE",
    ),
]
QueueOption = Annotated[
    str | None,
    typer.Option("--queue-size", help="Values of a node that wait at the server. Default: enough.", metavar="N"),
]
DiscardOption = Annotated[
    str | None,
    typer.Option("--discard", help="What the server drops when a queue runs over: oldest, newest.", metavar="WHICH"),
]
DeadbandOption = Annotated[
    str | None,
    typer.Option(
        "--deadband", help="Only changes of more than this: 0.5, or 2% of the node's range.", metavar="NUMBER|N%"
    ),
]
TriggerOption = Annotated[
    str | None,
    typer.Option(
        "--trigger",
        help="What counts as a change: status, status-value (default), status-value-timestamp.",
        metavar="WHAT",
    ),
]

PollOption = Annotated[
    str | None,
    typer.Option("--poll", help="Read all values so often instead of subscribing to them: 5s.", metavar="DURATION"),
]
HeartbeatOption = Annotated[
    str | None,
    typer.Option(
        "--heartbeat", help="Repeat the last value of a node after so long a silence: 1m.", metavar="DURATION"
    ),
]
RebrowseOption = Annotated[
    str | None,
    typer.Option("--rebrowse", help="Look for new nodes so often while recording: 10m.", metavar="DURATION"),
]


PublishingOption = Annotated[
    str | None,
    typer.Option("--publishing-interval", help="How often the server sends what has changed.", metavar="DURATION"),
]
SamplingOption = Annotated[
    str | None,
    typer.Option(
        "--sampling-interval",
        help="How often the server looks at each value; 0 is the fastest it has.",
        metavar="DURATION",
    ),
]


@dataclass(frozen=True, slots=True)
class Typed:
    """What was typed about nodes; None and empty where nothing was."""

    select: SelectOption = None
    nodes: NodesOption = None
    publishing_interval: PublishingOption = None
    sampling_interval: SamplingOption = None
    queue_size: QueueOption = None
    discard: DiscardOption = None
    deadband: DeadbandOption = None
    trigger: TriggerOption = None
    poll: PollOption = None
    heartbeat: HeartbeatOption = None
    rebrowse: RebrowseOption = None

    def flags(self) -> dict[str, str | None]:
        """Those that are settings too, by key."""
        return {
            "capture.publishing_interval": self.publishing_interval,
            "capture.sampling_interval": self.sampling_interval,
            "capture.rebrowse": self.rebrowse,
        }

    def monitoring(self) -> Monitoring:
        """For all nodes.

        Raises:
            UsageError: one of them cannot be read; named by its flag.
        """
        from omptool.model import monitoring as words

        return words.Monitoring(
            sampling_ms=_read("--sampling-interval", words.parse_interval, self.sampling_interval),
            queue_size=_read("--queue-size", words.parse_queue, self.queue_size),
            discard=_read("--discard", words.parse_discard, self.discard),
            deadband=_read("--deadband", words.parse_deadband, self.deadband),
            trigger=_read("--trigger", words.parse_trigger, self.trigger),
            poll_ms=_read("--poll", words.parse_interval, self.poll),
            heartbeat_ms=_read("--heartbeat", words.parse_interval, self.heartbeat),
        )


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be recorded: servers, and the selection of those that have none of their own."""

    servers: list[Wanted]
    selection: Selection


def asked(
    config: Config,
    servers: Sequence[str],
    typed: Typed,
    timeout_s: float | None,
    access: Access = NOTHING,
    events: TypedEvents = NO_EVENTS,
) -> Asked:
    """Put together what was typed, listed and set. Notes on stderr say what of a list cannot be had.

    Raises:
        UsageError: a server is named twice or unknown; a flag, a list or a setting cannot be read.
        NotFound: no such file.
    """
    from omptool.capture.recording.terms import Rule, Selection, Wanted

    rules = tuple(Rule(rule.match, rule.monitoring) for rule in config.node_rules)
    plain = Selection(tuple(typed.select or ()), None, typed.monitoring(), rules, events.asked())
    listed = _read_list(typed.nodes) if typed.nodes is not None else None
    named = access.applied_to(settings.servers(config, servers) if servers else _servers_of(config, listed))
    if listed is not None and listed.endpoints:
        own = _endpoints(named, listed, str(typed.nodes))
    elif listed is not None:
        own, plain = {}, replace(plain, listed=listed.nodes)
    else:
        own = {} if typed.select else {server.url: _of_settings(server) for server in named}
    found = []
    for server in named:
        endpoint, globs = own.get(server.url, EMPTY), () if typed.select or listed else server.select
        is_own = endpoint is not EMPTY or bool(globs)
        selection = _own(plain, endpoint, globs, events) if is_own else None
        with_timeout = server if timeout_s is None else replace(server, timeout_s=timeout_s)
        found.append(Wanted(with_timeout, _intervals(config, server, endpoint, typed), selection))
    return Asked(found, plain)


def _own(plain: Selection, endpoint: EndpointNodes, globs: Sequence[str], typed: TypedEvents) -> Selection:
    """The selection of one server; a list that names objects for their events, and no node, means no node."""
    listed = endpoint.nodes if endpoint.nodes or endpoint.notifiers else None
    events = typed.asked(endpoint.notifiers)
    return replace(plain, globs=plain.globs or tuple(globs), listed=listed, events=events)


def _intervals(config: Config, server: ServerConfig, endpoint: EndpointNodes, typed: Typed) -> Intervals:
    from omptool.capture.recording.terms import Intervals

    publishing_ms = None if typed.publishing_interval is not None else endpoint.publishing_ms
    rebrowse_s = config.rebrowse_ms(server) / 1000
    return Intervals(publishing_ms or config.publishing_ms(server), config.sampling_ms(server), rebrowse_s)


def _read_list(file: str) -> NodeList:
    found = nodefile.read(file)
    for note in found.notes:
        diagnostics.note(f"note: {note}")
    return found


def _of_settings(server: ServerConfig) -> EndpointNodes:
    """What `[servers.NAME] nodes` lists."""
    if server.nodes is None:
        return EMPTY
    listed = _read_list(server.nodes)
    if listed.endpoints:
        return _endpoints([server], listed, server.nodes)[server.url]
    return EndpointNodes(listed.nodes)


def _servers_of(config: Config, listed: NodeList | None) -> list[ServerConfig]:
    """The servers that a list names, by their names in the settings where these have them."""
    if listed is None or not listed.endpoints:
        raise UsageError("capture needs a SERVER", "omptool capture opc.tcp://HOST:4840 -o shift.omcap")
    known = {_plain(server.url): server for server in config.servers.values()}
    return [known.get(_plain(url)) or settings.server(config, url) for url in listed.endpoints]


def _endpoints(named: Sequence[ServerConfig], listed: NodeList, file: str) -> dict[str, EndpointNodes]:
    """What the list asks of each server, by address; a single one is taken whatever address the list has for it."""
    by_url = {_plain(url): nodes for url, nodes in listed.endpoints.items()}
    if len(named) == 1 and len(by_url) == 1:
        return {named[0].url: next(iter(by_url.values()))}
    urls = list(listed.endpoints)
    for server in named:
        if _plain(server.url) not in by_url:
            raise UsageError(f"{file} asks for nothing of {server.url}", "it names:\n" + "\n".join(urls[:_SHOWN]))
    taken = {_plain(server.url) for server in named}
    rest = [url for url in urls if _plain(url) not in taken]
    if rest:
        diagnostics.note(f"note: {file} names servers that are not captured: {listing.listed(rest, _SHOWN)}")
    return {server.url: by_url[_plain(server.url)] for server in named}


def _plain(url: str) -> str:
    """An address so that two spellings of one are equal."""
    match = re.fullmatch(r"opc\.tcp://(\[[^\]]*\]|[^/:]+)(:\d+)?(/.*)?", url.strip(), re.IGNORECASE)
    if match is None:
        return url
    return f"opc.tcp://{match[1].lower()}{match[2] or ':4840'}{(match[3] or '').rstrip('/')}"


def _read(flag: str, read: Callable[[str], T], given: str | None) -> T | None:
    try:
        return None if given is None else read(given)
    except UsageError as error:
        raise UsageError(f"{flag}: {error.message}", error.hint) from None
