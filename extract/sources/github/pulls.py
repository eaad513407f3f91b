"""Pull requests: listed newest update first until the last watermark, read in full by GraphQL.

A weekly census finds those that no listing showed.
"""

import time
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from extract.api import IncompleteRead
from extract.run import Audit
from extract.sources.github.client import listed_rows, pages
from extract.sources.github.graphql import ITEMS_PER_QUERY
from extract.sources.github.rows import Listed, Repository, commit_rows, pull_row, review_rows
from extract.sources.github.shared import (
    CHUNK,
    PULL_OVERLAP,
    SAFETY_LAG,
    chunks,
    note_fault,
    say,
    stored_rows,
)
from extract.sources.github.tables import COMMITS, PULL_REQUESTS, REVIEWS
from extract.tables import Batch, instant
from extract.windows import BEGINNING, Window

if TYPE_CHECKING:
    from extract.sources.github.reader import Reader


CENSUS_EVERY = timedelta(days=7)
"""How often all pull requests are counted, to find those that no listing showed."""


@dataclass
class Pulls:
    """Reads pull requests with their commits and reviews."""

    reader: "Reader"

    def pulls(
        self, state: Any, repo: Repository, audits: Mapping[str, Audit]
    ) -> Generator[Batch, None, bool]:
        """Yield the pull requests that were updated, oldest update first."""
        audit = audits[PULL_REQUESTS.name]
        window = self.reader.window(state, repo, audit, PULL_OVERLAP, SAFETY_LAG)
        listed, hi = self.reader.run.kept.pop((PULL_REQUESTS.name, repo.key), (None, window.hi))
        window = Window(window.lo, hi)
        if listed is None:
            listed = self._listed_pulls(repo, window)
        audit.api_count = len(listed)
        began = time.monotonic()
        if not self.reader.run.windows:
            cut = self._cut_pulls(state, repo, {pull.number for pull in listed})
            for some in chunks(cut, CHUNK):
                yield from self._full_pulls(state, repo, some, audits)
        for start in range(0, len(listed), CHUNK):
            some, rest = listed[start : start + CHUNK], listed[start + CHUNK :]
            yield from self._full_pulls(state, repo, some, audits)
            self.reader.run.progress(PULL_REQUESTS.name, start + len(some), len(listed), began)
            self.reader.room[PULL_REQUESTS.name] -= len(some)
            if rest:
                hi = min(window.hi, rest[0].updated_at)
                self.reader.run.close_window(state, repo.key, Window(window.lo, hi))
                if self.reader.room[PULL_REQUESTS.name] <= 0:
                    # The next window goes on with what is listed already, as of then.
                    self.reader.run.kept[PULL_REQUESTS.name, repo.key] = rest, window.hi
                    audit.api_count, audit.window_to = start + len(some), hi
                    return False
        self.reader.run.close_window(state, repo.key, window)
        if not self.reader.run.is_backfill:
            yield from self._missed_pulls(state, repo, {pull.number for pull in listed}, audits)
        return True

    def _missed_pulls(
        self, state: Any, repo: Repository, done: set[int], audits: Mapping[str, Audit]
    ) -> Iterator[Batch]:
        """Yield the pull requests that no listing showed, or not as they are; weekly."""
        taken = state.setdefault("census_at", {})
        last = datetime.fromisoformat(
            taken.setdefault(repo.key, self.reader.run.server_now.isoformat())
        )
        if self.reader.run.server_now - last < CENSUS_EVERY or repo.node_id is None:
            return
        stored = dict(
            stored_rows(
                "select number, updated_at from github.pull_requests where repository = ?",
                repo.name,
            )
        )
        shown: dict[int, datetime] = {}
        start, total = self.reader.run.start or BEGINNING, 0
        for page in self.reader.graph.pages("pull_census", "pullRequests", repo.node_id):
            nodes = [node for node in page["nodes"] if node]
            shown |= {node["number"]: instant(node["updatedAt"]) or BEGINNING for node in nodes}
            total = page.get("totalCount") or 0
        if len(shown) < total:
            raise IncompleteRead(
                f"github: the census lists {len(shown):,} of {total:,} pull requests"
            )
        missed = {
            number
            for number, updated in shown.items()
            if updated > (stored.get(number) or BEGINNING) and updated >= start
        }
        vanished = stored.keys() - shown.keys()
        if vanished:
            say(
                audits[PULL_REQUESTS.name],
                f"pull requests that GitHub shows no more, and that stay: {len(vanished):,}",
            )
        cut = state.setdefault("cut", {}).setdefault(repo.key, [])
        done = done | {*cut}
        cut += sorted(missed - done)
        found = self._cut_pulls(state, repo, done)
        audits[PULL_REQUESTS.name].api_count += len(found)
        for some in chunks(found, CHUNK):
            yield from self._full_pulls(state, repo, some, audits)
        taken[repo.key] = self.reader.run.server_now.isoformat()

    def _listed_pulls(self, repo: Repository, window: Window) -> list[Listed]:
        """List what was updated since the window began; what comes meanwhile only repeats rows."""
        params = {"state": "all", "sort": "updated", "direction": "desc"}
        found: dict[str, Listed] = {}
        for row in listed_rows(pages(self.reader.api, f"/repos/{repo.name}/pulls", params)):
            listed = Listed.of(row)
            if window.lo and listed.updated_at < window.lo:
                break
            found.setdefault(listed.id, listed)
        return sorted(found.values(), key=lambda listed: listed.updated_at)

    def _cut_pulls(self, state: Any, repo: Repository, done: set[int]) -> list[Listed]:
        """Return the pull requests that are to be read again, but for those that were just read."""
        cut = state.setdefault("cut", {}).get(repo.key, [])
        found = []
        for number in set(cut) - done:
            reply = self.reader.api.get(f"/repos/{repo.name}/pulls/{number}", allow=(404, 410))
            if reply.status == 200:
                found.append(Listed.of(reply.data))
            else:
                cut.remove(number)
        return found

    def _full_pulls(
        self, state: Any, repo: Repository, some: list[Listed], audits: Mapping[str, Audit]
    ) -> Iterator[Batch]:
        """Read pull requests in full; one that is cut short is left to the next load."""
        parts = self.reader.parallel(
            lambda ids: self.reader.graph.full_items("pull_requests", ids),
            chunks([listed.node_id for listed in some], ITEMS_PER_QUERY),
        )
        nodes = {node_id: node for found, _ in parts for node_id, node in found.items()}
        gone = {node_id for _, missing in parts for node_id in missing}
        complete = [(listed, nodes[listed.node_id]) for listed in some if listed.node_id in nodes]
        cut = [
            listed.number
            for listed in some
            if listed.node_id not in nodes and listed.node_id not in gone
        ]
        pulls = [pull_row(repo, listed, node) for listed, node in complete]
        commits = [row for listed, node in complete for row in commit_rows(repo, listed, node)]
        reviews = [row for listed, node in complete for row in review_rows(listed, node)]
        audit = audits[PULL_REQUESTS.name]
        known = state.setdefault("cut", {}).get(repo.key, [])
        state["cut"][repo.key] = sorted({*known} - {listed.number for listed in some} | {*cut})
        if cut:
            numbers = ", ".join(f"#{number}" for number in sorted(cut))
            note_fault(audit, f"incomplete answer, to be read again: {numbers}")
        if gone:
            note_fault(audit, f"{len(gone):,} listed pull requests were not given")
        audit.rejected += len(cut) + len(gone)
        yield from self.reader.batches(
            repo, audits, (PULL_REQUESTS, pulls), (COMMITS, commits), (REVIEWS, reviews)
        )
