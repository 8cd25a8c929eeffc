"""What omptool.toml may say: every key, how it is read, what it means. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omptool.errors import UsageError
from omptool.model.limits import SAFE_CHUNK, Capacity, ServerLimits
from omptool.model.times import parse_duration

_FORMATS = ("table", "jsonl", "json", "csv", "tsv", "arrow", "parquet")


@dataclass(frozen=True, slots=True)
class Setting:
    """One key that omptool.toml may hold.

    Attributes:
        key: `section.name`, or `servers.NAME.name`.
        default: as it would be written in the file; None when there is none.
        help: one line for the reference.
        is_path: names a file or folder; in a settings file a relative one is relative to that file.
    """

    key: str
    parse: Callable[[object], Any]
    default: object
    help: str
    is_path: bool = False

    @property
    def variable(self) -> str:
        """The environment variable with the same meaning."""
        return "OMPTOOL_" + self.key.upper().replace(".", "_")


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """How to reach one server, and what the user says about its place.

    Attributes:
        name: None for a server given by URL.
        publishing_ms, sampling_ms, rebrowse_ms: None = the capture's own.
        security_policy, security_mode: None = the strongest that both sides speak.
        user: None = anonymous, or the one of `user_certificate`.
        password: told by a person just now; never from a file of settings.
        accept: which of `time`, `host` and `uri` may be wrong in the server's certificate.
        trust_first: trust whatever certificate is shown first, from then on only that one.
        application_uri: what the server must call itself; None = anything.
        pki: folder of certificates, None = the user's own.
        select, nodes: what to capture of it where nothing is typed: path globs, and the file of a list.
        urls: all addresses of it where it has several; `url` is the first.
        per_request: nodes that one request may ask for, by the user's word; None = as the server and its profile say.
        limits, capacity: those of its profile (`doctor --save`).
    """

    url: str
    name: str | None = None
    site: str | None = None
    area: str | None = None
    line: str | None = None
    machine: str | None = None
    publishing_ms: float | None = None
    sampling_ms: float | None = None
    rebrowse_ms: float | None = None
    timeout_s: float = 10.0
    security_policy: str | None = None
    security_mode: str | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    password_file: Path | None = None
    password_env: str | None = None
    password_keyring: bool = False
    user_certificate: Path | None = None
    user_key: Path | None = None
    accept: tuple[str, ...] = ()
    trust_first: bool = False
    application_uri: str | None = None
    pki: Path | None = None
    select: tuple[str, ...] = ()
    nodes: str | None = None
    urls: tuple[str, ...] = ()
    per_request: int | None = None
    limits: ServerLimits = field(default_factory=ServerLimits)
    capacity: Capacity = field(default_factory=Capacity)

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where it can be reached, the first choice first."""
        return self.urls or (self.url,)


def text(value: object) -> str:
    """A setting that is a text."""
    if not isinstance(value, str) or not value:
        raise ValueError("a text in quotes")
    return value


def as_path(value: object) -> Path:
    """A setting that is a file or a folder."""
    return Path(text(value))


def _per_request(value: object) -> int:
    number = int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= SAFE_CHUNK:
        raise ValueError(f"a number from 1 to {SAFE_CHUNK}")
    return number


def _milliseconds(value: object) -> float:
    try:
        return parse_duration(text(value)).total_seconds() * 1000
    except (ValueError, UsageError):
        raise ValueError('a duration such as "500ms", "10s" or "5m"') from None


def _sampling(value: object) -> float:
    """0, the default, is the fastest the server has: any slower one would lose values that nobody could see missing."""
    return 0.0 if value == "0" else _milliseconds(value)


def seconds(value: object) -> float:
    """A setting that is a duration."""
    return _milliseconds(value) / 1000


def globs(value: object) -> tuple[str, ...]:
    """A setting that is a path glob or a list of them."""
    from omptool.model.path import Glob

    given = value if isinstance(value, list) else [value]
    try:
        return tuple(Glob(text(each)).pattern for each in given)
    except (ValueError, UsageError):
        raise ValueError('a path glob such as "Line1/**", or a list of them') from None


def _format(value: object) -> str:
    if value not in _FORMATS:
        raise ValueError(f"one of {', '.join(_FORMATS)}")
    return str(value)


def _zone(value: object) -> str:
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(text(value))
    except (KeyError, ValueError, OSError):
        raise ValueError('a time zone such as "Europe/Berlin"') from None
    return str(value)


def _machine(value: object) -> str:
    from omptool.model.plant import MachineGlob, is_glob

    name = text(value)
    try:
        if is_glob(name):
            MachineGlob(name)
    except UsageError as error:
        raise ValueError(f"a name or a glob of the machine's path ({error.message})") from None
    return name


POLICY_NAMES = (
    "None", "Basic128Rsa15", "Basic256", "Basic256Sha256", "Aes128_Sha256_RsaOaep", "Aes256_Sha256_RsaPss",
)  # fmt: skip
"""SecurityPolicies that omptool speaks, weak to strong."""
MODE_NAMES = ("None", "Sign", "SignAndEncrypt")
"""MessageSecurityModes, weak to strong."""
ACCEPTABLE = ("time", "host", "uri")


def _named(value: object, names: Sequence[str]) -> str:
    """One of `names`, however it is capitalised and whether or not it has its underscores."""
    plain = str(value).replace("_", "").replace("-", "").casefold()
    for name in names:
        if plain == name.replace("_", "").casefold():
            return name
    raise ValueError(f"one of {', '.join(names)}")


def _policy(value: object) -> str | None:
    return None if value == "auto" else _named(value, POLICY_NAMES)


def _mode(value: object) -> str | None:
    return None if value == "auto" else _named(value, MODE_NAMES)


def security(written: str) -> tuple[str | None, str | None]:
    """SecurityPolicy and mode from `auto`, `none`, POLICY, MODE or POLICY:MODE; None = the strongest there is.

    Raises:
        UsageError: neither.
    """
    policy, colon, mode = written.partition(":")
    try:
        if colon:
            return _policy(policy), _mode(mode)
        if policy.casefold() == "none":
            return "None", "None"
        is_mode = policy.casefold() in [name.casefold() for name in MODE_NAMES]
        return (None, _mode(policy)) if is_mode else (_policy(policy), None)
    except ValueError:
        raise UsageError(
            f"{written} is no security that omptool speaks",
            f"policies: {', '.join(POLICY_NAMES)}\nmodes: {', '.join(MODE_NAMES[1:])}; together: Basic256Sha256:Sign",
        ) from None


def _accept(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(one in ACCEPTABLE for one in value):
        raise ValueError(f"a list of {', '.join(ACCEPTABLE)}")
    return tuple(value)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def _url(value: object) -> str:
    return checked_url(text(value))


def _urls(value: object) -> tuple[str, ...]:
    found = tuple(map(_url, value)) if isinstance(value, list) else ()
    if not found or len(set(found)) < len(found):
        raise ValueError('a list of different addresses such as ["opc.tcp://A:4840", "opc.tcp://B:4840"]')
    return found


def checked_url(url: str) -> str:
    """`url` if it is one that may be used as a server's address.

    Raises:
        UsageError: no `opc.tcp://HOST…`, or user and password inside.
    """
    match = re.fullmatch(
        r"opc\.tcp://(?P<user>[^/?#]*@)?(?P<host>\[[0-9A-Fa-f:.%]+\]|[^\s/:@?#]+)(:\d{1,5})?(/\S*)?", url
    )
    if match is None:
        raise UsageError(f'"{redacted(url)}" is no OPC UA address', "write it as opc.tcp://HOST:4840")
    if match["user"]:
        raise UsageError(
            "an address must not carry a user or a password: process lists and logs would show it",
            f"write it as {redacted(url)}",
        )
    return url


def redacted(url: str) -> str:
    """`url` without user and password."""
    return re.sub(r"//[^/@\s]*@", "//", url)


SERVER_SETTINGS = (
    Setting("url", _url, None, "Address, opc.tcp://HOST:PORT; this or urls is required."),
    Setting(
        "urls",
        _urls,
        None,
        "Several addresses instead of url: of a redundant server; when one is away the next is taken.",
    ),
    Setting("site", text, None, "Site of all nodes of this server."),
    Setting("area", text, None, "Area of all nodes of this server."),
    Setting("line", text, None, "Line of all nodes of this server."),
    Setting(
        "machine", _machine, None, "Machine of all nodes, or a glob of the machine's path; (*) marks the name in it."
    ),
    Setting("publishing_interval", _milliseconds, None, "Overrides capture.publishing_interval for this server."),
    Setting("sampling_interval", _sampling, None, "Overrides capture.sampling_interval for this server."),
    Setting("rebrowse", _sampling, None, "Overrides capture.rebrowse for this server."),
    Setting("timeout", seconds, "10s", "How long to wait for an answer of the server."),
    Setting(
        "per_request", _per_request, None, "Nodes that one request may ask for, instead of what the server states."
    ),
    Setting("security_policy", _policy, "auto", f"{', '.join(POLICY_NAMES)}; auto is the strongest offered."),
    Setting("security_mode", _mode, "auto", "Sign, SignAndEncrypt or None; auto is the strongest offered."),
    Setting("user", text, None, "Name of the user; without one anonymous."),
    Setting("password_file", text, None, "File with the password, readable by its owner only.", is_path=True),
    Setting("password_env", text, None, "Variable of the environment that holds the password."),
    Setting("password_keyring", _flag, "false", "The keyring has the password, as omptool USER@URL."),
    Setting("user_certificate", text, None, "Certificate of the user, .der or .pem, instead of a name.", is_path=True),
    Setting("user_key", text, None, "Its private key, readable by its owner only.", is_path=True),
    Setting("accept", _accept, None, "What may be wrong in the server's certificate: a list of time, host, uri."),
    Setting("trust_first", _flag, "false", "Trust the certificate that is shown first, then only that one."),
    Setting("application_uri", text, None, "ApplicationUri that the server must have; another one is refused."),
    Setting("select", globs, None, "What to capture where nothing is typed: a path glob or a list of them."),
    Setting("nodes", text, None, "What to capture where nothing is typed: the file of a list, as --nodes."),
)
"""Keys of a `[servers.NAME]` table, in the order of the reference."""

CAPTURE_SETTINGS = (
    Setting("capture.publishing_interval", _milliseconds, "500ms", "How often a server sends what has changed."),
    Setting(
        "capture.sampling_interval", _sampling, "0", "How often a server looks at each value; 0 is as fast as it can."
    ),
    Setting(
        "capture.rebrowse", _sampling, "0", "How often to look for new nodes while recording; 0 is never by the clock."
    ),
)
"""Keys of `[capture]` about what is asked of servers, in the order of the reference."""

GENERAL_SETTINGS = (
    Setting("pki.folder", as_path, None, "Folder of certificates. Default: pki beside the user's file.", is_path=True),
    Setting("output.format", _format, None, "Format of rows. Default: table on a terminal, jsonl in a pipe."),
    Setting("output.tz", _zone, None, "Time zone of tables and of times without offset. Default: the system's."),
)
"""Every other key, in the order of the reference."""
