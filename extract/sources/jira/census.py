"""The census of issues: what the index hid, what is gone, and what changed without an update.

An update that leaves `updated` as it was (a workflow, a link) is in no window. So the histories of
all issues are compared with what is loaded once a month, a part of them on each day.
"""

import bisect
import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from extract import raw_store
from extract.census import Census, Findings
from extract.settings import setting_name
from extract.sources.jira.chains import Chain
from extract.sources.jira.client import (
    MOST_IN_WINDOW,
    ListedIssues,
    WindowProgress,
    chunks,
    is_complete_listing,
    open_field,
    updated_since,
)
from extract.sources.jira.rows import History
from extract.sources.jira.tables import NAME, TOMBSTONES
from extract.tables import Batch
from extract.windows import Window, bisect_window

if TYPE_CHECKING:
    from extract.sources.jira.reader import Reader


LOADS_PER_MONTH = 30
"""In how many daily loads the histories of all issues are compared with what is loaded."""


@dataclass
class IssueCensus:
    """Compares all ids of a Jira with what is loaded."""

    reader: "Reader"

    def taken(self, state: Any, scopes: list[str], census: Census) -> Iterator[Batch]:
        """Compare all ids with what is loaded; fetch what is missing, mark what is gone."""
        run, site = self.reader.run, self.reader.site
        if not scopes or not census.is_due(state, self.reader.run.server_now):
            return
        listed: ListedIssues = {}
        for scope in scopes:
            part, is_all = self._listed(scope)
            listed |= part
            if not is_all:
                run.audit(
                    "issues",
                    scope=scope,
                    status="incomplete",
                    message=f"the census listed {len(part):,} issues, fewer than Jira counts",
                )
                return
        for issue_id in self.reader.issue_ids & listed.keys():
            # Read in this load, and not yet in the raw file.
            census.known[issue_id] = listed[issue_id]
        found = census.compare(listed, self._closed_projects())
        # A project whose key was changed: its issues have other keys, and were not updated.
        renamed = {
            issue_id
            for issue_id, (_, project) in listed.items()
            if issue_id in census.known and census.known[issue_id][1] != project
        }
        found.stale += sorted(renamed - set(found.stale))
        self._hidden(listed)
        verdicts, alive = self._verdicts(census, found)
        wanted = [*found.wanted, *alive]
        altered: list[str] = []
        sampled: list[str] = []
        if self.reader.is_daily and not run.windows:  # what several windows brought was just read
            altered = self._altered(state, listed, {*wanted, *self.reader.issue_ids})
            known = {*wanted, *altered, *self.reader.issue_ids}
            sampled = sorted((self._of_teams() & listed.keys()) - known)
        wanted += altered + sampled
        progress = WindowProgress(Window(None, self.reader.run.server_now), "", 0)
        for issues in site.by_id(wanted[:MOST_IN_WINDOW], progress):
            yield from self.reader.batches(issues)
        if len(wanted) > MOST_IN_WINDOW:
            run.more = True
            return
        marks = census.settle(found, verdicts, self.reader.run.server_now)
        yield TOMBSTONES, TOMBSTONES.mixed(marks)
        name = setting_name(NAME, "projects")
        census.note(run, found, f"if a project is gone for good, let {name} name the others")
        census.close(state, self.reader.run.server_now)
        had_not = len(wanted) - len(altered) - len(sampled)
        notes = [
            f"the census found {had_not:,} issues that the windows had not" if had_not else "",
            f"{len(altered):,} issues had changed without an update" if altered else "",
        ]
        if wanted:
            run.audit(
                "issues",
                extracted=len(wanted) - progress.gone - progress.unread,
                message="; ".join(filter(None, notes)),
            )

    def _of_teams(self) -> set[str]:
        """Return one issue of each team: nothing else tells what a team is called today."""
        team = "json_extract_string(payload, '$.fields.team.id')"
        newest = raw_store.rows(
            NAME,
            f"select arg_max(id, (updated_at, id)) from {NAME}.issues where {team} is not null "
            f"and id not in (select id from {NAME}.tombstones where object = 'issues' "
            f"and state <> 'present') group by {team}",
        )
        return {issue_id for (issue_id,) in newest}

    def _altered(self, state: Any, listed: ListedIssues, known: set[str]) -> list[str]:
        """Return which issues of today's share have other histories than are loaded.

        Those that are `known` to be read in this load are passed over.
        """

        def order(issue_id: str) -> tuple[int, str]:
            return len(issue_id), issue_id

        ids = sorted(listed.keys() - known, key=order)
        share = max(self.reader.site.histories_of, math.ceil(len(ids) / LOADS_PER_MONTH))
        begin = bisect.bisect_right(ids, order(state.get("compared_up_to", "")), key=order)
        todays = ids[begin : begin + share]
        state["compared_up_to"] = todays[-1] if begin + share < len(ids) else ""
        altered = []
        for batch in chunks(todays, self.reader.site.histories_of):
            loaded = dict(
                raw_store.rows(
                    NAME,
                    f"select issue_id, list(payload) from {NAME}.histories "
                    "where list_contains($ids, issue_id) group by issue_id",
                    ids=batch,
                )
            )
            for issue_id, histories in self.reader.site.histories_now(batch).items():
                shown = {row[3] for row in map(self._shown, histories) if row}
                if not shown <= set(loaded.get(issue_id, ())):
                    altered.append(issue_id)
        return altered

    def _shown(self, history: History) -> tuple[str, int | None, int, str] | None:
        return self.reader.site.rows.history(history, Chain())

    def _listed(self, scope: str) -> tuple[ListedIssues, bool]:
        """Return all ids of a scope, and whether they are as many as the server counts.

        In parts, because a long sweep can end early without an error; by time of creation, which
        does not change while we page, and of which we know how it is spread.
        """
        found: ListedIssues = {}
        project = f'project = "{scope}" AND ' if scope else ""
        since = f" AND {updated_since(self.reader.run.start)}" if self.reader.run.start else ""
        lo, end = None, self.reader.run.server_now + timedelta(days=1)

        def query(window: Window) -> str:
            # What an import dated before 1970 is below any bound.
            low = f"created >= {int(window.lo.timestamp() * 1000)} AND " if window.lo else ""
            return f"{project}{low}created < {int(window.hi.timestamp() * 1000)}{since}"

        steps = raw_store.rows(
            NAME,
            "select created_at from (select created_at, row_number() over (order by created_at) "
            f"as row_num from {NAME}.issues where $scope = '' or _scope = $scope) "
            "where row_num % $most = 0 order by created_at",
            scope=scope,
            most=MOST_IN_WINDOW * 19 // 20,
        )
        while lo is None or lo < end:
            step = next((at for (at,) in steps if at and (lo is None or at > lo)), end)
            part, count = bisect_window(
                Window(lo, min(step, end)),
                lambda part: self.reader.site.count(query(part)),
                MOST_IN_WINDOW,
            )
            listed = self.reader.site.listing(query(part))
            found |= listed
            if not is_complete_listing(len(listed), count):
                return found, False
            lo = part.hi
        return found, True

    def _closed_projects(self) -> dict[str, str]:
        """Return the projects that Jira itself says are archived or deleted."""
        return {
            str(row.get("key")): "archived" if row.get("archived") else "deleted"
            for row in self.reader.visible
            if row.get("archived") or row.get("deleted")
        }

    def _hidden(self, listed: ListedIssues) -> None:
        """Note per project how many issues Jira counts and does not show to this user."""
        shown: dict[str, int] = defaultdict(int)
        for _, project in listed.values():
            shown[project] += 1
        for row in self.reader.visible if not self.reader.run.start else ():
            total = (row.get("insight") or {}).get("totalIssueCount")
            key = str(row.get("key"))
            is_asked = not self.reader.config.projects or key in self.reader.config.projects
            if total and is_asked and total > shown[key]:
                self.reader.run.audit(
                    "issues",
                    scope=key,
                    acl_gap=total - shown[key],
                    message=f"Jira counts {total:,} issues and shows {shown[key]:,} of them",
                )

    def _verdicts(self, census: Census, found: Findings) -> tuple[dict[str, str], list[str]]:
        """Read by id what two censuses lacked: what became of it, and what is there after all."""
        verdicts: dict[str, str] = {}
        alive: list[str] = []
        closed = self._closed_projects()
        visible = {row.get("key") for row in self.reader.visible}
        for issue_id, (status, body) in self.reader.site.looked_up(found.suspects).items():
            scope = census.known[issue_id][1]
            if body:
                project = (body.key or "").rpartition("-")[0]
                if self.reader.config.projects and project not in self.reader.config.projects:
                    verdicts[issue_id] = "moved"
                elif open_field(body, "archiveddate") or project in closed:
                    verdicts[issue_id] = "archived"
                else:
                    verdicts[issue_id] = "unknown"
                    alive.append(issue_id)
            elif scope in closed:
                verdicts[issue_id] = closed[scope]
            elif status == 403 or scope not in visible:
                verdicts[issue_id] = "no_access"
            else:
                verdicts[issue_id] = "deleted"
        return verdicts, alive
