"""Which deployment first brought each commit to production: what its own commit descends from.

A deployment carries all commits that its commit can be reached from, and that no deployment before
it carried. Before the first one of a repository nothing is known: that one carries its own commit,
and what lies behind it was there, nobody knows since when.

Each walk stops at what was reached before, so a commit is visited once: that, and that one step
needs the one before, is why this is Python. Commits are numbered for it, which a walk over a
million of them needs; the engine says which numbers belong together.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Numbers = list[int]
UNREACHED, BEHIND_FIRST = -2, -1


def parents_of(commits: int, children: np.ndarray, parents: np.ndarray) -> tuple[Numbers, Numbers]:
    """Return the parents of all commits in one list, and where in it those of each begin.

    Args:
        commits: How many there are.
        children: The commit of each pair of a commit and a known parent of it.
        parents: The parent of each pair.
    """
    counts = np.bincount(children, minlength=commits)
    order = np.argsort(children, kind="stable")
    return parents[order].tolist(), [0, *np.cumsum(counts).tolist()]


def walk(
    parents: Numbers, begins: Numbers, deployed: list[tuple[int, int]]
) -> tuple[Numbers, Numbers]:
    """Return by commit the deployment that carries it, and its generation.

    The first is a place in `deployed`, BEHIND_FIRST or UNREACHED. The generation is how many
    commits the longest line that leads to it has: an ancestor has fewer. No commit is its own
    ancestor; of rows that say so a line ends where it would begin again.

    Args:
        parents: Parents of all commits, as `parents_of` returns them.
        begins: Where those of each begin.
        deployed: Deployments in order, each with its repository and the number of its commit.
    """
    carrier = [UNREACHED] * (len(begins) - 1)
    generation = [0] * len(carrier)
    begun = set()
    for deployment, (repository, tip) in enumerate(deployed):
        brings = deployment if repository in begun else BEHIND_FIRST
        todo = [tip] if carrier[tip] == UNREACHED else []
        while todo:
            commit = todo[-1]
            behind = parents[begins[commit] : begins[commit + 1]]
            if carrier[commit] == UNREACHED:
                carrier[commit] = brings
                missing = [parent for parent in behind if carrier[parent] == UNREACHED]
                if missing:
                    todo += missing
                    continue
            if not generation[commit]:
                generation[commit] = 1 + max((generation[parent] for parent in behind), default=0)
            todo.pop()
        if repository not in begun:
            carrier[tip] = deployment
            begun.add(repository)
    return carrier, generation


def asked(session, sql: str, **tables: pa.Table) -> pa.Table:  # noqa: ANN001 (dbt's own connection)
    """Return what a query over these tables finds."""
    for name, table in tables.items():
        session.register(name, table)
    try:
        return session.sql(sql).to_arrow_table()
    finally:
        for name in tables:
            session.unregister(name)


def model(dbt, session):  # noqa: ANN001, ANN201 (dbt's own signature)
    """Walk the commits of every repository that was deployed to production."""
    located = dbt.ref("int_deployments_located")
    unioned = dbt.ref("int_commits_unioned")
    deployed = (
        located.filter("is_production and result = 'success' and finished_at is not null")
        .project("code_source_system, repository, sha, deployment_key, finished_at")
        .to_arrow_table()
    )
    # Each commit says the name of its repository: a number is joined faster.
    repositories = asked(
        session,
        """
        select source_system, repository, row_number() over () as repository_no
        from (
            select distinct code_source_system as source_system, repository from deployed
        ) as named
        """,
        deployed=deployed,
    )
    commits = asked(
        session,
        """
        select repository_no, source_system, repository, sha, parent_shas
        from unioned
        inner join repositories using (source_system, repository)
        """,
        unioned=unioned.project("source_system, repository, sha, parent_shas").to_arrow_table(),
        repositories=repositories,
    )
    commits = commits.append_column("commit_no", pa.array(np.arange(len(commits))))
    edges = asked(
        session,
        """
        select child.commit_no as child, parent.commit_no as parent
        from (
            select commit_no, repository_no, unnest(parent_shas) as sha from commits
        ) as child
        inner join commits as parent using (repository_no, sha)
        """,
        commits=commits,
    )
    tips = asked(
        session,
        """
        select deployed.deployment_key, repository_no, commit_no
        from deployed
        inner join repositories
            on
                deployed.code_source_system = repositories.source_system
                and deployed.repository = repositories.repository
        inner join commits using (repository_no, sha)
        order by deployed.finished_at, deployed.deployment_key
        """,
        deployed=deployed,
        repositories=repositories,
        commits=commits.select(["repository_no", "sha", "commit_no"]),
    )
    carrier, generation = walk(
        *parents_of(len(commits), edges["child"].to_numpy(), edges["parent"].to_numpy()),
        list(zip(tips["repository_no"].to_pylist(), tips["commit_no"].to_pylist(), strict=True)),
    )
    carrier = np.array(carrier, dtype=np.int64)
    reached = np.flatnonzero(carrier != UNREACHED)
    found, carrier = commits.take(reached), carrier[reached]
    names = [found[name] for name in ("source_system", "repository", "sha")]
    by = pa.array(carrier, mask=carrier == BEHIND_FIRST)
    return pa.table(
        {
            "commit_key": pc.binary_join_element_wise(*names, ":"),
            "source_system": names[0],
            "repository": names[1],
            "sha": names[2],
            "deployment_key": tips["deployment_key"].take(by),
            "generation": np.array(generation, dtype=np.int64)[reached],
        }
    )
