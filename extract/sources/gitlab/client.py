"""A GitLab server: its listings, followed to their ends, and its projects."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote

from extract.api import ROWS, Api, Forbidden, IncompleteRead, Reply
from extract.run import LoadRun
from extract.settings import setting_name
from extract.sources.gitlab.rows import Row, path_of
from extract.sources.gitlab.settings import GitLabSettings
from extract.sources.gitlab.tables import NAME, PROJECTS

PAGE = 100

MOST_PAGES = 10_000

MOST_IN_WINDOW = 5_000

TRIES = 3

REFUSED_OFFSET = (400, 405)
"""What GitLab answers past the largest offset, by version."""


def check(config: GitLabSettings) -> None:
    """Ask for one project: a wrong token is refused even where everybody may read."""
    server_time(connect(config))


def server_time(api: Api) -> datetime:
    """Ask GitLab for one project, and return its time."""
    return api.get("/projects", {"membership": "true", "per_page": 1}, type=ROWS).server_time


def connect(config: GitLabSettings) -> Api:
    """Return the client."""
    return Api(
        NAME,
        f"{config.base_url.rstrip('/').removesuffix('/api/v4')}/api/v4",
        credential=setting_name(NAME, "token"),
        authorize=lambda renew: {"PRIVATE-TOKEN": str(config.token)},
    )


class OffsetRefused(IncompleteRead):
    """GitLab pages no further into a listing."""


@dataclass
class Listing:
    """A listing, whose end `Link` alone knows.

    Args:
        api: The API.
        path: Path below the root.
        params: Filters and order.
    """

    api: Api
    path: str
    params: Mapping[str, Any] = field(default_factory=dict)
    first: Reply | None = None

    def page(self, number: int) -> Reply:
        """Return a page by its number.

        Raises:
            Forbidden: The place is not there, or not visible to this token (404).
        """
        reply = self.api.get(
            self.path,
            {**self.params, "per_page": PAGE, **({"page": number} if number > 1 else {})},
            allow=(404, *REFUSED_OFFSET),
            type=ROWS,
        )
        if reply.status == 404 or (reply.status in REFUSED_OFFSET and number == 1):
            raise Forbidden(f"gitlab: no access to {self.path} ({reply.status})")
        return reply

    def opened(self) -> Reply:
        """Return the first page; it is asked for once."""
        if self.first is None:
            self.first = self.page(1)
        return self.first

    @property
    def total(self) -> int | None:
        """How many rows GitLab counts; it does not count above 10,000."""
        text = self.opened().headers.get("X-Total") or ""
        return int(text) if text.isdigit() else None

    def size(self) -> int:
        """Return the number of rows, or more than a window may have if they cannot be reached."""
        total = self.total
        if total is not None and total <= PAGE:
            return total
        last = MOST_IN_WINDOW // PAGE + 1 if total is None else -(-total // PAGE)
        reply = self.page(last)
        if reply.status in REFUSED_OFFSET or (total is None and reply.data):
            return MOST_IN_WINDOW + 1
        return MOST_IN_WINDOW if total is None else total

    def rows(self) -> list[Row]:
        """Return all rows, each once.

        A row that leaves the listing while we page pulls the others towards the front, past us: a
        listing that brings fewer than GitLab counted is read again.

        Raises:
            OffsetRefused: It is longer than GitLab pages.
            IncompleteRead: It ends too early, or not at all.
        """
        for _ in range(TRIES):
            total = self.total
            found = {row["id"]: row for page in self._pages() for row in page}
            if total is None or len(found) >= total:
                return list(found.values())
            self.first = None
        raise IncompleteRead(f"gitlab: got {len(found):,} of {total:,} rows of {self.path}")

    def _pages(self) -> Iterator[list[Row]]:
        reply, seen = self.opened(), set[str]()
        for _ in range(MOST_PAGES):
            yield reply.data or []
            following = next_of(reply.headers.get("Link"))
            if not following:
                return
            if following in seen:
                raise IncompleteRead(f"gitlab: pagination loop, {self.path} repeats a page")
            seen.add(following)
            reply = self.api.get(following, allow=REFUSED_OFFSET, type=ROWS)
            if reply.status in REFUSED_OFFSET:
                raise OffsetRefused(f"gitlab: {self.path} is longer than GitLab lists")
        raise IncompleteRead(f"gitlab: {self.path} does not end")


def next_of(link: str | None) -> str | None:
    """Return the address of the next page in a `Link` header."""
    for part in (link or "").split(","):
        address, _, relation = part.partition(";")
        if 'rel="next"' in relation:
            return address.strip().strip("<>")
    return None


def by_id(rows: Iterable[Row]) -> dict[str, Row]:
    """Return rows by their ids, each once."""
    return {str(row["id"]): row for row in rows}


# the source


def found_projects(run: LoadRun, api: Api, config: GitLabSettings) -> list[Row]:
    """Return the configured projects, or all that the token is a member of, once each.

    One that cannot be read is a failed scope; the others go on.
    """
    found: dict[str, Row] = {}
    members: list[Row] | None = None
    for name in config.projects or ("*",):
        if name.endswith("*"):
            members = _members(api) if members is None else members
            prefix = name[:-1].lower()
            rows = [row for row in members if path_of(row).lower().startswith(prefix)]
        else:
            reply = api.get(f"/projects/{quote(name, safe='')}", allow=(403, 404))
            rows = [reply.data] if reply.status == 200 else []
        if not rows and config.projects:
            message = f"{setting_name(NAME, 'projects')}: not there, or hidden from this token"
            run.audit(PROJECTS.name, scope=name, status="failed", message=message)
        found |= by_id(rows)
    return list(found.values())


def _members(api: Api) -> list[Row]:
    params = {"membership": "true", "pagination": "keyset", "order_by": "id", "sort": "asc"}
    return Listing(api, "/projects", params).rows()
