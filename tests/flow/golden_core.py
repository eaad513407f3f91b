"""Golden cases of the core: ends that follow one another, and workflows in which nothing waits.

Stream `core` keeps UTC and office hours; `west` those of Los Angeles, from 18 March on Monday to
Friday 16:00 to 24:00 UTC.
"""

from tests.flow.golden import Case, H, at, day
from tests.flow.house import Issue

CASES: list[Case] = [
    Case(
        "done, then cancelled: it ends as cancelled, and its finish counts as an earlier one",
        [
            Issue(
                "COR-1",
                """
                2024-04-01 09:00 created in In Progress
                2024-04-02 09:00 Done
                2024-04-12 09:00 Cancelled
                """,
            ),
            Issue(
                "COR-2",  # after thirty days to the second
                """
                2024-04-01 09:00 created in In Progress
                2024-04-03 09:00 Done
                2024-05-03 09:00 Cancelled
                """,
            ),
            Issue(
                "COR-3",  # a second later: the finish stands, and another attempt is cancelled
                """
                2024-04-01 09:00 created in In Progress
                2024-04-04 09:00 Done
                2024-05-04 09:00:01 Cancelled
                """,
            ),
            Issue(
                "COR-7",  # taken up again, and then given up
                """
                2024-04-01 09:00 created in In Progress
                2024-04-05 09:00 Done
                2024-04-07 09:00 In Progress
                2024-04-08 09:00 Cancelled
                """,
            ),
            Issue(
                "COR-11",  # done here, cancelled elsewhere
                """
                2024-04-01 09:00 created in In Progress
                2024-04-06 09:00 Done
                2024-04-08 09:00 Key: COW-11
                2024-04-09 09:00 Cancelled
                """,
            ),
            Issue(
                "COR-12",  # twice done within one attempt: the last of them
                """
                2024-04-01 09:00 created in In Progress
                2024-04-10 09:00 Done
                2024-04-11 09:00 In Progress
                2024-04-12 09:00 Done
                2024-04-13 09:00 Cancelled
                """,
            ),
        ],
        flows={
            "COR-1": {
                "outcome": "cancelled", "attempt_count": 1, "first_done_at": at("04-02 09:00"),
                "last_done_at": None, "cancelled_at": at("04-12 09:00"), "reopen_count": 0,
                "is_finish_withdrawn": True, "is_cancelled_after_start": True,
                "created_to_done_s": None, "start_to_done_s": None, "last_pass_s": None,
                "in_flow_s": 24 * H, "done_gap_s": 240 * H, "age_s": None,
            },
            "COR-2": {"outcome": "cancelled", "attempt_count": 1, "is_finish_withdrawn": True},
            "COR-3": {
                "outcome": "cancelled", "attempt_count": 2, "is_finish_withdrawn": True,
                "first_done_at": at("04-04 09:00"), "started_at": at("04-01 09:00"),
                "is_cancelled_after_start": True, "in_flow_s": 72 * H,
            },
            "COR-7": {"outcome": "cancelled", "attempt_count": 1, "in_flow_s": 120 * H},
        },
        visits={"COR-3": ["in_progress 72h", "done 2592001s", "cancelled -"]},
        rows={
            """select work_item_key, attempt_no, outcome, is_latest, start_to_done_s, begins_at,
                   started_at, last_done_at, earlier_finish_at, ended_at
               from marts.fct_flow_attempts
               where work_item_key in ('jira:COR-1', 'jira:COR-2', 'jira:COR-3') order by 1, 2""": [
                ("jira:COR-1", 1, "cancelled", True, None, at("04-01 09:00"), at("04-01 09:00"),
                 at("04-02 09:00"), at("04-02 09:00"), at("04-12 09:00")),
                ("jira:COR-2", 1, "cancelled", True, None, at("04-01 09:00"), at("04-01 09:00"),
                 at("04-03 09:00"), at("04-03 09:00"), at("05-03 09:00")),
                ("jira:COR-3", 1, "done", False, 72 * H, at("04-01 09:00"), at("04-01 09:00"),
                 at("04-04 09:00"), at("04-04 09:00"), at("04-04 09:00")),
                ("jira:COR-3", 2, "cancelled", True, None, at("05-04 09:00:01"), None,
                 None, None, at("05-04 09:00:01")),
            ],
            """select direction, attempt_no from marts.fct_stage_transitions
               where work_item_key = 'jira:COR-3' order by transition_seq""": [
                ("new", 1), ("finish", 1), ("cancel", 2),
            ],
            """select date_day, value_stream_key, sum(velocity), sum(earlier_finishes)
               from metrics.metric_flow_days
               where value_stream_key in ('core', 'west') and workflow = 'software'
                 and level = 'story'
               group by 1, 2 having sum(earlier_finishes) > 0 order by 1""": [
                (day("04-02"), "core", 0, 1), (day("04-03"), "core", 0, 1),
                (day("04-04"), "core", 0, 1), (day("04-05"), "core", 0, 1),
                (day("04-06"), "core", 0, 1), (day("04-12"), "core", 0, 1),
            ],
        },
    ),
    Case(
        "cancelled, then done: it ends as done, long after as an attempt that nobody worked in",
        [
            Issue(
                "COR-4",
                """
                2024-04-01 09:00 created in In Progress
                2024-04-02 09:00 Cancelled
                2024-04-15 09:00 Done
                """,
            ),
            Issue(
                "COR-5",
                """
                2024-04-01 09:00 created in In Progress
                2024-04-02 09:00 Cancelled
                2024-05-15 09:00 Done
                """,
            ),
            Issue(
                "COR-10",  # the end that is left counts, not the one before it
                """
                2024-04-01 09:00 created in In Progress
                2024-04-20 09:00 Cancelled
                2024-05-10 09:00 Done
                2024-06-05 09:00 In Progress
                2024-06-06 09:00 Done
                """,
            ),
        ],
        flows={
            "COR-4": {
                "outcome": "done", "attempt_count": 1, "start_to_done_s": 336 * H,
                "in_flow_s": 24 * H, "done_gap_s": 312 * H, "cancelled_at": None,
                "is_finish_withdrawn": False, "first_done_at": at("04-15 09:00"),
            },
            "COR-5": {
                "outcome": "done", "attempt_count": 2, "created_to_done_s": 1056 * H,
                "is_cancelled_after_start": False,
            },
            "COR-10": {"outcome": "done", "attempt_count": 1, "reopen_count": 1},
        },
        rows={
            """select attempt_no, outcome, start_to_done_s, in_flow_s, earlier_finish_at
               from marts.fct_flow_attempts where work_item_key = 'jira:COR-5' order by 1""": [
                (1, "cancelled", None, 24 * H, None), (2, "done", None, 0, None),
            ],
            """select work_item_key, start_to_done_s, finished_date from metrics.metric_cycle_times
               where work_item_key in ('jira:COR-4', 'jira:COR-5') order by 1""": [
                ("jira:COR-4", 336 * H, day("04-15")), ("jira:COR-5", None, day("05-15")),
            ],
        },
    ),
    Case(
        "done, then deleted: in no throughput; reopened and open: not finished yet",
        [
            Issue(
                "COR-6",
                """
                2024-04-01 09:00 created in In Progress
                2024-04-20 09:00 Done
                """,
                deleted="2024-06-01 09:00",
            ),
            Issue(
                "COR-8",
                """
                2024-04-01 09:00 created in In Progress
                2024-04-21 09:00 Done
                2024-04-23 09:00 In Progress
                """,
            ),
            Issue(
                "COR-9",  # a finish that stood is gone with its item
                """
                2024-04-01 09:00 created in In Progress
                2024-04-22 09:00 Done
                2024-06-01 09:00 In Progress
                """,
                deleted="2024-06-10 09:00",
            ),
        ],
        flows={
            "COR-6": {
                "outcome": "deleted", "attempt_count": 1, "first_done_at": at("04-20 09:00"),
                "last_done_at": None, "is_finish_withdrawn": True,
                "deleted_at": at("06-01 09:00"), "cancelled_at": None,
            },
            "COR-8": {
                "outcome": "open", "attempt_count": 1, "is_finish_withdrawn": True,
                "first_done_at": at("04-21 09:00"), "age_s": 2175 * H,
            },
            "COR-9": {"outcome": "deleted", "attempt_count": 2},
        },
        rows={
            """select work_item_key, attempt_no, outcome, last_done_at, earlier_finish_at
               from marts.fct_flow_attempts
               where work_item_key in ('jira:COR-6', 'jira:COR-8', 'jira:COR-9')
               order by 1, 2""": [
                ("jira:COR-6", 1, "deleted", at("04-20 09:00"), None),
                ("jira:COR-8", 1, "open", at("04-21 09:00"), None),
                ("jira:COR-9", 1, "done", at("04-22 09:00"), None),
                ("jira:COR-9", 2, "deleted", None, None),
            ],
        },
    ),
    Case(
        "flow efficiency is not computable where no stage but parked ones waits",
        [
            Issue(
                "COR-20",  # blocked for 8 of 24 hours, and no stage of an epic waits
                """
                2024-04-01 09:00 created in To Do
                2024-04-01 10:00 In Progress
                2024-04-02 02:00 Blocked
                2024-04-02 10:00 Done
                """,
                kind="Epic",
            ),
            Issue(
                "COR-21",  # waits are modelled, and it met none
                """
                2024-05-20 09:00 created in Backlog
                2024-05-20 10:00 In Progress
                2024-05-21 10:00 Done
                """,
            ),
            Issue(
                "COR-22",  # never started
                """
                2024-05-20 09:00 created in Backlog
                2024-05-21 10:00 Done
                """,
            ),
        ],
        flows={
            "COR-20": {
                "active_s": 16 * H, "wait_s": 8 * H, "has_modelled_waits": False,
                "fe_numerator_s": None, "fe_denominator_s": None, "flow_efficiency_share": None,
            },
            "COR-21": {
                "has_modelled_waits": True, "fe_numerator_s": 24 * H, "fe_denominator_s": 24 * H,
                "flow_efficiency_share": 1.0,
            },
            "COR-22": {
                "has_modelled_waits": True, "fe_numerator_s": None, "fe_denominator_s": None,
                "flow_efficiency_share": None,
            },
            "INC-1": {
                "has_modelled_waits": True, "fe_numerator_s": 4 * H, "fe_denominator_s": 8 * H,
                "flow_efficiency_share": 0.5,
            },
        },
    ),
]  # fmt: skip
