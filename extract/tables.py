"""Raw tables: typed keys and cursors beside one JSON payload, yielded to dlt as Arrow tables."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import dlt
import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from dlt.sources import DltResource

TEXT, BIGINT, BOOLEAN, TIMESTAMP = "text", "bigint", "bool", "timestamp"
ARROW_TYPES = {
    TEXT: pa.string(),
    BIGINT: pa.int64(),
    BOOLEAN: pa.bool_(),
    TIMESTAMP: pa.timestamp("us", tz="UTC"),
}

EARLIEST, LATEST = datetime(1990, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
"""What lies outside is a slip (a year of two digits, a zero): it is loaded as no time, and named.

One of the year 21 would make days of twenty centuries of every table.
"""

BY_AUTHORS, ANY_TIME = "authored_at", datetime(1970, 1, 1, tzinfo=UTC)
"""Authors date commits as they like; models hold these against their repository."""

absurd: dict[tuple[str, str], list[str]] = {}
"""Times outside that this load has met: (table, column) → keys of the rows."""

_encoder = msgspec.json.Encoder()


@dataclass(frozen=True)
class RawTable:
    """One raw table of one source.

    Args:
        name: Plural noun of what a row is.
        endpoint: Path of the API that fills it, for lineage.
        key: Columns of the primary key: the source's immutable ids.
        columns: Typed columns beside the payload, name to dlt type.
        work_item_kind: What a row is as a work item (issue, pull_request, incident ...); None
            where it is none. The proof that no item is lost goes by it.
        former_name: Name of the table in raw files and archives of older versions; its rows are
            moved at the next load.
    """

    name: str
    endpoint: str
    key: tuple[str, ...]
    columns: dict[str, str]
    work_item_kind: str | None = None
    former_name: str | None = None

    @property
    def all_columns(self) -> dict[str, str]:
        """Every column, in order, with its dlt type."""
        return {**self.columns, "payload": TEXT, "_scope": TEXT, "_fetched_at": TIMESTAMP}

    def batch(self, rows: Iterable[dict[str, Any]], scope: str = "") -> pa.Table:
        """Return rows as one Arrow table.

        Args:
            rows: One dict per row with the typed columns and `payload` as a JSON-ready object.
            scope: The part of the source that the rows belong to (project, repository, table).
        """
        rows = list(rows)
        values = {name: [row.get(name) for row in rows] for name in self.columns}
        return self.arrow(values, [encode(row["payload"]) for row in rows], [scope] * len(rows))

    def arrow(
        self, values: Mapping[str, list[Any]], payloads: list[str], scopes: list[str]
    ) -> pa.Table:
        """Return columns as one Arrow table; times are datetimes, or microseconds since 1970."""
        count, fetched_at = len(payloads), datetime.now(UTC)
        columns = {
            **values,
            "payload": payloads,
            "_scope": scopes,
            "_fetched_at": [fetched_at] * count,
        }
        made = {
            name: pa.array(columns[name], ARROW_TYPES[kind])
            for name, kind in self.all_columns.items()
        }
        for name, kind in self.columns.items():
            if kind == TIMESTAMP:
                made[name] = self._quarantined(name, made)
        return pa.table(made)

    def _quarantined(self, name: str, columns: Mapping[str, pa.Array]) -> pa.Array:
        """Return a column of times without those that cannot be, and note whose they were."""
        times, kind = columns[name], ARROW_TYPES[TIMESTAMP]
        earliest = pa.scalar(ANY_TIME if name == BY_AUTHORS else EARLIEST, kind)
        latest = pa.scalar(LATEST, kind)
        ends = pc.min_max(times)
        if not ends["min"].is_valid or (
            ends["min"].value >= earliest.value and ends["max"].value < latest.value
        ):
            return times
        is_good = pc.and_(pc.greater_equal(times, earliest), pc.less(times, latest))
        bad = pc.invert(pc.fill_null(is_good, True))
        keys = pc.filter(columns[self.key[-1]].cast(pa.string()), bad).to_pylist()
        absurd.setdefault((self.name, name), []).extend(map(str, keys))
        return pc.if_else(is_good, times, pa.scalar(None, kind))

    def mixed(self, rows: Iterable[tuple[str, dict[str, Any]]]) -> pa.Table:
        """Return (scope, row) pairs as one Arrow table."""
        rows = list(rows)
        values = {name: [row.get(name) for _, row in rows] for name in self.columns}
        return self.arrow(
            values, [encode(row["payload"]) for _, row in rows], [scope for scope, _ in rows]
        )

    @property
    def hints(self) -> dict[str, Any]:
        """The dlt hints of this table.

        Rows with one key replace each other, the newest fetched wins. Nothing is ever removed.
        """
        return {
            "primary_key": list(self.key),
            "write_disposition": {"disposition": "merge", "strategy": "delete-insert"},
            "columns": {
                name: {
                    "data_type": kind,
                    "nullable": name not in self.key,
                    **({"dedup_sort": "desc"} if name == "_fetched_at" else {}),
                }
                for name, kind in self.all_columns.items()
            },
        }


Batch = tuple[RawTable, pa.Table]
"""Rows, and the raw table that they are of."""


def resource(
    name: str, tables: Iterable[RawTable], read: Callable[[], Iterable[Batch]]
) -> DltResource:
    """Return the dlt resource that merges what `read` yields into the tables that it names.

    Args:
        name: Name of the resource: dlt keeps its state under it.
        tables: The tables that it fills.
        read: Reads the rows; a batch without rows is passed over.
    """

    def rows() -> Iterator[Any]:
        for table, batch in read():
            if batch.num_rows:
                yield dlt.mark.with_table_name(batch, table.name)

    made = dlt.resource(rows, name=name, max_table_nesting=0)
    for table in tables:
        made.apply_hints(table_name=table.name, create_table_variant=True, **table.hints)
    return made


def encode(payload: Any) -> str:
    """Return a payload as JSON text that every database can hold: no lone surrogate, no NUL."""
    try:
        text = _encoder.encode(payload).decode()
    except UnicodeEncodeError:
        return encode(clean(payload))
    if "\\u0000" not in text:
        return text
    value = msgspec.json.decode(text)
    cleaned = clean(value)
    return text if cleaned == value else encode(cleaned)


def decode(content: bytes, type: Any = Any) -> Any:
    """Return decoded JSON, cleaned of lone surrogates, which real trackers do send.

    Raises:
        msgspec.ValidationError: It has another form than `type`.
        ValueError: The text is not JSON.
    """
    try:
        return msgspec.json.decode(content, type=type)
    except msgspec.ValidationError:
        raise
    except (msgspec.DecodeError, UnicodeDecodeError):
        # The standard library reads them.
        return msgspec.json.decode(_encoder.encode(clean(json.loads(content))), type=type)


def clean(value: Any) -> Any:
    """Return a JSON value without lone surrogates and NUL characters in its texts."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode().replace("\x00", "")
    if isinstance(value, list):
        return [clean(element) for element in value]
    if isinstance(value, dict):
        return {clean(name): clean(element) for name, element in value.items()}
    return value


def instant(value: object) -> datetime | None:
    """Return a source's time as a UTC instant.

    Accepts ISO texts with any offset (`Z`, `+0000`, `+02:00`), epoch milliseconds as number or
    text, and `YYYY-MM-DD HH:MM:SS` (UTC by contract). Empty or unreadable values give None.
    """
    if value in (None, ""):
        return None
    text = str(value).strip()
    try:
        if text.lstrip("-").isdigit() and len(text) > 8:
            return datetime.fromtimestamp(int(text) / 1000, UTC)
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        return None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
