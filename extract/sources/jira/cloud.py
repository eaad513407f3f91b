"""Jira Cloud: ids by search, bodies and histories by id."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from extract.api import IncompleteRead
from extract.sources.jira.client import (
    BODIES_PER_REQUEST,
    CONCURRENT_REQUESTS,
    IDS_PER_SEARCH,
    MOST_PAGES,
    NEWEST,
    ROOTS,
    WHERE,
    Bodies,
    Changelog,
    Changelogs,
    ListedIssues,
    Site,
    WindowProgress,
    changelog_of,
    chunks,
)
from extract.sources.jira.rows import Body, History, milliseconds
from extract.tables import decode
from extract.windows import Window

ISSUES_PER_BATCH = 800
"""A history page holds 10,000: twelve histories for each issue of a batch fit into one."""

HISTORIES_PER_REQUEST = 10_000

MOST_OMITTED = 100


class _Ids(msgspec.Struct):
    class Issue(msgspec.Struct):
        class Fields(msgspec.Struct):
            updated: Any = None

        id: str | int
        key: str | None = None
        fields: Fields | None = None

    issues: list[Issue] | None = None
    nextPageToken: str | None = None  # noqa: N815


class _Changes(msgspec.Struct):
    class Log(msgspec.Struct):
        issueId: str | int  # noqa: N815
        changeHistories: list[History] | None = None  # noqa: N815

    issueChangeLogs: list[Log] | None = None  # noqa: N815
    nextPageToken: str | None = None  # noqa: N815


class _Expanded(msgspec.Struct):
    id: str | int
    changelog: Changelog | None = None


class _ExpandedIssues(msgspec.Struct):
    issues: list[_Expanded] | None = None


class Cloud(Site):
    """Jira Cloud: ids by search, bodies and histories by id."""

    safety_lag = timedelta(minutes=5)
    root = ROOTS["cloud"]
    histories_of = ISSUES_PER_BATCH

    def projects(self) -> list[dict[str, Any]]:
        """Page through the projects."""
        params = {"expand": "insight", "status": ["live", "archived", "deleted"]}
        rows = self.pages("projects", "/rest/api/3/project/search", params)
        return list({str(row["id"]): row for row in rows}.values())

    def count(self, jql: str) -> int:
        """Ask for the server's estimate."""
        reply = self.api.post("/rest/api/3/search/approximate-count", {"jql": jql})
        return int(reply.data["count"])

    def listing(self, jql: str) -> ListedIssues:
        """Page through ids and times of update."""
        body = {
            "jql": f"{jql} ORDER BY created ASC, key ASC",
            "fields": ["updated"],
            "maxResults": IDS_PER_SEARCH,
        }
        found: ListedIssues = {}
        for page in self._pages("/rest/api/3/search/jql", body, _Ids):
            for issue in page.issues or []:
                updated = issue.fields.updated if issue.fields else None
                key = issue.key or ""
                found[str(issue.id)] = (milliseconds(updated), key.rpartition("-")[0])
        return found

    def newest(self) -> tuple[str, int] | None:
        """Ask search for one."""
        body = {"jql": NEWEST, "fields": ["updated"], "maxResults": 1}
        page = self.api.post("/rest/api/3/search/jql", body, type=_Ids).data
        for issue in page.issues or []:
            at = milliseconds(issue.fields.updated if issue.fields else None)
            return (str(issue.id), at) if at else None
        return None

    def issues(self, progress: WindowProgress) -> Iterator[list[Body]]:
        """List the ids, then read by id what we do not have in this version."""
        listed = self.listing(progress.jql)
        progress.listed = len(listed)
        changed = {
            issue_id: version
            for issue_id, (version, _) in listed.items()
            if progress.known.get(issue_id, (None,))[0] != version or version is None
        }
        if progress.has_next and progress.is_complete:
            changed = _cut(progress, changed)
        yield from self.by_id(list(changed), progress)

    def by_id(self, ids: Sequence[str], progress: WindowProgress) -> Iterator[list[Body]]:
        """Read bodies by id, some requests at a time."""
        omitted: list[str] = []
        with ThreadPoolExecutor(CONCURRENT_REQUESTS) as pool:
            for batch in chunks(ids, ISSUES_PER_BATCH):
                parts = pool.map(self._fetch, list(chunks(batch, BODIES_PER_REQUEST)))
                issues = [issue for part in parts for issue in part]
                given = {str(issue.id) for issue in issues}
                omitted += [issue_id for issue_id in batch if issue_id not in given]
                if issues:
                    yield issues
        singles = [self.one(issue_id, self.rows.asked)[1] for issue_id in omitted[:MOST_OMITTED]]
        progress.gone += singles.count(None)
        progress.unread += len(omitted[MOST_OMITTED:])
        if any(singles):
            yield [issue for issue in singles if issue]

    def looked_up(self, ids: Sequence[str]) -> dict[str, tuple[int, Body | None]]:
        """Read a hundred at once; what the bulk endpoint leaves out is not there."""
        found: dict[str, tuple[int, Body | None]] = {}
        for batch in chunks(ids, BODIES_PER_REQUEST):
            given = {str(issue.id): issue for issue in self._fetch(batch, WHERE)}
            found |= {key: (200 if key in given else 404, given.get(key)) for key in batch}
        return found

    def _fetch(self, ids: list[str], fields: Sequence[str] | None = None) -> list[Body]:
        """Read up to 100 issues; what the first answer leaves out is asked for once more."""
        found: dict[str, Body] = {}
        for _ in range(2):
            missing = [issue_id for issue_id in ids if issue_id not in found]
            if not missing:
                break
            body = {"issueIdsOrKeys": missing, "fields": list(fields or self.rows.asked)}
            page = self.api.post("/rest/api/3/issue/bulkfetch", body, type=Bodies).data
            found.update({str(issue.id): issue for issue in page.issues or []})
        return [found[issue_id] for issue_id in ids if issue_id in found]

    def histories(self, issues: list[Body]) -> tuple[Changelogs, dict[str, int]]:
        """Read them by the ids."""
        return self.histories_now([str(issue.id) for issue in issues]), {}

    def histories_now(self, ids: Sequence[str]) -> Changelogs:
        """Page through all histories of the issues; one issue may span pages."""
        found: Changelogs = defaultdict(list)
        body = {"issueIdsOrKeys": list(ids), "maxResults": HISTORIES_PER_REQUEST}
        for page in self._pages("/rest/api/3/changelog/bulkfetch", body, _Changes):
            for log in page.issueChangeLogs or []:
                found[str(log.issueId)] += log.changeHistories or []
        return found

    def other_histories(self, issue_id: str) -> list[History]:
        """Read the issue's own changelog endpoint, and the newest part that an issue expands to."""
        found: list[History] = []
        path = f"/rest/api/3/issue/{issue_id}"
        for _ in range(MOST_PAGES):
            reply = self.api.get(
                f"{path}/changelog",
                {"startAt": len(found), "maxResults": 100},
                allow=(404, 410),
            )
            page = changelog_of(reply.data) if reply.status == 200 else Changelog()
            found += page.values or []
            if not page.values or page.isLast or len(found) >= (page.total or 0):
                break
        reply = self.api.get(path, {"fields": "status", "expand": "changelog"}, allow=(404, 410))
        if reply.status == 200:
            found += changelog_of((reply.data or {}).get("changelog")).histories or []
        return found

    def hidden_histories(self, ids: list[str]) -> set[str]:
        """Ask search, which shows the newest histories of a hundred issues at once."""
        found: set[str] = set()
        for batch in chunks(ids, BODIES_PER_REQUEST):
            body = {
                "jql": f"id in ({','.join(batch)})",
                "fields": ["status"],
                "expand": "changelog",
                "maxResults": len(batch),
            }
            reply = self.api.post("/rest/api/3/search/jql", body, allow=(400,))
            page = (
                decode(msgspec.json.encode(reply.data), _ExpandedIssues)
                if reply.status == 200
                else _ExpandedIssues()
            )
            found |= {
                str(issue.id)
                for issue in page.issues or []
                if issue.changelog and (issue.changelog.histories or issue.changelog.total)
            }
        return found

    def _pages(self, path: str, body: dict[str, Any], type: Any) -> Iterator[Any]:
        """Follow page tokens until there is none.

        Raises:
            IncompleteRead: A token comes again, so that the listing would never end.
        """
        seen: set[str] = set()
        token = None
        for _ in range(MOST_PAGES):
            asked = {**body, **({"nextPageToken": token} if token else {})}
            page = self.api.post(path, asked, type=type).data
            yield page
            token = page.nextPageToken
            if not token:
                return
            if token in seen:
                raise IncompleteRead(f"jira: pagination loop, {path} repeats a page token")
            seen.add(token)
        raise IncompleteRead(f"jira: {path} does not end")


def _cut(progress: WindowProgress, changed: dict[str, int | None]) -> dict[str, int | None]:
    """End a window where its changed issues fill full requests; the rest goes to the next one."""
    in_full_requests = len(changed) // BODIES_PER_REQUEST * BODIES_PER_REQUEST
    if in_full_requests in (0, len(changed)) or None in changed.values():
        return changed
    end = sorted(changed.values())[in_full_requests]
    hi = datetime.fromtimestamp(end / 1000, UTC)
    kept = {issue_id: version for issue_id, version in changed.items() if version < end}
    if not kept or (progress.window.lo and hi <= progress.window.lo):
        return changed
    dropped = len(changed) - len(kept)
    progress.window = Window(progress.window.lo, hi)
    progress.count -= dropped
    progress.listed -= dropped
    return kept
