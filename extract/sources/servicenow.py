"""ServiceNow: incidents and change requests with their audit rows, choices, groups and services.

Settings: SOURCES__SERVICENOW__BASE_URL, USER and PASSWORD, or CLIENT_ID and CLIENT_SECRET (OAuth
client credentials), TABLES (JSON list of incident and change_request; default both), START_DATE.

Windows are closed on `sys_updated_on` by the server's clock, two minutes behind it, and reach back
ten minutes; within one, `sys_id` is the page key. ServiceNow hides rows after it has cut a page,
so a short or empty page proves nothing: the end is where its own count says so, and what the count
has and the pages have not is the gap of the access rules. It also ignores the parts of a query
that it does not understand, so every row is checked against the query. Audit rows are read by the
ids of changed records only, with a watermark of their own: a grant that comes later fills them in.
Records that vanish from the source stay in the raw tables.
"""

import base64
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import dlt
import pyarrow as pa
import requests
from dlt.common.configuration import configspec
from dlt.common.configuration.specs import BaseConfiguration
from dlt.common.typing import TSecretStrValue
from dlt.sources import DltResource, DltSource

from extract import settings
from extract.api import TIMEOUT_S, Api, Forbidden, IncompleteRead, Refused, Unavailable
from extract.privacy import person, person_key
from extract.settings import SettingFault, setting_name, settings_for, start_of
from extract.tables import BIGINT, TEXT, TIMESTAMP, RawTable, instant
from extract.windows import Window, close_window, next_window, shortened
from extract.work import Load

NAME = "servicenow"

_TASK_COLUMNS = {
    "sys_id": TEXT,
    "number": TEXT,
    "sys_created_at": TIMESTAMP,
    "sys_updated_at": TIMESTAMP,
    "sys_mod_count": BIGINT,
}
_TABLE = "/api/now/table"
INCIDENTS = RawTable("incidents", f"{_TABLE}/incident", ("sys_id",), _TASK_COLUMNS)
CHANGE_REQUESTS = RawTable(
    "change_requests", f"{_TABLE}/change_request", ("sys_id",), _TASK_COLUMNS
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
    {"sys_id": TEXT, "definition_id": TEXT, "document_id": TEXT, "sys_updated_at": TIMESTAMP},
)
CHOICES = RawTable(
    "choices",
    f"{_TABLE}/sys_choice",
    ("sys_id",),
    {"sys_id": TEXT, "table_name": TEXT, "element": TEXT, "value": TEXT, "label": TEXT},
)
GROUPS = RawTable("groups", f"{_TABLE}/sys_user_group", ("sys_id",), {"sys_id": TEXT, "name": TEXT})
SERVICES = RawTable(
    "services", f"{_TABLE}/cmdb_ci_service", ("sys_id",), {"sys_id": TEXT, "name": TEXT}
)
TABLES = (
    INCIDENTS,
    CHANGE_REQUESTS,
    AUDITS,
    METRIC_DEFINITIONS,
    METRIC_INSTANCES,
    CHOICES,
    GROUPS,
    SERVICES,
)

_EVERY_TASK = (
    *("sys_id", "number", "state", "opened_at", "closed_at", "priority", "close_code", "active"),
    *("sys_created_on", "sys_updated_on", "sys_mod_count", "assignment_group"),
    *("business_service", "cmdb_ci", "correlation_id", "assigned_to"),
)
TASK_FIELDS = {
    "incident": (
        *_EVERY_TASK,
        *("incident_state", "resolved_at", "severity", "impact", "urgency", "category"),
        *("reassignment_count", "reopen_count", "made_sla", "caused_by", "rfc", "problem_id"),
        *("parent", "caller_id", "opened_by", "resolved_by", "closed_by"),
    ),
    "change_request": (
        *_EVERY_TASK,
        *("type", "risk", "approval", "phase", "start_date", "end_date", "work_start", "work_end"),
        "requested_by",
    ),
}
TASK_TABLES = {"incident": INCIDENTS, "change_request": CHANGE_REQUESTS}
PERSON_FIELDS = {
    *("caller_id", "opened_by", "assigned_to", "resolved_by", "closed_by", "requested_by"),
}
LOADED_VALUES = {name for fields in TASK_FIELDS.values() for name in fields} - PERSON_FIELDS
"""Fields whose old and new values are loaded; those of people are hashed, all others are null."""

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
SYSTEM_USERS = {"system", "guest"}

OVERLAP = timedelta(minutes=10)
SAFETY_LAG = timedelta(minutes=2)
MOST_IN_WINDOW = 20_000
PAGE = 1_000
ID_PAGE = 10_000
AUDIT_PAGE = 5_000
SMALLEST_PAGE = 50
DOCUMENTS_PER_REQUEST = 100
MOST_PAGES = 10_000

Row = dict[str, str]
Check = Callable[[Row], bool]


@configspec
class ServiceNowSettings(BaseConfiguration):
    """Settings of the source, by dlt's rules."""

    base_url: str = None  # type: ignore[assignment]
    user: str | None = None
    password: TSecretStrValue | None = None
    client_id: str | None = None
    client_secret: TSecretStrValue | None = None
    tables: list[str] | None = None
    start_date: str | None = None


class Token:
    """An OAuth token by client credentials: minted when needed, anew before it expires."""

    def __init__(self, base_url: str, client_id: str, client_secret: str) -> None:
        self.url = f"{base_url.rstrip('/')}/oauth_token.do"
        self.client = {"client_id": client_id, "client_secret": client_secret}
        self.lock = threading.Lock()
        self.token = ""
        self.good_until = 0.0

    def headers(self, renew: bool) -> dict[str, str]:
        """Return the header that carries a token which is good for five more minutes.

        Raises:
            Refused: The client's id or secret is wrong.
        """
        with self.lock:
            if renew or time.monotonic() > self.good_until:
                self._mint()
            return {"Authorization": f"Bearer {self.token}"}

    def _mint(self) -> None:
        with requests.Session() as session:
            session.trust_env = False
            reply = session.post(
                self.url,
                data={"grant_type": "client_credentials", **self.client},
                timeout=TIMEOUT_S,
                allow_redirects=False,
            )
        if reply.status_code in (400, 401, 403):
            name = setting_name(NAME, "client_secret")
            raise Refused(f"{name}: servicenow refused the client ({reply.status_code})")
        reply.raise_for_status()
        answer = reply.json()
        self.token = answer["access_token"]
        life = float(answer.get("expires_in") or 1800)
        self.good_until = time.monotonic() + max(life - 300, life / 2)


def is_on() -> bool:
    """Whether ServiceNow is configured."""
    return settings.is_on(NAME)


def check() -> None:
    """Ask for one id, which any user may whose credentials are good.

    Raises:
        SettingFault: A setting is missing or wrong.
        SourceError: ServiceNow refuses the credentials, or gives no answer.
    """
    _server_time(_api(_settings()))


def _server_time(api: Api) -> datetime:
    params = {"sysparm_limit": 1, "sysparm_fields": "sys_id"}
    return api.get(f"{_TABLE}/sys_choice", params, allow=(400, 403, 404)).server_time


def _settings() -> ServiceNowSettings:
    config = settings_for(NAME, ServiceNowSettings)
    pair = ("client_id", "client_secret") if config.client_id else ("user", "password")
    faults = [f"{setting_name(NAME, name)} is not set" for name in pair if not config[name]]
    if set(config.tables or ()) - set(TASK_TABLES):
        faults.append(f"{setting_name(NAME, 'tables')} knows {' and '.join(TASK_TABLES)} only")
    try:
        start_of(NAME, config.start_date)
    except SettingFault as fault:
        faults.append(str(fault))
    if faults:
        raise SettingFault("\n".join(faults))
    return config


def _api(config: ServiceNowSettings) -> Api:
    if config.client_id:
        token = Token(config.base_url, config.client_id, str(config.client_secret))
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
        last, offset = "", 0
        for _ in range(MOST_PAGES):
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


def known(row: Mapping[str, Any], fields: Sequence[str]) -> dict[str, Any]:
    """Return the columns of a row that are loaded: empty is null, people are keyed hashes."""
    return {
        name: person(NAME, _text(row.get(name))) if name in PERSON_FIELDS else _text(row.get(name))
        for name in fields
    }


def _text(value: Any) -> str | None:
    """Return a value as text; a reference may come as an object even where it should not."""
    if isinstance(value, dict):
        value = value.get("value")
    return None if value in (None, "") or isinstance(value, list) else str(value)


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


def task_row(table: str, row: Row) -> dict[str, Any]:
    """Return the raw row of an incident or a change request."""
    return {
        "sys_id": row["sys_id"],
        "number": _text(row.get("number")),
        "sys_created_at": instant(row.get("sys_created_on")),
        "sys_updated_at": instant(row.get("sys_updated_on")),
        "sys_mod_count": _number(row.get("sys_mod_count")),
        "payload": known(row, TASK_FIELDS[table]),
    }


def audit_row(row: Row) -> dict[str, Any]:
    """Return the raw row of one changed field."""
    name = _text(row.get("fieldname"))
    user = _text(row.get("user"))
    return {
        "sys_id": row["sys_id"],
        "table_name": row["tablename"],
        "document_id": row["documentkey"],
        "field_name": name,
        "sys_created_at": instant(row.get("sys_created_on")),
        "record_checkpoint": _number(row.get("record_checkpoint")),
        "payload": {
            **{part: _text(row.get(part)) for part in AUDIT_FIELDS},
            "oldvalue": _value(name, row.get("oldvalue")),
            "newvalue": _value(name, row.get("newvalue")),
            "user": person(NAME, user, is_bot=user in SYSTEM_USERS),
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
        "payload": {
            **{part: _text(row.get(part)) for part in INSTANCE_FIELDS},
            "field_value": _value(field_name, row.get("field_value")),
            "value": _text(row.get("value")) if is_plain else None,
        },
    }


@dataclass
class Reader:
    """What all tables of one load share."""

    work: Load
    api: Api
    server_now: datetime
    start: datetime | None
    tables: Sequence[str]

    def window(self, state: Any, scope: str) -> Window | None:
        """Return the window to read next, or None when all is read."""
        window = next_window(
            state,
            scope,
            self.server_now,
            # A window that goes on where this load's last one ended needs no overlap.
            overlap=timedelta(0) if self.work.windows else OVERLAP,
            safety_lag=SAFETY_LAG,
            start=self.start,
            full=self.work.full and not self.work.windows,
        )
        return None if window.lo is not None and window.lo >= window.hi else window

    def guarded(
        self, object: str, scope: str, read: Callable[[], Iterator[pa.Table]]
    ) -> Iterator[pa.Table]:
        """Read one table; its own failures are noted, and the other tables go on."""
        try:
            yield from read()
        except NotInstalled as absent:
            self.work.audit(object, scope=scope, message=f"{absent} is not installed")
        except (Forbidden, IncompleteRead) as failure:
            self.work.audit(object, scope=scope, status="failed", message=str(failure))

    def changed(
        self,
        table: str,
        state: Any,
        query: str,
        fields: Sequence[str],
        page: int,
    ) -> tuple[Listing, Window, bool] | None:
        """Return the listing of what changed in a table, its window, and whether more follows."""
        window = self.window(state, table)
        if window is None:
            return None
        prefix = f"{query}^" if query else ""
        part, count = shortened(
            window,
            lambda part: count_rows(self.api, table, prefix + span(part)),
            MOST_IN_WINDOW,
        )
        listing = Listing(
            self.api, table, prefix + span(part), fields, _in_window(part), page, count
        )
        return listing, part, part.hi < window.hi

    def tasks(self, table: str) -> Iterator[pa.Table]:
        """Yield the changed records of a task table."""
        raw = TASK_TABLES[table]
        state, began = dlt.current.resource_state(), time.monotonic()
        found = self.changed(table, state, "", TASK_FIELDS[table], PAGE)
        if found is None:
            return
        listing, window, more = found
        for rows in listing.pages():
            self.work.progress(raw.name, listing.seen, listing.count, began)
            yield raw.batch([task_row(table, row) for row in rows], table)
        close_window(state, table, window)
        self.work.more = self.work.more or more
        self.note(raw.name, table, listing, window)

    def audits(self, table: str) -> Iterator[pa.Table]:
        """Yield the audit rows of the changed records of a task table."""
        state, began = dlt.current.resource_state(), time.monotonic()
        found = self.changed(table, state, "", ("sys_id", "sys_updated_on"), ID_PAGE)
        if found is None:
            return
        listing, window, more = found
        ids = [row["sys_id"] for rows in listing.pages() for row in rows]
        counted = extracted = 0
        for start in range(0, len(ids), DOCUMENTS_PER_REQUEST):
            some = ids[start : start + DOCUMENTS_PER_REQUEST]
            part = self._audits_of(table, some)
            for rows in part.pages():
                extracted += len(rows)
                yield AUDITS.batch([audit_row(row) for row in rows], table)
            counted += part.count or 0
            self.work.progress("audits of records", start + len(some), len(ids), began)
        # Not a single row of many is a missing grant; the rows come when it is given.
        is_hidden = bool(counted) and not extracted
        if not is_hidden:
            close_window(state, table, window)
            self.work.more = self.work.more or more
        self.work.audit(
            "audits",
            scope=table,
            window_from=window.lo,
            window_to=window.hi,
            api_count=counted,
            extracted=extracted,
            acl_gap=counted - extracted,
            status="incomplete" if is_hidden else "complete",
            message="sys_audit shows nothing: its read grant is missing" if is_hidden else "",
        )

    def _audits_of(self, table: str, ids: list[str]) -> Listing:
        wanted = set(ids)
        return Listing(
            self.api,
            "sys_audit",
            f"documentkeyIN{','.join(ids)}^tablename={table}",
            AUDIT_FIELDS,
            lambda row: row.get("documentkey") in wanted and row.get("tablename") == table,
            AUDIT_PAGE,
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

    def instances(self) -> Iterator[pa.Table]:
        """Yield the changed metric instances of the active definitions of our tables."""
        state, began = dlt.current.resource_state(), time.monotonic()
        definitions = {
            row["sys_id"]: row.get("field")
            for rows in self._definitions().pages()
            for row in rows
            if row.get("active") == "true"
        }
        if not definitions:
            self.work.audit(
                "metric_instances",
                status="failed",
                message="no metric definition on a state is active: there is no state history",
            )
            return
        table = "metric_instance"
        query = f"definitionIN{','.join(sorted(definitions))}"
        found = self.changed(table, state, query, INSTANCE_FIELDS, PAGE)
        if found is None:
            return
        listing, window, more = found
        in_window = listing.fits
        listing.fits = lambda row: in_window(row) and row.get("definition") in definitions
        for rows in listing.pages():
            self.work.progress("metric_instances", listing.seen, listing.count, began)
            made = [instance_row(row, definitions[row["definition"]]) for row in rows]
            yield METRIC_INSTANCES.batch(made, table)
        close_window(state, table, window)
        self.work.more = self.work.more or more
        self.note("metric_instances", "", listing, window)

    def _definitions(self) -> Listing:
        return Listing(
            self.api,
            "metric_definition",
            f"type=field_value_duration^tableIN{','.join((*self.tables, 'task'))}",
            DEFINITION_FIELDS,
            lambda row: row.get("table") in (*self.tables, "task"),
        )

    def definitions(self) -> Iterator[pa.Table]:
        """Yield the metric definitions that keep how long a field had a value."""
        yield from self.whole(
            METRIC_DEFINITIONS,
            self._definitions(),
            lambda row: {
                "sys_id": row["sys_id"],
                "table_name": _text(row.get("table")),
                "field_name": _text(row.get("field")),
                "payload": known(row, DEFINITION_FIELDS),
            },
        )

    def choices(self) -> Iterator[pa.Table]:
        """Yield the labels of states, priorities and so on; `task` holds what is inherited."""
        names = (*self.tables, "task")
        listing = Listing(
            self.api,
            "sys_choice",
            f"nameIN{','.join(names)}",
            CHOICE_FIELDS,
            lambda row: row.get("name") in names,
        )
        yield from self.whole(
            CHOICES,
            listing,
            lambda row: {
                "sys_id": row["sys_id"],
                "table_name": _text(row.get("name")),
                **{name: _text(row.get(name)) for name in ("element", "value", "label")},
                "payload": known(row, CHOICE_FIELDS),
            },
        )

    def names(self, raw: RawTable, table: str) -> Iterator[pa.Table]:
        """Yield the names of what records refer to."""
        yield from self.whole(
            raw,
            Listing(self.api, table, "", ("sys_id", "name")),
            lambda row: {
                "sys_id": row["sys_id"],
                "name": _text(row.get("name")),
                "payload": known(row, ("sys_id", "name")),
            },
        )

    def whole(
        self, raw: RawTable, listing: Listing, make: Callable[[Row], dict[str, Any]]
    ) -> Iterator[pa.Table]:
        """Yield a whole table."""
        for rows in listing.pages():
            yield raw.batch([make(row) for row in rows], listing.table)
        self.note(raw.name, "", listing)

    def note(self, object: str, scope: str, listing: Listing, window: Window | None = None) -> None:
        """Note what was read of a listing, and what is hidden from this user."""
        hidden = listing.unreadable
        self.work.audit(
            object,
            scope=scope,
            window_from=window.lo if window else None,
            window_to=window.hi if window else None,
            api_count=listing.count,
            extracted=listing.seen,
            acl_gap=listing.gap,
            message=f"columns not readable: {', '.join(hidden)}" if hidden else "",
        )


def build(work: Load) -> DltSource:
    """Return the source with everything that changed since the last load.

    Raises:
        SourceError: ServiceNow refuses the credentials, or gives no answer.
    """
    config = _settings()
    api = _api(config)
    tables = tuple(config.tables or TASK_TABLES)
    reader = Reader(work, api, _server_time(api), start_of(NAME, config.start_date), tables)
    no_audit = reader.audit_is_forbidden()

    def audits() -> Iterator[pa.Table]:
        for table in tables:
            yield from reader.guarded("audits", table, lambda table=table: reader.audits(table))

    def resource(
        raw: RawTable, read: Callable[[], Iterator[pa.Table]], scope: str = ""
    ) -> DltResource:
        return raw.resource(lambda: reader.guarded(raw.name, scope, read))

    @dlt.source(name=NAME, max_table_nesting=0)
    def servicenow() -> Iterator[Any]:
        for table in tables:
            raw = TASK_TABLES[table]
            yield resource(raw, lambda table=table: reader.tasks(table), table)
        if no_audit:
            work.audit("audits", message="sys_audit is forbidden; metric_instance takes its place")
            yield resource(METRIC_INSTANCES, reader.instances)
        else:
            yield AUDITS.resource(audits)
        if not work.windows:
            yield resource(METRIC_DEFINITIONS, reader.definitions)
            yield resource(CHOICES, reader.choices)
            yield resource(GROUPS, lambda: reader.names(GROUPS, "sys_user_group"))
            yield resource(SERVICES, lambda: reader.names(SERVICES, "cmdb_ci_service"))

    return servicenow()
