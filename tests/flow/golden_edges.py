"""Golden cases that mutants asked for: without them a broken rule changed no number of any company.

Stream `edge` works office hours of Los Angeles: its afternoon is the next day of UTC.
"""

from tests.flow.golden import Case, at
from tests.flow.scratch import Agreement, Issue, Named, Ticket, moment


def checked(key: str, quality: str) -> list[object]:
    """Return an issue that is in progress, and what the extraction found of its history."""
    row = {"issue_id": key, "history_count": 1, "history_quality": quality}
    return [
        Issue(key, "2024-06-03 16:00 created in Backlog\n2024-06-03 17:00 In Progress"),
        Named("history_checks", row, source="jira"),
    ]


def seen(number: str, *versions: tuple[int, str, str]) -> list[object]:
    """Return an incident without an audit, and the versions of it that loads saw."""
    (_, born, opened), *later = versions
    history = "\n".join([f"{opened} created in {born}", *(f"{at_} {to}" for _, to, at_ in later)])
    record = Ticket(
        "incident", number, history, start={"assignment_group": "edge-a"}, is_audited=False,
        updates=versions[-1][0],
    )  # fmt: skip
    return [
        record,
        *(
            Named(
                "record_versions",
                {
                    "table_name": "incident", "sys_id": number, "version": f"{count}",
                    "sys_mod_count": count, "sys_updated_at": moment(at_),
                    "payload": {"state": state},
                },
            )
            for count, state, at_ in versions
        ),
    ]  # fmt: skip


CASES: list[Case] = [
    Case(
        "a stream is marked above one per cent of unmapped time, and not at it",
        [
            # 1 h of 100 h without a stage, 63 min of 100 h, and all of a second with one.
            Issue(
                "MKA-1",
                """
                2024-03-04 00:00 created in In Progress
                2024-03-05 00:00 Quarantine
                2024-03-05 01:00 In Progress
                2024-03-08 04:00 Done
                """,
            ),
            Issue(
                "MKB-1",
                """
                2024-03-04 00:00 created in In Progress
                2024-03-05 00:00 Quarantine
                2024-03-05 01:03 In Progress
                2024-03-08 04:00 Done
                """,
            ),
            Issue("MKC-1", "2024-03-04 00:00 created in In Progress\n2024-03-04 00:00:01 Done"),
        ],
        rows={
            """select value_stream_key, unmapped_s, elapsed_s, unmapped_share, is_marked
               from metrics.metric_unmapped_time
               where value_stream_key like 'mark-%' order by 1""": [
                ("mark-a", 3_600, 360_000, 0.01, False),
                ("mark-b", 3_780, 360_000, 0.0105, True),
                ("mark-c", 0, 1, 0.0, False),
            ],
        },
    ),
    Case(
        "a chart begins with the first whole week in which something was finished",
        [
            # In Los Angeles the week of the instant is not over: no other epic was finished there.
            Issue(
                "EDG-22",
                "2024-06-25 17:00 created in In Progress\n2024-06-26 17:00 Done",
                kind="Epic",
            ),
        ],
        rows={
            """select count(*) from metrics.metric_throughput_xmr
               where value_stream_key = 'edge' and level = 'epic'""": [(0,)],
            """select count(*) from metrics.metric_cycle_times
               where value_stream_key = 'edge' and level = 'epic'""": [(1,)],
        },
    ),
    Case(
        "a stream of which no history is whole has no share of unmapped time, and no mark",
        [
            Issue("BLK-1", "2024-03-04 09:00 created in In Progress\n2024-03-05 09:00 Done"),
            Named(
                "history_checks",
                {"issue_id": "BLK-1", "history_count": 1, "history_quality": "truncated"},
                source="jira",
            ),
        ],
        flows={"BLK-1": {"outcome": "done", "history_quality": "truncated"}},
        rows={
            """select count(*) from metrics.metric_unmapped_time
               where value_stream_key = 'blank'""": [(0,)],
            """select is_marked from metrics.metric_flow_months
               where value_stream_key = 'blank' and month_start = '2024-03-01'""": [(False,)],
            """select is_marked from metrics.metric_flow_team_month_totals
               where value_stream_key = 'blank' and month_start = '2024-03-01'""": [(False,)],
        },
    ),
    Case(
        "each end that stood for more than thirty days closes an attempt, not only the first",
        [
            Issue(
                "EDG-1",
                """
                2024-01-02 17:00 created in In Progress
                2024-01-03 17:00 Done
                2024-02-10 17:00 In Progress
                2024-02-11 17:00 Done
                2024-03-20 17:00 In Progress
                2024-03-21 17:00 Done
                """,
            ),
        ],
        flows={"EDG-1": {"attempt_count": 3, "outcome": "done", "last_done_at": at("03-21 17:00")}},
        rows={
            """select attempt_no, outcome, earlier_finish_at from marts.fct_flow_attempts
               where work_item_key = 'jira:EDG-1' order by 1""": [
                (1, "done", at("01-03 17:00")),
                (2, "done", at("02-11 17:00")),
                (3, "done", None),
            ],
        },
    ),
    Case(
        "working hours of the afternoon count, although it is the next day of UTC",
        [
            # Monday, 9:00 to 16:30 and 16:45 in Los Angeles, where work ends at 17:00.
            Issue(
                "EDG-2",
                """
                2024-02-05 17:00 created in Backlog
                2024-02-06 00:30 In Progress
                2024-02-06 00:45 Done
                """,
            ),
        ],
        flows={"EDG-2": {"created_to_done_business_s": 27_900, "start_to_done_business_s": 900}},
    ),
    Case(
        "what is done in the second of its start was not started: it has no time, and no logarithm",
        [
            Issue(
                "EDG-20",
                """
                2024-02-07 17:00 created in Backlog
                2024-02-07 18:00 In Progress
                2024-02-07 18:00 Done
                """,
            ),
        ],
        flows={"EDG-20": {"start_to_done_s": None, "created_to_done_s": 3_600, "outcome": "done"}},
    ),
    Case(
        "a finish that is taken back counts once, as what its item was in that moment",
        [
            Issue(
                "EDG-21",
                """
                2024-02-12 17:00 created in In Progress
                2024-02-13 18:00 Done
                2024-02-13 18:00 priority: High
                2024-02-14 18:00 Cancelled
                2024-02-15 18:00 priority: Low
                """,
            ),
        ],
        flows={"EDG-21": {"outcome": "cancelled"}},
        rows={
            # EDG-2 and EDG-20; the second end of EDG-1, and that of EDG-21.
            """select sum(velocity), sum(earlier_finishes) from metrics.metric_flow_month_totals
               where value_stream_key = 'edge' and workflow = 'software'
                   and month_start = '2024-02-01'""": [(2, 2)],
        },
    ),
    Case(
        "what the extraction found of a history lowers its quality, the worst counts",
        [
            *checked("EDG-3", "complete"),
            *checked("EDG-4", "conflict"),
            *checked("EDG-5", "gap"),
            *checked("EDG-6", "truncated"),
            *seen(
                "INC-E2",
                (0, "New", "2024-05-06 08:00"),
                (1, "In Progress", "2024-05-07 08:00"),
                (3, "Resolved", "2024-05-08 08:00"),
            ),
            *seen(
                "INC-E3",
                (0, "New", "2024-05-06 08:00"),
                (1, "In Progress", "2024-05-07 08:00"),
                (2, "Resolved", "2024-05-08 08:00"),
            ),
            # Loads saw it come back once; nobody counted more, or less.
            *seen(
                "INC-E4",
                (0, "New", "2024-05-06 08:00"),
                (1, "Resolved", "2024-05-07 08:00"),
                (2, "In Progress", "2024-05-08 08:00"),
                (3, "Resolved", "2024-05-09 08:00"),
            ),
        ],
        rows={
            """select split_part(work_item_key, ':', 3), reopen_count, source_reopen_count
               from marts.fct_incidents where work_item_key like '%:INC-E_'
                 and work_item_key > 'servicenow:incident:INC-E1' order by 1""": [
                ("INC-E2", None, None), ("INC-E3", None, None), ("INC-E4", 1, None),
            ],
        },
        flows={
            "EDG-3": {"history_quality": "complete"},
            "EDG-4": {"history_quality": "conflict"},
            "EDG-5": {"history_quality": "gap"},
            "EDG-6": {"history_quality": "truncated"},
            "INC-E2": {"history_quality": "gap", "history_source": "snapshot"},
            "INC-E3": {"history_quality": "snapshot_only", "history_source": "snapshot"},
        },
    ),
    Case(
        "an agreement is of the version that its item had when its clock started",
        [
            Named("groups", {"sys_id": "edge-a", "name": "Edge A"}),
            Named("groups", {"sys_id": "edge-b", "name": "Edge B"}),
            Ticket(
                "incident",
                "INC-E1",
                """
                2024-05-06 08:00 created in New
                2024-05-07 08:00 assignment_group: edge-b
                2024-05-09 08:00 Resolved
                """,
                start={"assignment_group": "edge-a", "priority": "1"},
                agreements=(
                    Agreement("2024-05-06 07:00", None, "2024-05-09 08:00"),
                    Agreement("2024-05-07 07:59:59", None, "2024-05-09 08:00"),
                    Agreement("2024-05-07 08:00", None, "2024-05-09 08:00"),
                    Agreement("2024-05-08 08:00", None, "2024-05-09 08:00"),
                ),
            ),
        ],
        rows={
            """select task_sla_key, work_item_version_key from marts.fct_task_slas
               where work_item_key = 'servicenow:incident:INC-E1' order by 1""": [
                (f"servicenow:task_sla:INC-E1/{no}", f"servicenow:incident:INC-E1@{version}")
                for no, version in ((1, 1), (2, 1), (3, 2), (4, 2))
            ],
        },
    ),
]  # fmt: skip
