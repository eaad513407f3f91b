"""The commits of the default branch, and those that were deployed from elsewhere."""

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from extract.run import Audit
from extract.sources.github.client import Missing, pages
from extract.sources.github.rows import Repository, Row, branch_commit_row, parents_of
from extract.sources.github.shared import stored_rows
from extract.sources.github.tables import BRANCH_COMMITS, MAIN_LINES
from extract.tables import Batch, instant
from extract.windows import BEGINNING

if TYPE_CHECKING:
    from extract.sources.github.reader import Reader


@dataclass
class Commits:
    """Reads commits."""

    reader: "Reader"

    def commits(
        self, state: Any, repo: Repository, audits: Mapping[str, Audit]
    ) -> Generator[Batch, None, bool]:
        """Yield the commits that came to the default branch, and those on its own line.

        What was deployed from another branch is read too, down to what is known: a deployment
        carries what its commit descends from. No date says what is new: a merge brings commits
        that are years old. A walk ends when the parents of all that it read are here. What it has
        still to read is kept in the state, so that a load that was stopped leaves no hole behind
        what is stored.
        """
        if repo.default_branch is None:
            return True
        loose = state.setdefault("loose", {}).setdefault(repo.key, [])
        stored = "select sha, first_parent from github.commits where repository = ?"
        is_again = bool(self.reader.run.windows)
        parents = (
            {} if self.reader.run.full and not is_again else dict(stored_rows(stored, repo.name))
        )
        gone = state.setdefault("gone", {}).setdefault(repo.key, [])
        loose[:] = sorted({*loose, *deployed_unknown().get(repo.name, ())} - set(gone))
        tip = None
        for start in (*(() if is_again else (repo.default_branch,)), *loose):
            if start in parents:
                continue
            left, others = {start} - {repo.default_branch}, set(loose) - {start}
            try:
                for page in self._history(repo, start):
                    if start == repo.default_branch:
                        tip = tip or page[0]["sha"]
                    fresh = [commit for commit in page if commit["sha"] not in parents]
                    parents |= {
                        commit["sha"]: next(iter(parents_of(commit)), None) for commit in fresh
                    }
                    left = (left | {sha for commit in fresh for sha in parents_of(commit)}) - set(
                        parents
                    )
                    loose[:] = sorted(left | others - set(parents))
                    rows = [branch_commit_row(repo, commit) for commit in fresh]
                    yield from self.reader.batches(repo, audits, (BRANCH_COMMITS, rows))
                    if not left:
                        break
                else:  # what it did not come to is older than the start date
                    loose[:] = sorted(others - set(parents))
                    gone += {start} - {repo.default_branch} - set(parents)
            except Missing:
                if start == repo.default_branch:
                    if parents:
                        raise
                    audits[BRANCH_COMMITS.name].message = "GitHub has none (404)"
                    return True
                loose[:] = sorted(others)  # a force push dropped it
                gone.append(start)
        if tip:
            line = {sha for (sha,) in stored_rows(LINE, repo.name)}
            rows = []
            while tip in parents and tip not in line:
                rows.append({"repository": repo.name, "sha": tip, "payload": {}})
                tip = parents[tip]
            yield from self.reader.batches(repo, audits, (MAIN_LINES, rows))
        return True

    def _history(self, repo: Repository, start: str) -> Iterator[list[Row]]:
        """Yield the pages of the commits that one can be reached from, up to the start date."""
        # An empty repository is a conflict.
        path, params = f"/repos/{repo.name}/commits", {"sha": start}
        for page in pages(self.reader.api, path, params, allow=(409, 422)):
            commits = page or []
            if self.reader.run.start:
                commits = [
                    row
                    for row in commits
                    if (_committed(row) or BEGINNING) >= self.reader.run.start
                ]
            if not commits:
                return
            yield commits


LINE = "select sha from github.main_lines where repository = ?"


def deployed_unknown() -> dict[str, list[str]]:
    """Return by repository the commits that were deployed and are not stored."""
    return dict(
        stored_rows(
            """
            select repository, list(distinct sha order by sha) from github.deployments
            where sha is not null and (repository, sha) not in (
                select (repository, sha) from github.commits
            )
            group by 1
            """
        )
    )


def _committed(commit: Row) -> datetime | None:
    return instant(((commit.get("commit") or {}).get("committer") or {}).get("date"))
