"""Opens Delta tables where they lie: on a disk, or in an object store through the library's own store.

What a store says is never passed on as it is: its texts hold addresses, and those may hold a token.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from deltalake import DeltaTable, Schema

from omptool.store import lease, objects
from omptool.store.location import Location
from omptool.store.remote import Remote


def open_table(path: Location, version: int | None = None) -> DeltaTable:
    """The table at a version, or at the newest.

    Raises:
        TableNotFoundError, DeltaError, ValueError, OSError: as the library says, of the table.
        OmptoolError: the store did not let us in, or is not there.
    """
    if not isinstance(path, Remote):
        return DeltaTable(str(path), version=version)
    options = _options(path)
    return objects.waited(path, lambda: DeltaTable(str(path), version=version, storage_options=options))


def create_table(
    path: Location, schema: Schema, *, partition_by: Sequence[str], name: str, configuration: Mapping[str, str]
) -> DeltaTable:
    """The empty table, made where there is none; errors as `open_table`."""
    options = _options(path) if isinstance(path, Remote) else None

    def create() -> DeltaTable:
        return DeltaTable.create(
            str(path),
            schema,
            mode="ignore",
            partition_by=list(partition_by),
            name=name,
            configuration=dict(configuration),
            raise_if_key_not_exists=False,
            storage_options=options,
        )

    if not isinstance(path, Remote):
        return create()
    lease.confirm(path.parent)
    return objects.waited(path, create)


def change(path: Location, table: DeltaTable, work: Callable[[DeltaTable], object]) -> DeltaTable:
    """Commit to a table: `work` does it; errors as `open_table`.

    Returns:
        The table at its new version.

    Raises:
        LakeError: in a store, where it is not certain that nobody else writes.
    """
    if not isinstance(path, Remote):
        work(table)
        return table
    if objects.opened(path)[1].keys is not None:  # it may have been open longer than its keys hold
        table = open_table(path, table.version())
    lease.confirm(path.parent)
    objects.waited(path, lambda: work(table))
    return table


def _options(path: Remote) -> dict[str, str]:
    return objects.opened(path)[1].for_tables() | {"max_retries": "10", "retry_timeout": f"{objects.RETRY_S}s"}
