"""Jira Data Center: issues with their changelog, by offset within a closed window."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from extract.api import ROWS, IncompleteRead
from extract.sources.jira.client import (
    CONCURRENT_REQUESTS,
    IDS_PER_SEARCH,
    NEWEST,
    ROOTS,
    SERVER_PAGE,
    WHERE,
    Bodies,
    Changelog,
    Changelogs,
    ListedIssues,
    Site,
    WindowProgress,
    body_of,
    chunks,
    open_field,
)
from extract.sources.jira.rows import Body, History, milliseconds
from extract.tables import decode
from extract.windows import Window


class DataCenter(Site):
    """Jira Data Center: issues with their full changelog, by offset within a closed window."""

    safety_lag = timedelta(minutes=10)
    root = ROOTS["datacenter"]
    has_other_histories = False
    histories_of = SERVER_PAGE

    def projects(self) -> list[dict[str, Any]]:
        """Return the visible projects; the answer is not paged."""
        return self.api.get("/rest/api/2/project", type=ROWS).data

    def count(self, jql: str) -> int:
        """Return the exact number."""
        return self._search(jql, 0, 0).total or 0

    def listing(self, jql: str) -> ListedIssues:
        """Page through ids and times of update."""
        progress = WindowProgress(Window(None, datetime.now(UTC)), jql, self.count(jql))
        found: ListedIssues = {}
        for page in self._paged(progress, IDS_PER_SEARCH, ["updated"]):
            for issue in page:
                updated = (issue.fields or {}).get("updated")
                version = None if updated is None else milliseconds(decode(updated))
                found[str(issue.id)] = (version, (issue.key or "").rpartition("-")[0])
        return found

    def newest(self) -> tuple[str, int] | None:
        """Ask search for one."""
        for issue in self._search(NEWEST, 0, 1, ["updated"]).issues or []:
            at = milliseconds(open_field(issue, "updated"))
            return (str(issue.id), at) if at else None
        return None

    def issues(self, progress: WindowProgress) -> Iterator[list[Body]]:
        """Page by offset; the window is read again when its total changes while we page."""
        yield from self._paged(progress, SERVER_PAGE, self.rows.asked)

    def by_id(self, ids: Sequence[str], progress: WindowProgress) -> Iterator[list[Body]]:
        """Read issue after issue."""
        with ThreadPoolExecutor(CONCURRENT_REQUESTS) as pool:
            for batch in chunks(ids, SERVER_PAGE):
                found = [issue for issue in pool.map(self._with_changelog, batch) if issue]
                progress.gone += len(batch) - len(found)
                if found:
                    yield found

    def looked_up(self, ids: Sequence[str]) -> dict[str, tuple[int, Body | None]]:
        """Read one after the other."""
        return {issue_id: self.one(issue_id, WHERE) for issue_id in ids}

    def _with_changelog(self, issue_id: str) -> Body | None:
        """Read one issue with its changelog."""
        params = {"fields": ",".join(self.rows.asked), "expand": "changelog"}
        path = f"/rest/api/2/issue/{issue_id}"
        reply = self.api.get(path, params, allow=(403, 404, 410))
        return body_of(reply.data) if reply.status == 200 else None

    def histories(self, issues: list[Body]) -> tuple[Changelogs, dict[str, int]]:
        """Return what came with the issues."""
        found: Changelogs = {}
        totals: dict[str, int] = {}
        for issue in issues:
            log = decode(issue.changelog, Changelog | None)
            found[str(issue.id)] = list((log and log.histories) or [])
            totals[str(issue.id)] = (log and log.total) or 0
        return found, totals

    def histories_now(self, ids: Sequence[str]) -> Changelogs:
        """Search for the ids; one that was deleted a moment ago fails the query."""
        body = {
            "jql": f"id in ({','.join(ids)})",
            "maxResults": len(ids),
            "fields": ["status"],
            "expand": ["changelog"],
        }
        reply = self.api.post("/rest/api/2/search", body, allow=(400,))
        if reply.status == 400:
            return {}
        page = decode(msgspec.json.encode(reply.data), Bodies)
        return self.histories(page.issues or [])[0]

    def other_histories(self, issue_id: str) -> list[History]:
        """Read the issue by itself."""
        issue = self._with_changelog(issue_id)
        return self.histories([issue])[0][issue_id] if issue else []

    def hidden_histories(self, ids: list[str]) -> set[str]:
        """There is one endpoint only."""
        return set()

    def _paged(
        self, progress: WindowProgress, size: int, fields: Sequence[str]
    ) -> Iterator[list[Body]]:
        """Page by offset; the query is read again when its total changes while we page.

        Raises:
            IncompleteRead: The total changed again and again, or fewer issues came than it says.
        """
        jql = f"{progress.jql} ORDER BY created ASC, key ASC"
        for _ in range(3):
            seen: set[str] = set()
            start = 0
            while start < progress.count:
                page = self._search(jql, start, size, fields)
                issues = page.issues or []
                if page.total != progress.count or not issues:
                    break
                seen.update(str(issue.id) for issue in issues)
                start += len(issues)
                yield issues
            if len(seen) == progress.count:
                progress.listed = len(seen)
                return
            progress.count = self.count(progress.jql)
        raise IncompleteRead("jira: the result of a search keeps changing while it is read")

    def _search(self, jql: str, start: int, size: int, fields: Sequence[str] = ()) -> Bodies:
        body = {
            "jql": jql,
            "startAt": start,
            "maxResults": size,
            "fields": list(fields) or ["id"],
            "expand": ["changelog"] if size and len(fields) > 1 else [],
        }
        return self.api.post("/rest/api/2/search", body, type=Bodies).data
