"""State histories: from `sys_audit`, else from `metric_instance`.

`sys_audit` is read by the ids of records only, whenever a record is in another version than the one
whose audit rows are loaded. So a grant that comes later fills them in.
"""

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from extract import raw_store
from extract.api import Forbidden, Unavailable
from extract.sources.servicenow.client import IDS_PER_REQUEST, Listing, batches_of_ids
from extract.sources.servicenow.rows import (
    AUDIT_FIELDS,
    DEFINITION_FIELDS,
    INSTANCE_FIELDS,
    STATE_FIELDS,
    Row,
    audit_row,
    instance_row,
    known,
    text_of,
)
from extract.sources.servicenow.tables import (
    AUDITS,
    HISTORY_CHECKS,
    METRIC_DEFINITIONS,
    METRIC_INSTANCES,
    NAME,
    TABLE_PATH,
    TASK_TABLES,
)
from extract.tables import Batch

if TYPE_CHECKING:
    from extract.sources.servicenow.reader import Reader


AT_ONCE = 2
"""Requests at the same time: more run into ServiceNow's semaphores."""


@dataclass
class Histories:
    """Reads the state histories of tasks."""

    reader: "Reader"

    def read(self, state: Any) -> Iterator[Batch]:
        """Read the state histories: from sys_audit, else from metric_instance."""
        try:
            is_forbidden = self.audit_is_forbidden()
        except Unavailable as failure:  # the next load reads what this one owes
            self.reader.run.audit(AUDITS.name, status="failed", message=str(failure))
            return
        measured = []
        for table in (table for table in self.reader.census if table in TASK_TABLES):
            if not is_forbidden and table not in self.reader.unaudited:
                yield from self.reader.guarded(
                    AUDITS.name, table, lambda table=table: self.audits(table)
                )
                continue
            measured.append(table)
            why = "sys_audit is forbidden" if is_forbidden else "the table is not audited"
            self.reader.run.audit(
                AUDITS.name, scope=table, message=f"{why}; metric_instance takes its place"
            )
        if measured:
            yield from self.reader.guarded(
                METRIC_INSTANCES.name, "", lambda: self.instances(state, measured)
            )

    def audit_is_forbidden(self) -> bool:
        """Whether sys_audit refuses this user; asked by a key, which is indexed."""
        params = {
            "sysparm_query": f"documentkey={'0' * 32}",
            "sysparm_limit": 1,
            "sysparm_fields": "sys_id",
        }
        try:
            reply = self.reader.api.get(f"{TABLE_PATH}/sys_audit", params, allow=(400, 404))
        except Forbidden:
            return True
        return reply.status != 200

    def audits(self, table: str) -> Iterator[Batch]:
        """Read the audit rows of the records that changed since theirs were last read."""
        census, began = self.reader.census[table], time.monotonic()
        checked = dict(
            raw_store.rows(
                NAME,
                f"select sys_id, version from {NAME}.history_checks where table_name = $table",
                table=table,
            )
        )
        is_full_read = self.reader.run.is_full_read
        due = [
            row_id
            for row_id, (version, _) in census.known.items()
            if not census.is_gone(row_id)
            and (
                checked.get(row_id) != version
                or (is_full_read and row_id in self.reader.kept[table])
            )
        ]
        counted = extracted = unread = 0
        batches = list(batches_of_ids(due))
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for start in range(0, len(batches), AT_ONCE):
                some = batches[start : start + AT_ONCE]
                for ids, (count, rows) in zip(some, pool.map(self.audits_of, some), strict=True):
                    counted += count
                    extracted += len(rows)
                    yield (
                        AUDITS,
                        AUDITS.batch((audit_row(r, self.reader.bots) for r in rows), table),
                    )
                    if len(rows) < count:  # whose rows are missing nobody says: all stay due
                        unread += count - len(rows)
                        continue
                    per_record = Counter(row["documentkey"] for row in rows)
                    checks = (_check(table, i, census.known[i][0], per_record[i]) for i in ids)
                    yield HISTORY_CHECKS, HISTORY_CHECKS.batch(checks, table)
                self.reader.run.progress(
                    "audits of records", start * IDS_PER_REQUEST, len(due), began
                )
                if counted and not extracted:
                    break
        message = ""
        # Not a single row of a hundred records is a missing grant; they come when it is given.
        if counted and not extracted:
            message = "sys_audit shows nothing: its read grant is missing"
        elif unread:
            message = f"{unread:,} of {counted:,} rows are not shown; the next load asks for them"
        self.reader.run.audit(
            AUDITS.name,
            scope=table,
            api_count=counted,
            extracted=extracted,
            acl_gap=counted - extracted,
            status="incomplete" if message else "complete",
            message=message,
        )

    def audits_of(self, ids: list[str]) -> tuple[int, list[Row]]:
        """Return how many audit rows some records have, and those that are shown.

        Not by table: a record that changed its class has rows under its old one.
        """
        listing = self.reader.of_ids("sys_audit", ids, AUDIT_FIELDS, "documentkey")
        rows = [row for rows in listing.pages() for row in rows]
        return max(listing.count or 0, len(rows)), rows

    def instances(self, state: Any, tables: list[str]) -> Iterator[Batch]:
        """Read the changed metric instances of the active definitions on the states of tables."""
        listing = Listing(
            self.reader.api,
            "metric_definition",
            f"type=field_value_duration^tableIN{','.join((*self.reader.tables, 'task'))}",
            DEFINITION_FIELDS,
            lambda row: row.get("table") in (*self.reader.tables, "task"),
        )
        definitions = [row for rows in listing.pages() for row in rows]
        yield (
            METRIC_DEFINITIONS,
            METRIC_DEFINITIONS.batch(
                {
                    "sys_id": row["sys_id"],
                    "table_name": text_of(row.get("table")),
                    "field_name": text_of(row.get("field")),
                    "payload": known(row, DEFINITION_FIELDS),
                }
                for row in definitions
            ),
        )
        self.reader.note(METRIC_DEFINITIONS.name, "", listing)
        active = [
            row
            for row in definitions
            if row.get("active") == "true" and row.get("table") in (*tables, "task")
        ]
        stated = {row.get("table") for row in active if row.get("field") in STATE_FIELDS}
        for table in tables:
            if not stated & {table, "task"}:
                self.reader.run.audit(
                    METRIC_INSTANCES.name,
                    scope=table,
                    message="no metric on its state is active; only what loads see is known",
                )
        for definition in active:
            yield from self.spans(state, definition)

    def spans(self, state: Any, definition: Row) -> Iterator[Batch]:
        """Read the changed instances of one metric definition."""
        key, began = definition["sys_id"], time.monotonic()
        found = self.reader.changed(
            "metric_instance", state, f"metric_instance {key}", f"definition={key}", INSTANCE_FIELDS
        )
        if found is None:
            return
        listing, window, more = found
        in_window = listing.fits
        listing.fits = lambda row: in_window(row) and row.get("definition") == key
        for rows in listing.pages():
            self.reader.run.progress(METRIC_INSTANCES.name, listing.seen, listing.count, began)
            made = (instance_row(row, definition.get("field")) for row in rows)
            yield METRIC_INSTANCES, METRIC_INSTANCES.batch(made, definition.get("table") or "")
        self.reader.run.close_window(state, f"metric_instance {key}", window)
        self.reader.run.more = self.reader.run.more or more
        self.reader.note(METRIC_INSTANCES.name, definition.get("table") or "", listing, window)


def _check(table: str, sys_id: str, version: str, count: int) -> dict[str, Any]:
    row = {"table_name": table, "sys_id": sys_id, "version": version, "audit_count": count}
    return {**row, "payload": {}}
