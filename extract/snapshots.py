"""Dimensions with their history: what a status, a board or a sprint said, and since when.

A dimension's raw table holds its latest state, and a row that the source no longer lists stays.
Beside it, `snapshots` gets a row whenever the content of a dimension's row is another than before:
categories and names of the past stay known, with the day on which we saw them change.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from extract import warehouse
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
    source: str, object: str, rows: Iterable[dict[str, Any]], server_now: datetime
) -> list[dict[str, Any]]:
    """Return a snapshot of every row whose payload is not the last one that was seen.

    Args:
        source: Name of the source.
        object: Name of the dimension's raw table.
        rows: Its rows as they are now, with `id` and `payload`.
        server_now: The server's time.
    """
    last = dict(
        warehouse.rows(
            source,
            f"select id, arg_max(payload, seen_at) from {source}.snapshots "
            "where object = $object group by id",
            object=object,
        )
    )
    return [
        {"object": object, "id": row["id"], "seen_at": server_now, "payload": row["payload"]}
        for row in rows
        if last.get(row["id"]) != encode(row["payload"])
    ]
