"""The raw tables of GitHub."""

from extract.census import tombstones
from extract.gaps import history_gaps
from extract.privacy import KEEP
from extract.snapshots import snapshots
from extract.tables import BIGINT, TEXT, TIMESTAMP, RawTable

NAME = "github"

_REPO = "/repos/{owner}/{repo}"

REPOSITORIES = RawTable(
    "repositories",
    _REPO,
    ("id",),
    {"id": TEXT, "full_name": TEXT, "default_branch": TEXT, "created_at": TIMESTAMP},
)

ISSUES = RawTable(
    "issues",
    "/graphql Repository.issues",
    ("id",),
    {
        "id": TEXT,
        "repository": TEXT,
        "number": BIGINT,
        "state": TEXT,
        "created_at": TIMESTAMP,
        "updated_at": TIMESTAMP,
        "closed_at": TIMESTAMP,
    },
    work_item_kind="issue",
)

ISSUE_EVENTS = RawTable(
    "issue_events",
    "/graphql Issue.timelineItems",
    ("id",),
    {"id": TEXT, "issue_id": TEXT, "type": TEXT, "created_at": TIMESTAMP},
)

PROJECT_ITEMS = RawTable(
    "project_items",
    "/graphql ProjectV2.items",
    ("id",),
    {"id": TEXT, "project_id": TEXT, "content_id": TEXT, "updated_at": TIMESTAMP},
)

SNAPSHOTS = snapshots("/graphql ProjectV2.items")

TOMBSTONES = tombstones(f"{_REPO}/issues/{{number}}")

PULL_REQUESTS = RawTable(
    "pull_requests",
    f"{_REPO}/pulls + /graphql",
    ("id",),
    {
        "id": TEXT,
        "repository": TEXT,
        "number": BIGINT,
        "state": TEXT,
        "created_at": TIMESTAMP,
        "updated_at": TIMESTAMP,
    },
    work_item_kind="pull_request",
)

COMMITS = RawTable(
    "pull_request_commits",
    "/graphql PullRequest.commits",
    ("pull_request_id", "sha"),
    {
        "pull_request_id": TEXT,
        "sha": TEXT,
        "repository": TEXT,
        "authored_at": TIMESTAMP,
        "committed_at": TIMESTAMP,
    },
)

BRANCH_COMMITS = RawTable(
    "commits",
    f"{_REPO}/commits",
    ("repository", "sha"),
    {
        "repository": TEXT,
        "sha": TEXT,
        "first_parent": TEXT,
        "authored_at": TIMESTAMP,
        "committed_at": TIMESTAMP,
    },
)

MAIN_LINES = RawTable(
    "main_lines",
    f"{_REPO}/commits",
    ("repository", "sha"),
    {"repository": TEXT, "sha": TEXT},
)

REVIEWS = RawTable(
    "reviews",
    "/graphql PullRequest.reviews",
    ("id",),
    {"id": TEXT, "pull_request_id": TEXT, "state": TEXT, "submitted_at": TIMESTAMP},
)

RELEASES = RawTable(
    "releases",
    f"{_REPO}/releases",
    ("id",),
    {
        "id": TEXT,
        "repository": TEXT,
        "created_at": TIMESTAMP,
        "published_at": TIMESTAMP,
    },
)

ENVIRONMENTS = RawTable(
    "environments",
    f"{_REPO}/environments",
    ("repository", "name"),
    {
        "repository": TEXT,
        "name": TEXT,
        "id": TEXT,
        "created_at": TIMESTAMP,
        "updated_at": TIMESTAMP,
    },
)

RUNS = RawTable(
    "workflow_runs",
    f"{_REPO}/actions/runs",
    ("id", "run_attempt"),
    {
        "id": TEXT,
        "run_attempt": BIGINT,
        "repository": TEXT,
        "head_sha": TEXT,
        "event": TEXT,
        "status": TEXT,
        "conclusion": TEXT,
        "created_at": TIMESTAMP,
        "run_started_at": TIMESTAMP,
        "updated_at": TIMESTAMP,
    },
)

JOBS = RawTable(
    "jobs",
    f"{_REPO}/actions/runs/{{run_id}}/attempts/{{n}}/jobs",
    ("id",),
    {
        "id": TEXT,
        "run_id": TEXT,
        "run_attempt": BIGINT,
        "status": TEXT,
        "conclusion": TEXT,
        "created_at": TIMESTAMP,
        "started_at": TIMESTAMP,
        "completed_at": TIMESTAMP,
    },
)

HISTORY_GAPS = history_gaps(f"{_REPO}/actions/permissions/artifact-and-log-retention")

DEPLOYMENTS = RawTable(
    "deployments",
    f"{_REPO}/deployments",
    ("id",),
    {
        "id": TEXT,
        "repository": TEXT,
        "environment": TEXT,
        "sha": TEXT,
        "created_at": TIMESTAMP,
        "updated_at": TIMESTAMP,
    },
)

STATUSES = RawTable(
    "deployment_statuses",
    f"{_REPO}/deployments/{{id}}/statuses",
    ("status_key",),
    {"status_key": TEXT, "deployment_id": TEXT, "state": TEXT, "created_at": TIMESTAMP},
)

REPOSITORY = dict.fromkeys(("private", "fork", "archived", "visibility"), KEEP)

TABLES = (
    REPOSITORIES,
    ISSUES,
    ISSUE_EVENTS,
    PROJECT_ITEMS,
    SNAPSHOTS,
    TOMBSTONES,
    PULL_REQUESTS,
    COMMITS,
    REVIEWS,
    BRANCH_COMMITS,
    MAIN_LINES,
    RUNS,
    JOBS,
    HISTORY_GAPS,
    DEPLOYMENTS,
    STATUSES,
    ENVIRONMENTS,
    RELEASES,
)
