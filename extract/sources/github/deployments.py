"""Deployments with their statuses.

Each load looks back 30 days; what is compared and what is still open is known from the raw tables
themselves. Open deployments are read by id until they end, however old.
"""

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from extract.run import Audit
from extract.sources.github.client import Missing, listed_rows, pages
from extract.sources.github.rows import Repository, Row, deployment_row, status_row
from extract.sources.github.shared import CHUNK, chunks, second_of, stored_rows
from extract.sources.github.tables import DEPLOYMENTS, STATUSES
from extract.tables import Batch, instant
from extract.windows import Window

if TYPE_CHECKING:
    from extract.sources.github.reader import Reader


DEPLOYMENT_LOOK_BACK = timedelta(days=30)

ENDED_DEPLOYMENTS = ("success", "failure", "error", "inactive")


@dataclass
class Deployments:
    """Reads deployments."""

    reader: "Reader"

    def deployments(
        self, state: Any, repo: Repository, audits: Mapping[str, Audit]
    ) -> Generator[Batch, None, bool]:
        """Yield the deployments that are new, changed or still open, with all their statuses."""
        audit = audits[DEPLOYMENTS.name]
        window = self.reader.window(state, repo, audit, DEPLOYMENT_LOOK_BACK, timedelta(0))
        listed: dict[int, Row] = {}
        for row in listed_rows(pages(self.reader.api, f"/repos/{repo.name}/deployments", {})):
            created = instant(row.get("created_at"))
            if window.lo and created and created < window.lo:
                break
            listed.setdefault(row["id"], row)
        settled, still_open = self._stored_deployments(repo, window.lo)
        if not self.reader.run.windows:
            for some in chunks(self._open_deployments(state, repo, still_open, audit), CHUNK):
                yield from self._with_statuses(repo, some, audits)
        changed = [
            row
            for row in sorted(listed.values(), key=lambda row: str(row.get("created_at")))
            if settled.get(str(row["id"]), -1) != second_of(row.get("updated_at"))
        ]
        audit.extracted += len(listed) - len(changed)
        known = {sha for (sha,) in stored_rows(_COMMITS, repo.name)}
        if any(row.get("sha") not in known for row in changed):
            self.reader.run.more = True  # once what came to the default branch is stored, too
        for start in range(0, len(changed), CHUNK):
            some, rest = changed[start : start + CHUNK], changed[start + CHUNK :]
            yield from self._with_statuses(repo, some, audits)
            self.reader.room[DEPLOYMENTS.name] -= len(some)
            if rest and (hi := instant(rest[0].get("created_at"))):
                self.reader.run.close_window(state, repo.key, Window(window.lo, hi))
                if self.reader.room[DEPLOYMENTS.name] <= 0:
                    audit.window_to = hi
                    return False
        self.reader.run.close_window(state, repo.key, window)
        return True

    def _stored_deployments(
        self, repo: Repository, lo: datetime | None
    ) -> tuple[dict[str, int | None], dict[str, int | None]]:
        """Return the second of the last update of those that ended, and of the older open ones."""
        settled: dict[str, int | None] = {}
        still_open: dict[str, int | None] = {}
        for row_id, updated, is_ended, is_listed in stored_rows(
            """
            with last_states as (
                select deployment_id, lower(state) as state
                from github.deployment_statuses
                qualify created_at = max(created_at) over (partition by deployment_id)
            )
            select
                id,
                epoch(updated_at)::bigint,
                coalesce(bool_or(list_contains(?, state)), false),
                ?::timestamptz is null or created_at >= ?::timestamptz
            from github.deployments
            left join last_states on deployment_id = id
            where repository = ?
            group by id, updated_at, created_at
            """,
            list(ENDED_DEPLOYMENTS),
            lo,
            lo,
            repo.name,
        ):
            if is_ended and is_listed and not self.reader.run.full:
                settled[row_id] = updated
            elif not is_ended and not is_listed:
                still_open[row_id] = updated
        return settled, still_open

    def _open_deployments(
        self, state: Any, repo: Repository, known: Mapping[str, int | None], audit: Audit
    ) -> list[Row]:
        """Read by id the open deployments that the look-back does not reach; return the changed."""
        gone = state.setdefault("gone", {}).setdefault(repo.key, [])
        ids = [row_id for row_id in known if row_id not in gone]
        replies = self.reader.parallel(
            lambda row_id: self.reader.api.get(
                f"/repos/{repo.name}/deployments/{row_id}", allow=(404, 410)
            ),
            ids,
        )
        changed = []
        for row_id, reply in zip(ids, replies, strict=True):
            if reply.status != 200:
                gone.append(row_id)
                audit.deleted += 1
            elif second_of(reply.data.get("updated_at")) != known[row_id]:
                changed.append(reply.data)
        return changed

    def _with_statuses(
        self, repo: Repository, some: list[Row], audits: Mapping[str, Audit]
    ) -> Iterator[Batch]:
        def statuses(deployment: Row) -> list[Row]:
            path = f"/repos/{repo.name}/deployments/{deployment['id']}/statuses"
            try:
                rows = list(listed_rows(pages(self.reader.api, path, {})))
            except Missing:
                rows = []
                audits[STATUSES.name].rejected += 1
            return [status_row(row, str(deployment["id"])) for row in rows]

        found = [row for part in self.reader.parallel(statuses, some) for row in part]
        unique = list({row["status_key"]: row for row in found}.values())
        rows = [deployment_row(repo, row) for row in some]
        yield from self.reader.batches(repo, audits, (DEPLOYMENTS, rows), (STATUSES, unique))


_COMMITS = "select sha from github.commits where repository = ?"
