"""The raw tables of Jira."""

from extract.census import tombstones
from extract.snapshots import snapshots
from extract.tables import BIGINT, BOOLEAN, TEXT, TIMESTAMP, RawTable

NAME = "jira"

PROJECTS = RawTable(
    "projects", "/rest/api/3/project/search", ("id",), {"id": TEXT, "key": TEXT, "name": TEXT}
)

STATUSES = RawTable(
    "statuses", "/rest/api/3/status", ("id",), {"id": TEXT, "name": TEXT, "category_key": TEXT}
)

ISSUE_TYPES = RawTable(
    "issue_types",
    "/rest/api/3/issuetype",
    ("id",),
    {"id": TEXT, "name": TEXT, "hierarchy_level": BIGINT},
)

PRIORITIES = RawTable("priorities", "/rest/api/3/priority", ("id",), {"id": TEXT, "name": TEXT})

RESOLUTIONS = RawTable("resolutions", "/rest/api/3/resolution", ("id",), {"id": TEXT, "name": TEXT})

LINK_TYPES = RawTable(
    "link_types", "/rest/api/3/issueLinkType", ("id",), {"id": TEXT, "name": TEXT}
)

FIELDS = RawTable("fields", "/rest/api/3/field", ("id",), {"id": TEXT, "name": TEXT})

BOARDS = RawTable(
    "boards",
    "/rest/agile/1.0/board",
    ("id",),
    {"id": TEXT, "name": TEXT, "kind": TEXT, "project_key": TEXT},
)

SPRINTS = RawTable(
    "sprints",
    "/rest/agile/1.0/sprint",
    ("id",),
    {
        "id": TEXT,
        "name": TEXT,
        "board_id": TEXT,
        "state": TEXT,
        "start_at": TIMESTAMP,
        "end_at": TIMESTAMP,
        "complete_at": TIMESTAMP,
    },
)

VERSIONS = RawTable(
    "versions",
    "/rest/api/3/project/{id}/versions",
    ("id",),
    {"id": TEXT, "name": TEXT, "project_key": TEXT, "is_released": BOOLEAN, "release_on": TEXT},
)

COMPONENTS = RawTable(
    "components",
    "/rest/api/3/project/{id}/components",
    ("id",),
    {"id": TEXT, "name": TEXT, "project_key": TEXT},
)

ISSUES = RawTable(
    "issues",
    "/rest/api/3/issue/bulkfetch",
    ("id",),
    {
        "id": TEXT,
        "key": TEXT,
        "project_id": TEXT,
        "project_key": TEXT,
        "created_at": TIMESTAMP,
        "updated_at": TIMESTAMP,
    },
    work_item_kind="issue",
)

HISTORIES = RawTable(
    "histories",
    "/rest/api/3/changelog/bulkfetch",
    ("issue_id", "id"),
    {
        "id": TEXT,
        "issue_id": TEXT,
        "created_at": TIMESTAMP,
        "item_count": BIGINT,
        "place": BIGINT,
    },
)

HISTORY_CHECKS = RawTable(
    "history_checks",
    "/rest/api/3/issue/{id}/changelog",
    ("issue_id",),
    {"issue_id": TEXT, "history_count": BIGINT, "history_quality": TEXT},
)

WORKLOGS = RawTable(
    "worklogs",
    "/rest/api/3/worklog/list",
    ("id",),
    {
        "id": TEXT,
        "issue_id": TEXT,
        "started_at": TIMESTAMP,
        "updated_at": TIMESTAMP,
        "time_spent_s": BIGINT,
    },
)

TYPE_MISMATCHES = RawTable(
    "type_mismatches",
    "/rest/api/3/issue/bulkfetch",
    ("object", "id", "field"),
    {"object": TEXT, "id": TEXT, "field": TEXT, "found_type": TEXT},
    former_name="misfits",
)

TOMBSTONES = tombstones("/rest/api/3/search/jql")

SNAPSHOTS = snapshots("/rest/api/3/status")

TABLES = (
    PROJECTS,
    STATUSES,
    ISSUE_TYPES,
    PRIORITIES,
    RESOLUTIONS,
    LINK_TYPES,
    FIELDS,
    BOARDS,
    SPRINTS,
    VERSIONS,
    COMPONENTS,
    ISSUES,
    HISTORIES,
    HISTORY_CHECKS,
    WORKLOGS,
    TYPE_MISMATCHES,
    TOMBSTONES,
    SNAPSHOTS,
)
