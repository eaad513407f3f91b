"""Which deployment first brought each commit to production: what its own commit descends from.

A deployment carries all commits that its commit can be reached from, and that no deployment before
it carried. Before the first one of a repository nothing is known: that one carries its own commit,
and what lies behind it was there, nobody knows since when.

Each walk stops at what was reached before, so a commit is visited once: that, and that one step
needs the one before, is why this is Python.
"""

from collections import defaultdict

import pyarrow as pa

SCHEMA = pa.schema(
    [
        ("commit_key", pa.string()),
        ("source_system", pa.string()),
        ("repository", pa.string()),
        ("sha", pa.string()),
        ("deployment_key", pa.string()),
        ("generation", pa.int64()),
    ]
)

Parents = dict[str, list[str]]


def carried(parents: Parents, deployed: list[tuple[str, str]]) -> dict[str, str | None]:
    """Return by commit the deployment that carries it; None behind the first one.

    Args:
        parents: The known commits, each with its parents, which may be unknown.
        deployed: Deployments in order, each with its commit.
    """
    carrier: dict[str, str | None] = {}
    is_first = True
    for deployment, sha in deployed:
        if sha not in parents:
            continue
        todo = [sha]
        while todo:
            commit = todo.pop()
            if commit in carrier or commit not in parents:
                continue
            carrier[commit] = None if is_first and commit != sha else deployment
            todo += parents[commit]
        is_first = False
    return carrier


def generations(parents: Parents, commits: dict[str, str | None]) -> dict[str, int]:
    """Return how many commits the longest line behind each commit has: an ancestor has fewer.

    No commit is its own ancestor; of rows that say so a line ends where it would begin again.
    """
    found: dict[str, int] = {}
    waiting: set[str] = set()
    for start in commits:
        todo = [start]
        while todo:
            commit = todo[-1]
            behind = [parent for parent in parents.get(commit, ()) if parent in commits]
            missing = [p for p in behind if p not in found and p not in waiting]
            if missing and commit not in waiting:
                waiting.add(commit)
                todo += missing
                continue
            found[commit] = 1 + max((found.get(parent, 0) for parent in behind), default=0)
            todo.pop()
    return found


def model(dbt, session):  # noqa: ANN001, ANN201 (dbt's own signature)
    """Walk the commits of every repository that was deployed to production."""
    deployed = defaultdict(list)
    for source, repository, sha, deployment in (
        dbt.ref("int_deployments_located")
        .filter("is_production and result = 'success' and finished_at is not null")
        .order("finished_at, deployment_key")
        .project("code_source_system, repository, sha, deployment_key")
        .fetchall()
    ):
        deployed[source, repository].append((deployment, sha))
    known: dict[tuple[str, str], Parents] = defaultdict(dict)
    commits = dbt.ref("int_commits_unioned").project("source_system, repository, sha, parent_shas")
    for source, repository, sha, parents in commits.fetchall():
        if (source, repository) in deployed:
            known[source, repository][sha] = parents or []
    rows = []
    for (source, repository), graph in sorted(known.items()):
        carrier = carried(graph, deployed[source, repository])
        places = generations(graph, carrier)
        rows += [
            (f"{source}:{repository}:{sha}", source, repository, sha, by, places[sha])
            for sha, by in carrier.items()
        ]
    columns = zip(*rows, strict=True) if rows else [[]] * len(SCHEMA)
    return pa.table([list(column) for column in columns], schema=SCHEMA)
