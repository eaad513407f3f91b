"""The windows of issues, and everything that hangs on them."""

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import dlt
from dlt.sources import DltSource

from extract import raw_store
from extract.api import ROWS
from extract.census import Census
from extract.run import LoadRun
from extract.settings import setting_name
from extract.sources.jira.census import IssueCensus
from extract.sources.jira.client import (
    MOST_IN_WINDOW,
    ROOTS,
    Site,
    WindowProgress,
    bounds,
    connect,
    scope_of,
)
from extract.sources.jira.cloud import Cloud
from extract.sources.jira.datacenter import DataCenter
from extract.sources.jira.dimensions import ONLY_NAMES, read_dimensions
from extract.sources.jira.histories import Histories
from extract.sources.jira.rows import Body, Rows
from extract.sources.jira.settings import JiraSettings
from extract.sources.jira.sprints import sprint_batches
from extract.sources.jira.tables import ISSUES, NAME, TABLES, TYPE_MISMATCHES
from extract.sources.jira.worklogs import Worklogs
from extract.tables import Batch, resource
from extract.windows import bisect_window

READING = 4
"""Counts up when more of an answer is kept than before: all issues are then read again, once.

2: the former key and project of a moved issue, in whatever form a history has them.
3: untranslated names, the wording of links, Parent Link, the fields that points and teams come
from, and the number of each history among others of the same moment.
4: which links a history says were made and taken away.
"""

OVERLAP = timedelta(minutes=30)

DAILY = timedelta(hours=20)
"""What costs a request per project or board is read at most this often."""


def build(run: LoadRun, config: JiraSettings) -> DltSource:
    """Return the source with everything that changed since the last load."""
    api, deployment, run.server_now = connect(config)
    fields = api.get(f"{ROOTS[deployment]}/field", type=ROWS).data
    former = raw_store.rows(
        NAME,
        "select id, list(distinct payload->>'$.name' order by payload->>'$.name') "
        f"from {NAME}.snapshots where object = 'fields' group by id",
    )
    rows = Rows(fields, config.chosen(), bool(config.titles), config.fields or (), dict(former))
    site = (Cloud if deployment == "cloud" else DataCenter)(api, rows)
    reader = Reader(run, site, config, site.projects())

    def everything() -> Iterator[Batch]:
        daily_at = dlt.current.source_state().get("daily_at")
        reader.is_daily = run.full or _is_due(daily_at, run.server_now)
        if not run.windows:
            yield from read_dimensions(reader, fields)
        yield from reader.issues()

    @dlt.source(name=NAME, max_table_nesting=0)
    def jira() -> Iterator[Any]:
        yield resource(ISSUES.name, TABLES, everything)

    return jira()


@dataclass
class Reader:
    """Reads issues and everything that hangs on them."""

    run: LoadRun
    site: Site
    config: JiraSettings
    visible: list[dict[str, Any]]
    counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    issue_ids: set[str] = field(default_factory=set)
    boards: list[dict[str, Any]] = field(default_factory=list)
    is_daily: bool = True

    def scopes(self) -> list[str]:
        """Return the scopes with a watermark of their own: the configured projects, or everything.

        A configured project that is not visible is a failed scope; the others go on.
        """
        if not self.config.projects:
            return [""]
        keys = {row.get("key") for row in self.visible}
        for project in self.config.projects:
            if project not in keys:
                self.run.audit(
                    "issues",
                    scope=project,
                    status="failed",
                    message=(
                        "permission_or_scope_loss: a project of "
                        f"{setting_name(NAME, 'projects')} is not visible to this user; take it "
                        "out there if it is gone for good"
                    ),
                )
        return [project for project in self.config.projects if project in keys]

    def issues(self) -> Iterator[Batch]:
        """Yield the changed issues of every scope; watermarks move when windows are complete."""
        state = dlt.current.resource_state()
        scopes = self.scopes()
        census = self._known(state)
        for scope in scopes:
            yield from self._window(state, scope, census.known)
        if not self.run.more and not self.run.is_backfill:
            yield from IssueCensus(self).taken(state, scopes, census)
            yield from Worklogs(self).batches(state)
            yield from sprint_batches(self)
            if self.is_daily:
                dlt.current.source_state()["daily_at"] = self.run.server_now.isoformat()
        self._note()

    def _known(self, state: Any) -> Census:
        """Return what is loaded; what was read with other fields, or less well, is not."""
        asked = {"fields": sorted(self.site.rows.asked), "progress": READING}
        before = state.get("asked", {})
        if {name: before.get(name) for name in asked} != asked:
            state["asked"] = {**asked, "since": datetime.now(UTC).isoformat()}
            state.pop("census_at", None)
        conditions = ["true"]
        if self.run.start:
            conditions.append(
                f"coalesce(updated_at >= timestamptz '{self.run.start.isoformat()}', true)"
            )
        if self.config.projects:
            # What was loaded of a project that is not asked for any more stays as it was.
            names = (name.replace("'", "''") for name in self.config.projects)
            conditions.append("_scope in ('{}')".format("', '".join(names)))
        return Census.of(
            NAME,
            ISSUES,
            version=(
                f"case when _fetched_at >= timestamptz '{state['asked']['since']}' "
                "then epoch_ms(updated_at) end"
            ),
            where=" and ".join(conditions),
        )

    def _window(self, state: Any, scope: str, known: Mapping[str, Any]) -> Iterator[Batch]:
        """Yield the changed issues of the next window of a scope."""
        run, site = self.run, self.site
        window = run.next_window(state, scope, overlap=OVERLAP, safety_lag=site.safety_lag)
        if window.lo is not None and window.lo >= window.hi:
            return
        part, count = bisect_window(
            window, lambda part: site.count(bounds(part, scope)), MOST_IN_WINDOW
        )
        is_full_read = run.is_full_read
        progress = WindowProgress(
            part, bounds(part, scope), count, {} if is_full_read else known, part.hi < window.hi
        )
        began, read = time.monotonic(), set[str]()
        for issues in site.issues(progress):
            read.update(str(issue.id) for issue in issues)
            run.progress("issues", len(read), progress.count, began)
            yield from self.batches(issues)
        if progress.is_complete:
            run.close_window(state, scope, progress.window)
            run.more = run.more or progress.window.hi < window.hi
        rejected = progress.gone + progress.unread
        faults = [
            f"{rejected:,} listed issues were not given" if rejected else "",
            # Cloud has no other count; what it lists is read to the end of its pages.
            f"got all {progress.listed:,} that Jira lists; its estimate is {progress.count:,}"
            if progress.is_complete and progress.listed < progress.count
            else ""
            if progress.is_complete
            else f"got {progress.listed:,} of {progress.count:,}; to be read again",
        ]
        run.audit(
            "issues",
            scope=scope,
            window_from=window.lo,
            window_to=progress.window.hi,
            api_count=progress.count,
            extracted=progress.listed - rejected,
            loaded=len(read),
            rejected=rejected,
            status="complete" if progress.is_complete and not rejected else "incomplete",
            message="; ".join(filter(None, faults)),
        )

    def batches(self, issues: list[Body]) -> Iterator[Batch]:
        """Yield issues, their histories, and what was odd about them."""
        rows = [self.site.rows.issue(issue) for issue in issues]
        self.issue_ids.update(row["id"] for row in rows)
        yield from Histories(self).of(issues, rows)
        yield from self._type_mismatches()
        yield (
            ISSUES,
            ISSUES.arrow(
                {name: [row[name] for row in rows] for name in ISSUES.columns},
                [row["payload"] for row in rows],
                [row["project_key"] or "" for row in rows],
            ),
        )

    def _type_mismatches(self) -> Iterator[Batch]:
        """Yield the names of fields whose values had another type than they should."""
        found = self.site.rows.type_mismatches
        if found:
            rows = {
                (issue_id, name): {
                    "object": "issues",
                    "id": issue_id,
                    "field": name,
                    "found_type": kind,
                    "payload": {},
                }
                for issue_id, name, kind in found
            }
            yield TYPE_MISMATCHES, TYPE_MISMATCHES.batch(rows.values())
            self.counts["type_mismatches"] += len(rows)
            found.clear()

    def _note(self) -> None:
        """Write the audits of everything that was read beside the issues."""
        flawed = [
            f"{self.counts[name]:,} issues with history_quality {name}"
            for name in ("conflict", "gap", "drift", "truncated")
            if self.counts[name]
        ]
        self.run.audit(
            "histories",
            extracted=self.counts["histories"],
            rejected=self.counts["rejected"],
            status="incomplete" if self.counts["truncated"] else "complete",
            message="; ".join(flawed),
        )
        for name, (path, status) in self.site.denied.items():
            why = "no such path" if status == 404 else scope_of(path)
            self.run.audit(
                name,
                # What only names things is known from the issues too.
                status="complete" if name in ONLY_NAMES else "incomplete",
                message=f"{urlsplit(path).path} is not shown to this user ({status}): {why}",
            )
        unknown = self.site.rows.unknown
        mismatches = self.counts["type_mismatches"]
        faults = [
            f"unknown fields: {', '.join(sorted(unknown))}" if unknown else "",
            f"{mismatches:,} values of another type than expected, see jira.type_mismatches"
            if mismatches
            else "",
        ]
        if any(faults):
            message = "; ".join(filter(None, faults))
            self.run.audit("issues", rejected=mismatches, message=message)


def _is_due(last: str | None, server_now: datetime) -> bool:
    return last is None or server_now - datetime.fromisoformat(last) >= DAILY
