"""ServiceNow: tasks of every class with their histories, their SLAs, and what they refer to.

Settings: SOURCES__SERVICENOW__BASE_URL, CLIENT_ID and CLIENT_SECRET (OAuth client credentials), or
USER and PASSWORD (Basic, for development), TABLES (JSON list of the tables to read; default all
that are installed), START_DATE.

Windows are closed on `sys_updated_on` by the server's clock, two minutes behind it, and reach back
ten minutes; within one, `sys_id` is the page key. ServiceNow hides rows after it has cut a page,
so a short or empty page proves nothing: the end is where its own count says so, and what the count
has and the pages have not is the gap of the access rules. It also ignores the parts of a query
that it does not understand, so every row is checked against the query.

A census of every table follows the windows (`extract/census.py`): it finds rows whose
`sys_updated_on` was set back, and what is gone. A deleted record is looked up in
`sys_audit_delete` and in the archive; it stays in the raw tables and gets a tombstone.

State histories: `sys_audit`, read by the ids of records only, whenever a record is in another
version than the one whose audit rows are loaded. So a grant that comes later fills them in. Where
a table is not audited or sys_audit is not readable, `metric_instance` takes its place, and every
version of a record that a load sees is kept in `record_versions` in any case.
"""

import base64
import contextlib
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import dlt
from dlt.common.configuration import configspec
from dlt.common.typing import TSecretStrValue
from dlt.sources import DltSource

from extract import warehouse
from extract.api import Api, FailureStreak, Forbidden, IncompleteRead, SourceError, Unavailable
from extract.census import MISSED, PRESENT, Census, Findings, tombstones
from extract.privacy import person, person_key
from extract.probes import Probe, clock
from extract.run import LoadRun
from extract.settings import setting_name
from extract.source import ServerSettings, Source
from extract.tables import BIGINT, BOOLEAN, TEXT, TIMESTAMP, Batch, RawTable, instant, resource
from extract.tokens import client_token
from extract.windows import Window, bisect_window

NAME = "servicenow"

_TABLE = "/api/now/table"
_RECORD_COLUMNS = {
    "sys_id": TEXT,
    "number": TEXT,
    "sys_class_name": TEXT,
    "sys_created_at": TIMESTAMP,
    "sys_updated_at": TIMESTAMP,
    "sys_mod_count": BIGINT,
}


def _records(name: str, table: str, kind: str | None = None) -> RawTable:
    return RawTable(name, f"{_TABLE}/{table}", ("sys_id",), _RECORD_COLUMNS, work_item_kind=kind)


TASK_TABLES = {
    "incident": _records("incidents", "incident", "incident"),
    "change_request": _records("change_requests", "change_request", "change_request"),
    "change_task": _records("change_tasks", "change_task"),
    "problem": _records("problems", "problem", "problem"),
    "sc_req_item": _records("requested_items", "sc_req_item", "request"),
    "sc_task": _records("catalog_tasks", "sc_task"),
    "rm_story": _records("stories", "rm_story", "issue"),
}
"""Classes of tasks: records with a state, whose history is read; some lie below an item."""

TASK_SLAS = RawTable(
    "task_slas",
    f"{_TABLE}/task_sla",
    ("sys_id",),
    {
        **_RECORD_COLUMNS,
        "task_id": TEXT,
        "sla_id": TEXT,
        "stage": TEXT,
        "is_active": BOOLEAN,
        "has_breached": BOOLEAN,
        "started_at": TIMESTAMP,
        "ended_at": TIMESTAMP,
        "planned_end_at": TIMESTAMP,
        "duration_s": BIGINT,
        "business_duration_s": BIGINT,
        "pause_duration_s": BIGINT,
    },
)
RECORD_TABLES = {**TASK_TABLES, "task_sla": TASK_SLAS}
"""Tables that are read window by window and counted by the census."""

RECORD_VERSIONS = RawTable(
    "record_versions",
    f"{_TABLE}/task",
    ("table_name", "sys_id", "version"),
    {
        "table_name": TEXT,
        "sys_id": TEXT,
        "version": TEXT,
        "sys_mod_count": BIGINT,
        "sys_updated_at": TIMESTAMP,
    },
)
HISTORY_CHECKS = RawTable(
    "history_checks",
    f"{_TABLE}/sys_audit",
    ("table_name", "sys_id"),
    {"table_name": TEXT, "sys_id": TEXT, "version": TEXT, "audit_count": BIGINT},
)
AUDITS = RawTable(
    "audits",
    f"{_TABLE}/sys_audit",
    ("sys_id",),
    {
        "sys_id": TEXT,
        "table_name": TEXT,
        "document_id": TEXT,
        "field_name": TEXT,
        "sys_created_at": TIMESTAMP,
        "record_checkpoint": BIGINT,
    },
)
METRIC_DEFINITIONS = RawTable(
    "metric_definitions",
    f"{_TABLE}/metric_definition",
    ("sys_id",),
    {"sys_id": TEXT, "table_name": TEXT, "field_name": TEXT},
)
METRIC_INSTANCES = RawTable(
    "metric_instances",
    f"{_TABLE}/metric_instance",
    ("sys_id",),
    {
        "sys_id": TEXT,
        "definition_id": TEXT,
        "document_id": TEXT,
        "sys_updated_at": TIMESTAMP,
        "started_at": TIMESTAMP,
        "ended_at": TIMESTAMP,
        "duration_s": BIGINT,
        "is_complete": BOOLEAN,
    },
)
CHOICES = RawTable(
    "choices",
    f"{_TABLE}/sys_choice",
    ("sys_id",),
    {"sys_id": TEXT, "table_name": TEXT, "element": TEXT, "value": TEXT, "label": TEXT},
)
DICTIONARY_ENTRIES = RawTable(
    "dictionary_entries",
    f"{_TABLE}/sys_dictionary",
    ("sys_id",),
    {"sys_id": TEXT, "table_name": TEXT, "element": TEXT, "is_audited": BOOLEAN},
)
GROUPS = RawTable("groups", f"{_TABLE}/sys_user_group", ("sys_id",), {"sys_id": TEXT, "name": TEXT})
SERVICES = RawTable(
    "services", f"{_TABLE}/cmdb_ci_service", ("sys_id",), {"sys_id": TEXT, "name": TEXT}
)
SLA_DEFINITIONS = RawTable(
    "sla_definitions", f"{_TABLE}/contract_sla", ("sys_id",), {"sys_id": TEXT, "name": TEXT}
)
TOMBSTONES = tombstones(f"{_TABLE}/sys_audit_delete")
TABLES = (
    *RECORD_TABLES.values(),
    RECORD_VERSIONS,
    HISTORY_CHECKS,
    AUDITS,
    METRIC_DEFINITIONS,
    METRIC_INSTANCES,
    CHOICES,
    DICTIONARY_ENTRIES,
    GROUPS,
    SERVICES,
    SLA_DEFINITIONS,
    TOMBSTONES,
)

_EVERY_RECORD = ("sys_id", "sys_created_on", "sys_updated_on", "sys_mod_count")
_EVERY_TASK = (
    *(*_EVERY_RECORD, "sys_class_name", "number", "state", "active", "priority"),
    *("opened_at", "closed_at", "close_code", "approval", "parent", "correlation_id"),
    *("assignment_group", "assigned_to", "opened_by", "closed_by"),
    *("business_service", "cmdb_ci", "made_sla", "reassignment_count"),
)
FIELDS = {
    "incident": (
        *(*_EVERY_TASK, "incident_state", "hold_reason", "severity", "impact", "urgency"),
        *("category", "reopen_count", "resolved_at", "resolved_by", "caller_id"),
        *("caused_by", "rfc", "problem_id", "parent_incident"),
    ),
    "change_request": (
        *(*_EVERY_TASK, "type", "risk", "impact", "phase", "start_date", "end_date"),
        *("work_start", "work_end", "requested_by"),
    ),
    "change_task": (*_EVERY_TASK, "change_request", "change_task_type", "work_start", "work_end"),
    "problem": (
        *(*_EVERY_TASK, "problem_state", "impact", "urgency", "resolved_at", "resolved_by"),
        *("reopen_count", "known_error", "rfc", "duplicate_of", "first_reported_by_task"),
    ),
    "sc_req_item": (*_EVERY_TASK, "stage", "request", "cat_item", "due_date", "requested_for"),
    "sc_task": (*_EVERY_TASK, "request_item", "request", "due_date"),
    "rm_story": (*_EVERY_TASK, "type", "story_points", "blocked", "epic", "sprint", "release"),
    "task_sla": (
        *(*_EVERY_RECORD, "task", "sla", "stage", "active", "has_breached", "start_time"),
        *("end_time", "planned_end_time", "duration", "business_duration", "pause_duration"),
        *("percentage", "business_percentage"),
    ),
}
PERSON_FIELDS = {
    *("caller_id", "opened_by", "assigned_to", "resolved_by", "closed_by", "requested_by"),
    "requested_for",
}
BOOLEAN_FIELDS = {
    *("active", "made_sla", "known_error", "blocked", "has_breached", "calculation_complete"),
    *("inactive", "audit"),
}
NUMBER_FIELDS = {
    *("sys_mod_count", "reassignment_count", "reopen_count", "record_checkpoint", "sequence"),
}
DURATION_FIELDS = {"duration", "business_duration", "pause_duration"}
VERSION_FIELDS = (
    *("state", "incident_state", "problem_state", "active", "priority", "assignment_group"),
    *("approval", "stage"),
)
"""What is kept of every version of a record that a load sees."""

LOADED_VALUES = {name for fields in FIELDS.values() for name in fields} - PERSON_FIELDS
"""Fields whose old and new values are loaded; those of people are hashed, all others are null."""

STATE_FIELDS = ("state", "incident_state", "problem_state")
LABELLED = (
    *STATE_FIELDS,
    *("priority", "severity", "impact", "urgency", "risk", "type", "phase", "approval", "stage"),
    *("close_code", "hold_reason"),
)
"""Fields whose choices are loaded."""

AUDIT_FIELDS = (
    *("sys_id", "tablename", "documentkey", "fieldname", "oldvalue", "newvalue", "user"),
    *("record_checkpoint", "sys_created_on"),
)
DEFINITION_FIELDS = ("sys_id", "name", "table", "field", "type", "active")
INSTANCE_FIELDS = (
    *("sys_id", "definition", "id", "field_value", "value", "start", "end", "duration"),
    *("calculation_complete", "sys_updated_on"),
)
CHOICE_FIELDS = ("sys_id", "name", "element", "value", "label", "language", "inactive", "sequence")
DICTIONARY_FIELDS = ("sys_id", "name", "element", "internal_type", "reference", "audit")
SLA_DEFINITION_FIELDS = ("sys_id", "name", "type", "target", "duration")
DELETE_FIELDS = ("sys_id", "tablename", "documentkey", "sys_created_on")
SYSTEM_USERS = frozenset({"system", "guest"})

OVERLAP = timedelta(minutes=10)
SAFETY_LAG = timedelta(minutes=2)
MOST_IN_WINDOW = 10_000
PAGE = 1_000
ID_PAGE = 10_000
AUDIT_PAGE = 5_000
SMALLEST_PAGE = 50
IDS_PER_REQUEST = 100
AT_ONCE = 2
"""Requests at the same time: more run into ServiceNow's semaphores."""

MOST_PAGES = 10_000

Row = dict[str, str]
Check = Callable[[Row], bool]


@configspec
class ServiceNowSettings(ServerSettings):
    """The settings of the source."""

    SOURCE: ClassVar[str] = NAME
    ROOT_HOSTS: ClassVar[str] = r"\.service-now\.com"
    PAGES: ClassVar[str] = r"/(api|now|[^/]+\.do)(/|$)"

    user: str | None = None
    password: TSecretStrValue | None = None
    client_id: str | None = None
    client_secret: TSecretStrValue | None = None
    api_key: TSecretStrValue | None = None
    tables: list[str] | None = None

    def complete(self) -> list[str]:
        """Ask for what belongs together."""
        pair = ("client_id", "client_secret") if self.client_id else ("user", "password")
        faults = [f"{setting_name(NAME, name)} is not set" for name in pair if not self[name]]
        if self.api_key:
            names = ("user", "password", "client_id", "client_secret")
            faults = [
                f"{setting_name(NAME, name)} and {setting_name(NAME, 'api_key')} are both set;"
                " remove one of them"
                for name in names
                if self[name]
            ]
        if set(self.tables or ()) - set(RECORD_TABLES):
            faults.append(f"{setting_name(NAME, 'tables')} knows {', '.join(RECORD_TABLES)} only")
        return faults + super().complete()


def check(config: ServiceNowSettings) -> None:
    """Ask for one id, which any user may whose credentials are good."""
    _server_time(_api(config))


def _server_time(api: Api) -> datetime:
    params = {"sysparm_limit": 1, "sysparm_fields": "sys_id"}
    reply = api.get(f"{_TABLE}/sys_choice", params, allow=(400, 403, 404))
    with contextlib.suppress(NotInstalled, IncompleteRead):
        _known("sys_choice", reply.status, reply.data)
    return reply.server_time


def probes(config: ServiceNowSettings) -> Iterator[Probe]:
    """Ask what only this instance can answer; `flowhouse doctor` prints it."""
    api = _api(config)
    yield clock(_server_time(api))
    for table in config.tables or RECORD_TABLES:
        yield _table_probe(api, table)
    for table, why in (
        ("sys_dictionary", "which tables are audited is not known without it"),
        ("sys_audit", "histories come from metric_instance or from what loads see"),
        ("sys_audit_delete", "a deletion takes two counts to be believed"),
        ("metric_instance", "histories come from sys_audit or from what loads see"),
    ):
        # By a key that nobody has: the index answers at once, whatever the size.
        query = f"{'documentkey' if 'audit' in table else 'sys_id'}={'0' * 32}"
        began = time.monotonic()
        try:
            list(Listing(api, table, query, ("sys_id",), page=1).pages())
        except (NotInstalled, Forbidden) as fault:
            yield Probe(True, f"{table}: not readable ({type(fault).__name__.lower()}); {why}")
        else:
            yield Probe(True, f"{table}: readable, by key in {time.monotonic() - began:.1f} s")


def _table_probe(api: Api, table: str) -> Probe:
    """Compare what an instance counts in a table with what it shows of the first page."""
    try:
        counted = count_rows(api, table, "")
        listing = Listing(api, table, "", ("sys_id",))
        shown = len(next(listing.pages(), ()))
    except NotInstalled:
        return Probe(True, f"{table}: not installed")
    except Forbidden as fault:
        return Probe(False, f"{table}: {fault}")
    total = max(counted, listing.count or 0)
    hidden = min(total, listing.page) - shown
    line = f"{table}: {total:,} rows"
    if hidden > 0:
        line += f", of the first {min(total, listing.page):,} are {hidden:,} hidden from this user"
    return Probe(hidden <= 0, line)


def _api(config: ServiceNowSettings) -> Api:
    if config.api_key:
        header = {"x-sn-apikey": str(config.api_key)}
        credential, authorize = "api_key", lambda renew: header
    elif config.client_id:
        url = f"{config.base_url.rstrip('/')}/oauth_token.do"
        token = client_token(NAME, url, config.client_id, str(config.client_secret))
        authorize, credential = token.headers, "client_secret"
    else:
        pair = base64.b64encode(f"{config.user}:{config.password}".encode()).decode()
        credential = "password"

        def authorize(renew: bool) -> dict[str, str]:
            return {"Authorization": f"Basic {pair}"}

    return Api(
        NAME, config.base_url, credential=setting_name(NAME, credential), authorize=authorize
    )


class NotInstalled(Exception):
    """The table is not on this instance."""


@dataclass
class Listing:
    """All rows of a query on one table, by `sys_id`, proven whole by the server's count.

    Args:
        api: The client.
        table: The table.
        query: Encoded query without order.
        fields: Columns to read.
        fits: Whether a row fits the query.
        page: Rows per request.
        count: How many rows the server counts; None takes the count of the first page.
    """

    api: Api
    table: str
    query: str
    fields: Sequence[str]
    fits: Check = lambda row: True
    page: int = PAGE
    count: int | None = None
    seen: int = 0
    columns: set[str] = field(default_factory=set)

    @property
    def gap(self) -> int:
        """How many rows the server counts and does not show."""
        return max((self.count or 0) - self.seen, 0)

    @property
    def unreadable(self) -> list[str]:
        """Columns that no row has: forbidden to this user, or not on this instance."""
        return sorted(set(self.fields) - self.columns) if self.seen else []

    def pages(self) -> Iterator[list[Row]]:
        """Yield the rows.

        Raises:
            NotInstalled: There is no such table.
            Forbidden: The table is not for this user.
            IncompleteRead: The rows do not fit the query, or do not come to an end.
        """
        if self.count == 0:
            return
        last, offset = "", 0
        for _ in range(MOST_PAGES):
            rows, total = self._page(last, offset)
            if not rows and not offset and (total if self.count is None else self.gap):
                # Counted and not shown: a server in trouble does that once, an access rule always.
                rows, total = self._page(last, offset)
            if self.count is None:
                self.count = total
            if rows:
                self._check(rows, last)
                self.seen += len(rows)
                self.columns.update(name for row in rows for name in row)
                yield rows
                last, offset = rows[-1]["sys_id"], 0
                if len(rows) < self.page and self.count is not None and not self.gap:
                    return
            elif not self.gap or (offset and offset + self.page >= (total or 0)):
                return
            else:
                # Hidden rows fill this page; those that we may see can follow.
                offset += self.page
        raise IncompleteRead(f"servicenow: the rows of {self.table} do not end")

    def _page(self, last: str, offset: int) -> tuple[list[Row], int | None]:
        """Return a page, and where asked, how many rows follow `last`, hidden ones included.

        A query that takes too long is cut off with an error beside the rows; then half is asked.
        """
        parts = [part for part in (self.query, f"sys_id>{last}" if last else "") if part]
        while True:
            params = {
                "sysparm_query": "^".join([*parts, "ORDERBYsys_id"]),
                "sysparm_fields": ",".join(self.fields),
                "sysparm_display_value": "false",
                "sysparm_exclude_reference_link": "true",
                "sysparm_limit": self.page,
                "sysparm_offset": offset,
                "sysparm_no_count": "true" if self.count is not None and not offset else "false",
                "sysparm_suppress_pagination_header": "true",
            }
            reply = self.api.get(f"{_TABLE}/{self.table}", params, allow=(400, 404))
            _known(self.table, reply.status, reply.data)
            rows = reply.data.get("result") if isinstance(reply.data, dict) else None
            if isinstance(rows, list) and "error" not in reply.data:
                total = reply.headers.get("X-Total-Count")
                return rows, int(total) if total else None
            if self.page <= SMALLEST_PAGE:
                raise Unavailable(f"servicenow: {self.table} gives no whole page")
            self.page //= 2

    def _check(self, rows: list[Row], last: str) -> None:
        """Refuse rows that are out of order or that the query does not ask for."""
        for row in rows:
            key = row.get("sys_id") or ""
            if key <= last:
                raise IncompleteRead(f"servicenow: the rows of {self.table} repeat or shuffle")
            if not self.fits(row):
                raise IncompleteRead(
                    f"servicenow: {self.table} gave a row that its query excludes; "
                    "a part of the query was ignored"
                )
            last = key


def _known(table: str, status: int, data: Any) -> None:
    if status in (400, 404):
        error = data.get("error") if isinstance(data, dict) else None
        words = str(error.get("message") or "") if isinstance(error, dict) else ""
        if status == 404 and not isinstance(error, dict):  # another server's: nothing is known
            raise SourceError(f"servicenow: {table} answered 404, and not as ServiceNow does")
        if status == 400 and "invalid table" not in words.lower():
            raise IncompleteRead(f"servicenow: {table} answered 400 to its query")
        raise NotInstalled(table)


def count_rows(api: Api, table: str, query: str) -> int:
    """Ask the aggregate API how many rows a query has.

    Raises:
        NotInstalled: There is no such table.
    """
    params = {"sysparm_count": "true", "sysparm_query": query}
    reply = api.get(f"/api/now/stats/{table}", params, allow=(400, 404))
    _known(table, reply.status, reply.data)
    return int(reply.data["result"]["stats"]["count"])


def span(window: Window) -> str:
    """Return the query of a window; literals are UTC."""
    low = f"sys_updated_on>={_literal(window.lo)}^" if window.lo else ""
    return f"{low}sys_updated_on<{_literal(window.hi)}"


def _literal(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def _in_window(window: Window) -> Check:
    return lambda row: window.contains(instant(row.get("sys_updated_on")))


def typed(name: str, value: Any) -> Any:
    """Return a value of a field in its own type; empty is null, people are keyed hashes.

    A reference may come as an object even where it should not; it is its sys_id.
    """
    text = _text(value)
    if text is None:
        return None
    if name in PERSON_FIELDS:
        return person(NAME, text)
    if name in BOOLEAN_FIELDS:
        return _truth(text)
    if name in NUMBER_FIELDS:
        return _number(text)
    return seconds(text) if name in DURATION_FIELDS else text


def known(row: Mapping[str, Any], fields: Sequence[str]) -> dict[str, Any]:
    """Return the columns of a row that are loaded."""
    return {name: typed(name, row.get(name)) for name in fields}


def seconds(value: Any) -> int | None:
    """Return a duration in seconds: ServiceNow writes it as the time since 1970."""
    text = _text(value)
    if text is None or text.isdigit():
        return None if text is None else int(text)
    moment = instant(text)
    return None if moment is None else int(moment.timestamp())


def _text(value: Any) -> str | None:
    if isinstance(value, dict):
        value = value.get("value")
    return None if value in (None, "") or isinstance(value, list) else str(value)


def _truth(value: Any) -> bool | None:
    return {"true": True, "1": True, "false": False, "0": False}.get((_text(value) or "").lower())


def _number(value: Any) -> int | None:
    text = _text(value)
    try:
        return int(text) if text else None
    except ValueError:
        return None


def _value(field_name: str | None, value: Any) -> str | None:
    """Return an old or new value of a field, as far as it may be loaded."""
    text = _text(value)
    if text is None:
        return None
    if field_name in PERSON_FIELDS:
        return person_key(NAME, text)
    return text if field_name in LOADED_VALUES else None


def version_of(row: Row) -> str:
    """Return what is another text whenever a record was updated; see VERSION."""
    updated = instant(row.get("sys_updated_on"))
    count = _number(row.get("sys_mod_count"))
    stamp = "" if updated is None else str(int(updated.timestamp() * 1000))
    return f"{'' if count is None else count} {stamp}"


VERSION = "concat(sys_mod_count, ' ', epoch_ms(sys_updated_at))"
"""The same as SQL on a raw table."""


def record_row(table: str, row: Row) -> dict[str, Any]:
    """Return the raw row of a task or of a task's SLA."""
    made = {
        "sys_id": row["sys_id"],
        "number": _text(row.get("number")),
        "sys_class_name": _text(row.get("sys_class_name")) or table,
        "sys_created_at": instant(row.get("sys_created_on")),
        "sys_updated_at": instant(row.get("sys_updated_on")),
        "sys_mod_count": _number(row.get("sys_mod_count")),
        "payload": known(row, FIELDS[table]),
    }
    if table == "task_sla":
        made |= {
            "task_id": _text(row.get("task")),
            "sla_id": _text(row.get("sla")),
            "stage": _text(row.get("stage")),
            "is_active": _truth(row.get("active")),
            "has_breached": _truth(row.get("has_breached")),
            "started_at": instant(row.get("start_time")),
            "ended_at": instant(row.get("end_time")),
            "planned_end_at": instant(row.get("planned_end_time")),
            **{f"{name}_s": seconds(row.get(name)) for name in sorted(DURATION_FIELDS)},
        }
    return made


def version_row(table: str, row: Row) -> dict[str, Any]:
    """Return what a version of a record looked like when a load saw it."""
    return {
        "table_name": table,
        "sys_id": row["sys_id"],
        "version": version_of(row),
        "sys_mod_count": _number(row.get("sys_mod_count")),
        "sys_updated_at": instant(row.get("sys_updated_on")),
        "payload": known(row, VERSION_FIELDS),
    }


def audit_row(row: Row, bots: Set[str] = SYSTEM_USERS) -> dict[str, Any]:
    """Return the raw row of one changed field."""
    name = _text(row.get("fieldname"))
    user = _text(row.get("user"))
    return {
        "sys_id": row["sys_id"],
        "table_name": _text(row.get("tablename")),
        "document_id": row["documentkey"],
        "field_name": name,
        "sys_created_at": instant(row.get("sys_created_on")),
        "record_checkpoint": _number(row.get("record_checkpoint")),
        "payload": {
            "oldvalue": _value(name, row.get("oldvalue")),
            "newvalue": _value(name, row.get("newvalue")),
            "user": person(NAME, user, is_bot=user in bots),
        },
    }


def instance_row(row: Row, field_name: str | None) -> dict[str, Any]:
    """Return the raw row of one span in which a field kept its value.

    `value` is what people read, so it is loaded only where `field_value` is.
    """
    is_plain = field_name in LOADED_VALUES
    return {
        "sys_id": row["sys_id"],
        "definition_id": _text(row.get("definition")),
        "document_id": _text(row.get("id")),
        "sys_updated_at": instant(row.get("sys_updated_on")),
        "started_at": instant(row.get("start")),
        "ended_at": instant(row.get("end")),
        "duration_s": seconds(row.get("duration")),
        "is_complete": _truth(row.get("calculation_complete")),
        "payload": {
            "field_value": _value(field_name, row.get("field_value")),
            "value": _text(row.get("value")) if is_plain else None,
        },
    }


@dataclass
class Reader:
    """Reads every table of one load, one after the other.

    Attributes:
        kept: Ids of the records that this load has read, by table.
        census: What is loaded of every table that could be read, by table; windows add to it.
        columns: Columns of this instance, by table; empty where sys_dictionary is not readable.
        unaudited: Tables whose changes sys_audit does not keep.
        bots: Names of users that are no people.
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
        if not self.run.more and not self.run.is_backfill:
            for table in self.census:
                yield from self.guarded(
                    RECORD_TABLES[table].name, table, lambda table=table: self.count(state, table)
                )
            if "task_sla" in self.census:
                yield from self.guarded(TASK_SLAS.name, "task_sla", self.open_slas)
        yield from self.histories(state)
        if not self.run.windows:
            for raw, read in (
                (CHOICES, self.choices),
                (GROUPS, lambda: self.named(GROUPS, "sys_user_group", ("sys_id", "name"))),
                (SERVICES, lambda: self.named(SERVICES, "cmdb_ci_service", ("sys_id", "name"))),
                (
                    SLA_DEFINITIONS,
                    lambda: self.named(SLA_DEFINITIONS, "contract_sla", SLA_DEFINITION_FIELDS),
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
                if _truth(row.get("audit")) and element in ("", *STATE_FIELDS):
                    audited.add(name)
            if not self.run.windows:
                yield (
                    DICTIONARY_ENTRIES,
                    DICTIONARY_ENTRIES.batch(
                        {
                            "sys_id": row["sys_id"],
                            "table_name": _text(row.get("name")),
                            "element": _text(row.get("element")),
                            "is_audited": _truth(row.get("audit")),
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
            self.run.audit("users", message=f"programs cannot be told from people: {failure}")
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
            self.api, table, prefix + span(part), fields, _in_window(part), PAGE, count
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

    def count(self, state: Any, table: str) -> Iterator[Batch]:
        """Compare all that a table shows with what is loaded: what was missed, and what is gone."""
        census = self.census[table]
        if not census.is_due(state, self.run.server_now):
            return
        raw, start = RECORD_TABLES[table], self.run.start
        query = f"sys_updated_on>={_literal(start)}" if start else ""
        listing = Listing(
            self.api,
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
                if updated and updated >= self.run.server_now - SAFETY_LAG:
                    due.add(row["sys_id"])  # of the next window, not missed by the last one
        found = census.compare(listed)
        proofs, verdicts = self.fates(table, found)
        missed = [row_id for row_id in found.wanted if row_id not in due]
        present = [row_id for row_id, verdict in verdicts.items() if verdict == PRESENT]
        read = 0
        for rows in self.among(table, [*found.wanted, *present], FIELDS[table]):
            read += len(rows)
            yield from self.keep(table, rows)
        marks = census.settle(found, verdicts, self.run.server_now)
        for _, mark in marks:
            mark["gone_at"] = mark["gone_at"] and proofs.get(mark["id"], mark["gone_at"])
        yield TOMBSTONES, TOMBSTONES.mixed(marks)
        census.note(self.run, found)
        census.close(state, self.run.server_now)
        hidden = listing.gap
        self.run.audit(
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
            self.census[table].marks[row_id] = (MISSED, self.run.server_now, None)
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
            reply = self.api.get(f"{_TABLE}/sys_audit_delete", ask, allow=(400, 404))
            if reply.status != 200 or not reply.data.get("result"):
                return None
            pages = self.among("sys_audit_delete", ids, DELETE_FIELDS, "documentkey")
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
            pages = self.among(table, ids, ("sys_id",))
            return {row["sys_id"] for rows in pages for row in rows}
        except (NotInstalled, Forbidden):
            return set()

    def hidden(self, table: str, ids: list[str]) -> set[str]:
        """Return which ids a table counts, although it does not show them."""
        found = set()
        for some in _batches(ids):
            if count_rows(self.api, table, f"sys_idIN{','.join(some)}"):
                found |= {
                    row_id for row_id in some if count_rows(self.api, table, f"sys_id={row_id}")
                }
        return found

    def among(
        self, table: str, ids: Sequence[str], fields: Sequence[str], column: str = "sys_id"
    ) -> Iterator[list[Row]]:
        """Yield the rows whose column holds one of some ids."""
        for some in _batches(ids):
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

    def open_slas(self) -> Iterator[Batch]:
        """Read the SLAs that were running when they were last read: they end without a trace."""
        census = self.census["task_sla"]
        running = warehouse.rows(NAME, f"select sys_id from {NAME}.task_slas where is_active")
        left = [
            row_id
            for (row_id,) in running
            if row_id not in self.kept["task_sla"] and not census.is_gone(row_id)
        ]
        for rows in self.among("task_sla", left, FIELDS["task_sla"]):
            yield from self.keep("task_sla", rows)

    # histories

    def histories(self, state: Any) -> Iterator[Batch]:
        """Read the state histories: from sys_audit, else from metric_instance."""
        try:
            is_forbidden = self.audit_is_forbidden()
        except Unavailable as failure:  # the next load reads what this one owes
            self.run.audit(AUDITS.name, status="failed", message=str(failure))
            return
        measured = []
        for table in (table for table in self.census if table in TASK_TABLES):
            if not is_forbidden and table not in self.unaudited:
                yield from self.guarded(AUDITS.name, table, lambda table=table: self.audits(table))
                continue
            measured.append(table)
            why = "sys_audit is forbidden" if is_forbidden else "the table is not audited"
            self.run.audit(
                AUDITS.name, scope=table, message=f"{why}; metric_instance takes its place"
            )
        if measured:
            yield from self.guarded(
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
            reply = self.api.get(f"{_TABLE}/sys_audit", params, allow=(400, 404))
        except Forbidden:
            return True
        return reply.status != 200

    def audits(self, table: str) -> Iterator[Batch]:
        """Read the audit rows of the records that changed since theirs were last read."""
        census, began = self.census[table], time.monotonic()
        checked = dict(
            warehouse.rows(
                NAME,
                f"select sys_id, version from {NAME}.history_checks where table_name = $table",
                table=table,
            )
        )
        is_anew = self.run.is_full_read
        due = [
            row_id
            for row_id, (version, _) in census.known.items()
            if not census.is_gone(row_id)
            and (checked.get(row_id) != version or (is_anew and row_id in self.kept[table]))
        ]
        counted = extracted = unread = 0
        batches = list(_batches(due))
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for place in range(0, len(batches), AT_ONCE):
                some = batches[place : place + AT_ONCE]
                for ids, (count, rows) in zip(some, pool.map(self.audits_of, some), strict=True):
                    counted += count
                    extracted += len(rows)
                    yield AUDITS, AUDITS.batch((audit_row(r, self.bots) for r in rows), table)
                    if len(rows) < count:  # whose rows are missing nobody says: all stay due
                        unread += count - len(rows)
                        continue
                    per_record = Counter(row["documentkey"] for row in rows)
                    checks = (_check(table, i, census.known[i][0], per_record[i]) for i in ids)
                    yield HISTORY_CHECKS, HISTORY_CHECKS.batch(checks, table)
                self.run.progress("audits of records", place * IDS_PER_REQUEST, len(due), began)
                if counted and not extracted:
                    break
        message = ""
        # Not a single row of a hundred records is a missing grant; they come when it is given.
        if counted and not extracted:
            message = "sys_audit shows nothing: its read grant is missing"
        elif unread:
            message = f"{unread:,} of {counted:,} rows are not shown; the next load asks for them"
        self.run.audit(
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
        listing = self.of_ids("sys_audit", ids, AUDIT_FIELDS, "documentkey")
        rows = [row for rows in listing.pages() for row in rows]
        return max(listing.count or 0, len(rows)), rows

    def instances(self, state: Any, tables: list[str]) -> Iterator[Batch]:
        """Read the changed metric instances of the active definitions on the states of tables."""
        listing = Listing(
            self.api,
            "metric_definition",
            f"type=field_value_duration^tableIN{','.join((*self.tables, 'task'))}",
            DEFINITION_FIELDS,
            lambda row: row.get("table") in (*self.tables, "task"),
        )
        definitions = [row for rows in listing.pages() for row in rows]
        yield (
            METRIC_DEFINITIONS,
            METRIC_DEFINITIONS.batch(
                {
                    "sys_id": row["sys_id"],
                    "table_name": _text(row.get("table")),
                    "field_name": _text(row.get("field")),
                    "payload": known(row, DEFINITION_FIELDS),
                }
                for row in definitions
            ),
        )
        self.note(METRIC_DEFINITIONS.name, "", listing)
        active = [
            row
            for row in definitions
            if row.get("active") == "true" and row.get("table") in (*tables, "task")
        ]
        stated = {row.get("table") for row in active if row.get("field") in STATE_FIELDS}
        for table in tables:
            if not stated & {table, "task"}:
                self.run.audit(
                    METRIC_INSTANCES.name,
                    scope=table,
                    message="no metric on its state is active; only what loads see is known",
                )
        for definition in active:
            yield from self.spans(state, definition)

    def spans(self, state: Any, definition: Row) -> Iterator[Batch]:
        """Read the changed instances of one metric definition."""
        key, began = definition["sys_id"], time.monotonic()
        found = self.changed(
            "metric_instance", state, f"metric_instance {key}", f"definition={key}", INSTANCE_FIELDS
        )
        if found is None:
            return
        listing, window, more = found
        in_window = listing.fits
        listing.fits = lambda row: in_window(row) and row.get("definition") == key
        for rows in listing.pages():
            self.run.progress(METRIC_INSTANCES.name, listing.seen, listing.count, began)
            made = (instance_row(row, definition.get("field")) for row in rows)
            yield METRIC_INSTANCES, METRIC_INSTANCES.batch(made, definition.get("table") or "")
        self.run.close_window(state, f"metric_instance {key}", window)
        self.run.more = self.run.more or more
        self.note(METRIC_INSTANCES.name, definition.get("table") or "", listing, window)

    # what records refer to

    def choices(self) -> Iterator[Batch]:
        """Read the labels of states, priorities and so on, of all classes."""
        listing = Listing(
            self.api,
            "sys_choice",
            f"elementIN{','.join(LABELLED)}",
            CHOICE_FIELDS,
            lambda row: row.get("element") in LABELLED,
        )
        for rows in listing.pages():
            yield (
                CHOICES,
                CHOICES.batch(
                    {
                        "sys_id": row["sys_id"],
                        "table_name": _text(row.get("name")),
                        **{name: _text(row.get(name)) for name in ("element", "value", "label")},
                        "payload": known(row, CHOICE_FIELDS),
                    }
                    for row in rows
                ),
            )
        self.note(CHOICES.name, "", listing)

    def named(self, raw: RawTable, table: str, fields: Sequence[str]) -> Iterator[Batch]:
        """Read a small table of names."""
        listing = Listing(self.api, table, "", fields)
        for rows in listing.pages():
            yield (
                raw,
                raw.batch(
                    {
                        "sys_id": row["sys_id"],
                        "name": _text(row.get("name")),
                        "payload": known(row, fields),
                    }
                    for row in rows
                ),
            )
        self.note(raw.name, "", listing)

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


def _batches(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), IDS_PER_REQUEST):
        yield ids[start : start + IDS_PER_REQUEST]


def _check(table: str, sys_id: str, version: str, count: int) -> dict[str, Any]:
    row = {"table_name": table, "sys_id": sys_id, "version": version, "audit_count": count}
    return {**row, "payload": {}}


def build(run: LoadRun, config: ServiceNowSettings) -> DltSource:
    """Return the source with everything that changed since the last load."""
    api = _api(config)
    run.server_now = _server_time(api)
    tables = tuple(config.tables or RECORD_TABLES)
    reader = Reader(run, api, tables)

    @dlt.source(name=NAME, max_table_nesting=0)
    def servicenow() -> Iterator[Any]:
        yield resource("steps", TABLES, reader.everything)

    return servicenow()


SOURCE = Source(NAME, "ServiceNow", TABLES, ServiceNowSettings, check, build, probes)
