"""The raw tables of Jenkins."""

from extract.gaps import history_gaps
from extract.tables import BIGINT, BOOLEAN, TEXT, TIMESTAMP, RawTable

NAME = "jenkins"

JOBS = RawTable(
    "jobs", "/api/json?tree=jobs[...]", ("full_name",), {"full_name": TEXT, "class": TEXT}
)

BUILDS = RawTable(
    "builds",
    "/job/{name}/api/json?tree=allBuilds[...]",
    ("job_full_name", "number", "started_at"),
    {
        "job_full_name": TEXT,
        "number": BIGINT,
        "started_at": TIMESTAMP,
        "duration_ms": BIGINT,
        "is_building": BOOLEAN,
        "result": TEXT,
        "class": TEXT,
    },
)

STAGES = RawTable(
    "stages",
    "/job/{name}/{number}/stages/tree, or wfapi/describe",
    ("job_full_name", "number", "build_started_at", "stage_id"),
    {
        "job_full_name": TEXT,
        "number": BIGINT,
        "build_started_at": TIMESTAMP,
        "stage_id": TEXT,
        "started_at": TIMESTAMP,
        "duration_ms": BIGINT,
        "status": TEXT,
    },
)

HISTORY_GAPS = history_gaps("/job/{name}/api/json?tree=firstBuild[...]")

TABLES = (JOBS, BUILDS, STAGES, HISTORY_GAPS)
