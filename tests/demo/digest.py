"""Prints a digest of all that the demo company's APIs can answer; runs in its own process."""

import hashlib

import msgspec

from demo import (
    github,
    github_commits,
    github_graphql,
    github_issues,
    gitlab,
    jenkins,
    jira,
    servicenow,
    truth,
)
from demo.company import HORIZON, ON_GITHUB
from demo.world import build


def main():
    world = build()
    digest = hashlib.sha256()

    def add(value):
        digest.update(msgspec.json.encode(value))

    for issue in world.issues:
        add(jira.render(issue, HORIZON))
        add([jira.history_json(history, []) for history in issue.histories])
        add([visit.__repr__() for visit in truth.visits(issue)])
        add(
            [
                [version.id for version in issue.state(HORIZON)[name]]
                for name in ("fixVersions", "versions")
            ]
        )
        add([[link.kind, link.end, link.other.id, link.at, link.until] for link in issue.links])
    add([jira.version(version, HORIZON) for version in world.versions])
    hub = world.on_github()
    for issue in world.library.issues:
        add([github_issues.rest_json(issue, HORIZON), github_issues.issue_json(issue, HORIZON)])
        add([github_issues.event_json(issue, *row) for row in enumerate(issue.events)])
    for pull in hub.pulls:
        add(github.pull_json(pull, HORIZON))
        add([github_graphql.commit_json(commit) for commit in pull.commits])
        add([github_graphql.review(review) for review in pull.reviews])
        add([github_graphql.timeline_item(pull, *row) for row in enumerate(pull.events)])
    for repository in ON_GITHUB:
        line = github_commits.main_line(hub, repository)
        add([github_commits.branch_commit_json(one, None, {}) for one in line])
    for run in world.runs:
        for number, attempt in enumerate(run.attempts, start=1):
            add(github.run_json(run, HORIZON, number))
            add([github.job_json(run, job, number, HORIZON) for job in attempt.jobs])
    for row in hub.deployments:
        add([github.deployment_json(row, HORIZON), row.statuses])
    for builds in world.builds.values():
        add([[jenkins.build_json(build, HORIZON, ""), build.stages] for build in builds])
    served = gitlab.GitLab(world.insights)
    work = world.insights
    shown = [
        (served.request_json, work.requests), (gitlab.pipeline_json, work.pipelines),
        (gitlab.issue_json, work.tickets), (served.deployment_json, work.deployments),
    ]  # fmt: skip
    for show, rows in shown:
        add([show(row, HORIZON) for row in rows if row.created <= HORIZON])
    add([[job.id for job in pipeline.jobs] for pipeline in work.pipelines])
    tables = servicenow.Tables(world)
    for table in servicenow.COLUMNS:
        add(tables.rows(table, HORIZON))
    print(digest.hexdigest())


if __name__ == "__main__":
    main()
