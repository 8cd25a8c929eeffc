"""The options that several commands share, written once: the same flag means the same everywhere."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class OutputFormat(StrEnum):
    """How rows are written."""

    TABLE = "table"
    JSONL = "jsonl"
    JSON = "json"
    CSV = "csv"
    TSV = "tsv"
    ARROW = "arrow"
    PARQUET = "parquet"
    LINE_PROTOCOL = "line-protocol"
    PUBSUB = "pubsub"
    MCAP = "mcap"


class ProgressMode(StrEnum):
    """How a running command reports on stderr."""

    AUTO = "auto"
    JSON = "json"
    NONE = "none"


class AcceptMode(StrEnum):
    """What may be wrong in the certificate of a server that is trusted."""

    TIME = "time"
    HOST = "host"
    URI = "uri"


class StampMode(StrEnum):
    """Which stamps replayed rows carry."""

    RECORDED = "recorded"
    SHIFTED = "shifted"
    NOW = "now"


FormatOption = Annotated[
    OutputFormat | None,
    typer.Option(
        "--format",
        help="How rows are written; the last three hold telemetry only. Default: table on a terminal, jsonl in a pipe.",
        show_default=False,
    ),
]
OutputOption = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", help="Write rows to FILE instead of stdout; the suffix chooses the format.", metavar="FILE"
    ),
]
ForceOption = Annotated[bool, typer.Option("--force", help="Overwrite what is already there.")]
ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", help="Read settings from FILE instead of ./omptool.toml.", metavar="FILE"),
]
TzOption = Annotated[
    str | None,
    typer.Option(
        "--tz", help="Time zone for bare times and tables, e.g. Europe/Berlin. Default: the system's.", metavar="ZONE"
    ),
]
SelectOption = Annotated[
    list[str] | None,
    typer.Option("--select", help="Only nodes whose path matches GLOB (*, ?, **, {a,b}); repeatable.", metavar="GLOB"),
]
ServerOption = Annotated[
    list[str] | None,
    typer.Option(
        "--server", help="Only this server: its name, ApplicationUri or address; repeatable.", metavar="SERVER"
    ),
]
StartOption = Annotated[
    str | None,
    typer.Option("--start", help="From this time on: RFC 3339, a date, -2h, now, today, yesterday.", metavar="TIME"),
]
WindowStartOption = Annotated[
    str | None,
    typer.Option(
        "--start",
        help="From this time on: RFC 3339, a date, -2h, now, today, yesterday; shift: when the present one began.",
        metavar="TIME",
    ),
]
EndOption = Annotated[
    str | None,
    typer.Option("--end", help="Up to, not including, this time; same forms as --start.", metavar="TIME"),
]
TimeoutOption = Annotated[
    float | None,
    typer.Option("--timeout", help="Seconds to wait for the server. Default: 10.", metavar="SECONDS", min=0.1),
]
PerRequestOption = Annotated[
    int | None,
    typer.Option(
        "--per-request",
        help="Ask for at most N nodes in one request. Default: what the server and its profile say.",
        metavar="N",
        min=1,
        max=1000,
    ),
]
SecurityOption = Annotated[
    str | None,
    typer.Option(
        "--security",
        help="none, a SecurityPolicy, Sign, SignAndEncrypt, or POLICY:MODE. Default: the strongest offered.",
        metavar="SECURITY",
    ),
]
UserOption = Annotated[
    str | None, typer.Option("--user", help="Log in as NAME; a terminal asks for the password.", metavar="NAME")
]
PasswordFileOption = Annotated[
    Path | None,
    typer.Option("--password-file", help="Password of --user; only its owner may read FILE.", metavar="FILE"),
]
UserCertificateOption = Annotated[
    Path | None,
    typer.Option("--user-certificate", help="Log in by this certificate instead of a name.", metavar="FILE"),
]
UserKeyOption = Annotated[
    Path | None, typer.Option("--user-key", help="Private key of --user-certificate.", metavar="FILE")
]
AcceptOption = Annotated[
    list[AcceptMode] | None,
    typer.Option("--accept", help="What may be wrong in the server's certificate; repeatable."),
]
TrustFirstOption = Annotated[
    bool, typer.Option("--trust-first", help="Trust the certificate that is shown now, then only that one.")
]
ProgressOption = Annotated[
    ProgressMode,
    typer.Option("--progress", help="Progress on stderr: auto draws on a terminal only, json is for programs."),
]
LockOption = Annotated[
    Path | None,
    typer.Option("--lock", help="Hold FILE as a lock; exit 5 while another omptool holds it.", metavar="FILE"),
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Show what would be done; write and send nothing.")]
CloudOption = Annotated[
    str | None,
    typer.Option("--cloud", help="Ask the cloud API of [cloud.NAME] in omptool.toml instead of --on.", metavar="NAME"),
]
PlantOption = Annotated[
    Path | None,
    typer.Option("--plant", help="Take site, area, line and machine from FILE (plant.toml).", metavar="FILE"),
]
InputFormatOption = Annotated[
    str | None,
    typer.Option("--input-format", help="What SOURCE is, where its name does not tell.", metavar="NAME"),
]
