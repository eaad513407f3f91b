"""A ServiceNow instance: listings that are proven complete, counts, and queries.

ServiceNow hides rows after it has cut a page, so a short or empty page proves nothing: the end is
where its own count says so, and what the count has and the pages have not is the gap of the access
rules. It also ignores the parts of a query that it does not understand, so every row is checked
against the query.
"""

import base64
import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from extract.api import Api, IncompleteRead, SourceError, Unavailable
from extract.settings import setting_name
from extract.sources.servicenow.rows import Row
from extract.sources.servicenow.settings import ServiceNowSettings
from extract.sources.servicenow.tables import NAME, TABLE_PATH
from extract.tables import instant
from extract.tokens import client_token
from extract.windows import Window

SAFETY_LAG = timedelta(minutes=2)

MOST_IN_WINDOW = 10_000

PAGE = 1_000

AUDIT_PAGE = 5_000

SMALLEST_PAGE = 50

IDS_PER_REQUEST = 100

MOST_PAGES = 10_000

Check = Callable[[Row], bool]


def check(config: ServiceNowSettings) -> None:
    """Ask for one id, which any user may whose credentials are good."""
    server_time(connect(config))


def server_time(api: Api) -> datetime:
    """Ask the instance for one id, and return its time."""
    params = {"sysparm_limit": 1, "sysparm_fields": "sys_id"}
    reply = api.get(f"{TABLE_PATH}/sys_choice", params, allow=(400, 403, 404))
    with contextlib.suppress(NotInstalled, IncompleteRead):
        refuse_unknown("sys_choice", reply.status, reply.data)
    return reply.server_time


def connect(config: ServiceNowSettings) -> Api:
    """Return the client."""
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
    """All rows of a query on one table, by `sys_id`, proven complete by the server's count.

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
            NotInstalled: The table does not exist.
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
            reply = self.api.get(f"{TABLE_PATH}/{self.table}", params, allow=(400, 404))
            refuse_unknown(self.table, reply.status, reply.data)
            rows = reply.data.get("result") if isinstance(reply.data, dict) else None
            if isinstance(rows, list) and "error" not in reply.data:
                total = reply.headers.get("X-Total-Count")
                return rows, int(total) if total else None
            if self.page <= SMALLEST_PAGE:
                raise Unavailable(f"servicenow: {self.table} returns no complete page")
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


def refuse_unknown(table: str, status: int, data: Any) -> None:
    """Refuse an answer that says that a table or a query is not known.

    Raises:
        NotInstalled: The table does not exist.
        IncompleteRead: The query is not understood.
        SourceError: It is not ServiceNow that answers.
    """
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
        NotInstalled: The table does not exist.
    """
    params = {"sysparm_count": "true", "sysparm_query": query}
    reply = api.get(f"/api/now/stats/{table}", params, allow=(400, 404))
    refuse_unknown(table, reply.status, reply.data)
    return int(reply.data["result"]["stats"]["count"])


def span(window: Window) -> str:
    """Return the query of a window; literals are UTC."""
    low = f"sys_updated_on>={literal(window.lo)}^" if window.lo else ""
    return f"{low}sys_updated_on<{literal(window.hi)}"


def literal(moment: datetime) -> str:
    """Return a time as a query has it, in UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def in_window(window: Window) -> Check:
    """Return whether a row lies in a window."""
    return lambda row: window.contains(instant(row.get("sys_updated_on")))


def batches_of_ids(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield as many ids as a request may name."""
    for start in range(0, len(ids), IDS_PER_REQUEST):
        yield ids[start : start + IDS_PER_REQUEST]
