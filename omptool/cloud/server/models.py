"""What requests and answers look like; the OpenAPI document is made from these models."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from omptool.cloud.server.parameters import Sent, whole
from omptool.cloud.server.problems import Problem

MAX_STATEMENT = 1 << 20
"""Characters of a statement."""
MAX_WAIT_S = 50
"""Longest wait of one request: shorter than the minute after which proxies give up."""

State = Literal["queued", "running", "succeeded", "failed", "cancelled"]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,199}$")]


_MOST_PARAMETERS = 1000


def _few(sent: object) -> object:
    """Count before looking at each of them."""
    if isinstance(sent, dict) and len(sent) > _MOST_PARAMETERS:
        raise ValueError(f"at most {_MOST_PARAMETERS} parameters")
    return sent


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class StatementRequest(_Model):
    """A statement with its parameters."""

    statement: Annotated[str, Field(strict=True)] = Field(
        min_length=1, max_length=MAX_STATEMENT, description="One statement that reads, in DuckDB's dialect."
    )
    parameters: Annotated[dict[Name, Sent], BeforeValidator(_few)] = Field(
        default_factory=dict,
        max_length=_MOST_PARAMETERS,
        description="Values of `$NAME`: bound, never pasted.",
        json_schema_extra={"additionalProperties": False},
    )
    tz: str | None = Field(
        default=None, min_length=1, max_length=100, description="Time zone of the SQL session; default UTC."
    )
    repeatable: Annotated[bool, Field(strict=True)] = Field(
        default=False, description="Sums of floating-point numbers in one fixed order: the same bytes on every run."
    )
    wait_timeout: Annotated[float, Field(strict=True)] = Field(
        default=10, ge=0, le=MAX_WAIT_S, description="Seconds to wait for the end before 202 is answered."
    )
    byte_limit: Annotated[int, Field(strict=True, ge=1, le=2**63 - 1), BeforeValidator(whole)] | None = Field(
        default=None,
        description="The result may have so many bytes of Arrow as sent, compressed; the server's own limit holds too.",
    )


class Column(_Model):
    """A column."""

    name: str
    type: str = Field(description="SQL type.")


class StatementStatus(_Model):
    """How far a statement is."""

    id: str
    state: State
    columns: list[Column] | None = Field(description="null until the first chunk is there.")
    chunks: int = Field(
        ge=0,
        description="Chunks so far; more may come while it runs. Without success they are gone at the end.",
    )
    rows: int = Field(ge=0, description="Rows in these chunks.")
    bytes: int = Field(ge=0, description="Bytes of these chunks as Arrow.")
    problem: Problem | None = Field(description="Why it failed.")
    created_at: datetime
    lake_version: dict[str, int] | None = Field(
        description="Version of each table that the statement sees; null until it runs."
    )


class Table(_Model):
    """A table that statements may name."""

    name: str
    columns: list[Column]


class Tables(_Model):
    """The catalog."""

    tables: list[Table]
    lake_version: dict[str, int] = Field(description="Newest version of each table.")
    next_link: str | None = Field(default=None, description="Where the list goes on; null at its end.")


class Plant(_Model):
    """The plant model that the lake was made with."""

    plant: dict[str, Any] | None = Field(description="plant.toml as JSON; null when there is none.")


class Health(_Model):
    """The server answers."""

    status: Literal["ok"] = "ok"
    version: str
