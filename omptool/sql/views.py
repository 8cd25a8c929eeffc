"""Sources → the views a statement sees: `telemetry nodes events gaps journal`, `NAME.telemetry` …, and plain tables.

The five views always exist, with the columns and types of the contract, whatever the sources are: a source that lacks a
view adds no rows to it. Other tables keep their own columns under their name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import duckdb
import pyarrow as pa

from omptool.errors import OmptoolError, UsageError
from omptool.model.contracts import TIME, VIEWS
from omptool.sources.source import Files, Named, Scannable, Stream
from omptool.store.remote import Remote

HIDDEN = "_omp_"
"""Prefix of names that belong to omptool and are no answer to a question."""

_SQL_TYPES = {
    TIME: "TIMESTAMPTZ",
    pa.int16(): "SMALLINT",
    pa.int32(): "INTEGER",
    pa.int64(): "BIGINT",
    pa.float64(): "DOUBLE",
    pa.bool_(): "BOOLEAN",
    pa.string(): "VARCHAR",
    pa.binary(): "BLOB",
}
_RESERVED = frozenset({"main", "temp", "system", "pg_catalog", "information_schema", "memory"})


def register(
    connection: duckdb.DuckDBPyConnection, sources: Sequence[Named], on_failure: Callable[[OmptoolError], object]
) -> None:
    """Create all views.

    Args:
        on_failure: told when a source fails while the engine scans it; the engine's own error hides the reason.

    Raises:
        UsageError: two sources want the same name, or a name that is taken.
    """
    _check_names(sources)
    united: dict[str, list[str]] = {view: [] for view in VIEWS}
    for number, named in enumerate(sources):
        selects = {
            view: _select(connection, f"{HIDDEN}{number}_{view}", table, on_failure)
            for view, table in named.source.views().items()
        }
        if not named.source.has_telemetry:
            _plain(connection, _plain_name(named), selects["table"])
            continue
        for view, select in _contract(named.source.views(), selects).items():
            united[view].append(select)
        if named.name is not None:
            _named(connection, named.name, _contract(named.source.views(), selects))
        _derived(connection, named, selects)
    for view, selects_of_view in united.items():
        connection.execute(f"CREATE VIEW {view} AS {_union(view, selects_of_view)}")


def schemes(sources: Sequence[Named]) -> set[str]:
    """The kinds of stores that files of the sources lie in."""
    tables = [table for named in sources for table in named.source.views().values()]
    return {
        path.scheme for table in tables if isinstance(table, Files) for path in table.paths if isinstance(path, Remote)
    }


def all_fixed(sources: Sequence[Named]) -> bool:
    """Whether no file of the sources ever changes under its name."""
    tables = [table for named in sources for table in named.source.views().values()]
    return all(table.fixed for table in tables if isinstance(table, Files))


def names(sources: Sequence[Named]) -> list[str]:
    """The tables a statement can name."""
    found = list(VIEWS)
    for named in sources:
        if not named.source.has_telemetry:
            found.append(_plain_name(named))
        elif named.name is not None:
            found.extend(f"{named.name}.{view}" for view in VIEWS)
        found.extend(name for name in derived(named) if name not in found)
    return found


def _check_names(sources: Sequence[Named]) -> None:
    taken = dict.fromkeys(VIEWS, "the view of that name")
    for named in sources:
        name = _plain_name(named) if not named.source.has_telemetry else named.name
        if name is None:
            continue
        key = name.casefold()
        if key in taken or key in _RESERVED:
            other = taken.get(key, "a name of the SQL engine")
            raise UsageError(
                f'"{name}" ({named.source.label}) is already {other}',
                f"give it a name: --on other={named.source.label}",
            )
        taken[key] = named.source.label


def _plain_name(named: Named) -> str:
    return named.name or str(getattr(named.source, "name", named.source.label))


def _plain(connection: duckdb.DuckDBPyConnection, name: str, select: str) -> None:
    connection.execute(f"CREATE VIEW {identifier(name)} AS {select}")


def _named(connection: duckdb.DuckDBPyConnection, name: str, selects: Mapping[str, str]) -> None:
    connection.execute(f"CREATE SCHEMA {identifier(name)}")
    for view in VIEWS:
        body = _union(view, [selects[view]] if view in selects else [])
        connection.execute(f"CREATE VIEW {identifier(name)}.{view} AS {body}")


def _derived(connection: duckdb.DuckDBPyConnection, named: Named, selects: Mapping[str, str]) -> None:
    """The tables that a lake has besides the views, under their own name; of two lakes with the same, the first's."""
    for name in derived(named):
        select = f"SELECT * EXCLUDE (date) FROM ({selects[name]})"
        connection.execute(f"CREATE VIEW IF NOT EXISTS {identifier(name)} AS {select}")
        if named.name is not None:
            connection.execute(f"CREATE VIEW {identifier(named.name)}.{identifier(name)} AS {select}")


def derived(named: Named) -> list[str]:
    """Names of the tables of a telemetry source that are no views of the contract, and have rows."""
    tables = named.source.views() if named.source.has_telemetry else {}
    return [name for name, table in tables.items() if name not in VIEWS and not _is_empty(table)]


def _contract(tables: Mapping[str, Scannable], selects: Mapping[str, str]) -> dict[str, str]:
    """SELECTs that give exactly the contract's columns; tables without files are left out."""
    return {
        view: f"SELECT {_columns(view, tables[view])} FROM ({selects[view]})"
        for view in VIEWS
        if view in selects and not _is_empty(tables[view])
    }


def _is_empty(table: Scannable) -> bool:
    return isinstance(table, Files) and not table.paths


def _columns(view: str, table: Scannable) -> str:
    have = set(table.schema.names) if isinstance(table, Stream) else {*table.columns, *table.partitions}
    return ", ".join(_column(field, field.name in have) for field in VIEWS[view])


def _column(field: pa.Field, present: bool) -> str:
    name, kind = identifier(field.name), sql_type(field.type)
    return f"CAST({name if present else 'NULL'} AS {kind}) AS {name}"


def _union(view: str, selects: Sequence[str]) -> str:
    if selects:
        return " UNION ALL ".join(selects)
    return f"SELECT {', '.join(_column(field, False) for field in VIEWS[view])} WHERE false"


def _select(
    connection: duckdb.DuckDBPyConnection, name: str, table: Scannable, on_failure: Callable[[OmptoolError], object]
) -> str:
    if isinstance(table, Stream):
        connection.register(name, Stream(table.schema, _watched(table, on_failure)))
        return f"SELECT * FROM {identifier(name)}"
    names = "[" + ", ".join(literal(exact(str(path))) for path in table.paths) + "]"
    if not table.paths:
        return "SELECT NULL WHERE false"
    if table.format == "json":
        return f"SELECT * FROM read_json({names})"
    if table.format in ("csv", "tsv"):
        delimiter = ", delim = '\t'" if table.format == "tsv" else ""
        # without `skip`, rows that do not fit the first guess are passed over as if they were a preamble
        return f"SELECT * FROM read_csv({names}, union_by_name = true, strict_mode = true, skip = 0{delimiter})"
    return _parquet(names, table)


def _watched(table: Stream, on_failure: Callable[[OmptoolError], object]) -> Callable[[], Iterator[pa.RecordBatch]]:
    def batches() -> Iterator[pa.RecordBatch]:
        try:
            yield from table.batches()
        except OmptoolError as error:
            on_failure(error)
            raise

    return batches


def _parquet(names: str, table: Files) -> str:
    if not table.partitions:
        return f"SELECT * FROM read_parquet({names}, union_by_name = true, hive_partitioning = false)"
    if not _ambiguous(table):
        types = ", ".join(f"{literal(column)}: VARCHAR" for column in table.partitions)
        options = f"union_by_name = true, hive_partitioning = true, hive_types = {{{types}}}"
        return f"SELECT * FROM read_parquet({names}, {options})"
    # a folder above the table is called `site=…` too; the engine would take that one
    values = ", ".join(
        f"url_decode(regexp_extract({HIDDEN}file, '.*[/\\\\]{column}=([^/\\\\]*)[/\\\\]', 1)) AS {identifier(column)}"
        for column in table.partitions
    )
    read = f"read_parquet({names}, union_by_name = true, hive_partitioning = false, filename = '{HIDDEN}file')"
    return f"SELECT * EXCLUDE ({HIDDEN}file), {values} FROM {read}"


def _ambiguous(table: Files) -> bool:
    prefixes = tuple(f"{column}=" for column in table.partitions)
    depth = len(table.partitions)
    return any(part.startswith(prefixes) for path in table.paths[:1] for part in path.parts[: -1 - depth])


def sql_type(kind: pa.DataType) -> str:
    """The SQL type of a contract's column."""
    if pa.types.is_list(kind):
        return f"{sql_type(kind.value_type)}[]"
    if pa.types.is_decimal(kind):
        return f"DECIMAL({kind.precision},{kind.scale})"
    return _SQL_TYPES[kind]


def identifier(name: str) -> str:
    """A name as SQL, quoted."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as SQL, quoted."""
    return "'" + text.replace("'", "''") + "'"


def exact(path: str) -> str:
    """A path as a pattern that matches only itself."""
    return "".join(f"[{character}]" if character in "*?[" else character for character in path)
