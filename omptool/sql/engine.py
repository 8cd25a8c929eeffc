"""Who answers a statement: the `Engine` that `query` and analyses talk to, and the one inside this process.

An engine takes a statement with bound parameters and gives Arrow batches; where the rows are computed is its own
matter.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from types import TracebackType
from typing import Protocol, TypeVar, runtime_checkable

import duckdb
import pyarrow as pa
from duckdb import sqltypes

from omptool.errors import OmptoolError, QueryError
from omptool.sources.source import Named
from omptool.sql import confine, faults, gate, holding, views
from omptool.sql.duckdb import connect, keep_footers, make_repeatable, open_stores

BATCH_ROWS = 16_384

_T = TypeVar("_T")
_POLL_S = 0.1
"""How often a waiting thread looks for Ctrl-C."""


class Engine(Protocol):
    """Answers statements over the views of the contract."""

    def run(self, statement: str, parameters: Mapping[str, object] | None = None) -> pa.RecordBatchReader:
        """Start a statement; rows are computed while the reader is read.

        Args:
            statement: one statement that reads, in DuckDB's dialect, with `$NAME` for parameters.
            parameters: name → int, float, bool, str, datetime, timedelta, list or None.

        Raises:
            QueryError: the engine refuses the statement; also later, from the reader.
        """
        ...

    def cancel(self) -> None:
        """Stop the running statement; its reader raises QueryError."""
        ...


@runtime_checkable
class Holding(Engine, Protocol):
    """An engine that can hold rows between statements."""

    def held(self, statement: str, parameters: Mapping[str, object]) -> AbstractContextManager[str]:
        """The rows of a statement as a table that later statements name, as long as the block lasts."""
        ...


class LocalEngine:
    """DuckDB in this process over captures, lakes and files. A context manager; one statement at a time.

    DuckDB works in a thread of its own, so that Ctrl-C reaches the caller while a statement is busy.
    """

    def __init__(
        self,
        sources: Sequence[Named] = (),
        *,
        tz: str | None = None,
        repeatable: bool = False,
        confinement: confine.Confinement | None = None,
        memory: int | None = None,
    ) -> None:
        """Open the views over `sources`.

        Args:
            tz: time zone of the SQL session; default UTC.
            repeatable: the same rows, digits and order on every run over the same files.
            confinement: for statements of other people: strict gate, no other file than those of the views, limits.
            memory: bytes that may be held before rows are spilled; None: a share of the machine's.
        """
        self.columns: tuple[tuple[str, str], ...] = ()
        """Names and SQL types of the statement that ran last."""
        self._failures: list[OmptoolError] = []
        self._tables = 0
        self._stack = contextlib.ExitStack()
        self._admit = gate.admit if confinement is None else gate.admit_remote
        limits = {} if memory is None else {"memory_limit": f"{memory}B"}
        if confinement is not None:
            limits = confinement.limits()
        with contextlib.ExitStack() as opening:
            self._connection = opening.enter_context(connect(tz=tz, **limits))
            with self._explained(""):
                open_stores(self._connection, views.schemes(sources), self._failures.append)
                if views.all_fixed(sources):
                    keep_footers(self._connection)
                views.register(self._connection, sources, self._failures.append)
                if confinement is not None and confinement.threads is not None:
                    self._connection.execute(f"SET threads = {confinement.threads}")
                if repeatable:
                    make_repeatable(self._connection)
                if confinement is not None:
                    confine.shut(self._connection, sources, confinement)
            self._worker = opening.enter_context(concurrent.futures.ThreadPoolExecutor(1, "omptool-sql"))
            self._names = views.names(sources)
            self._stack = opening.pop_all()

    def __enter__(self) -> LocalEngine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop what runs and free everything; readers are dead afterwards."""
        self.cancel()
        self._stack.close()

    def cancel(self) -> None:
        self._connection.interrupt()

    def run(self, statement: str, parameters: Mapping[str, object] | None = None) -> pa.RecordBatchReader:
        with self._explained(statement):
            admitted = self._admit(self._connection, statement)
            bound = _bound(admitted, parameters or {})
            reader = self._wait(lambda: self._open(statement, bound))
        return pa.RecordBatchReader.from_batches(reader.schema, self._batches(statement, reader))

    @contextlib.contextmanager
    def held(self, statement: str, parameters: Mapping[str, object]) -> Iterator[str]:
        self._tables += 1
        name = f"{views.HIDDEN}held_{self._tables}"
        with self._explained(statement):
            admitted = self._admit(self._connection, statement)
            bound = _bound(admitted, parameters)
            try:
                self._wait(lambda: holding.hold(self._connection, name, statement, bound))
                yield name
            finally:
                self._wait(lambda: holding.release(self._connection, name))

    def _open(self, statement: str, bound: dict[str, object]) -> pa.RecordBatchReader:
        try:
            relation = self._connection.sql(statement, params=bound)
            self.columns = tuple(zip(relation.columns, map(str, relation.types), strict=True))
            return relation.to_arrow_reader(BATCH_ROWS)
        except (duckdb.BinderException, duckdb.CatalogException):
            # sql() drops position and candidates of these; execute() fails at the same point and keeps them
            self._connection.execute(statement, bound)
            self._connection.abort()
            raise

    def _batches(self, statement: str, reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
        while True:
            with self._explained(statement):
                batch = self._wait(lambda: _next(reader))
            if batch is None:
                return
            yield batch

    def _wait(self, work: Callable[[], _T]) -> _T:
        """Do `work` in DuckDB's thread; whatever interrupts the waiting interrupts the work first."""
        future = self._worker.submit(work)
        try:
            while not concurrent.futures.wait([future], timeout=_POLL_S).done:
                pass
        except BaseException:
            self._connection.interrupt()
            concurrent.futures.wait([future])
            raise
        return future.result()

    @contextlib.contextmanager
    def _explained(self, statement: str) -> Iterator[None]:
        """DuckDB's errors as ours; an error of a source that DuckDB passed on as itself."""
        try:
            yield
        except (duckdb.Error, pa.ArrowException, OSError, MemoryError) as error:  # pyarrow's for a scan are OSErrors
            if self._failures:
                raise self._failures.pop() from None
            if isinstance(error, OSError) and not faults.is_engines(error):
                raise
            raise faults.explain(error, statement, getattr(self, "_names", ())) from None


def _next(reader: pa.RecordBatchReader) -> pa.RecordBatch | None:
    try:
        return reader.read_next_batch()
    except StopIteration:
        return None


def _bound(statement: duckdb.Statement, parameters: Mapping[str, object]) -> dict[str, object]:
    """The values of the parameters that the statement names."""
    wanted = set(statement.named_parameters)
    if missing := sorted(wanted - parameters.keys()):
        numbered = any(name.isdigit() for name in missing)
        what = (
            "parameters have names: write $NAME instead of ? or $1" if numbered else f"add --param {missing[0]}=VALUE"
        )
        raise QueryError(f"no value for ${', $'.join(missing)}", what)
    if unused := sorted(parameters.keys() - wanted):
        raise QueryError(f"the statement has no parameter ${', $'.join(unused)}", _named(wanted))
    return {name: _value(parameters[name]) for name in wanted}


def _named(wanted: set[str]) -> str:
    return f"it has ${', $'.join(sorted(wanted))}" if wanted else "write $NAME where the value belongs"


def _value(value: object) -> object:
    """A Python value with the SQL type of C6: integers are BIGINT whatever their size."""
    if isinstance(value, int) and not isinstance(value, bool):
        return duckdb.Value(value, sqltypes.BIGINT if -(2**63) <= value < 2**63 else sqltypes.HUGEINT)
    if isinstance(value, list) and value and all(type(item) is int for item in value):
        return duckdb.Value(value, duckdb.list_type(sqltypes.BIGINT))
    if value is None or isinstance(value, bool | float | str | datetime | timedelta | list):
        return value
    raise QueryError(f"a parameter cannot be a {type(value).__name__}")
