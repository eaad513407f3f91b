"""Hand-written items, one case per hard case of README.md, with the values a person worked out.

As of Monday 2024-07-01 00:00 UTC. The laboratory keeps UTC and works Monday to Friday, 9 to 17;
1 May is a holiday. Berlin and Newfoundland work the same hours of their own, Nepal Sunday to
Thursday, 10 to 17. In 2024 the 4th, 11th, 18th and 25th of March, the 1st, 8th and 15th of April
and the 6th, 13th and 20th of May are Mondays.
"""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from tests.flow.scratch import (
    ChangeRequest,
    Delivery,
    Deployment,
    GitHubIssue,
    Incident,
    Issue,
    ScratchWarehouse,
    Service,
    told,
)

AS_OF = "2024-07-01 00:00:00"
H = 3600


def at(text: str) -> datetime:
    """Return `04-08 09:00` of 2024 as the warehouse stores it."""
    return datetime.fromisoformat(f"2024-{text}")


def day(text: str) -> date:
    """Return `04-08` of 2024."""
    return date.fromisoformat(f"2024-{text}")


@dataclass
class Case:
    """What one rule makes of its items.

    Attributes:
        rule: The row of the hard cases in README.md, or what was added to them.
        items: The items that are loaded for it.
        flows: Columns of fct_work_item_flows, by item.
        visits: The visits of an item in order: stage, #number from the second visit in it,
            duration, and what else there is to say of it.
        rows: What a query finds.
    """

    rule: str
    items: list[Any]
    flows: dict[str, dict[str, Any]] = field(default_factory=dict)
    visits: dict[str, list[str]] = field(default_factory=dict)
    rows: dict[str, list[tuple]] = field(default_factory=dict)


WEEKS = [
    (2, 1), (3, 10), (1, 1), (2, 10), (2, 1), (2, 10),  # the baseline, from 1 January on
    (5, 1),
    *[(1, 1)] * 8,
    (2, 100), (2, 10),  # another baseline of the times, from 15 April on
]  # fmt: skip
"""How many items are finished in each week of the control charts, and in how many hours."""


def charted() -> list[Issue]:
    """Return the items of the control charts: started on Monday, finished after the hours."""
    items = []
    for week, (count, hours) in enumerate(WEEKS):
        for no in range(count):
            start = datetime(2024, 1, 1, 6, no) + timedelta(weeks=week)
            items.append(
                Issue(
                    f"XMR-{len(items) + 1}",
                    f"""
                    {start:%Y-%m-%d %H:%M} created in In Progress
                    {start + timedelta(hours=hours):%Y-%m-%d %H:%M} Done
                    """,
                )
            )
    return items


def regular() -> list[Issue]:
    """Return the items of the forecasts: one done on every third of 63 days, and one open."""
    items = []
    for no in range(21):
        day_ = datetime(2024, 4, 29) + timedelta(days=3 * no)
        items.append(
            Issue(
                f"REG-{no + 1}",
                f"""
                {day_:%Y-%m-%d} 09:00 created in In Progress
                {day_ + timedelta(days=2):%Y-%m-%d} 09:00 Done
                """,
            )
        )
    return [*items, Issue("REG-22", "2024-06-30 09:00 created in In Progress")]


def shop() -> list[Any]:
    """Return what the shop deployed in two weeks of April, and what came of it."""

    def change(number: int, first_commit: str, merged: str, *, is_hotfix: bool = False) -> Delivery:
        return Delivery(
            number, (), f"2024-{first_commit}", f"2024-{first_commit}", f"2024-{merged}", None,
            "lab/shop", is_hotfix,
        )  # fmt: skip

    def deployed(no: int, number: int, moment: str, state: str = "success") -> Deployment:
        return Deployment(f"D{no}", number, f"2024-{moment}", state, "lab/shop")

    def incident(
        no: int, opened: str, resolved: str | None = None,
        service: str | None = "Shop", caused_by: str | None = None,
    ) -> Incident:  # fmt: skip
        end = f"\n2024-{resolved} Resolved" if resolved else ""
        history = f"2024-{opened} created in New{end}"
        return Incident(f"INC-{no}", history, service=service, caused_by=caused_by)

    return [
        Service("Shop"),
        # Its success is dated before it was asked for.
        Deployment(
            "E1", 99, "2024-04-20 10:00", repository="lab/clock", ended="2024-04-20 09:00"
        ),
        change(10, "04-05 08:00", "04-05 10:00"),
        change(11, "04-05 09:00", "04-05 17:00"), deployed(1, 11, "04-08 09:00"),
        change(12, "04-08 15:00", "04-08 17:00"), deployed(2, 12, "04-09 09:00", "failure"),
        deployed(3, 12, "04-09 11:00"),
        change(13, "04-10 07:00", "04-10 08:00"), deployed(4, 13, "04-10 09:00"),
        deployed(5, 12, "04-10 13:00"),  # back to what was there before
        change(14, "04-15 07:00", "04-15 08:00"), deployed(6, 14, "04-15 09:00"),
        change(15, "04-18 08:00", "04-18 08:30", is_hotfix=True), deployed(7, 15, "04-18 09:00"),
        ChangeRequest("CHG-1", "2024-04-15 06:00", "D6"),
        ChangeRequest("CHG-2", "2024-04-10 06:00", "D4"),
        incident(11, "04-10 12:00", "04-10 20:00"),
        incident(12, "04-17 09:00", "04-17 10:00", caused_by="CHG-1"),  # two days later
        incident(13, "04-15 12:00", "04-15 13:00"),
        incident(14, "04-19 20:00", "04-19 21:00"),  # more than a day after the last deployment
        incident(15, "04-19 08:00"),
        incident(18, "04-19 07:00", "04-19 09:00"),
        incident(16, "04-15 12:00", "04-15 13:00", service=None),
        incident(17, "04-15 10:00", "04-15 11:00", caused_by="CHG-2"),
    ]  # fmt: skip


CASES = [
    Case(
        "a backward move keeps every visit; rework lasts until the item is as far as before",
        [
            Issue(
                "LAB-1",
                """
                2024-03-04 09:00 created in Backlog
                2024-03-04 10:00 In Progress
                2024-03-05 10:00 In Review
                2024-03-06 10:00 In Progress
                2024-03-06 12:00 In Review
                2024-03-06 15:00 Done
                """,
            )
        ],
        flows={
            "LAB-1": {
                "outcome": "done", "history_quality": "complete",
                "backward_count": 1, "reopen_count": 0, "rework_s": 2 * H, "visit_count": 6,
                "created_to_done_s": 54 * H, "created_to_done_business_s": 22 * H,
                "start_to_done_s": 53 * H, "start_to_done_business_s": 21 * H,
                "in_flow_s": 53 * H, "in_flow_business_s": 21 * H, "last_pass_s": 5 * H,
                "active_s": 53 * H, "wait_s": 0, "flow_efficiency_share": 1.0,
                "started_at": at("03-04 10:00"), "first_done_at": at("03-06 15:00"),
                "last_done_at": at("03-06 15:00"), "age_s": None,
            }
        },
        visits={
            "LAB-1": [
                "backlog 1h", "in_progress 24h", "review 24h", "in_progress#2 2h rework",
                "review#2 3h", "done -",
            ]
        },
        rows={
            """select transition_seq, from_stage, to_stage, direction
               from marts.fct_stage_transitions where work_item_key = 'jira:LAB-1' order by 1""": [
                (1, None, "backlog", "new"),
                (2, "backlog", "in_progress", "forward"),
                (3, "in_progress", "review", "forward"),
                (4, "review", "in_progress", "backward"),
                (5, "in_progress", "review", "forward"),
                (6, "review", "done", "finish"),
            ],
        },
    ),
    Case(
        "reopened after done within 30 days: one attempt, the time as done is a gap",
        [
            Issue(
                "LAB-2",
                """
                2024-03-04 09:00 created in In Progress
                2024-03-05 09:00 Done
                2024-03-07 09:00 In Progress
                2024-03-07 12:00 Done
                """,
            ),
            Issue(
                "LAB-4",
                """
                2024-03-04 09:00 created in In Progress
                2024-03-05 09:00 Done
                2024-04-04 09:00 In Progress
                2024-04-04 10:00 Done
                """,
            ),
        ],
        flows={
            "LAB-2": {
                "first_done_at": at("03-05 09:00"), "last_done_at": at("03-07 12:00"),
                "reopen_count": 1, "backward_count": 0, "done_gap_s": 48 * H, "attempt_count": 1,
                "created_to_done_s": 75 * H, "start_to_done_s": 75 * H, "in_flow_s": 27 * H,
                "rework_s": 3 * H,
            },
            "LAB-4": {"attempt_count": 1, "done_gap_s": 720 * H, "in_flow_s": 25 * H},
        },
        visits={"LAB-2": ["in_progress 24h", "done 48h", "in_progress#2 3h rework", "done#2 -"]},
    ),
    Case(
        "reopened after done later than that: another attempt, both visible",
        [
            Issue(
                "LAB-3",
                """
                2024-03-04 09:00 created in In Progress
                2024-03-05 09:00 Done
                2024-04-15 09:00 In Progress
                2024-04-16 09:00 Done
                """,
            ),
            Issue(
                "LAB-49",
                """
                2024-03-04 09:00 created in In Progress
                2024-03-05 08:00 Done
                2024-06-29 00:00 Backlog
                """,
            ),
            Issue(
                "LAB-51",
                """
                2024-03-04 09:00 created in In Progress
                2024-03-05 09:00 Done
                2024-04-04 09:00:01 In Progress
                2024-04-04 10:00 Done
                """,
            ),
        ],
        flows={
            "LAB-3": {
                "attempt_count": 2, "reopen_count": 1, "done_gap_s": 984 * H, "rework_s": 0,
                "created_to_done_s": 1032 * H, "start_to_done_s": 1032 * H, "in_flow_s": 48 * H,
                "first_done_at": at("03-05 09:00"), "last_done_at": at("04-16 09:00"),
            },
            "LAB-49": {
                "outcome": "open", "attempt_count": 2, "last_done_at": None,
                "first_done_at": at("03-05 08:00"), "age_s": 48 * H,
            },
            "LAB-51": {"attempt_count": 2},
        },
        visits={"LAB-3": ["in_progress 24h", "done 984h", "in_progress#2 24h", "done#2 -"]},
        rows={
            """select attempt_no, outcome, start_to_done_s, is_latest, ended_at
               from marts.fct_flow_attempts where work_item_key = 'jira:LAB-3' order by 1""": [
                (1, "done", 24 * H, False, at("03-05 09:00")),
                (2, "done", 24 * H, True, at("04-16 09:00")),
            ],
            """select start_to_done_s, finished_date from metrics.metric_cycle_times
               where work_item_key = 'jira:LAB-3'""": [(24 * H, day("04-16"))],
            """select velocity, earlier_finishes from metrics.metric_flow_days
               where date_day = date '2024-03-05' and work_type = 'feature'
                 and value_stream_key = 'lab' and level = 'story'""": [(0, 3)],
        },
    ),
    Case(
        "the same stage visited again: visits add up, the first pass stands apart",
        [
            Issue(
                "LAB-5",
                """
                2024-03-11 09:00 created in Selected for Development
                2024-03-11 10:00 In Progress
                2024-03-11 13:00 Ready for Test
                2024-03-11 14:00 In Test
                2024-03-11 16:00 Ready for Test
                2024-03-12 10:00 In Test
                2024-03-12 11:00 Done
                """,
            )
        ],
        flows={
            "LAB-5": {
                "committed_at": at("03-11 09:00"), "started_at": at("03-11 10:00"),
                "ready_at": at("03-12 11:00"), "in_flow_s": 25 * H, "active_s": 6 * H,
                "wait_s": 19 * H, "flow_efficiency_share": 0.24, "rework_s": 18 * H,
            }
        },
        visits={
            "LAB-5": [
                "selected 1h", "in_progress 3h", "waiting_test 1h", "test 2h",
                "waiting_test#2 18h rework", "test#2 1h", "done -",
            ]
        },
        rows={
            """select stage, visit_count, stage_total_s, first_pass_s
               from marts.fct_work_item_stages where work_item_key = 'jira:LAB-5' order by 1""": [
                ("in_progress", 1, 3 * H, 3 * H),
                ("selected", 1, 1 * H, 1 * H),
                ("test", 2, 3 * H, 2 * H),
                ("waiting_test", 2, 19 * H, 1 * H),
            ],
            """select is_first_pass from metrics.metric_cycle_times
               where work_item_key = 'jira:LAB-5'""": [(False,)],
        },
    ),
    Case(
        "a self-transition is no move",
        [
            Issue(
                "LAB-6",
                """
                2024-03-11 09:00 created in Backlog
                2024-03-11 10:00 In Progress
                2024-03-11 11:00 In Progress
                2024-03-11 12:00 Done
                """,
            )
        ],
        visits={"LAB-6": ["backlog 1h", "in_progress 2h", "done -"]},
        rows={
            """select transition_seq, from_status, to_status, is_synthetic
               from marts.fct_status_transitions where work_item_key = 'jira:LAB-6' order by 1""": [
                (1, None, "Backlog", True),
                (2, "Backlog", "In Progress", False),
                (3, "In Progress", "Done", False),
            ],
        },
    ),
    Case(
        "a bounce under a minute stays in the facts and is collapsed in the metrics",
        [
            Issue(
                "LAB-7",
                """
                2024-03-11 09:00 created in In Progress
                2024-03-11 11:00 In Review
                2024-03-11 11:00:20 In Progress
                2024-03-11 12:00 Done
                """,
            ),
            Issue(
                "LAB-8",
                """
                2024-03-11 09:00 created in In Progress
                2024-03-11 11:00 In Review
                2024-03-11 11:01 In Progress
                2024-03-11 12:00 Done
                """,
            ),
        ],
        flows={"LAB-7": {"backward_count": 1, "rework_s": 3580}},
        visits={"LAB-7": ["in_progress 2h", "review 20s", "in_progress#2 3580s rework", "done -"]},
        rows={
            """select work_item_key, stage, elapsed_s, bounce_count from metrics.metric_stage_stays
               where work_item_key in ('jira:LAB-7', 'jira:LAB-8') order by 1, stay_no""": [
                ("jira:LAB-7", "in_progress", 3 * H, 1),
                ("jira:LAB-8", "in_progress", 2 * H, 0),
                ("jira:LAB-8", "review", 60, 0),
                ("jira:LAB-8", "in_progress", 59 * 60, 0),
            ],
            """select work_item_key, is_first_pass from metrics.metric_cycle_times
               where work_item_key in ('jira:LAB-7', 'jira:LAB-8') order by 1""": [
                ("jira:LAB-7", True), ("jira:LAB-8", False),
            ],
        },
    ),
    Case(
        "statuses of one stage are one visit; the statuses stay below it",
        [
            Issue(
                "LAB-9",
                """
                2024-03-11 09:00 created in Testing
                2024-03-11 10:00 QA
                2024-03-11 12:00 Done
                """,
            )
        ],
        visits={"LAB-9": ["test 3h", "done -"]},
        rows={
            """select to_status from marts.fct_status_transitions
               where work_item_key = 'jira:LAB-9' order by transition_seq""": [
                ("Testing",), ("QA",), ("Done",),
            ],
        },
    ),
    Case(
        "weekends, holidays and nights count in elapsed time and not in business time",
        [
            Issue(
                "LAB-10",  # from Friday to Monday
                """
                2024-03-08 16:00 created in In Progress
                2024-03-11 10:00 Done
                """,
            ),
            Issue(
                "LAB-11",  # over the holiday of 1 May
                """
                2024-04-30 15:00 created in In Progress
                2024-05-02 10:00 Done
                """,
            ),
            Issue(
                "LAB-12",  # at night
                """
                2024-03-11 20:00 created in In Progress
                2024-03-12 06:00 Done
                """,
            ),
        ],
        flows={
            "LAB-10": {"start_to_done_s": 66 * H, "start_to_done_business_s": 2 * H},
            "LAB-11": {"start_to_done_s": 43 * H, "start_to_done_business_s": 3 * H},
            "LAB-12": {"start_to_done_s": 10 * H, "start_to_done_business_s": 0},
        },
    ),
    Case(
        "a day is a day of the value stream's own time zone, summer time included",
        [
            Issue(
                "BER-1",  # Friday 16:00 to Monday 10:00 in Berlin, an hour short
                """
                2024-03-29 15:00 created in In Progress
                2024-04-01 08:00 Done
                """,
            ),
            Issue(
                "BER-2",  # done on 1 April, half past midnight
                """
                2024-03-10 22:00 created in In Progress
                2024-03-31 22:30 Done
                """,
            ),
            Issue(
                "NFL-1",  # created on New Year's Eve, 22:30, in St. John's
                """
                2024-01-01 02:00 created in In Progress
                2024-01-02 14:00 Done
                """,
            ),
            Issue(
                "NEP-1",  # Thursday 16:00 to Sunday 11:00 in Kathmandu
                """
                2024-03-07 10:15 created in In Progress
                2024-03-10 05:15 Done
                """,
            ),
        ],
        flows={
            "BER-1": {"start_to_done_s": 65 * H, "start_to_done_business_s": 2 * H},
            "NFL-1": {"start_to_done_s": 36 * H, "start_to_done_business_s": 9 * H + 1800},
            "NEP-1": {"start_to_done_s": 67 * H, "start_to_done_business_s": 2 * H},
        },
        rows={
            """select work_item_key, finished_date from metrics.metric_cycle_times
               where work_item_key in ('jira:BER-1', 'jira:BER-2', 'jira:NFL-1', 'jira:NEP-1')
               order by 1""": [
                ("jira:BER-1", day("04-01")), ("jira:BER-2", day("04-01")),
                ("jira:NEP-1", day("03-10")), ("jira:NFL-1", day("01-02")),
            ],
            """select date_day, wip_eod, wip_s from marts.fct_daily_flows
               where value_stream_key = 'newfoundland' and stage = 'in_progress' order by 1
               limit 4""": [
                (date(2023, 12, 31), 1, 5400),
                (day("01-01"), 1, 24 * H),
                (day("01-02"), 0, 10 * H + 1800),
                (day("01-03"), 0, 0),
            ],
            """select sum(velocity) from metrics.metric_flow_days
               where value_stream_key = 'berlin'
                 and level = 'story' and date_day = date '2024-04-01'""": [
                (2,)
            ],
        },
    ),
    Case(
        "a deleted item ends on the day on which that was seen, and stays in past WIP",
        [
            Issue(
                "LAB-13",
                """
                2024-04-01 09:00 created in Backlog
                2024-04-02 09:00 In Progress
                """,
                kind="Spike",
                deleted="2024-04-05 09:00",
            ),
            Issue(
                "LAB-14",
                """
                2024-04-01 09:00 created in In Progress
                2024-04-01 12:00 Done
                """,
                deleted="2024-04-20 09:00",
            ),
        ],
        flows={
            "LAB-13": {
                "outcome": "deleted", "deleted_at": at("04-05 09:00"), "last_done_at": None,
                "cancelled_at": None, "created_to_done_s": None, "age_s": None,
                "in_flow_s": 72 * H, "is_cancelled_after_start": False,
            },
            "LAB-14": {
                "outcome": "deleted", "first_done_at": at("04-01 12:00"), "last_done_at": None,
            },
        },
        visits={"LAB-13": ["backlog 24h", "in_progress 72h", "deleted -"]},
        rows={
            """select date_day, wip_eod from marts.fct_daily_flows
               where value_stream_key = 'lab' and work_type = 'improvement'
                 and stage = 'in_progress' and date_day between '2024-04-01' and '2024-04-05'
               order by 1""": [
                (day("04-01"), 0), (day("04-02"), 1), (day("04-03"), 1), (day("04-04"), 1),
                (day("04-05"), 0),
            ],
            """select count(*) from metrics.metric_cycle_times
               where work_item_key in ('jira:LAB-13', 'jira:LAB-14')""": [(0,)],
            """select is_deleted, current_status from marts.dim_work_items
               where work_item_key = 'jira:LAB-13' and is_current""": [(True, "In Progress")],
        },
    ),
    Case(
        "a moved item keeps its key; each day counts for the value stream it was in then",
        [
            Issue(
                "LAB-15",
                """
                2024-04-08 09:00 created in In Progress
                2024-04-10 12:00 Key: BER-15
                2024-04-12 09:00 Done
                """,
                kind="Risk",
            ),
            Issue(
                "LAB-57",  # finished before it moved: it stays in the laboratory's throughput
                """
                2024-06-03 09:00 created in In Progress
                2024-06-04 09:00 Done
                2024-06-10 09:00 Key: BER-57
                """,
                kind="Improvement",
            ),
        ],
        flows={"LAB-15": {"start_to_done_s": 96 * H}},
        visits={"LAB-15": ["in_progress 96h", "done -"]},
        rows={
            """select item_key, scope, value_stream_key, valid_from, valid_to, is_current
               from marts.dim_work_items where work_item_key = 'jira:LAB-15' order by 4""": [
                ("LAB-15", "LAB", "lab", at("04-08 09:00"), at("04-10 12:00"), False),
                ("BER-15", "BER", "berlin", at("04-10 12:00"), None, True),
            ],
            """select value_stream_key, sum(wip_s), sum(arrivals), sum(departures)
               from marts.fct_daily_flows
               where work_type = 'risk' and stage = 'in_progress'
                 and value_stream_key in ('lab', 'berlin')
               group by 1 order by 1""": [("berlin", 45 * H, 1, 1), ("lab", 51 * H, 1, 1)],
            """select value_stream_key, velocity from metrics.metric_flow_days
               where work_type = 'risk' and date_day = date '2024-04-12' order by 1""": [
                ("berlin", 1), ("lab", 0),
            ],
            """select value_stream_key, item_key from metrics.metric_cycle_times
               where work_item_key = 'jira:LAB-57'""": [("lab", "LAB-57")],
            """select work_items.value_stream_key from marts.fct_stage_transitions
               inner join marts.dim_work_items as work_items using (work_item_version_key)
               where fct_stage_transitions.work_item_key = 'jira:LAB-15'
               order by transition_seq""": [("lab",), ("berlin",)],
        },
    ),
    Case(
        "a project or a team that changes hands counts for its old owner until then",
        [
            Issue(
                "OWN-1",
                """
                2024-04-14 00:00 created in In Progress
                2024-04-16 00:00 Done
                """,
                kind="Tech Debt",
            ),
            Issue(
                "ODD-2",  # nobody has the project; the team is lent to Nepal
                """
                2024-04-14 00:00 created in In Progress
                2024-04-16 00:00 Done
                """,
                kind="Improvement",
                team="Gamma",
            ),
        ],
        rows={
            """select value_stream_key, valid_from, valid_to from marts.dim_work_items
               where work_item_key = 'jira:OWN-1' order by 2""": [
                ("lab", at("04-14 00:00"), at("04-15 00:00")),
                ("nepal", at("04-15 00:00"), None),
            ],
            """select value_stream_key, sum(wip_s) from marts.fct_daily_flows
               where work_type = 'debt' and stage = 'in_progress' group by 1 order by 1""": [
                ("lab", 24 * H), ("nepal", 24 * H),
            ],
            """select value_stream_key from metrics.metric_cycle_times
               where work_item_key = 'jira:OWN-1'""": [("nepal",)],
            """select team_key, value_stream_key, valid_from from marts.dim_work_items
               where work_item_key = 'jira:ODD-2' order by 3""": [
                ("gamma", "lab", at("04-14 00:00")), ("gamma", "nepal", at("04-15 00:00")),
            ],
            """select team_key, value_stream_key from marts.dim_teams
               where team_key in ('alpha', 'beta', 'gamma', 'unassigned') order by 1""": [
                ("alpha", "lab"), ("beta", "lab"), ("gamma", "nepal"), ("unassigned", "unassigned"),
            ],
        },
    ),
    Case(
        "never started, straight to done: in throughput, not in the times",
        [
            Issue(
                "LAB-16",
                """
                2024-04-08 09:00 created in Backlog
                2024-04-10 09:00 Done
                """,
            ),
            Issue(
                "LAB-47",  # started and done within one instant is not started
                """
                2024-05-13 09:00 created in Backlog
                2024-05-13 12:00 In Progress
                2024-05-13 12:00 Done
                """,
            ),
        ],
        flows={
            "LAB-16": {
                "outcome": "done", "started_at": None, "start_to_done_s": None, "in_flow_s": None,
                "created_to_done_s": 48 * H, "flow_efficiency_share": None,
                "ready_at": at("04-10 09:00"),
            },
            "LAB-47": {"outcome": "done", "started_at": None, "start_to_done_s": None},
        },
        visits={"LAB-47": ["backlog 3h", "in_progress 0h", "done -"]},
        rows={
            """select start_to_done_s from metrics.metric_cycle_times
               where work_item_key in ('jira:LAB-16', 'jira:LAB-47')""": [(None,), (None,)],
        },
    ),
    Case(
        "created in a later status: started at its creation, and flagged",
        [
            Issue(
                "LAB-17",
                """
                2024-04-08 09:00 created in In Review
                2024-04-08 15:00 Done
                """,
            )
        ],
        flows={
            "LAB-17": {
                "started_at": at("04-08 09:00"), "is_started_at_creation": True,
                "start_to_done_s": 6 * H, "committed_at": at("04-08 09:00"),
            },
            "LAB-1": {"is_started_at_creation": False},
        },
    ),
    Case(
        "no creation row in the history: a synthetic first transition from nothing",
        [
            Issue(
                "LAB-52",
                """
                2024-04-08 09:00 created in Selected for Development
                2024-04-08 11:00 Done
                """,
            )
        ],
        rows={
            """select from_status, to_status, is_synthetic, changed_at
               from marts.fct_status_transitions where work_item_key = 'jira:LAB-52'
               order by transition_seq""": [
                (None, "Selected for Development", True, at("04-08 09:00")),
                ("Selected for Development", "Done", False, at("04-08 11:00")),
            ],
        },
    ),
    Case(
        "a history that ends elsewhere gets a drift row at the last update",
        [
            Issue(
                "LAB-18",
                """
                2024-04-08 09:00 created in Backlog
                2024-04-08 10:00 In Progress
                """,
                shown="Done",
                updated="2024-04-09 10:00",
            )
        ],
        flows={"LAB-18": {"outcome": "done", "history_quality": "drift"}},
        visits={"LAB-18": ["backlog 1h", "in_progress 24h", "done -"]},
        rows={
            """select to_status, is_synthetic from marts.fct_status_transitions
               where work_item_key = 'jira:LAB-18' order by transition_seq desc limit 1""": [
                ("Done", True)
            ],
        },
    ),
    Case(
        "of a lost history only the end is known: no start is made up",
        [
            Issue("LAB-19", "2024-04-08 09:00 created in Done", resolved="2024-04-10 09:00"),
            Incident(
                "INC-2", "2024-04-01 09:00 created in Closed", is_audited=False,
                closed="2024-04-03 09:00",
            ),
        ],
        flows={
            "LAB-19": {
                "history_quality": "snapshot_only", "outcome": "done", "started_at": None,
                "created_to_done_s": 48 * H, "start_to_done_s": None,
                "last_done_at": at("04-10 09:00"),
            },
            "INC-2": {"history_quality": "snapshot_only", "last_done_at": at("04-03 09:00")},
        },
        visits={"LAB-19": ["unmapped 48h", "done -"]},
    ),
    Case(
        "a change that does not continue the one before is a gap, and flagged",
        [
            Issue(
                "LAB-20",
                """
                2024-04-08 09:00 created in Backlog
                2024-04-08 10:00 In Progress
                2024-04-08 12:00 Done <- In Review
                """,
            )
        ],
        flows={"LAB-20": {"history_quality": "gap", "start_to_done_s": 2 * H}},
        visits={"LAB-20": ["backlog 1h", "in_progress 2h", "done -"]},
    ),
    Case(
        "a change before the creation counts from the creation, and is flagged",
        [
            Issue(
                "LAB-21",
                """
                2024-04-08 09:00 created in Backlog
                2024-04-08 08:00 In Progress
                2024-04-08 11:00 Done
                """,
            )
        ],
        flows={
            "LAB-21": {
                "history_quality": "conflict", "started_at": at("04-08 09:00"),
                "start_to_done_s": 2 * H,
            }
        },
        visits={"LAB-21": ["backlog 0h", "in_progress 2h", "done -"]},
    ),
    Case(
        "a creation that nobody recorded: the item exists from its first change on",
        [
            Issue(
                "LAB-22",
                """
                2024-04-08 09:00 created in Backlog
                2024-04-08 10:00 In Progress
                2024-04-08 12:00 Done
                """,
                is_created_known=False,
            )
        ],
        flows={
            "LAB-22": {
                "history_quality": "truncated", "created_at": at("04-08 10:00"),
                "start_to_done_s": 2 * H,
            }
        },
    ),
    Case(
        "time in an unmapped status is not lost, and says nothing of progress",
        [
            Issue(
                "ODD-1",
                """
                2024-04-08 09:00 created in In Progress
                2024-04-08 12:00 Quarantine
                2024-04-08 15:00 In Review
                2024-04-08 16:00 Done
                """,
            )
        ],
        flows={
            "ODD-1": {
                "in_flow_s": 7 * H, "start_to_done_s": 7 * H, "active_s": 4 * H, "wait_s": 3 * H,
                "backward_count": 0, "rework_s": 0,
            }
        },
        visits={"ODD-1": ["in_progress 3h", "unmapped 3h", "review 1h", "done -"]},
        rows={
            """select direction from marts.fct_stage_transitions
               where work_item_key = 'jira:ODD-1' order by transition_seq""": [
                ("new",), ("lateral",), ("forward",), ("finish",),
            ],
            """select value_stream_key from marts.dim_work_items
               where work_item_key = 'jira:ODD-1'""": [("unassigned",)],
        },
    ),
    Case(
        "a mapping that changed holds from its day on, as the value stream counts days",
        [
            Issue(
                "LAB-23",
                """
                2024-04-29 09:00 created in Lab Check
                2024-04-30 09:00 In Progress
                2024-05-02 09:00 Lab Check
                2024-05-02 12:00 Done
                """,
            ),
            Issue(
                "BER-3",  # half past midnight of 1 May in Berlin
                """
                2024-04-30 22:30 created in Lab Check
                2024-04-30 23:30 Done
                """,
            ),
        ],
        visits={
            "LAB-23": ["test 24h", "in_progress 48h rework", "review 3h rework", "done -"],
            "BER-3": ["review 1h", "done -"],
        },
        rows={
            """select stage, map_version from marts.fct_stage_visits
               where work_item_key = 'jira:LAB-23' and stage in ('test', 'review')
               order by visit_seq""": [("test", "always"), ("review", "2024-05-01")],
        },
    ),
    Case(
        "the time of a parent is the union of its children's, never the sum",
        [
            Issue(
                "LAB-30",
                """
                2024-04-01 09:00 created in To Do
                2024-04-01 10:00 In Progress
                2024-04-12 09:00 Done
                """,
                kind="Epic",
            ),
            Issue(
                "LAB-31",
                """
                2024-04-02 09:00 created in In Progress
                2024-04-04 09:00 Done
                """,
                parent="LAB-30",
            ),
            Issue(
                "LAB-32",
                """
                2024-04-03 09:00 created in In Progress
                2024-04-05 09:00 Done
                """,
                parent="LAB-30",
            ),
            Issue(
                "LAB-33",
                """
                2024-04-08 09:00 created in In Progress
                2024-04-09 09:00 Parent: LAB-34
                2024-04-10 09:00 Done
                """,
                parent="LAB-30",
            ),
            Issue("LAB-34", "2024-04-01 09:00 created in To Do", kind="Epic"),
        ],
        flows={
            "LAB-30": {"children_in_flow_s": 96 * H, "child_count": 3, "in_flow_s": 263 * H},
            "LAB-34": {"children_in_flow_s": 24 * H, "child_count": 1},
            "LAB-31": {"children_in_flow_s": None, "child_count": 0},
        },
        rows={
            """select to_key, valid_from, valid_to from marts.bridge_work_item_links
               where from_key = 'jira:LAB-33' and link_type = 'parent' order by 2""": [
                ("jira:LAB-30", at("04-08 09:00"), at("04-09 09:00")),
                ("jira:LAB-34", at("04-09 09:00"), None),
            ],
            """select level, count(*) from metrics.metric_cycle_times
               where work_item_key in ('jira:LAB-30', 'jira:LAB-31') group by 1 order by 1""": [
                ("epic", 1), ("story", 1),
            ],
        },
    ),
    Case(
        "a flag counts while the item is in flow: not in the backlog, not after the end",
        [
            Issue(
                "LAB-35",
                """
                2024-05-06 09:00 created in Backlog
                2024-05-06 10:00 Flagged: Impediment
                2024-05-06 12:00 In Progress
                2024-05-06 14:00 Flagged:
                2024-05-06 15:00 In Review
                2024-05-06 16:00 Flagged: Vendor
                2024-05-06 18:00 Done
                """,
            )
        ],
        flows={
            "LAB-35": {
                "in_flow_s": 6 * H, "active_s": 2 * H, "wait_s": 4 * H, "blocked_s": 4 * H,
                "active_business_s": 2 * H, "wait_business_s": 3 * H,
            }
        },
        visits={
            "LAB-35": ["backlog 3h", "in_progress 3h blocked 2h", "review 3h blocked 2h", "done -"]
        },
        rows={
            """select reason, source, blocked_from, blocked_to from marts.fct_blocked_intervals
               where work_item_key = 'jira:LAB-35' order by 3""": [
                ("Impediment", "flag", at("05-06 12:00"), at("05-06 14:00")),
                ("Vendor", "flag", at("05-06 16:00"), at("05-06 18:00")),
            ],
        },
    ),
    Case(
        "two blocks at once count once, and a status that means blocked is a place to park",
        [
            Issue(
                "LAB-36",
                """
                2024-05-13 09:00 created in In Progress
                2024-05-13 10:00 Flagged: Impediment
                2024-05-13 11:00 Blocked
                2024-05-13 13:00 Flagged:
                2024-05-13 14:00 In Progress
                2024-05-13 15:00 In Review
                2024-05-13 16:00 Done
                """,
            ),
            Incident(
                "INC-1",
                """
                2024-04-01 09:00 created in New
                2024-04-01 10:00 In Progress
                2024-04-01 12:00 On Hold
                2024-04-01 16:00 In Progress
                2024-04-01 18:00 Resolved
                """,
            ),
            Incident(
                "INC-3",  # somebody asked the caller: that is work on an incident
                """
                2024-04-02 09:00 created in New
                2024-04-02 10:00 On Hold
                2024-04-02 12:00 Resolved
                """,
            ),
            Issue(
                "LAB-59",  # blocked before anybody worked on it
                """
                2024-05-13 09:00 created in Backlog
                2024-05-13 10:00 Blocked
                2024-05-13 12:00 Done
                """,
            ),
        ],
        flows={
            "LAB-36": {
                "blocked_s": 4 * H, "active_s": 3 * H, "wait_s": 4 * H, "rework_s": 0,
                "backward_count": 0,
            },
            "INC-1": {
                "blocked_s": 4 * H, "active_s": 4 * H, "wait_s": 4 * H, "backward_count": 0,
                "rework_s": 0, "start_to_done_s": 8 * H,
            },
            "INC-3": {"started_at": at("04-02 10:00"), "start_to_done_s": 2 * H},
            "LAB-59": {"started_at": None, "start_to_done_s": None},
        },
        visits={
            "LAB-36": [
                "in_progress 2h blocked 1h", "blocked 3h blocked 3h", "in_progress#2 1h",
                "review 1h", "done -",
            ],
            "INC-1": [
                "new 1h", "in_progress 2h", "on_hold 4h blocked 4h", "in_progress#2 2h",
                "resolved -",
            ],
        },
        rows={
            """select source, blocked_from, blocked_to from marts.fct_blocked_intervals
               where work_item_key = 'jira:LAB-36' order by 2""": [
                ("flag", at("05-13 10:00"), at("05-13 13:00")),
                ("status", at("05-13 11:00"), at("05-13 14:00")),
            ],
            """select direction from marts.fct_stage_transitions
               where work_item_key = 'jira:LAB-36' order by transition_seq""": [
                ("new",), ("lateral",), ("lateral",), ("forward",), ("finish",),
            ],
        },
    ),
    Case(
        "cancelled after the start is waste, before it is not; neither is throughput",
        [
            Issue(
                "LAB-37",
                """
                2024-05-13 09:00 created in Backlog
                2024-05-13 10:00 In Progress
                2024-05-13 12:00 Cancelled
                """,
            ),
            Issue(
                "LAB-38",
                """
                2024-05-13 09:00 created in Backlog
                2024-05-13 11:00 Cancelled
                """,
            ),
        ],
        flows={
            "LAB-37": {
                "outcome": "cancelled", "cancelled_at": at("05-13 12:00"), "last_done_at": None,
                "first_done_at": None, "in_flow_s": 2 * H, "is_cancelled_after_start": True,
                "start_to_done_s": None, "age_s": None,
            },
            "LAB-38": {"outcome": "cancelled", "is_cancelled_after_start": False},
        },
        rows={
            """select count(*) from metrics.metric_cycle_times
               where work_item_key in ('jira:LAB-37', 'jira:LAB-38')""": [(0,)],
            """select direction from marts.fct_stage_transitions
               where work_item_key = 'jira:LAB-37' order by transition_seq""": [
                ("new",), ("forward",), ("cancel",),
            ],
        },
    ),
    Case(
        "a terminal visit has no end and no duration",
        [
            Issue(
                "LAB-39",
                """
                2024-03-18 09:00 created in In Progress
                2024-03-18 10:00 Done
                """,
            )
        ],
        rows={
            """select exited_at, elapsed_s, business_s, active_s, wait_s, blocked_s, is_open,
                   is_terminal
               from marts.fct_stage_visits
               where work_item_key = 'jira:LAB-39' and stage = 'done'""": [
                (None, None, None, None, None, None, False, True)
            ],
        },
    ),
    Case(
        "an item of two teams is one item; each team has its part of it",
        [
            Issue(
                "LAB-40",
                """
                2024-05-13 09:00 created in In Progress
                2024-05-14 09:00 Team: Beta
                2024-05-15 09:00 Done
                """,
                team="Alpha",
            )
        ],
        flows={"LAB-40": {"handover_count": 1}, "LAB-1": {"handover_count": 0}},
        rows={
            """select team_key, weight from marts.bridge_work_item_teams
               where work_item_key = 'jira:LAB-40' order by 1""": [("alpha", 0.5), ("beta", 0.5)],
            """select from_team_key, to_team_key, stage, handed_over_at from marts.fct_handovers
               where work_item_key = 'jira:LAB-40'""": [
                ("alpha", "beta", "in_progress", at("05-14 09:00"))
            ],
            """select team_key, velocity from measures.measure_flow_periods
               where value_stream_key = 'lab' and work_type = 'all' and level = 'story'
                 and period = 'week' and period_start = date '2024-05-13'
                 and team_key in ('alpha', 'beta')""": [("beta", 1)],
        },
    ),
    Case(
        "moves of bots and in bulk are flagged",
        [
            Issue(
                "LAB-41",
                """
                2024-05-13 09:00 created in In Progress
                2024-05-13 12:00 Done @robot
                """,
            ),
            *(
                Issue(
                    f"LAB-{number}",
                    """
                    2024-05-20 09:00 created in In Progress
                    2024-05-20 12:00 Done @bob
                    """,
                )
                for number in range(42, 47)
            ),
            *(
                Issue(
                    f"LAB-{number}",
                    """
                    2024-05-20 09:00 created in In Progress
                    2024-05-20 13:00 Done @bob
                    """,
                )
                for number in range(53, 57)
            ),
        ],
        flows={
            "LAB-41": {"is_bulk_moved": False},
            "LAB-42": {"is_bulk_moved": True},
            "LAB-46": {"is_bulk_moved": True},
            "LAB-53": {"is_bulk_moved": False},
        },
        rows={
            """select actor_type, is_bulk from marts.fct_status_transitions
               where work_item_key in ('jira:LAB-41', 'jira:LAB-42') and to_status = 'Done'
               order by work_item_key""": [("bot", False), ("human", True)],
            """select actor_type from marts.fct_status_transitions
               where work_item_key = 'jira:LAB-41' and transition_seq = 1""": [("unknown",)],
            """select person_key, actor_type from marts.dim_people
               where person_key in ('ann', 'bob', 'robot') order by 1""": [
                ("ann", "human"), ("bob", "human"), ("robot", "bot"),
            ],
        },
    ),
    Case(
        "an open item ages from its start; its open visit runs to as_of",
        [
            Issue(
                "LAB-48",
                """
                2024-06-24 00:00 created in Backlog
                2024-06-26 00:00 In Progress
                """,
            ),
            Issue(
                "LAB-58",  # what happens after as_of has not happened
                """
                2024-06-28 00:00 created in In Progress
                2024-07-02 00:00 Done
                """,
            ),
        ],
        flows={
            "LAB-48": {
                "outcome": "open", "age_s": 120 * H, "start_to_done_s": None, "in_flow_s": 120 * H,
            },
            "LAB-58": {"outcome": "open", "age_s": 72 * H, "history_quality": "complete"},
        },
        visits={
            "LAB-48": ["backlog 48h", "in_progress 120h open"],
            "LAB-58": ["in_progress 72h open"],
        },
        rows={
            """select stage, age_s, stage_age_s from metrics.metric_aging_wip
               where work_item_key = 'jira:LAB-48'""": [("in_progress", 120 * H, 120 * H)],
        },
    ),
    Case(
        "a type that changed counts as what it was at the time",
        [
            Issue(
                "LAB-50",
                """
                2024-05-20 09:00 created in In Progress
                2024-05-21 09:00 issuetype: Bug
                2024-05-22 09:00 Done
                """,
            )
        ],
        rows={
            """select raw_type, work_type, valid_from, valid_to from marts.dim_work_items
               where work_item_key = 'jira:LAB-50' order by 3""": [
                ("Story", "feature", at("05-20 09:00"), at("05-21 09:00")),
                ("Bug", "defect", at("05-21 09:00"), None),
            ],
            """select sum(wip_s) from marts.fct_daily_flows
               where value_stream_key = 'lab' and work_type = 'defect'
                 and stage_key = 'software:in_progress'""": [(24 * H,)],
            """select work_type from metrics.metric_cycle_times
               where work_item_key = 'jira:LAB-50'""": [("defect",)],
        },
    ),
    Case(
        "value is available when the last merged change that names the item runs in production",
        [
            Delivery(
                1, ("LAB-17", "LAB-1"), first_commit="2024-04-08 10:00", opened="2024-04-08 12:00",
                merged="2024-04-08 14:00", deployed="2024-04-09 09:00",
            ),
            Delivery(
                2, ("LAB-1", "LAB-15"), first_commit="2024-04-20 10:00", opened="2024-04-20 12:00",
                merged="2024-04-20 14:00", deployed=None,
            ),
        ],
        flows={
            "LAB-17": {
                "first_commit_at": at("04-08 10:00"), "first_commit_to_done_s": 5 * H,
                "deployed_at": at("04-09 09:00"), "idea_to_value_s": 24 * H,
            },
            "LAB-1": {"deployed_at": None, "first_commit_at": at("04-08 10:00")},
        },
        rows={
            """select from_key, to_key, method from marts.bridge_work_item_links
               where link_type = 'implements' and from_key like 'github:pr:P%'
                 and from_key not like 'github:pr:P79%' order by 1, 2""": [
                ("github:pr:P1", "jira:LAB-1", "issue_key"),
                ("github:pr:P1", "jira:LAB-17", "issue_key"),
                ("github:pr:P1101", "jira:EVD-1", "issue_key"),
                ("github:pr:P1118", "github:issue:I9709", "issue_key"),
                ("github:pr:P1118", "github:issue:I9710", "closing_reference"),
                ("github:pr:P2", "jira:LAB-1", "issue_key"),
                ("github:pr:P2", "jira:LAB-15", "issue_key"),
                ("github:pr:P485", "jira:DSK-60", "issue_key"),
                ("github:pr:P485", "jira:DSK-61", "issue_key"),
                ("github:pr:P900", "jira:F901", "issue_key"),
            ],
        },
    ),
    Case(
        "an issue of GitHub is closed, or where its project says, or its label, or what loads saw",
        [
            GitHubIssue(
                1, "2024-05-06 09:00",
                (
                    ("2024-05-06 09:00", "added_to_project_v2", {"project_id": "board"}),
                    ("2024-05-06 10:00", "project_v2_item_status_changed",
                     {"project_id": "board", "previousStatus": "", "status": "Todo"}),
                    # Another project changes nothing.
                    ("2024-05-06 11:00", "project_v2_item_status_changed",
                     {"project_id": "other", "previousStatus": "", "status": "Done"}),
                    ("2024-05-07 09:00", "project_v2_item_status_changed",
                     {"project_id": "board", "previousStatus": "Todo", "status": "In Progress"}),
                    ("2024-05-08 09:00", "project_v2_item_status_changed",
                     {"project_id": "board", "previousStatus": "In Progress",
                      "status": "In Review"}),
                    ("2024-05-09 09:00", "closed", {"stateReason": "COMPLETED"}),
                ),
                closed=("2024-05-09 09:00", "COMPLETED"),
            ),
            GitHubIssue(
                2, "2024-05-06 09:00",
                (
                    ("2024-05-07 09:00", "labeled", {"label": "status: In Progress"}),
                    ("2024-05-07 10:00", "labeled", {"label": "bug"}),
                    ("2024-05-08 09:00", "unlabeled", {"label": "status: In Progress"}),
                    ("2024-05-09 09:00", "closed", {"stateReason": "NOT_PLANNED"}),
                ),
                closed=("2024-05-09 09:00", "NOT_PLANNED"),
            ),
            GitHubIssue(
                3, "2024-05-06 09:00",
                (
                    ("2024-05-07 09:00", "parent_issue_added", {"parent_id": "I1"}),
                    ("2024-05-09 09:00", "parent_issue_removed", {"parent_id": "I1"}),
                ),
                seen=(("2024-05-08 09:00", "Todo"), ("2024-05-10 09:00", "In Progress")),
            ),
        ],
        flows={
            "#1": {
                "outcome": "done", "created_to_done_s": 72 * H, "start_to_done_s": 48 * H,
                "history_quality": "complete",
            },
            "#2": {"outcome": "cancelled", "history_quality": "complete"},
            "#3": {
                "outcome": "open", "history_quality": "snapshot_only",
                "history_source": "snapshot", "history_precision_s": 24 * H,
            },
        },
        visits={
            "#1": ["backlog 24h", "in_progress 24h", "review 24h", "done -"],
            "#2": ["backlog 24h", "in_progress 24h", "backlog#2 24h rework", "cancelled -"],
            "#3": ["backlog 96h", "in_progress 1239h open"],
        },
        rows={
            """select parent_work_item_key, valid_from, valid_to from marts.dim_work_items
               where work_item_key = 'github:issue:I3' order by 2""": [
                (None, at("05-06 09:00"), at("05-07 09:00")),
                ("github:issue:I1", at("05-07 09:00"), at("05-09 09:00")),
                (None, at("05-09 09:00"), None),
            ],
        },
    ),
    Case(
        "percentiles are nearest rank over the items whose start is known, n beside them",
        [
            *(
                Issue(
                    f"NEP-{hours + 1}",
                    f"""
                    2024-05-19 05:00 created in In Progress
                    2024-05-19 {5 + hours:02}:00 Done
                    """,
                )
                for hours in (1, 2, 3, 4)
            ),
            Issue(
                "NEP-6",
                """
                2024-05-19 05:00 created in Backlog
                2024-05-19 06:30 Done
                """,
            ),
        ],
        rows={
            """select velocity, n, started_share, flow_time_p50_s, flow_time_p85_s,
                   flow_time_p95_s
               from measures.measure_flow_periods
               where value_stream_key = 'nepal' and work_type = 'all' and team_key = 'all'
                 and level = 'story' and period = 'day'
                 and period_start = date '2024-05-19'""": [(5, 4, 0.8, None, None, None)],
            """select period, period_start, velocity, is_complete_period
               from measures.measure_flow_periods
               where value_stream_key = 'nepal' and work_type = 'feature' and team_key = 'all'
                 and velocity >= 5 and period <> 'day' order by 1""": [
                ("increment", day("03-01"), 6, True),
                ("month", day("05-01"), 5, True),
                ("week", day("05-13"), 5, True),
            ],
            """select velocity from measures.measure_flow_periods
               where value_stream_key = 'nepal' and work_type = 'feature' and team_key = 'all'
                 and period = 'day' and period_start = date '2024-05-20'""": [(0,)],
            """select period, period_start, is_complete_period from measures.measure_flow_periods
               where value_stream_key = 'lab' and work_type = 'all' and team_key = 'all'
                 and workflow = 'software' and level = 'story' and period_end >= '2024-06-30'
               order by 1, 2""": [
                ("day", day("06-30"), True), ("day", day("07-01"), False),
                ("month", day("06-01"), True), ("month", day("07-01"), False),
                ("week", day("06-24"), True), ("week", day("07-01"), False),
            ],
        },
    ),
    Case(
        "a chosen baseline of fewer than 20 points is refused, and the chart says so",
        charted(),
        rows={
            # Six weeks from 1 January on; times have two more from 15 April on.
            """select metric, phase_no, baseline_method, no_limits_reason, baseline_n,
                   baseline_start, baseline_end, count(centre), count(upper_limit),
                   count(is_signal), count(signal), count(is_outside), count(is_run),
                   count(is_range_outside), count(run_length),
                   count(case when is_baseline then 1 end)
               from metrics.metric_xmr where value_stream_key = 'chart'
               group by all order by 1, 2""": [
                (
                    "flow_time_log_h", 1, "none", "seed_has_fewer_than_20_points", 6,
                    day("01-01"), day("02-11"), 0, 0, 0, 0, 0, 0, 0, 0, 0,
                ),
                (
                    "flow_time_log_h", 2, "none", "seed_has_fewer_than_20_points", 2,
                    day("04-15"), day("04-28"), 0, 0, 0, 0, 0, 0, 0, 0, 0,
                ),
                (
                    "velocity", 1, "none", "seed_has_fewer_than_20_points", 6,
                    day("01-01"), day("02-11"), 0, 0, 0, 0, 0, 0, 0, 0, 0,
                ),
            ],
            # ln 1 = 0 and ln 10 = 2.302585093.
            """select week_start, n, value, moving_range from metrics.metric_xmr
               where value_stream_key = 'chart' and metric = 'flow_time_log_h'
                 and week_start between '2024-02-05' and '2024-02-19' order by 1""": [
                (day("02-05"), 2, 2.302585093, 2.302585093),
                (day("02-12"), 5, 0.0, 2.302585093), (day("02-19"), 1, 0.0, 0.0),
            ],
            # Fewer than 20 weeks, and nobody chose a baseline: points without limits.
            """select count(*) > 1, count(centre), min(no_limits_reason) from metrics.metric_xmr
               where value_stream_key = 'berlin' and metric = 'velocity'""": [
                (True, 0, "fewer_than_20_points")
            ],
            """select velocity, signal from metrics.metric_throughput_xmr
               where value_stream_key = 'chart' and week_start = '2024-02-12'""": [(5, None)],
        },
    ),
    Case(
        "forecasts draw weeks, from what was known at their origin",
        regular(),
        rows={
            # Nine weeks from 29 April on: of 2, 2, 3, 2, 2, 3, 2, 2, 3 items. Of the weeks that a
            # trial draws first, K are of three, by the binomial of nine thirds. Two of them have
            # then four items with a chance of E((1 - K/9)^2) = .4691, five with .3951, six with
            # .1358; four have 8, 9, 10 or more with .2627, .3284, .4089. So at least 5 in half
            # and 4 always; at least 9 in half, 8 always.
            """select horizon_days, percentile, value, n, window_days, forecast_date
               from metrics.metric_forecast
               where value_stream_key = 'regular' and kind = 'how_many' and horizon_days < 84
               order by 1, 2""": [
                (14, 50, 5, 21, 63, day("07-14")), (14, 85, 4, 21, 63, day("07-14")),
                (14, 95, 4, 21, 63, day("07-14")), (28, 50, 9, 21, 63, day("07-28")),
                (28, 85, 8, 21, 63, day("07-28")), (28, 95, 8, 21, 63, day("07-28")),
            ],
            # The open item: a week has its first one on the first, second or third day, a third
            # of the weeks each.
            """select percentile, items, value, origin_date, forecast_date
               from metrics.metric_forecast
               where value_stream_key = 'regular' and kind = 'when' order by 1""": [
                (50, 1, 2, day("06-30"), day("07-02")), (85, 1, 3, day("06-30"), day("07-03")),
                (95, 1, 3, day("06-30"), day("07-03")),
            ],
            """select predictability_share from metrics.metric_forecast
               where value_stream_key = 'regular' and horizon_days = 14 and percentile = 50""": [
                (0.8,)
            ],
            # Four weeks earlier: 35 days and eleven items were known, and ten followed.
            """select origin_date, horizon_days, n, actual, count(*)
               from metrics.metric_forecast_backtests
               where value_stream_key = 'regular' group by all""": [
                (day("06-02"), 28, 11, 10, 3),
            ],
            """select percentile, n, hits, coverage_share, first_origin_date
               from metrics.metric_forecast_calibration
               where value_stream_key = 'regular' and percentile > 50 order by 1""": [
                (85, 1, 1, 1.0, day("06-02")), (95, 1, 1, 1.0, day("06-02")),
            ],
            # Fewer than ten items are done: too few to say anything.
            """select count(*) from metrics.metric_forecast where value_stream_key = 'berlin'""": [
                (0,)
            ],
        },
    ),
    Case(
        "failed deployments are counted once, whatever they caused, and recover",
        shop(),
        rows={
            """select work_item_key, deployment_key, method, confidence, is_primary
               from marts.bridge_incident_deployments
               where work_item_key like 'servicenow:incident:INC-1_'
               order by work_item_key, is_primary desc""": [
                (f"servicenow:incident:INC-{no}", f"github:deployment:D{deployment}", *found)
                for no, deployment, *found in (
                    (11, 4, "rolled_back", 0.8, True),
                    (12, 6, "caused_by_change", 1.0, True),
                    (13, 6, "hotfixed", 0.7, True),
                    (15, 7, "same_service", 0.4, True),
                    (17, 4, "caused_by_change", 1.0, True),
                    (17, 6, "hotfixed", 0.7, False),
                    (18, 7, "same_service", 0.4, True),
                )
            ],
            # D6 was over with the last of its incidents, a day before the hotfix; only guesses
            # speak against D7.
            """select deployment_key[19:], change_request_key[27:], incident_count, is_rollback,
                   is_hotfix, is_failed, failure_method, recovered_at
               from marts.fct_deployments where service_key = 'shop' order by 1""": [
                ("D1", None, 0, False, False, False, None, None),
                ("D2", None, 0, False, False, True, "deployment_failed", at("04-09 11:00")),
                ("D3", None, 0, False, False, False, None, None),
                ("D4", "CHG-2", 2, False, False, True, "rolled_back", at("04-10 13:00")),
                ("D5", None, 0, True, False, False, None, None),
                ("D6", "CHG-1", 2, False, False, True, "caused_by_change", at("04-17 10:00")),
                ("D7", None, 0, False, True, False, "same_service", None),
            ],
            """select deployment_key[19:], change_key[11:], method
               from marts.bridge_deployment_changes
               where deployment_key like '%:D_' order by 1, 2""": [
                ("D1", "P11", "sha"), ("D3", "P12", "sha"),
                ("D4", "P13", "sha"), ("D6", "P14", "sha"), ("D7", "P15", "sha"),
            ],
            # Fewer than ten changes have no percentile; those of D1 none at all, as nobody knows
            # what was there before it. The first change was merged a week before it.
            """select period_start, deployments, deployed_changes, changes, lead_time_p50_s,
                   failed_deployments, assumed_failed_deployments, change_fail_share,
                   change_fail_with_guesses_share, recovered_deployments, recovery_time_p50_s,
                   rework_deployments, deployment_rework_share, is_complete_period
               from metrics.metric_dora_weeks
               where service_key = 'shop' and period_start < '2024-05-01' order by 1""": [
                (day("04-01"), 0, 0, 0, None, 0, 0, None, None, 0, None, 0, None, True),
                (day("04-08"), 4, 3, 2, None, 2, 0, 0.5, 0.5, 2, None, 1, 0.25, True),
                (day("04-15"), 2, 2, 2, None, 1, 1, 0.5, 1.0, 1, None, 1, 0.5, True),
                (day("04-22"), 0, 0, 0, None, 0, 0, None, None, 0, None, 0, None, True),
                (day("04-29"), 0, 0, 0, None, 0, 0, None, None, 0, None, 0, None, True),
            ],
            """select period_start, deployments, failed_deployments, is_complete_period
               from metrics.metric_dora
               where service_key = 'shop' order by 1""": [
                (day("04-01"), 6, 3, True), (day("05-01"), 0, 0, True),
                (day("06-01"), 0, 0, True), (day("07-01"), 0, 0, False),
            ],
        },
    ),
    Case(
        "a WIP limit is breached on the days that end above it",
        [],
        rows={
            """select date_day, wip_eod, wip_limit from metrics.metric_wip
               where value_stream_key = 'berlin' and is_breach order by 1""": [
                (day("03-29"), 2, 1), (day("03-30"), 2, 1), (day("03-31"), 2, 1),
            ],
        },
    ),
    Case(
        "the cumulative flow has both truths: what is there, and how far items ever came",
        [],
        rows={
            """select stage, date_day, wip_by_stage, cfd_highwater
               from metrics.metric_cumulative_flow
               where value_stream_key = 'newfoundland' and date_day <= '2024-01-02'
                 and stage in ('backlog', 'in_progress', 'review', 'done')
               order by ordinal, date_day""": [
                ("backlog", date(2023, 12, 31), 0, 1),
                ("backlog", day("01-01"), 0, 1),
                ("backlog", day("01-02"), 0, 1),
                ("in_progress", date(2023, 12, 31), 1, 1),
                ("in_progress", day("01-01"), 1, 1),
                ("in_progress", day("01-02"), 0, 1),
                ("review", date(2023, 12, 31), 0, 0),
                ("review", day("01-01"), 0, 0),
                ("review", day("01-02"), 0, 1),
                ("done", date(2023, 12, 31), 0, 0),
                ("done", day("01-01"), 0, 0),
                ("done", day("01-02"), 1, 1),
            ],
        },
    ),
]  # fmt: skip


def key_of(name: str) -> str:
    """Return the work item key of an issue (of GitHub: #1) or an incident."""
    if name.startswith("#"):
        return f"github:issue:I{name[1:]}"
    if name.startswith("CHG"):
        return f"servicenow:change_request:{name}"
    return f"servicenow:incident:{name}" if name.startswith("INC") else f"jira:{name}"


def faults(warehouse: ScratchWarehouse, case: Case) -> list[str]:
    """Return what the warehouse says otherwise than the case, in words."""
    found = []
    for name, expected in case.flows.items():
        rows = warehouse.rows(
            f"select {', '.join(expected)} from marts.fct_work_item_flows where work_item_key = ?",
            [key_of(name)],
        )
        actual = dict(zip(expected, rows[0])) if rows else {}
        found += [
            f"{name}: {column} is {actual.get(column)!r}, not {value!r}"
            for column, value in expected.items()
            if actual.get(column, "missing") != value
        ]
    for name, expected in case.visits.items():
        actual = _visits(warehouse, key_of(name))
        if actual != expected:
            found.append(f"{name}: visits are {actual}, not {expected}")
    for sql, expected in case.rows.items():
        actual = warehouse.rows(sql)
        if actual != expected:
            found.append(f"{' '.join(sql.split())}: {actual}, not {expected}")
    return found


def _visits(warehouse: ScratchWarehouse, key: str) -> list[str]:
    rows = warehouse.rows(
        """
        select stage, visit_no, elapsed_s, blocked_s, is_rework, is_open
        from marts.fct_stage_visits where work_item_key = ? order by visit_seq
        """,
        [key],
    )
    return [
        stage
        + (f"#{visit_no}" if visit_no > 1 else "")
        + f" {told(elapsed)}"
        + (f" blocked {told(blocked)}" if blocked else "")
        + (" rework" if is_rework else "")
        + (" open" if is_open else "")
        for stage, visit_no, elapsed, blocked, is_rework, is_open in rows
    ]


# Each topic has cases of its own, with projects of their own; they need what stands above.
from tests.flow import (
    golden_ci,
    golden_constraint,
    golden_core,
    golden_delivery,
    golden_edges,
    golden_epics,
    golden_evidence,
    golden_feeds,
    golden_field_delivery,
    golden_field_desk,
    golden_field_jira,
    golden_interventions,
    golden_paths,
    golden_periods,
    golden_releases,
    golden_servicedesk,
    golden_stocks,
    golden_targets,
    golden_traces,
)

for topic in (
    golden_ci,
    golden_constraint,
    golden_core,
    golden_delivery,
    golden_edges,
    golden_epics,
    golden_paths,
    golden_evidence,
    golden_feeds,
    golden_field_delivery,
    golden_field_desk,
    golden_field_jira,
    golden_interventions,
    golden_periods,
    golden_releases,
    golden_servicedesk,
    golden_stocks,
    golden_traces,
    golden_targets,
):
    CASES += topic.CASES

ITEMS = [item for case in CASES for item in case.items]
