"""ServiceNow's Table and Aggregate API over the demo company as of the servers' clock."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Callable
from urllib.parse import urlencode

from demo.company import HOUR, START
from demo.http import Api, Request, Response, is_basic
from demo.model import Json, Record
from demo.operations import INCIDENT_STATES, RESOLVE_HOURS, STATES, text_of
from demo.world import World, user_name

USER, PASSWORD, API_KEY = "demo", "demo-token", "demo-api-key"
Row = dict[str, str]
Test = Callable[[Row], bool]
BASE = ["sys_id", "sys_created_on", "sys_created_by", "sys_updated_on", "sys_updated_by",
        "sys_mod_count"]  # fmt: skip
TASK = [*BASE, "sys_class_name", "number", "state", "active", "opened_at", "closed_at", "priority",
        "close_code", "assignment_group", "assigned_to", "business_service", "cmdb_ci", "parent",
        "correlation_id", "short_description", "opened_by", "closed_by", "made_sla",
        "reassignment_count", "approval"]  # fmt: skip
COLUMNS = {
    "incident": [*TASK, "incident_state", "severity", "impact", "urgency", "category", "rfc",
                 "reopen_count", "caused_by", "problem_id", "caller_id", "resolved_at",
                 "resolved_by", "hold_reason", "parent_incident"],
    "change_request": [*TASK, "type", "risk", "phase", "start_date", "end_date",
                       "work_start", "work_end", "requested_by"],
    "task": TASK,
    "change_task": [*TASK, "change_request", "change_task_type", "work_start", "work_end"],
    "problem": [*TASK, "impact", "urgency", "resolved_at", "rfc", "first_reported_by_task"],
    "sc_req_item": [*TASK, "stage", "request", "cat_item", "due_date", "requested_for"],
    "sc_task": [*TASK, "request_item", "request", "due_date"],
    "task_sla": [*BASE, "task", "sla", "stage", "active", "has_breached", "start_time", "end_time",
                 "planned_end_time", "duration", "business_duration", "pause_duration",
                 "percentage", "business_percentage"],
    "contract_sla": [*BASE, "name", "type", "target", "duration"],
    "ar_incident": [*BASE, "number"],
    "sys_audit": ["sys_id", "tablename", "documentkey", "fieldname", "oldvalue", "newvalue", "user",
                  "record_checkpoint", "reason", "sys_created_on", "sys_created_by"],
    "metric_definition": [*BASE, "name", "table", "field", "type", "active"],
    "metric_instance": [*BASE, "definition", "table", "id", "field", "field_value", "value",
                        "start", "end", "duration", "calculation_complete"],
    "sys_choice": [*BASE, "name", "element", "value", "label", "language", "inactive", "sequence"],
    "sys_user_group": [*BASE, "name", "active", "manager"],
    "cmdb_ci_service": [*BASE, "name", "sys_class_name", "operational_status"],
    "sys_user": [*BASE, "user_name", "name", "email", "active", "web_service_access_only"],
    "sys_dictionary": [*BASE, "name", "element", "internal_type", "reference", "audit", "active"],
    "sys_audit_delete": [*BASE, "tablename", "documentkey", "display_value", "user"],
}  # fmt: skip
REFERENCES = {
    "assignment_group": "sys_user_group", "business_service": "cmdb_ci_service",
    "cmdb_ci": "cmdb_ci_service", "caller_id": "sys_user", "opened_by": "sys_user",
    "assigned_to": "sys_user", "resolved_by": "sys_user", "closed_by": "sys_user",
    "requested_by": "sys_user", "caused_by": "change_request", "rfc": "change_request",
    "problem_id": "problem", "parent": "task", "parent_incident": "incident", "task": "task",
    "sla": "contract_sla", "request_item": "sc_req_item", "requested_for": "sys_user",
    "first_reported_by_task": "task", "definition": "metric_definition", "manager": "sys_user",
}  # fmt: skip
AUDITED = {
    "state", "incident_state", "priority", "assignment_group", "assigned_to", "resolved_by",
    "approval", "active", "close_code", "reopen_count", "reassignment_count", "made_sla",
    "problem_id", "stage", "correlation_id", "caused_by",
}  # fmt: skip
SLA_HOURS = {
    "response": {priority: hours / 6 for priority, hours in RESOLVE_HOURS.items()},
    "resolution": {priority: 1.5 * hours for priority, hours in RESOLVE_HOURS.items()},
}
METRICS = {"incident_state": "Incident State Duration", "assignment_group": "Assignment Group"}
_OPERATORS = (
    "ISNOTEMPTY|ISEMPTY|NOT IN|NOT LIKE|IN|LIKE|CONTAINS|STARTSWITH|ENDSWITH|>=|<=|!=|=|>|<"
)
_CONDITION = re.compile(
    rf"(?P<field>[a-z_][a-z0-9_.]*?)(?P<op>{_OPERATORS})(?P<value>.*)", re.DOTALL
)


def identifier(*parts: object) -> str:
    """Return a stable sys_id made of parts."""
    return hashlib.md5("/".join(map(str, parts)).encode(), usedforsecurity=False).hexdigest()


class Tables:
    """The rows of every table as of a moment; those of one moment are kept."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.names = {p.sys_id: p for p in world.people}
        self.kept: dict[str, list[Row]] = {}
        self.place = (-1, -1)
        self.audits_of: dict[str, list[Row]] = {}

    def rows(self, table: str, now: int) -> list[Row]:
        """Return all rows, in the order of their creation."""
        if self.place != (now, self.world.version):
            self.place, self.kept, self.audits_of = (now, self.world.version), {}, {}
        if table not in self.kept:
            self.kept[table] = self.made(table, now)
        return self.kept[table]

    def made(self, table: str, now: int) -> list[Row]:
        """Make a table's rows."""
        world = self.world
        if table == "task" or table in STATES:
            return [
                task(record, now) for record in world.records()
                if table in ("task", record.table) and record.created <= now
            ]  # fmt: skip
        if table == "task_sla":
            return [
                row for record in world.incidents if record.created <= now
                for row in slas(record, now)
            ]  # fmt: skip
        if table == "sys_audit":
            records = [r for r in world.records() if r.created <= now]
            rows = [row for record in records for row in audits(record, now)]
            return sorted(rows, key=lambda row: (row["sys_created_on"], row["sys_id"]))
        if table == "metric_instance":
            return [
                row for record in world.incidents if record.created <= now
                for field in METRICS for row in spans(record, field, now)
            ]  # fmt: skip
        return self.fixed(table)

    def audits(self, keys: list[str], now: int) -> list[Row]:
        """Return the audit rows of some documents, by the table's index."""
        rows = self.rows("sys_audit", now)
        if not self.audits_of:
            grouped: dict[str, list[Row]] = defaultdict(list)
            for row in rows:
                grouped[row["documentkey"]].append(row)
            self.audits_of = grouped
        return [row for key in dict.fromkeys(keys) for row in self.audits_of.get(key, [])]

    def fixed(self, table: str) -> list[Row]:
        """Return the rows of a table that never changes."""
        since = text_of(START - 86400 * 30)
        base = {"sys_created_on": since, "sys_updated_on": since, "sys_mod_count": "0",
                "sys_created_by": "system", "sys_updated_by": "system"}  # fmt: skip
        world = self.world
        if table == "sys_user_group":
            return [
                {**base, "sys_id": key, "name": name, "active": "true"}
                for name, key in world.groups.items()
            ]
        if table == "cmdb_ci_service":
            return [
                {
                    **base,
                    "sys_id": key,
                    "name": name,
                    "sys_class_name": table,
                    "operational_status": "1",
                }
                for name, key in world.services.items()
            ]
        if table == "contract_sla":
            return [
                {**base, "sys_id": identifier(table, target, priority), "type": "SLA",
                 "target": target, "name": f"Priority {priority} {target}",
                 "duration": text_of(int(hours * HOUR))}
                for target, limits in SLA_HOURS.items() for priority, hours in limits.items()
            ]  # fmt: skip
        if table == "metric_definition":
            return [
                {**base, "sys_id": identifier(table, field), "name": name, "table": "incident",
                 "field": field, "type": "field_value_duration", "active": "true"}
                for field, name in METRICS.items()
            ]  # fmt: skip
        if table == "sys_user":
            return [
                {**base, "sys_id": p.sys_id, "user_name": user_name(p), "name": p.name,
                 "email": p.email, "active": "true",
                 "web_service_access_only": "true" if p.is_bot else "false"}
                for p in world.people
            ] + [{**base, "sys_id": identifier(USER), "user_name": USER, "name": "Demo reader",
                  "email": "", "active": "true", "web_service_access_only": "true"}]  # fmt: skip
        if table == "sys_choice":
            return [base | row for row in choices()]
        if table == "sys_dictionary":
            return [
                {**base, "sys_id": identifier(table, name, column), "name": name, "element": column,
                 "internal_type": "reference" if column in REFERENCES else "string",
                 "reference": REFERENCES.get(column, ""), "active": "true",
                 "audit": "true" if column in AUDITED else "false"}
                for name, columns in COLUMNS.items() for column in columns
            ]  # fmt: skip
        return []


def task(record: Record, now: int) -> Row:
    """Return an incident or a change request as of a moment."""
    values = dict(record.base)
    count, last, user = 0, record.created, record.creator
    for mod in record.mods:
        if mod.at > now:
            break
        values |= mod.values
        count, last, user = count + 1, mod.at, mod.user
    return {
        **values, "sys_id": record.sys_id, "sys_class_name": record.table,
        "sys_created_on": text_of(record.created), "sys_created_by": user_name(record.creator),
        "sys_updated_on": text_of(last), "sys_updated_by": user_name(user),
        "sys_mod_count": str(count),
    }  # fmt: skip


def audits(record: Record, now: int) -> list[Row]:
    """Return the audit rows of a record: every change after its insert."""
    values, rows = dict(record.base), []
    for place, mod in enumerate(record.mods, start=1):
        if mod.at > now:
            break
        for field, new in mod.values.items():
            old = values.get(field, "")
            if field in AUDITED and old != new:
                rows.append({
                    "sys_id": identifier("audit", record.sys_id, place, field),
                    "tablename": record.table, "documentkey": record.sys_id, "fieldname": field,
                    "oldvalue": old, "newvalue": new, "user": user_name(mod.user),
                    "record_checkpoint": str(place), "sys_created_on": text_of(mod.at),
                    "sys_created_by": user_name(mod.user),
                })  # fmt: skip
        values |= mod.values
    return rows


def slas(record: Record, now: int) -> list[Row]:
    """Return the agreements on an incident: to respond, and to resolve; on hold, they pause.

    They hold for the priority that it was opened with, and end when it is first in progress,
    and first resolved.
    """
    rows = []
    for target, ends in (("response", {"2", "6", "7", "8"}), ("resolution", {"6", "7", "8"})):
        limit = int(SLA_HOURS[target][record.base["priority"]] * HOUR)
        paused, since, count, last = 0, None, 0, record.created
        end = stage = None
        for mod in record.mods:
            state = mod.values.get("state")
            if mod.at > now or state is None:
                continue
            count, last = count + 1, mod.at
            if since is not None:
                paused, since = paused + mod.at - since, None
            if state in ends:
                end, stage = mod.at, "cancelled" if state == "8" else "completed"
                break
            since = mod.at if state == "3" else None
        until = now if end is None else end
        standing = paused + (until - since if since is not None else 0)
        used = until - record.created - standing
        rows.append({
            "sys_id": identifier("task_sla", record.sys_id, target), "task": record.sys_id,
            "sla": identifier("contract_sla", target, record.base["priority"]),
            "stage": stage or ("paused" if since is not None else "in_progress"),
            "active": "false" if end else "true",
            "has_breached": "true" if used > limit else "false",
            "start_time": text_of(record.created), "end_time": text_of(end) if end else "",
            "planned_end_time": text_of(record.created + limit + standing),
            "duration": text_of(used), "business_duration": text_of(used),
            "pause_duration": text_of(standing), "percentage": f"{100 * used / limit:.2f}",
            "business_percentage": f"{100 * used / limit:.2f}", "sys_mod_count": str(count),
            "sys_created_on": text_of(record.created), "sys_updated_on": text_of(last),
            "sys_created_by": "system", "sys_updated_by": "system",
        })  # fmt: skip
    return rows


def spans(record: Record, field: str, now: int) -> list[Row]:
    """Return the times during which one field kept its value; inactive records end the last."""
    marks = [(record.created, record.base[field])]
    ended: int | None = None
    for mod in record.mods:
        if mod.at <= now:
            if field in mod.values and mod.values[field] != marks[-1][1]:
                marks.append((mod.at, mod.values[field]))
            if mod.values.get("active") == "false":
                ended = mod.at
    labels = {value: name for name, value in INCIDENT_STATES.items()}
    rows = []
    for place, (begin, value) in enumerate(marks):
        end = marks[place + 1][0] if place + 1 < len(marks) else ended
        seen = begin if end is None else end
        rows.append({
            "sys_id": identifier("metric", record.sys_id, field, place), "table": "incident",
            "definition": identifier("metric_definition", field), "id": record.sys_id,
            "field": field, "field_value": value, "value": labels.get(value, value),
            "start": text_of(begin), "end": text_of(end) if end else "",
            "duration": text_of(end - begin) if end else "",
            "calculation_complete": "true" if end else "false",
            "sys_mod_count": "1" if end else "0",
            "sys_created_on": text_of(begin), "sys_updated_on": text_of(seen),
            "sys_created_by": "system", "sys_updated_by": "system",
        })  # fmt: skip
    return rows


def choices() -> list[Row]:
    """Return the labels of coded values, per table."""
    lists = {
        ("incident", "state"): INCIDENT_STATES, ("incident", "incident_state"): INCIDENT_STATES,
        **{(name, "state"): STATES[name] for name in STATES if name != "incident"},
        ("task", "priority"): {"1 - Critical": "1", "2 - High": "2", "3 - Moderate": "3",
                               "4 - Low": "4", "5 - Planning": "5"},
        ("incident", "severity"): {"1 - High": "1", "2 - Medium": "2", "3 - Low": "3"},
        ("change_request", "risk"): {"High": "2", "Moderate": "3", "Low": "4"},
        ("change_request", "type"): {"Normal": "normal", "Standard": "standard",
                                     "Emergency": "emergency"},
    }  # fmt: skip
    return [
        {"sys_id": identifier("sys_choice", name, element, value), "name": name, "element": element,
         "value": value, "label": label, "language": "en", "inactive": "false", "sequence": str(at)}
        for (name, element), entries in lists.items()
        for at, (label, value) in enumerate(entries.items())
    ]  # fmt: skip


# encoded queries


def compile_query(text: str, table: str) -> tuple[list[list[Test]], list[tuple[str, bool]]]:
    """Return the tests (all groups, any test of a group) and the order.

    Parts with unknown fields are ignored, as the real server does by default.
    """
    groups: list[list[Test]] = []
    order: list[tuple[str, bool]] = []
    for part in text.replace("^^", "\0").split("^"):
        part = part.replace("\0", "^")
        if part.startswith("ORDERBY"):
            down = part.startswith("ORDERBYDESC")
            name = part.removeprefix("ORDERBYDESC" if down else "ORDERBY")
            if name in COLUMNS[table]:
                order.append((name, down))
            continue
        other = part[2:] if part.startswith("OR") else ""
        if other and groups and _CONDITION.fullmatch(other):
            if test := condition(other, table):
                groups[-1].append(test)
        elif test := condition(part, table):
            groups.append([test])
    return groups, order


def condition(part: str, table: str) -> Test | None:
    """Return one condition, or None for what the server ignores."""
    match = _CONDITION.fullmatch(part)
    if not match or match["field"] not in COLUMNS[table]:
        return None
    name, operator, value = match.group("field", "op", "value")
    low = value.lower()
    if operator in ("IN", "NOT IN"):
        wanted = frozenset(value.split(","))
        return lambda row: (row.get(name, "") in wanted) == (operator == "IN")
    tests: dict[str, Test] = {
        "ISEMPTY": lambda row: not row.get(name),
        "ISNOTEMPTY": lambda row: bool(row.get(name)),
        "LIKE": lambda row: low in row.get(name, "").lower(),
        "CONTAINS": lambda row: low in row.get(name, "").lower(),
        "NOT LIKE": lambda row: low not in row.get(name, "").lower(),
        "STARTSWITH": lambda row: row.get(name, "").lower().startswith(low),
        "ENDSWITH": lambda row: row.get(name, "").lower().endswith(low),
        "=": lambda row: row.get(name, "") == value,
        "!=": lambda row: row.get(name, "") != value,
        ">": lambda row: bool(row.get(name)) and ranked(row[name]) > ranked(value),
        ">=": lambda row: bool(row.get(name)) and ranked(row[name]) >= ranked(value),
        "<": lambda row: bool(row.get(name)) and ranked(row[name]) < ranked(value),
        "<=": lambda row: bool(row.get(name)) and ranked(row[name]) <= ranked(value),
    }
    return tests[operator]


def ranked(value: str) -> tuple[int, int, str]:
    """Return what a value sorts by: short numbers as numbers, before text."""
    if len(value) < 16 and value.lstrip("-").isdigit():
        return (0, int(value), "")
    return (1, 0, value)


class ServiceNow(Api):
    """The API; Basic credentials `demo:demo-token`.

    `hidden` holds sys_ids that an ACL keeps from the reader; the limit is applied before it.
    """

    name = "servicenow"

    def __init__(self, tables: Tables) -> None:
        super().__init__()
        self.tables = tables
        self.hidden: set[str] = set()
        self.forbidden_tables: set[str] = set()
        prefix = "/api/now/(?:v[12]/)?"
        self.route("GET", rf"{prefix}table/([a-z0-9_]+)", self.records)
        self.route("GET", rf"{prefix}table/([a-z0-9_]+)/([0-9a-f]+)", self.record)
        self.route("GET", rf"{prefix}stats/([a-z0-9_]+)", self.stats)

    def refuse(self, request: Request) -> Response | None:
        """Basic authentication, or an inbound API key."""
        key = request.headers.get("x-sn-apikey")
        if is_basic(request.headers, USER, PASSWORD) or key == API_KEY:
            return None
        error = {
            "message": "User Not Authenticated",
            "detail": "Required to provide Auth information",
        }
        return Response(401, {"error": error, "status": "failure"})

    def missing(self) -> Response:
        """An unknown path."""
        error = {"message": "Requested URI does not represent any resource", "detail": None}
        return Response(400, {"error": error, "status": "failure"})

    def denied(self, table: str) -> Response | None:
        """Return the answer for a table that is not there, or not for this reader."""
        if table not in COLUMNS:
            error = {"message": f"Invalid table {table}", "detail": None}
            return Response(400, {"error": error, "status": "failure"})
        if table in self.forbidden_tables:
            error = {
                "message": f"Operation against file '{table}' was aborted by ACL",
                "detail": None,
            }
            return Response(403, {"error": error, "status": "failure"})
        return None

    def matching(self, request: Request, table: str) -> list[Row]:
        """Return the rows that pass the query, in its order."""
        text = request.query.get("sysparm_query", "")
        text = text.replace("javascript:gs.getUserName()", USER)
        text = text.replace("javascript:gs.getUserID()", identifier(USER))
        order: list[tuple[str, bool]] = []
        branches: list[Test] = []
        for branch in text.split("^NQ"):
            groups, places = compile_query(branch, table)
            order += places
            branches.append(every(groups))
        keys = re.search(r"(?:^|\^)documentkey(?:IN|=)([0-9a-f,]+)", text)
        if table == "sys_audit" and keys and "^NQ" not in text and "^ORd" not in text:
            rows = self.tables.audits(keys[1].split(","), request.now)
        else:
            rows = self.tables.rows(table, request.now)
        test = branches[0] if len(branches) == 1 else either(branches)
        rows = [row for row in rows if test(row)]
        for name, down in reversed(order):
            rows = sorted(rows, key=lambda row: ranked(row.get(name, "")), reverse=down)
        return rows

    def records(self, request: Request, match: re.Match[str]) -> Response:
        """A page of a table; limit and offset count rows that the ACLs hide as well."""
        table = match[1]
        if refusal := self.denied(table):
            return refusal
        limit = request.number("sysparm_limit", 10_000, 10_000)
        offset = request.number("sysparm_offset", 0)
        rows = self.matching(request, table)
        shown = [row for row in rows[offset : offset + limit] if row["sys_id"] not in self.hidden]
        headers = {}
        if request.query.get("sysparm_no_count") != "true":
            headers["X-Total-Count"] = str(len(rows))
        if request.query.get(
            "sysparm_suppress_pagination_header"
        ) != "true" and offset + limit < len(rows):
            query = urlencode({**request.query, "sysparm_offset": offset + limit})
            headers["Link"] = f'<{request.base}{request.path}?{query}>;rel="next"'
        return Response(200, {"result": self.shown(request, table, shown)}, headers)

    def record(self, request: Request, match: re.Match[str]) -> Response:
        """One row."""
        table = match[1]
        if refusal := self.denied(table):
            return refusal
        rows = [row for row in self.tables.rows(table, request.now) if row["sys_id"] == match[2]]
        if not rows or match[2] in self.hidden:
            error = {
                "message": "No Record found",
                "detail": "Record doesn't exist or ACL restricts it",
            }
            return Response(404, {"error": error, "status": "failure"})
        return Response(200, {"result": self.shown(request, table, rows)[0]})

    def shown(self, request: Request, table: str, rows: list[Row]) -> list[Json]:
        """Return rows with the asked columns; every value is text, an empty one is ""."""
        asked = [name for name in request.query.get("sysparm_fields", "").split(",") if name]
        columns = [name for name in asked if name in COLUMNS[table]] if asked else COLUMNS[table]
        plain = request.query.get("sysparm_exclude_reference_link") == "true"
        if plain:
            return [{name: row.get(name, "") for name in columns} for row in rows]
        return [
            {name: linked(request.base, name, row.get(name, "")) for name in columns}
            for row in rows
        ]

    def stats(self, request: Request, match: re.Match[str]) -> Response:
        """The number of matching rows, before ACLs."""
        if refusal := self.denied(match[1]):
            return refusal
        count = str(len(self.matching(request, match[1])))
        return Response(200, {"result": {"stats": {"count": count}}})


def every(groups: list[list[Test]]) -> Test:
    """Return one test that asks for all groups."""
    tests = [group[0] if len(group) == 1 else either(group) for group in groups]
    return tests[0] if len(tests) == 1 else lambda row: all(test(row) for test in tests)


def either(tests: list[Test]) -> Test:
    """Return one test out of alternatives."""
    return lambda row: any(test(row) for test in tests)


def linked(base: str, name: str, value: str) -> Json | str:
    """Return a reference with its link; an empty one is text."""
    if name in REFERENCES and value:
        return {"link": f"{base}/api/now/table/{REFERENCES[name]}/{value}", "value": value}
    return value
