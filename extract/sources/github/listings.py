"""Releases and environments: few, without a time of change, and almost always the same."""

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from extract.api import OBJECT, ROWS
from extract.run import Audit
from extract.sources.github.client import PAGE, from_page, listed_rows, next_of
from extract.sources.github.rows import Repository, environment_row, release_row
from extract.sources.github.shared import stored_rows
from extract.sources.github.tables import ENVIRONMENTS, RELEASES
from extract.tables import Batch, RawTable

if TYPE_CHECKING:
    from extract.sources.github.reader import Reader


@dataclass
class Listings:
    """Reads what has no time of change."""

    reader: "Reader"

    def releases(
        self, state: Any, repo: Repository, audits: Mapping[str, Audit]
    ) -> Generator[Batch, None, bool]:
        """Yield all releases, if one of them changed; those that are not listed any more stay."""
        rows = self._unless_the_same(state, repo, RELEASES, audits)
        if rows is not None:
            releases = [release_row(repo, row) for row in listed_rows(rows)]
            yield from self.reader.batches(repo, audits, (RELEASES, releases))
        return True

    def environments(
        self, state: Any, repo: Repository, audits: Mapping[str, Audit]
    ) -> Generator[Batch, None, bool]:
        """Yield all environments, if one of them changed."""
        rows = self._unless_the_same(state, repo, ENVIRONMENTS, audits)
        if rows is not None:
            found = [environment_row(repo, row) for row in listed_rows(rows, "environments")]
            yield from self.reader.batches(repo, audits, (ENVIRONMENTS, found))
        return True

    def _unless_the_same(
        self, state: Any, repo: Repository, table: RawTable, audits: Mapping[str, Audit]
    ) -> Iterator[Any] | None:
        """Return the pages of a listing; None where it is what it was, or GitHub has none.

        A tag of the first page stands for the listing only if there is no other page, and only
        while the rows that came with it are here.
        """
        path = f"/repos/{repo.name}/{table.name}"
        [(stored,)] = stored_rows(
            f"select count(*) from github.{table.name} where repository = ?", repo.name
        )
        tags = state.setdefault("etags", {})
        tag = tags.get(repo.key) if stored and not self.reader.run.full else None
        headers = {"If-None-Match": tag} if tag else None
        form = OBJECT if table is ENVIRONMENTS else ROWS
        reply = self.reader.api.get(
            path, {"per_page": PAGE}, headers=headers, allow=(304, 404), type=form
        )
        if reply.status != 200:
            why = "the same as before (304)" if reply.status == 304 else "GitHub has none (404)"
            audits[table.name].message = why
            return None
        is_one_page = next_of(reply.headers.get("Link")) is None
        tags[repo.key] = reply.headers.get("ETag") if is_one_page else None
        return from_page(self.reader.api, path, reply, form)
