"""Views of a layer as tables of an Iceberg catalogue.

A table is replaced in one transaction, for a merge changes rows of long ago: readers see the
former rows or the new ones. A snapshot says of which manifest it is, and what is there already is
not written again. The table says up to which erasure no snapshot of it holds an erased customer.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping
from importlib import resources
from typing import Any, Final, NamedTuple

import msgspec

from cjo_stream.errors import RetryError, UsageError
from cjo_stream.insight.layer.manifest import Manifest
from cjo_stream.insight.layer.reading import VIEWS

POSITION: Final = "cjo.position"
"""Of a snapshot: the number of the manifest."""
UNTIL: Final = "cjo.until"
"""Of a snapshot: the time of the latest record, ms."""
CONTENT: Final = "cjo.content"
"""Of a snapshot: what its rows follow from, as a hash."""
ERASED: Final = "cjo.erased"
"""Of a table: the erasures of which no snapshot holds a customer."""
_BATCH_ROWS: Final = 10_000
_FILE_BYTES: Final = 128 * 2**20
"""Of a file, before it is compressed: files wait in memory until they are written."""


class Written(NamedTuple):
    """What became of a table."""

    rows: int
    is_new: bool
    """Whether it was written: it was not of this manifest yet."""
    is_erasing: bool
    """Whether customers were erased since earlier snapshots, which have gone."""
    kept: int
    """Earlier snapshots that a tag or a branch keeps, with the customers who were erased since."""


def open_catalogue(name: str, properties: Mapping[str, str]) -> Any:
    """Return a catalogue of PyIceberg; it is to be closed."""
    try:
        import duckdb  # noqa: F401 - the extra brings both
        from pyiceberg.catalog import load_catalog
    except ImportError:
        raise UsageError("Iceberg needs PyIceberg: pip install 'cjo-stream[iceberg]'") from None
    try:
        return load_catalog(name, **properties)
    except Exception as error:
        raise UsageError(
            f"the catalogue {name} cannot be opened ({error}): say where it is with --property "
            "uri=… or in .pyiceberg.yaml, and install what PyIceberg needs for its kind"
        ) from error


def write_view(
    catalogue: Any, namespace: str, view: str, connection: Any, manifest: Manifest
) -> Written:
    """Make a view's table hold the view's rows, and none of a customer who was erased.

    Raises UsageError for a table that is not this function's, or cannot take the view's columns.
    """
    from pyiceberg.exceptions import (
        CommitFailedException,
        TableAlreadyExistsError,
        ValidationException,
    )

    name = f"{namespace}.{view}"
    try:
        is_new = _write(catalogue, name, view, connection, manifest)
        table = catalogue.load_table(name)
        kept = 0
        is_erasing = table.properties[ERASED] != str(manifest.erased)
        if is_erasing:
            kept = _expire(table, manifest.erased)
    except (CommitFailedException, TableAlreadyExistsError, ValidationException):
        raise RetryError(
            f"another process wrote to {name} at the same time, and was first: give the command "
            "again"
        ) from None
    rows = int(table.current_snapshot().summary["total-records"])
    return Written(rows, is_new, is_erasing, kept)


def _write(catalogue: Any, name: str, view: str, connection: Any, manifest: Manifest) -> bool:
    """Write a table, in one commit, unless it is of this manifest; return whether it was not."""
    summary = {
        POSITION: str(manifest.generation),
        CONTENT: _content_of(manifest),
        **({} if manifest.until is None else {UNTIL: str(manifest.until)}),
    }
    if not catalogue.table_exists(name):
        catalogue.create_namespace_if_not_exists(name.rpartition(".")[0])
        properties = {
            ERASED: str(manifest.erased),
            "write.target-file-size-bytes": str(_FILE_BYTES),
        }
        rows = _rows_of(connection, view)
        with catalogue.create_table_transaction(
            name, rows.schema, properties=properties
        ) as transaction:
            transaction.append(rows, snapshot_properties=summary)
        return True
    table = catalogue.load_table(name)
    if ERASED not in table.properties:
        raise UsageError(
            f"the table {name} was made by something else, and would be replaced: name another "
            "--namespace"
        )
    now = table.current_snapshot()
    if now is not None and now.summary.additional_properties.get(CONTENT) == summary[CONTENT]:
        return False
    rows = _rows_of(connection, view)
    with warnings.catch_warnings(), table.transaction() as transaction:
        # There is nothing to delete in a table without rows.
        warnings.filterwarnings("ignore", "Delete operation did not match any records")
        _take_columns(transaction, name, rows.schema)
        transaction.overwrite(rows, snapshot_properties=summary)
    return True


def _take_columns(transaction: Any, name: str, schema: Any) -> None:
    """Add to a table the columns that it lacks."""
    from pyiceberg.exceptions import ValidationError

    try:
        with transaction.update_schema() as columns:
            columns.union_by_name(schema)
    except ValidationError as error:
        raise UsageError(
            f"the table {name} has a column of another type ({error}): drop the table, or name "
            "another --namespace"
        ) from None


def _expire(table: Any, erased: int) -> int:
    """Expire a table's earlier snapshots; return how many a tag or a branch keeps."""
    now = table.current_snapshot().snapshot_id
    named = {one.snapshot_id for one in table.refs().values()} - {now}
    earlier = {one.snapshot_id for one in table.snapshots()} - {now} - named
    if earlier:
        table.maintenance.expire_snapshots().by_ids(sorted(earlier)).commit()
    if not named:
        with table.transaction() as transaction:
            transaction.set_properties({ERASED: str(erased)})
    return len(named)


def _rows_of(connection: Any, view: str) -> Any:
    """Return the rows of a view, to be read once, some at a time."""
    return connection.sql(f'FROM "{view}"').to_arrow_reader(_BATCH_ROWS)


def _content_of(manifest: Manifest) -> str:
    """Return a hash of what the rows of views follow from: the manifest, and the views."""
    content = hashlib.sha256(msgspec.json.encode(manifest))
    for view in VIEWS:
        content.update(
            resources.files("cjo_stream.insight.view").joinpath(f"{view}.sql").read_bytes()
        )
    return content.hexdigest()
