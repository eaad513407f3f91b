"""What `flowhouse doctor` asks of a GitLab."""

from collections.abc import Iterator

from extract.api import ROWS, Api, Reply
from extract.gaps import FOREVER
from extract.probes import MOST_PROBED, NOT_READABLE, Probe, clock, counts, scopes
from extract.run import LoadRun
from extract.sources.gitlab.client import connect, found_projects, server_time
from extract.sources.gitlab.rows import Project, path_of
from extract.sources.gitlab.settings import GitLabSettings
from extract.sources.gitlab.tables import NAME


def doctor_probes(config: GitLabSettings) -> Iterator[Probe]:
    """Ask what only this instance can answer; `flowhouse doctor` prints it."""
    api = connect(config)
    yield clock(server_time(api))
    run = LoadRun(NAME, "doctor")
    found = found_projects(run, api, config)
    yield from scopes("projects", len(found), run)
    for row in found[:MOST_PROBED]:
        yield counts(path_of(row), _sizes(api, row["id"]))
        kept = Project.of(row).keeps_pipelines
        how_long = "this token cannot see it (maintainer)"
        if kept:
            how_long = "for ever" if kept == FOREVER else f"{kept.days} days"
        yield Probe(True, f"{path_of(row)}: for how long pipelines are kept: {how_long}")


def _sizes(api: Api, project_id: int) -> Iterator[tuple[str, Reply, str]]:
    """Yield what a project lists and how much; GitLab does not count above 10,000."""
    for what, path in (
        ("pipelines", "pipelines"),
        ("deployments", "deployments"),
        ("merge requests", "merge_requests"),
        ("issues", "issues"),
    ):
        reply = api.get(
            f"/projects/{project_id}/{path}", {"per_page": 1}, allow=NOT_READABLE, type=ROWS
        )
        total = reply.headers.get("X-Total") or ""
        yield what, reply, f"{int(total):,}" if total.isdigit() else "more than 10,000"
