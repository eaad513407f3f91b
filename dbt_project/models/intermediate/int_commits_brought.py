"""Which commit of a default branch's own line brought each commit of a branch that was merged.

A commit is brought by the first one of the line that it can be reached from. The line is walked
from its beginning and stops at what was reached before, so a commit is visited once.
"""

from collections import defaultdict

import pyarrow as pa

SCHEMA = pa.schema(
    [
        ("commit_brought_id", pa.string()),
        ("repository", pa.string()),
        ("sha", pa.string()),
        ("brought_by_sha", pa.string()),
    ]
)

Parents = dict[str, list[str]]


def in_order(parents: Parents, line: set[str]) -> list[str]:
    """Return the commits of a line, each after the one that it was made on."""
    order: list[str] = []
    seen: set[str] = set()
    for start in sorted(line):
        chain, sha = [], start
        while sha in line and sha not in seen:
            seen.add(sha)
            chain.append(sha)
            sha = next(iter(parents[sha]), "")
        order += reversed(chain)
    return order


def brought(parents: Parents, line: set[str]) -> dict[str, str]:
    """Return by commit beside the line the commit of the line that brought it.

    Args:
        parents: The known commits, each with its parents, which may be unknown.
        line: The commits that the default branch itself came to.
    """
    found: dict[str, str] = {}
    for own in in_order(parents, line):
        todo = parents[own][1:]
        while todo:
            sha = todo.pop()
            if sha in parents and sha not in line and sha not in found:
                found[sha] = own
                todo += parents[sha]
    return found


def model(dbt, session):  # noqa: ANN001, ANN201 (dbt's own signature)
    """Walk the default branch of every repository."""
    known: dict[str, Parents] = defaultdict(dict)
    lines: dict[str, set[str]] = defaultdict(set)
    commits = dbt.ref("stg_github__commits").project(
        "repository, sha, parent_shas, is_on_main_line"
    )
    for repository, sha, parents, is_on_main_line in commits.fetchall():
        known[repository][sha] = parents or []
        if is_on_main_line:
            lines[repository].add(sha)
    rows = [
        (f"{repository}:{sha}", repository, sha, by)
        for repository, line in sorted(lines.items())
        for sha, by in brought(known[repository], line).items()
    ]
    columns = zip(*rows, strict=True) if rows else [[]] * len(SCHEMA)
    return pa.table([list(column) for column in columns], schema=SCHEMA)
