"""The census of a table: rows whose `sys_updated_on` was set back, and what is gone.

A deleted record is looked up in `sys_audit_delete` and in the archive; it stays in the raw tables
and gets a tombstone.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from extract import raw_store
from extract.api import Forbidden
from extract.census import MISSED, PRESENT, Findings
from extract.sources.servicenow.client import (
    SAFETY_LAG,
    Listing,
    NotInstalled,
    batches_of_ids,
    count_rows,
    literal,
)
from extract.sources.servicenow.rows import DELETE_FIELDS, FIELDS, version_of
from extract.sources.servicenow.tables import (
    NAME,
    RECORD_TABLES,
    TABLE_PATH,
    TASK_TABLES,
    TOMBSTONES,
)
from extract.tables import Batch, instant

if TYPE_CHECKING:
    from extract.sources.servicenow.reader import Reader


ID_PAGE = 10_000


@dataclass
class TableCensus:
    """Compares all that a table shows with what is loaded."""

    reader: "Reader"

    def count(self, state: Any, table: str) -> Iterator[Batch]:
        """Compare all that a table shows with what is loaded: what was missed, and what is gone."""
        census = self.reader.census[table]
        if not census.is_due(state, self.reader.run.server_now):
            return
        raw, start = RECORD_TABLES[table], self.reader.run.start
        query = f"sys_updated_on>={literal(start)}" if start else ""
        listing = Listing(
            self.reader.api,
            table,
            query,
            ("sys_id", "sys_updated_on", "sys_mod_count"),
            lambda row: not start or (instant(row.get("sys_updated_on")) or start) >= start,
            ID_PAGE,
        )
        listed, due = {}, set()
        for rows in listing.pages():
            for row in rows:
                listed[row["sys_id"]] = (version_of(row), table)
                updated = instant(row.get("sys_updated_on"))
                if updated and updated >= self.reader.run.server_now - SAFETY_LAG:
                    due.add(row["sys_id"])  # of the next window, not missed by the last one
        found = census.compare(listed)
        proofs, verdicts = self.fates(table, found)
        missed = [row_id for row_id in found.wanted if row_id not in due]
        present = [row_id for row_id, verdict in verdicts.items() if verdict == PRESENT]
        read = 0
        for rows in self.reader.among(table, [*found.wanted, *present], FIELDS[table]):
            read += len(rows)
            yield from self.reader.keep(table, rows)
        marks = census.settle(found, verdicts, self.reader.run.server_now)
        for _, mark in marks:
            mark["gone_at"] = mark["gone_at"] and proofs.get(mark["id"], mark["gone_at"])
        yield TOMBSTONES, TOMBSTONES.mixed(marks)
        census.note(self.reader.run, found)
        census.close(state, self.reader.run.server_now)
        hidden = listing.gap
        self.reader.run.audit(
            raw.name,
            scope=table,
            extracted=read,
            acl_gap=hidden,
            message="; ".join(
                filter(
                    None,
                    (
                        f"{hidden:,} of {listing.count:,} rows are hidden from this user"
                        if hidden
                        else "",
                        f"the census found {len(missed):,} rows that the windows had not"
                        if missed
                        else "",
                    ),
                )
            ),
        )

    def fates(
        self, table: str, found: Findings
    ) -> tuple[dict[str, datetime | None], dict[str, str]]:
        """Find out what became of records that a table does not show any more.

        Returns:
            When each logged deletion happened, and the verdict on each suspect of the census. A
            logged deletion makes a suspect of a record that was missed once only.
        """
        absent = [*found.missed, *found.suspects]
        if not absent:
            return {}, {}
        logged = self.deletions(table, absent)
        for row_id in [row_id for row_id in found.missed if row_id in (logged or {})]:
            found.missed.remove(row_id)
            found.suspects.append(row_id)
            self.reader.census[table].marks[row_id] = (MISSED, self.reader.run.server_now, None)
        suspects = found.suspects
        present = self.shown(table, suspects)
        archived = self.shown(f"ar_{table}", suspects)
        moved = self.shown("task", suspects) if table in TASK_TABLES else set()
        unlogged = [row_id for row_id in suspects if row_id not in (logged or {})]
        hidden = self.hidden(table, [row_id for row_id in unlogged if row_id not in present])

        def verdict(row_id: str) -> str:
            if row_id in present:
                return PRESENT
            if row_id in archived:
                return "archived"
            if row_id in moved:
                return "moved"
            if row_id in hidden:
                return "no_access"
            # Where deletions are logged, one that is not in the log may be a lost permission.
            return "deleted" if logged is None or row_id in logged else "unknown"

        return logged or {}, {row_id: verdict(row_id) for row_id in suspects}

    def deletions(self, table: str, ids: list[str]) -> dict[str, datetime | None] | None:
        """Return when records were deleted, or None where the log of deletions says nothing.

        Without its grant the log is forbidden, or looks empty.
        """
        ask = {
            "sysparm_query": f"tablename={table}",
            "sysparm_limit": 1,
            "sysparm_fields": "sys_id",
        }
        try:
            reply = self.reader.api.get(f"{TABLE_PATH}/sys_audit_delete", ask, allow=(400, 404))
            if reply.status != 200 or not reply.data.get("result"):
                return None
            pages = self.reader.among("sys_audit_delete", ids, DELETE_FIELDS, "documentkey")
            return {
                row["documentkey"]: instant(row.get("sys_created_on"))
                for rows in pages
                for row in rows
            }
        except (NotInstalled, Forbidden):
            return None

    def shown(self, table: str, ids: list[str]) -> set[str]:
        """Return which ids a table shows; a table that is not there or not for us shows none."""
        try:
            pages = self.reader.among(table, ids, ("sys_id",))
            return {row["sys_id"] for rows in pages for row in rows}
        except (NotInstalled, Forbidden):
            return set()

    def hidden(self, table: str, ids: list[str]) -> set[str]:
        """Return which ids a table counts, although it does not show them."""
        found = set()
        for some in batches_of_ids(ids):
            if count_rows(self.reader.api, table, f"sys_idIN{','.join(some)}"):
                found |= {
                    row_id
                    for row_id in some
                    if count_rows(self.reader.api, table, f"sys_id={row_id}")
                }
        return found

    def open_slas(self) -> Iterator[Batch]:
        """Read the SLAs that were running when they were last read: they end without a trace."""
        census = self.reader.census["task_sla"]
        running = raw_store.rows(NAME, f"select sys_id from {NAME}.task_slas where is_active")
        left = [
            row_id
            for (row_id,) in running
            if row_id not in self.reader.kept["task_sla"] and not census.is_gone(row_id)
        ]
        for rows in self.reader.among("task_sla", left, FIELDS["task_sla"]):
            yield from self.reader.keep("task_sla", rows)
