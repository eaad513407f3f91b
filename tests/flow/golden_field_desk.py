"""Golden cases after what the field reports of service desks and of the inbox; see golden.py.

A haven of its own: one group of ServiceNow, one service that the inbox tells of. It keeps UTC.
"""

from typing import Any

from tests.flow.golden import Case, H, at
from tests.flow.scratch import Issue, Named, Ticket, Told

SKIFF = {"service": "skiff", "environment": "live"}


def incident(name: str, history: str, **more: Any) -> Ticket:
    """Return an incident of the group of the haven, opened on 6 May at 9."""
    start = {"assignment_group": "g-haven", "priority": "4", **more.pop("start", {})}
    text = f"2024-05-06 09:00 created in {more.pop('born', '1')}\n{history}"
    return Ticket("incident", f"INC-{name}", text, start=start, **more)


def choice(element: str, value: str, label: str, language: str | None = "en") -> Named:
    """Return what people of one language read where a field of incidents has a value."""
    return Named("choices", {
        "sys_id": f"{element}/{value}/{language}", "table_name": "incident", "element": element,
        "value": value, "label": label, "payload": {"language": language},
    })  # fmt: skip


def told(id_: str, kind: str, time: str, subject: str | None = None, **facts: Any) -> Told:
    """Return an event of one tool on 6 May."""
    return Told(id_, kind, f"2024-05-06 {time}", facts, "tekton", subject)


def close(name: str, code: str | None, state: str = "Closed") -> Ticket:
    """Return a change that was closed with a code."""
    text = f"2024-05-06 08:00 created in New\n2024-05-06 09:00 {state}"
    if code:
        text += f"\n& 2024-05-06 09:00 close_code: {code}"
    return Ticket("change_request", f"CHG-{name}", text, start={"type": "normal"})


STATUSES = """
    select to_status, strftime(changed_at, '%d %H:%M') from marts.fct_status_transitions
    where work_item_key = 'servicenow:incident:INC-{}' order by changed_at, transition_seq
"""

CASES = [
    Case(
        "a state is what its label says: in English, else in the language that labels the most",
        [
            Named("groups", {"sys_id": "g-haven", "name": "Haven"}),
            choice("state", "1", "New"),
            choice("state", "1", "Neu", "de"),
            choice("state", "2", "In Arbeit", "de"),
            choice("state", "2", "In Progress"),
            choice("state", "3", "On Hold", None),
            choice("state", "6", "Gelöst", "de"),
            choice("state", "6", "Resolved"),
            choice("state", "11", "Auprès du fabricant", "fr"),
            choice("state", "11", "Beim Hersteller", "de"),
            choice("state", "12", "Chez le fournisseur", "fr"),
            incident("HL", """
                2024-05-06 10:00 2
                2024-05-06 11:00 11
                2024-05-06 12:00 12
                2024-05-06 13:00 6
                """),
        ],
        rows={
            STATUSES.format("HL"): [
                ("New", "06 09:00"), ("In Progress", "06 10:00"),
                ("Beim Hersteller", "06 11:00"), ("Chez le fournisseur", "06 12:00"),
                ("Resolved", "06 13:00"),
            ],
            """select reason from marts.fct_history_flags
               where work_item_key = 'servicenow:incident:INC-HL'
                 and reason = 'state_without_label'""": [],
        },
        visits={
            "INC-HL": [
                "new 1h", "in_progress 1h", "awaiting_vendor 1h blocked 1h", "unmapped 1h",
                "resolved -",
            ],
        },
    ),
    Case(
        "who is on hold waits for whom the reason names, as often as that changes",
        [
            choice("hold_reason", "1", "Awaiting Caller"),
            choice("hold_reason", "4", "Awaiting Vendor"),
            choice("hold_reason", "9", "Awaiting Full Moon"),
            # A reason that no seed knows is on hold; what it leaves behind when it goes on is none.
            incident("HR1", """
                2024-05-06 10:00 2
                2024-05-06 11:00 3
                & 2024-05-06 11:00 hold_reason: 1
                2024-05-06 13:00 hold_reason: 4
                2024-05-06 14:00 hold_reason: 9
                2024-05-06 15:00 2
                2024-05-06 16:00 hold_reason: 1
                2024-05-06 17:00 3
                2024-05-06 18:00 2
                & 2024-05-06 18:00 hold_reason:
                2024-05-06 19:00 6
                """),
            # Created on hold, and there still; the second reason is that of now.
            incident("HR2", "2024-05-06 10:00 hold_reason: 4", born="3",
                     start={"hold_reason": "1"}),
            incident("HR3", "2024-05-06 10:00 3", now={"hold_reason": "4"}),
            incident("HR4", "2024-05-06 10:00 3"),
        ],
        rows={
            STATUSES.format("HR1"): [
                ("New", "06 09:00"), ("In Progress", "06 10:00"), ("Awaiting Caller", "06 11:00"),
                ("Awaiting Vendor", "06 13:00"), ("On Hold", "06 14:00"),
                ("In Progress", "06 15:00"), ("Awaiting Caller", "06 17:00"),
                ("In Progress", "06 18:00"), ("Resolved", "06 19:00"),
            ],
            STATUSES.format("HR3"): [("New", "06 09:00"), ("Awaiting Vendor", "06 10:00")],
            STATUSES.format("HR4"): [("New", "06 09:00"), ("On Hold", "06 10:00")],
        },
        visits={
            "INC-HR1": [
                "new 1h", "in_progress 1h", "awaiting_user 2h blocked 2h",
                "awaiting_vendor 1h blocked 1h", "on_hold 1h blocked 1h", "in_progress#2 2h",
                "awaiting_user#2 1h blocked 1h", "in_progress#3 1h", "resolved -",
            ],
        },
    ),
    Case(
        "only a code that says so is a success, however it is written",
        [
            close("H1", "Successful with issues"),
            close("H2", "unsuccessful_backed_out"),
            close("H3", "Unsuccessful - Not Backed Out"),
            close("H4", "Failed - rolled back"),
            close("H5", None, "Closed Incomplete"),
            close("H6", "automatically-closed"),
        ],
        rows={
            """select split_part(work_item_key, ':', 3), is_successful
               from marts.fct_change_requests
               where work_item_key like '%:CHG-H_' order by 1""": [
                ("CHG-H1", True), ("CHG-H2", False), ("CHG-H3", False), ("CHG-H4", False),
                ("CHG-H5", None), ("CHG-H6", None),
            ],
        },
    ),
    Case(
        "who recorded no states counts reopenings as the source does",
        [
            incident("HO1", "", born="6", is_audited=False,
                     now={"reopen_count": 2, "reassignment_count": 3}),
            # A cut of its history was audited: what is seen is less than what is told.
            incident("HO2", "", born="6", is_audited=False),
            incident("HO3", """
                2024-05-06 10:00 6
                2024-05-06 11:00 2
                2024-05-06 12:00 6
                """, now={"reopen_count": 2}),
        ],
        rows={
            """select split_part(work_item_key, ':', 3), reopen_count, source_reopen_count
               from marts.fct_incidents where work_item_key like '%:INC-HO_' order by 1""": [
                ("INC-HO1", 2, 2), ("INC-HO2", None, None), ("INC-HO3", 1, 2),
            ],
        },
    ),
    Case(
        "a run is what its last word says, with the times that its payload tells",
        [
            told("w1", "pipelinerun.queued", "08:00", "run", pipeline="w"),
            told("w2", "pipelinerun.started", "08:02", "run"),
            told("w4", "pipelinerun.finished", "08:06", "run", outcome="failure", sha="b"),
            told("w3", "pipelinerun.finished", "08:05", "run", outcome="success", sha="c"),
            told("x1", "pipelinerun.finished", "10:05", run_id="told", pipeline="x",
                 result="Timed Out", queued_at="2024-05-06T10:00:00+00:00",
                 started_at="2024-05-06T12:00:30+02:00", finished_at="2024-05-06T10:04:50Z"),
            # Without an end: of long ago, and of yesterday.
            Told("y1", "pipelinerun.started", "2024-05-26 23:59", {}, "tekton", "old"),
            Told("y2", "pipelinerun.started", "2024-06-30 08:00", {}, "tekton", "new"),
            Told("y3", "pipelinerun.queued", "2024-06-30 09:00", {}, "tekton", "asked"),
        ],
        rows={
            """select split_part(ci_run_key, ':', 3), pipeline, head_sha, result, queue_s, run_s,
                 queued_at, finished_at
               from marts.fct_ci_runs
               where ci_run_key like 'inbox:tekton:%' and pipeline <> 'tasks'
                 and ci_run_key not like '%:task%' order by 1""": [
                ("asked", "unknown", None, "running", None, None, at("06-30 09:00"), None),
                ("new", "unknown", None, "running", None, None, None, None),
                ("old", "unknown", None, "unknown", None, None, None, None),
                ("run", "w", "b", "failure", 120, 240, at("05-06 08:00"), at("05-06 08:06")),
                ("told", "x", None, "timeout", 30, 260, at("05-06 10:00"), at("05-06 10:04:50")),
            ],
        },
    ),
    Case(
        "a task is a job of its run, and a run of its own where it names none",
        [
            told("t0", "pipelinerun.started", "08:00", "tasks", pipeline="tasks"),
            told("t1", "taskrun.started", "08:01", "task-1",
                 content={"taskName": "unit", "pipelineRun": {"id": "tasks"}}),
            told("t2", "taskrun.finished", "08:04", "task-1",
                 content={"taskName": "unit", "pipelineRun": {"id": "tasks"}, "outcome": "error"}),
            told("t3", "taskrun.finished", "08:05", "task-1",
                 content={"taskName": "unit", "pipelineRun": {"id": "tasks"},
                          "outcome": "success"}),
            told("t4", "taskrun.finished", "08:09", run_id="tasks", task_id="task-2", name="lint",
                 result="aborted", queued_at="2024-05-06T08:00:00+00:00",
                 started_at="2024-05-06T08:00:10+00:00"),
            told("t5", "taskrun.started", "08:02", "task-3", content={"taskName": "alone"}),
            # The run is another tool's.
            Told("t6", "taskrun.finished", "2024-05-06 08:03",
                 {"content": {"taskName": "far", "pipelineRun": {"id": "tasks",
                                                                 "source": "tekton"}}},
                 "scanner", "task-4"),
            told("t7", "pipelinerun.finished", "08:10", "tasks", outcome="skip"),
        ],
        rows={
            """select ci_job_key, split_part(ci_run_key, ':', 3), job, result, queue_s, run_s
               from marts.fct_ci_jobs where ci_run_key like 'inbox:tekton:%' order by 1""": [
                ("inbox:tekton:task-3:1:task-3", "task-3", "alone", "unknown", None, None),
                ("inbox:tekton:tasks:1:task-1", "tasks", "unit", "success", None, 240),
                ("inbox:tekton:tasks:1:task-2", "tasks", "lint", "cancelled", 10, 530),
                ("inbox:tekton:tasks:1:task-4", "tasks", "far", "unknown", None, None),
            ],
            """select split_part(ci_run_key, ':', 3), result, raw_result from marts.fct_ci_runs
               where ci_run_key like 'inbox:tekton:task%' order by 1""": [
                ("task-3", "unknown", None), ("tasks", "skipped", "skip"),
            ],
        },
    ),
    Case(
        "a deployment is what its last word says, and only a success is one",
        [
            told("d1", "service.deployed", "09:00", deployment_id="d", result="failure", **SKIFF),
            told("d2", "service.deployed", "09:10", deployment_id="d", result="success",
                 started_at="2024-05-06T08:50:00+00:00", **SKIFF),
            told("d3", "service.deployed", "10:00", result="aborted", **SKIFF),
            told("d4", "service.deployed", "10:10", result="Timed-Out", **SKIFF),
            told("d5", "service.deployed", "10:20", result="rejected", **SKIFF),
            told("d6", "service.deployed", "10:30", result="no idea", **SKIFF),
            # It says that it takes back what went before, whatever came with it.
            told("d7", "service.upgraded", "11:00", **SKIFF),
            told("d8", "service.rolledback", "12:00", **SKIFF),
        ],
        rows={
            """select split_part(deployment_key, ':', 3), result, is_rollback, is_failed,
                 started_at, finished_at
               from marts.fct_deployments where repository = 'skiff' order by 1""": [
                ("d", "success", False, False, at("05-06 08:50"), at("05-06 09:10")),
                ("d3", "cancelled", False, False, at("05-06 10:00"), at("05-06 10:00")),
                ("d4", "failure", False, True, at("05-06 10:10"), at("05-06 10:10")),
                ("d5", "cancelled", False, False, at("05-06 10:20"), at("05-06 10:20")),
                ("d6", "unknown", False, False, at("05-06 10:30"), at("05-06 10:30")),
                ("d7", "success", False, True, at("05-06 11:00"), at("05-06 11:00")),
                ("d8", "success", True, False, at("05-06 12:00"), at("05-06 12:00")),
            ],
        },
    ),
    Case(
        "what a company says itself wins over the defaults, whatever capitals it writes",
        [
            Issue("HVN-1", """
                2024-05-06 09:00 created in In Progress
                2024-05-06 10:00 qa lane
                2024-05-06 12:00 Abandoned
                """),
            Issue("HVN-2", """
                2024-05-06 09:00 created in Build
                2024-05-06 10:00 AT ANCHOR
                """, kind="Expedition"),
        ],
        visits={"HVN-1": ["in_progress 1h", "test 2h", "done -"]},
        rows={
            """select workflow, work_type, level from marts.dim_work_items
               where item_key = 'HVN-2' and is_current""": [("ladder", "debt", "feature")],
            """select stage, is_blocked from marts.fct_stage_visits
               inner join marts.dim_stages using (stage_key, stage)
               where work_item_key = 'jira:HVN-2' order by visit_seq""": [
                ("build", False), ("moored", True),
            ],
            """select ordinal, value_class from marts.dim_stages
               where stage_key = 'ladder:dropped'""": [(9, "necessary")],
        },
    ),
    Case(
        "an incident that the inbox tells of is one",
        [
            told("i1", "incident.detected", "11:20", "i-1", severity="2", **SKIFF),
            told("i2", "incident.reported", "11:25", "i-1"),
            told("i3", "incident.resolved", "12:25", "i-1"),
            # Twice; at once; still open, and not in production; of nothing that is known.
            told("i4", "incident.detected", "13:00", incident_id="i-2", **SKIFF),
            told("i5", "incident.resolved", "14:00", incident_id="i-2"),
            told("i6", "incident.detected", "15:00", incident_id="i-2"),
            told("i7", "incident.resolved", "16:00", incident_id="i-2"),
            told("i8", "incident.resolved", "17:00", "i-3", content={"service": {"id": "skiff"}}),
            told("i9", "incident.detected", "17:00", "i-3"),
            told("ia", "incident.detected", "11:30", "i-4", service="skiff", environment="pond"),
            # Of these only the end is told; the second says when it began.
            told("ib", "incident.resolved", "18:00", "i-5", service="skiff"),
            told("ic", "incident.resolved", "18:30", "i-6", service="skiff",
                 started_at="2024-05-06T18:00:00+00:00"),
            Told("id", "incident.detected", "2024-07-02 09:00", {"service": "skiff"}, "tekton",
                 "i-7"),
        ],
        rows={
            """select split_part(work_item_key, ':', 4), service_key, severity, opened_at,
                 resolved_at, time_to_resolve_s, reopen_count
               from marts.fct_incidents where work_item_key like 'inbox:%' order by 1""": [
                ("i-1", "skiff", "2", at("05-06 11:20"), at("05-06 12:25"), 65 * 60, 0),
                ("i-2", "skiff", None, at("05-06 13:00"), at("05-06 16:00"), 3 * H, 1),
                ("i-3", "skiff", None, at("05-06 17:00"), at("05-06 17:00"), 0, 0),
                ("i-4", "skiff", None, at("05-06 11:30"), None, None, 0),
                ("i-5", "skiff", None, at("05-06 18:00"), at("05-06 18:00"), None, 0),
                ("i-6", "skiff", None, at("05-06 18:00"), at("05-06 18:30"), 30 * 60, 0),
            ],
            """select split_part(work_item_key, ':', 4), split_part(deployment_key, ':', 3), method
               from marts.bridge_incident_deployments
               where work_item_key in ('inbox:incident:tekton:i-1', 'inbox:incident:tekton:i-4')
            """: [("i-1", "d7", "rolled_back")],
            """select item_key, item_kind, workflow, value_stream_key, current_status
               from marts.dim_work_items
               where work_item_key = 'inbox:incident:tekton:i-1' and is_current""": [
                ("i-1", "incident", "incident", "haven", "resolved"),
            ],
        },
    ),
]  # fmt: skip
