"""The raw tables of GitLab."""

from extract.census import tombstones
from extract.gaps import history_gaps
from extract.snapshots import snapshots
from extract.tables import BIGINT, TEXT, TIMESTAMP, RawTable

NAME = "gitlab"

_PROJECT = "/projects/{id}"

PROJECTS = RawTable(
    "projects",
    "/projects",
    ("id",),
    {"id": TEXT, "path": TEXT, "default_branch": TEXT, "created_at": TIMESTAMP},
)

PIPELINES = RawTable(
    "pipelines",
    f"{_PROJECT}/pipelines",
    ("id",),
    {
        "id": TEXT,
        "iid": BIGINT,
        "project": TEXT,
        "sha": TEXT,
        "source": TEXT,
        "status": TEXT,
        "created_at": TIMESTAMP,
        "started_at": TIMESTAMP,
        "finished_at": TIMESTAMP,
        "updated_at": TIMESTAMP,
    },
)

_JOB = {
    "id": TEXT,
    "pipeline_id": TEXT,
    "status": TEXT,
    "created_at": TIMESTAMP,
    "started_at": TIMESTAMP,
    "finished_at": TIMESTAMP,
}

JOBS = RawTable("jobs", f"{_PROJECT}/pipelines/{{id}}/jobs?include_retried=true", ("id",), _JOB)

BRIDGES = RawTable(
    "bridges",
    f"{_PROJECT}/pipelines/{{id}}/bridges",
    ("id",),
    {**_JOB, "downstream_pipeline_id": TEXT},
)

HISTORY_GAPS = history_gaps(_PROJECT)

ENVIRONMENTS = RawTable(
    "environments",
    f"{_PROJECT}/environments",
    ("id",),
    {"id": TEXT, "project": TEXT, "name": TEXT, "tier": TEXT},
)

DEPLOYMENTS = RawTable(
    "deployments",
    f"{_PROJECT}/deployments",
    ("id",),
    {
        "id": TEXT,
        "iid": BIGINT,
        "project": TEXT,
        "environment": TEXT,
        "sha": TEXT,
        "status": TEXT,
        "job_status": TEXT,
        "created_at": TIMESTAMP,
        "started_at": TIMESTAMP,
        "finished_at": TIMESTAMP,
        "updated_at": TIMESTAMP,
    },
)
DEPLOYMENT_MERGE_REQUESTS = RawTable(
    "deployment_merge_requests",
    f"{_PROJECT}/deployments/{{id}}/merge_requests",
    ("deployment_id", "merge_request_id"),
    {"deployment_id": TEXT, "merge_request_id": TEXT},
)

_ITEM = {
    "id": TEXT,
    "iid": BIGINT,
    "project": TEXT,
    "status": TEXT,
    "created_at": TIMESTAMP,
    "updated_at": TIMESTAMP,
    "closed_at": TIMESTAMP,
}

MERGE_REQUESTS = RawTable(
    "merge_requests",
    f"{_PROJECT}/merge_requests",
    ("id",),
    {**_ITEM, "merged_at": TIMESTAMP},
    work_item_kind="pull_request",
)

COMMITS = RawTable(
    "merge_request_commits",
    f"{_PROJECT}/merge_requests/{{iid}}/commits",
    ("merge_request_id", "sha"),
    {
        "merge_request_id": TEXT,
        "sha": TEXT,
        "authored_at": TIMESTAMP,
        "committed_at": TIMESTAMP,
    },
)

NOTES = RawTable(
    "merge_request_notes",
    f"{_PROJECT}/merge_requests/{{iid}}/notes",
    ("id",),
    {"id": TEXT, "merge_request_id": TEXT, "kind": TEXT, "created_at": TIMESTAMP},
)

MERGE_REQUEST_STATES = RawTable(
    "merge_request_state_events",
    f"{_PROJECT}/merge_requests/{{iid}}/resource_state_events",
    ("id",),
    {"id": TEXT, "merge_request_id": TEXT, "state": TEXT, "created_at": TIMESTAMP},
)

ISSUES = RawTable("issues", f"{_PROJECT}/issues", ("id",), _ITEM, work_item_kind="issue")

ISSUE_STATES = RawTable(
    "issue_state_events",
    f"{_PROJECT}/issues/{{iid}}/resource_state_events",
    ("id",),
    {"id": TEXT, "issue_id": TEXT, "state": TEXT, "created_at": TIMESTAMP},
)

ISSUE_LABELS = RawTable(
    "issue_label_events",
    f"{_PROJECT}/issues/{{iid}}/resource_label_events",
    ("id",),
    {"id": TEXT, "issue_id": TEXT, "action": TEXT, "label": TEXT, "created_at": TIMESTAMP},
)

ISSUE_STATUSES = RawTable("issue_statuses", "/api/graphql Project.workItems", ("id",), {"id": TEXT})

SNAPSHOTS = snapshots("/api/graphql Project.workItems")

TOMBSTONES = tombstones(_PROJECT)

TABLES = (
    PROJECTS,
    PIPELINES,
    JOBS,
    BRIDGES,
    HISTORY_GAPS,
    ENVIRONMENTS,
    DEPLOYMENTS,
    DEPLOYMENT_MERGE_REQUESTS,
    MERGE_REQUESTS,
    COMMITS,
    NOTES,
    MERGE_REQUEST_STATES,
    ISSUES,
    ISSUE_STATES,
    ISSUE_LABELS,
    ISSUE_STATUSES,
    SNAPSHOTS,
    TOMBSTONES,
)
