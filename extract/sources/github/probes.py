"""What `flowhouse doctor` asks of a GitHub."""

from collections.abc import Iterator

from extract.api import OBJECT, ROWS, Api, Reply, SourceError
from extract.probes import MOST_PROBED, NOT_READABLE, Probe, clock, counts, scopes
from extract.run import LoadRun
from extract.sources.github.client import connect, found_repositories, last_page, runs_kept
from extract.sources.github.graphql import Graph
from extract.sources.github.rows import Repository
from extract.sources.github.settings import GitHubSettings
from extract.sources.github.tables import NAME


def doctor_probes(config: GitHubSettings) -> Iterator[Probe]:
    """Ask what only this server and this token can answer; `flowhouse doctor` prints it."""
    api = connect(config)
    limits = api.get("/rate_limit", allow=(404,))
    yield clock(limits.server_time)
    for name in ("core", "graphql"):
        limit = ((limits.data or {}).get("resources") or {}).get(name)
        if limit:
            line = f"requests ({name}): {limit['remaining']:,} of {limit['limit']:,} an hour left"
            yield Probe(limit["remaining"] > 0, line)
    graph = Graph(api)
    graph.adapt()
    yield Probe(True, "GraphQL: readable")
    run = LoadRun(NAME, "doctor")
    found = found_repositories(run, api, config)
    yield from scopes("repositories", len(found), run)
    for row in found[:MOST_PROBED]:
        yield counts(row["full_name"], _counted(api, row["full_name"]))
        yield from _issues(graph, Repository.of(row))
        kept = runs_kept(api, row["full_name"])
        how_long = (
            f"{kept.days} days" if kept else "this token cannot see it (administration: read)"
        )
        yield Probe(True, f"{row['full_name']}: for how long runs are kept: {how_long}")


def _counted(api: Api, repository: str) -> Iterator[tuple[str, Reply, str]]:
    """Yield what a repository lists and how much: the last page's number, of one row each."""
    for what, path, params in (
        ("pull requests", "pulls", {"state": "all"}),
        ("runs", "actions/runs", {}),
        ("deployments", "deployments", {}),
    ):
        reply = api.get(
            f"/repos/{repository}/{path}",
            {**params, "per_page": 1},
            allow=NOT_READABLE,
            type=OBJECT if path == "actions/runs" else ROWS,
        )
        rows = reply.data
        if isinstance(rows, dict):
            count = rows.get("total_count") or 0
        else:
            count = last_page(reply.headers.get("Link")) or len(rows or ())
        yield what, reply, f"{count:,}"


def _issues(graph: Graph, repo: Repository) -> Iterator[Probe]:
    """Say how many issues a repository shows to GraphQL."""
    if not repo.has_issues or repo.node_id is None:
        return
    try:
        page = next(graph.pages("census", "issues", repo.node_id))
    except SourceError as failure:
        yield Probe(False, f"{repo.name}: issues not readable: {failure}")
    else:
        yield Probe(True, f"{repo.name}: {page['totalCount']:,} issues")
