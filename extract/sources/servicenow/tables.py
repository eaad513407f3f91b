"""The raw tables of ServiceNow."""

from extract.census import tombstones
from extract.tables import BIGINT, BOOLEAN, TEXT, TIMESTAMP, RawTable

NAME = "servicenow"

TABLE_PATH = "/api/now/table"

_RECORD_COLUMNS = {
    "sys_id": TEXT,
    "number": TEXT,
    "sys_class_name": TEXT,
    "sys_created_at": TIMESTAMP,
    "sys_updated_at": TIMESTAMP,
    "sys_mod_count": BIGINT,
}


def _records(name: str, table: str, kind: str | None = None) -> RawTable:
    return RawTable(
        name, f"{TABLE_PATH}/{table}", ("sys_id",), _RECORD_COLUMNS, work_item_kind=kind
    )


TASK_TABLES = {
    "incident": _records("incidents", "incident", "incident"),
    "change_request": _records("change_requests", "change_request", "change_request"),
    "change_task": _records("change_tasks", "change_task"),
    "problem": _records("problems", "problem", "problem"),
    "sc_req_item": _records("requested_items", "sc_req_item", "request"),
    "sc_task": _records("catalog_tasks", "sc_task"),
    "rm_story": _records("stories", "rm_story", "issue"),
}
"""Classes of tasks: records with a state, whose history is read; some lie below an item."""

TASK_SLAS = RawTable(
    "task_slas",
    f"{TABLE_PATH}/task_sla",
    ("sys_id",),
    {
        **_RECORD_COLUMNS,
        "task_id": TEXT,
        "sla_id": TEXT,
        "stage": TEXT,
        "is_active": BOOLEAN,
        "has_breached": BOOLEAN,
        "started_at": TIMESTAMP,
        "ended_at": TIMESTAMP,
        "planned_end_at": TIMESTAMP,
        "duration_s": BIGINT,
        "business_duration_s": BIGINT,
        "pause_duration_s": BIGINT,
    },
)

RECORD_TABLES = {**TASK_TABLES, "task_sla": TASK_SLAS}
"""Tables that are read window by window and counted by the census."""

RECORD_VERSIONS = RawTable(
    "record_versions",
    f"{TABLE_PATH}/task",
    ("table_name", "sys_id", "version"),
    {
        "table_name": TEXT,
        "sys_id": TEXT,
        "version": TEXT,
        "sys_mod_count": BIGINT,
        "sys_updated_at": TIMESTAMP,
    },
)

HISTORY_CHECKS = RawTable(
    "history_checks",
    f"{TABLE_PATH}/sys_audit",
    ("table_name", "sys_id"),
    {"table_name": TEXT, "sys_id": TEXT, "version": TEXT, "audit_count": BIGINT},
)

AUDITS = RawTable(
    "audits",
    f"{TABLE_PATH}/sys_audit",
    ("sys_id",),
    {
        "sys_id": TEXT,
        "table_name": TEXT,
        "document_id": TEXT,
        "field_name": TEXT,
        "sys_created_at": TIMESTAMP,
        "record_checkpoint": BIGINT,
    },
)

METRIC_DEFINITIONS = RawTable(
    "metric_definitions",
    f"{TABLE_PATH}/metric_definition",
    ("sys_id",),
    {"sys_id": TEXT, "table_name": TEXT, "field_name": TEXT},
)

METRIC_INSTANCES = RawTable(
    "metric_instances",
    f"{TABLE_PATH}/metric_instance",
    ("sys_id",),
    {
        "sys_id": TEXT,
        "definition_id": TEXT,
        "document_id": TEXT,
        "sys_updated_at": TIMESTAMP,
        "started_at": TIMESTAMP,
        "ended_at": TIMESTAMP,
        "duration_s": BIGINT,
        "is_complete": BOOLEAN,
    },
)

CHOICES = RawTable(
    "choices",
    f"{TABLE_PATH}/sys_choice",
    ("sys_id",),
    {"sys_id": TEXT, "table_name": TEXT, "element": TEXT, "value": TEXT, "label": TEXT},
)

DICTIONARY_ENTRIES = RawTable(
    "dictionary_entries",
    f"{TABLE_PATH}/sys_dictionary",
    ("sys_id",),
    {"sys_id": TEXT, "table_name": TEXT, "element": TEXT, "is_audited": BOOLEAN},
)

GROUPS = RawTable(
    "groups", f"{TABLE_PATH}/sys_user_group", ("sys_id",), {"sys_id": TEXT, "name": TEXT}
)

SERVICES = RawTable(
    "services", f"{TABLE_PATH}/cmdb_ci_service", ("sys_id",), {"sys_id": TEXT, "name": TEXT}
)

SLA_DEFINITIONS = RawTable(
    "sla_definitions", f"{TABLE_PATH}/contract_sla", ("sys_id",), {"sys_id": TEXT, "name": TEXT}
)

TOMBSTONES = tombstones(f"{TABLE_PATH}/sys_audit_delete")

TABLES = (
    *RECORD_TABLES.values(),
    RECORD_VERSIONS,
    HISTORY_CHECKS,
    AUDITS,
    METRIC_DEFINITIONS,
    METRIC_INSTANCES,
    CHOICES,
    DICTIONARY_ENTRIES,
    GROUPS,
    SERVICES,
    SLA_DEFINITIONS,
    TOMBSTONES,
)
