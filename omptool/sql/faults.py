"""What DuckDB says about a statement → an error a person can act on: one line, a caret at the place, the nearest name.

Pure. DuckDB is asked for its errors as JSON, so nothing depends on how it words them, except where it gives no
structure.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Mapping, Sequence

from omptool.errors import QueryError, StatementTimeout
from omptool.model.contracts import VIEWS
from omptool.sql.functions import nearest

_LINE_WIDTH = 100
_JSON = re.compile(r"^[^{]*?(\{.*\})\s*$", re.DOTALL)
_NO_COLUMN = re.compile(r'does not have a column named "(.+?)"')
_EXTENSION = re.compile(r"requires the extension (\w+)|extension \"?(\w+)\"? .*not found", re.IGNORECASE)
_FILE = re.compile(r"^\s*file\s*=\s*(.+)$", re.MULTILINE)
_REASON = re.compile(
    r"^\s*(Invalid unicode|Value with unterminated quote|Expected Number of Columns: .*)", re.MULTILINE
)
_CELL = re.compile(
    r'^\s*Error when converting column "(.+)"\. Could not convert string "(.*)" to (.+?)\s*$', re.MULTILINE
)
_LINE = re.compile(r"CSV Error on Line: (\d+)")
_INTERNAL = ("_omp_", "pg_", "duckdb_", "pragma_", "sqlite_")


def explain(error: Exception, statement: str, names: Sequence[str] = ()) -> QueryError:
    """The error for a statement that DuckDB refused.

    Args:
        statement: the text as it was given to DuckDB; positions count its UTF-8 bytes.
        names: the tables that the statement may name.
    """
    facts = _facts(error)
    if facts.get("exception_type") == "INTERRUPT":
        return _stopped(facts)
    if isinstance(error, MemoryError) or facts.get("exception_type") == "Out of Memory":
        return too_little_memory()
    message, suggestion = _message(facts, statement, names)
    if file := _FILE.search(facts.get("exception_message", "")):
        return _unreadable(file[1].strip(), facts["exception_message"])
    if not suggestion and ' file "' in message:
        suggestion = "correct the file, or get it again from where it came"
    place = _position(facts)
    if place is None or not statement:  # without a statement it was a source that could not be read
        return QueryError(message, suggestion)
    return QueryError(message, mark(statement, place, suggestion))


def _unreadable(file: str, text: str) -> QueryError:
    """A text file that the reader of CSV gave up on: it says which and why in lines of their own."""
    line, reason = _LINE.search(text), _REASON.search(text)
    place = f"{file}, line {line[1]}" if line else file
    if cell := _CELL.search(text):
        return QueryError(
            f"cannot read {place}: {cell[1]} is {cell[2]!r}, no {cell[3].strip(chr(39))}",
            "correct the file, or ask for the column as it is, without a cast",
        )
    why = reason[1].replace("Invalid unicode", "it is not UTF-8") if reason else _sentence(text)
    return QueryError(f"cannot read {place}: {why[:1].lower()}{why[1:]}", "correct the file, or save it again as UTF-8")


def too_little_memory() -> QueryError:
    """The error of a statement that asked for more than its limit, whoever noticed."""
    return QueryError(
        "the statement needs more memory than it may use", "select fewer rows or columns, or group earlier"
    )


def is_engines(error: Exception) -> bool:
    """Whether an exception carries what DuckDB said, whatever its class."""
    return '"exception_type"' in str(error)


def _stopped(facts: Mapping[str, str]) -> QueryError:
    if "execution time" in facts.get("exception_message", ""):
        return StatementTimeout(
            "the statement ran longer than it may", "ask for a shorter time, fewer tags, or group earlier"
        )
    return QueryError("the statement was cancelled")


def _facts(error: Exception) -> dict[str, str]:
    match = _JSON.match(str(error))
    if match:
        try:
            found = json.loads(match[1])
        except json.JSONDecodeError:
            found = None
        if isinstance(found, dict):
            return {key: str(value) for key, value in found.items()}
    text = str(error)
    return {"exception_message": text.split(": ", 1)[1] if ": " in text else text}


def _message(facts: Mapping[str, str], statement: str, names: Sequence[str]) -> tuple[str, str]:
    """The sentence, and what to put beside the caret (or below)."""
    text = facts.get("exception_message", "")
    kind, name = facts.get("type", ""), facts.get("name", "")
    if facts.get("error_subtype") == "COLUMN_NOT_FOUND" or _NO_COLUMN.search(text):
        return _no_column(facts, statement, names, text)
    if facts.get("error_subtype") == "MISSING_ENTRY" and kind in ("Table", "View"):
        return f'no table "{name}"', nearest_table(name, names)
    if facts.get("error_subtype") == "MISSING_ENTRY" and "Function" in kind:
        return f'no function "{name}"', did_you_mean(nearest(name))
    if facts.get("error_subtype") == "SYNTAX_ERROR" or facts.get("exception_type") == "Parser":
        return _sentence(text), ""
    if extension := _EXTENSION.search(text):
        return (
            f"the statement needs the DuckDB extension {extension[1] or extension[2]}, which is not part of omptool",
            ("omptool loads no extensions; copy the data to local files first"),
        )
    return _sentence(text), ""


def _no_column(facts: Mapping[str, str], statement: str, names: Sequence[str], text: str) -> tuple[str, str]:
    match = _NO_COLUMN.search(text)
    name = facts.get("name") or (match[1] if match else "")
    place = _position(facts)
    candidates = _candidates(facts) or [
        column for view in _mentioned(statement, list(VIEWS)) for column in VIEWS[view].names
    ]
    close = difflib.get_close_matches(name.casefold(), candidates, n=1, cutoff=0.6)
    if not close and place is not None and statement.encode()[place:].startswith(b'"'):
        suggestion = f"text stands in single quotes: '{name}'"
    else:
        suggestion = did_you_mean(close) or (f"columns: {', '.join(candidates[:6])}" if candidates else "")
    tables = _mentioned(statement, names)
    return f'no column "{name}"' + (f" in {tables[0]}" if len(tables) == 1 else ""), suggestion


def nearest_table(name: str, names: Sequence[str], *, files: bool = True) -> str:
    """What to write instead of a table that is not there.

    Args:
        files: whether a file could be named on the command line.
    """
    known = [candidate for candidate in names if not candidate.startswith(_INTERNAL)]
    close = difflib.get_close_matches(name.casefold(), known, n=1, cutoff=0.6)
    if close:
        return did_you_mean(close)
    if re.search(r"[./\\]", name):
        return f"name the file with --on {name}" if files else f"a server reads no files; tables: {', '.join(known)}"
    return f"tables: {', '.join(known)}" if known else ""


def _mentioned(statement: str, names: Sequence[str]) -> list[str]:
    words = {word.casefold() for word in re.findall(r"[\w.]+", statement)}
    return [name for name in names if name.casefold() in words]


def _candidates(facts: Mapping[str, str]) -> list[str]:
    listed = [candidate.strip() for candidate in facts.get("candidates", "").split(",")]
    return [candidate for candidate in listed if candidate and not candidate.startswith(_INTERNAL)]


def did_you_mean(names: Sequence[str]) -> str:
    """The remark beside a caret: the first of some names, or nothing."""
    return f'did you mean "{names[0]}"?' if names else ""


def _sentence(text: str) -> str:
    """The first line without the marks that make an error shout."""
    first = next((line.strip() for line in text.splitlines() if line.strip()), "the statement failed")
    first = re.sub(r"\.? Use \"?(SET|PRAGMA) .*$", "", first)
    first = re.sub(r"\.? You might need to add explicit type casts\.?$", "", first).rstrip("!. ")
    return first[:1].lower() + first[1:] if not first[:2].isupper() else first


def _position(facts: Mapping[str, str]) -> int | None:
    text = facts.get("position", "")
    return int(text) if text.isdigit() else None


def mark(statement: str, position: int, remark: str) -> str:
    """The line of a statement at a byte position with a caret below it, and a remark beside the caret."""
    before = statement.encode()[:position].decode(errors="ignore")
    start = before.rfind("\n") + 1
    column = len(before) - start
    line = statement[start:].split("\n", 1)[0].replace("\t", " ").replace("\r", " ")
    if len(line) > _LINE_WIDTH:
        cut = max(0, min(column - _LINE_WIDTH // 2, len(line) - _LINE_WIDTH))
        head, tail = ("…" if cut else ""), ("…" if cut + _LINE_WIDTH < len(line) else "")
        line = head + line[cut : cut + _LINE_WIDTH] + tail
        column += len(head) - cut
    return f"{line}\n{' ' * column}^ {remark}".rstrip()
