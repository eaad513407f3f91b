"""Dimensions with their history: what a status, a board or a sprint said, and since when.

A dimension's raw table holds its latest state, and a row that the source no longer lists stays.
Beside it, `snapshots` gets a row whenever the content of a dimension's row is another than before:
categories and names of the past stay known, with the day on which we saw them change.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from extract import raw_store
from extract.tables import TEXT, TIMESTAMP, RawTable, encode


def snapshots(endpoint: str) -> RawTable:
    """Return the raw table of a source's snapshots: one row per object, id and content."""
    return RawTable(
        "snapshots",
        endpoint,
        ("object", "id", "seen_at"),
        {"object": TEXT, "id": TEXT, "seen_at": TIMESTAMP},
    )


def changed(
    source: str, table: RawTable, rows: Iterable[dict[str, Any]], server_now: datetime
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the rows of a dimension that are not loaded as they are, and their snapshots.

    Args:
        source: Name of the source.
        table: The dimension's raw table.
        rows: Its rows as they are now, with `id` and `payload`.
        server_now: The server's time.
    """
    committed = raw_store.committed(source)
    query = f"select id, payload from {source}.{table.name} where {committed}"
    loaded = dict(raw_store.rows(source, query))
    seen = dict(
        raw_store.rows(
            source,
            f"select id, arg_max(payload, seen_at) from {source}.snapshots "
            "where object = $object group by id",
            object=table.name,
        )
    )
    texts = [(row, encode(row["payload"])) for row in rows]
    return [row for row, text in texts if loaded.get(row["id"]) != text], [
        {"object": table.name, "id": row["id"], "seen_at": server_now, "payload": row["payload"]}
        for row, text in texts
        if seen.get(row["id"]) != text
    ]
