"""The tables of records, window by window, and what the instance is like."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import dlt
from dlt.sources import DltSource

from extract.api import Api, FailureStreak, Forbidden, IncompleteRead, Unavailable
from extract.census import Census
from extract.run import LoadRun
from extract.sources.servicenow.census import TableCensus
from extract.sources.servicenow.client import (
    AUDIT_PAGE,
    MOST_IN_WINDOW,
    PAGE,
    SAFETY_LAG,
    Listing,
    NotInstalled,
    batches_of_ids,
    connect,
    count_rows,
    in_window,
    server_time,
    span,
)
from extract.sources.servicenow.histories import Histories
from extract.sources.servicenow.references import References
from extract.sources.servicenow.rows import (
    DICTIONARY_FIELDS,
    FIELDS,
    SLA_DEFINITION_FIELDS,
    STATE_FIELDS,
    SYSTEM_USERS,
    VERSION,
    Row,
    known,
    record_row,
    text_of,
    truth_of,
    version_of,
    version_row,
)
from extract.sources.servicenow.settings import ServiceNowSettings
from extract.sources.servicenow.tables import (
    CHOICES,
    DICTIONARY_ENTRIES,
    GROUPS,
    NAME,
    RECORD_TABLES,
    RECORD_VERSIONS,
    SERVICES,
    SLA_DEFINITIONS,
    TABLES,
    TASK_SLAS,
    TASK_TABLES,
)
from extract.tables import Batch, resource
from extract.windows import Window, bisect_window

OVERLAP = timedelta(minutes=10)


@dataclass
class Reader:
    """Reads every table of one load, one after the other.

    Attributes:
        kept: Ids of the records that this load has read, by table.
        census: What is loaded of every table that could be read, by table; windows add to it.
        columns: Columns of this instance, by table; empty where sys_dictionary is not readable.
        unaudited: Tables whose changes sys_audit does not keep.
        bots: Names of users that are programs.
        outage: Counts the tables in a row that gave no answer.
    """

    run: LoadRun
    api: Api
    tables: Sequence[str]
    kept: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    census: dict[str, Census] = field(default_factory=dict)
    columns: dict[str, set[str]] = field(default_factory=dict)
    unaudited: set[str] = field(default_factory=set)
    bots: Set[str] = SYSTEM_USERS
    outage: FailureStreak = field(default_factory=FailureStreak)

    def everything(self) -> Iterator[Batch]:
        """Yield everything that changed."""
        state = dlt.current.resource_state()
        yield from self.guarded(DICTIONARY_ENTRIES.name, "", self.dictionary)
        self.find_bots()
        for table in self.tables:
            yield from self.guarded(
                RECORD_TABLES[table].name, table, lambda table=table: self.records(state, table)
            )
        census, references = TableCensus(self), References(self)
        if not self.run.more and not self.run.is_backfill:
            for table in self.census:
                yield from self.guarded(
                    RECORD_TABLES[table].name, table, lambda table=table: census.count(state, table)
                )
            if "task_sla" in self.census:
                yield from self.guarded(TASK_SLAS.name, "task_sla", census.open_slas)
        yield from Histories(self).read(state)
        if not self.run.windows:
            for raw, read in (
                (CHOICES, references.choices),
                (GROUPS, lambda: references.named(GROUPS, "sys_user_group", ("sys_id", "name"))),
                (
                    SERVICES,
                    lambda: references.named(SERVICES, "cmdb_ci_service", ("sys_id", "name")),
                ),
                (
                    SLA_DEFINITIONS,
                    lambda: references.named(
                        SLA_DEFINITIONS, "contract_sla", SLA_DEFINITION_FIELDS
                    ),
                ),
            ):
                yield from self.guarded(raw.name, "", read)

    def guarded(
        self, object: str, scope: str, read: Callable[[], Iterator[Batch]]
    ) -> Iterator[Batch]:
        """Read one table; its own failures are noted, and the other tables go on.

        Raises:
            Unavailable: Several tables in a row give no answer: it is the instance.
        """
        try:
            yield from read()
        except NotInstalled as absent:
            self.run.audit(object, scope=scope, message=f"{absent} is not installed")
        except (Forbidden, IncompleteRead, Unavailable) as failure:
            self.outage.note(failure)
            if isinstance(failure, Unavailable) and object == DICTIONARY_ENTRIES.name:
                raise  # what the instance is like must be known, or rows would be read by half
            self.run.audit(object, scope=scope, status="failed", message=str(failure))
            return
        self.outage.end()

    # what the instance is like

    def dictionary(self) -> Iterator[Batch]:
        """Read which columns this instance has, and which tables are audited."""
        names = (*self.tables, "task", "sys_user")
        listing = Listing(
            self.api,
            "sys_dictionary",
            f"nameIN{','.join(names)}",
            DICTIONARY_FIELDS,
            lambda row: row.get("name") in names,
        )
        audited: set[str] = set()
        for rows in listing.pages():
            for row in rows:
                name, element = row["name"], row.get("element") or ""
                self.columns.setdefault(name, set()).add(element)
                # An audited table has the flag on its own entry, a single field on the field's.
                if truth_of(row.get("audit")) and element in ("", *STATE_FIELDS):
                    audited.add(name)
            if not self.run.windows:
                yield (
                    DICTIONARY_ENTRIES,
                    DICTIONARY_ENTRIES.batch(
                        {
                            "sys_id": row["sys_id"],
                            "table_name": text_of(row.get("name")),
                            "element": text_of(row.get("element")),
                            "is_audited": truth_of(row.get("audit")),
                            "payload": known(row, DICTIONARY_FIELDS),
                        }
                        for row in rows
                    ),
                )
        if "audit" in listing.columns:
            self.unaudited = {
                table
                for table in self.tables
                if table in TASK_TABLES and table in self.columns and table not in audited
            }
        if not self.run.windows:
            self.note(DICTIONARY_ENTRIES.name, "", listing)

    def find_bots(self) -> None:
        """Read the names of the users that are programs: their changes are not a person's."""
        if "web_service_access_only" not in self.columns.get("sys_user", ()):
            return
        listing = Listing(
            self.api,
            "sys_user",
            "web_service_access_only=true",
            ("sys_id", "user_name", "web_service_access_only"),
            lambda row: row.get("web_service_access_only") == "true",
        )
        try:
            names = {row.get("user_name") or "" for rows in listing.pages() for row in rows}
        except (NotInstalled, Forbidden, IncompleteRead) as failure:
            self.run.audit(
                "users", message=f"programs and people cannot be distinguished: {failure}"
            )
        else:
            self.bots = SYSTEM_USERS | names

    # records: windows, then a census

    def window(self, state: Any, scope: str) -> Window | None:
        """Return the window to read next, or None when all is read."""
        window = self.run.next_window(state, scope, overlap=OVERLAP, safety_lag=SAFETY_LAG)
        return None if window.lo is not None and window.lo >= window.hi else window

    def changed(
        self, table: str, state: Any, scope: str, query: str, fields: Sequence[str]
    ) -> tuple[Listing, Window, bool] | None:
        """Return the listing of what changed in a table, its window, and whether more follows."""
        window = self.window(state, scope)
        if window is None:
            return None
        prefix = f"{query}^" if query else ""
        part, count = bisect_window(
            window,
            lambda part: count_rows(self.api, table, prefix + span(part)),
            MOST_IN_WINDOW,
        )
        listing = Listing(
            self.api, table, prefix + span(part), fields, in_window(part), PAGE, count
        )
        return listing, part, part.hi < window.hi

    def records(self, state: Any, table: str) -> Iterator[Batch]:
        """Read the changed records of a table."""
        raw, began = RECORD_TABLES[table], time.monotonic()
        census = Census.of(NAME, raw, version=VERSION)
        found = self.changed(table, state, table, "", FIELDS[table])
        self.census[table] = census
        if found is None:
            return
        listing, window, more = found
        for rows in listing.pages():
            self.run.progress(raw.name, listing.seen, listing.count, began)
            yield from self.keep(table, rows)
        self.run.close_window(state, table, window)
        self.run.more = self.run.more or more
        # The census sees everything that is hidden, the window its own part of it only.
        has_census = census.is_due(state, self.run.server_now) and not self.run.is_backfill
        gap = 0 if has_census else listing.gap
        self.note(raw.name, table, listing, window, gap)

    def keep(self, table: str, rows: list[Row]) -> Iterator[Batch]:
        """Yield records, and the versions that they are in."""
        raw = RECORD_TABLES[table]
        yield raw, raw.batch((record_row(table, row) for row in rows), table)
        if table in TASK_TABLES:
            versions = (version_row(table, row) for row in rows)
            yield RECORD_VERSIONS, RECORD_VERSIONS.batch(versions, table)
        for row in rows:
            self.kept[table].add(row["sys_id"])
            self.census[table].known[row["sys_id"]] = (version_of(row), table)

    def among(
        self, table: str, ids: Sequence[str], fields: Sequence[str], column: str = "sys_id"
    ) -> Iterator[list[Row]]:
        """Yield the rows whose column holds one of some ids."""
        for some in batches_of_ids(ids):
            yield from self.of_ids(table, some, fields, column).pages()

    def of_ids(
        self, table: str, ids: Sequence[str], fields: Sequence[str], column: str = "sys_id"
    ) -> Listing:
        """Return the listing of the rows whose column holds one of at most a hundred ids."""
        wanted = frozenset(ids)
        return Listing(
            self.api,
            table,
            f"{column}IN{','.join(ids)}",
            fields,
            lambda row: row.get(column) in wanted,
            AUDIT_PAGE,
        )

    # histories

    # what records refer to

    def note(
        self,
        object: str,
        scope: str,
        listing: Listing,
        window: Window | None = None,
        gap: int | None = None,
    ) -> None:
        """Note what was read of a listing, and what is hidden from this user."""
        columns = self.columns.get(listing.table)
        # A column that this instance does not have is none that is hidden.
        hidden = [n for n in listing.unreadable if columns is None or self.has(listing.table, n)]
        self.run.audit(
            object,
            scope=scope,
            window_from=window.lo if window else None,
            window_to=window.hi if window else None,
            api_count=listing.count,
            extracted=listing.seen,
            acl_gap=listing.gap if gap is None else gap,
            message=f"field_gap: columns not readable: {', '.join(hidden)}" if hidden else "",
        )

    def has(self, table: str, column: str) -> bool:
        """Whether a table has a column, its own or one of `task`."""
        return column in self.columns.get(table, ()) or column in self.columns.get("task", ())


def build(run: LoadRun, config: ServiceNowSettings) -> DltSource:
    """Return the source with everything that changed since the last load."""
    api = connect(config)
    run.server_now = server_time(api)
    tables = tuple(config.tables or RECORD_TABLES)
    reader = Reader(run, api, tables)

    @dlt.source(name=NAME, max_table_nesting=0)
    def servicenow() -> Iterator[Any]:
        yield resource("steps", TABLES, reader.everything)

    return servicenow()
