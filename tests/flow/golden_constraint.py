"""Golden cases of the constraint; see golden.py.

Line and Direct keep UTC; their week of 10 June 2024 ends five weeks after 13 May, a Monday.
"""

from datetime import datetime, timedelta

from tests.flow.golden import Case, H, at, day
from tests.flow.golden_field_jira import Shown, custom
from tests.flow.golden_field_jira import status as moved
from tests.flow.golden_traces import BLOCKED, link
from tests.flow.scratch import Issue

FLAG = "customfield_10021"

FIRST = {
    "Selected for Development": 0, "In Progress": 2, "Ready for Review": 8, "In Review": 9,
    "Ready for Test": 12, "In Test": 18, "Done": 28,
}  # fmt: skip
"""When an item of the first five weeks came where, in hours of its day; the test takes longest."""

LATER = {
    "Selected for Development": 0, "In Progress": 2, "Ready for Review": 8, "In Review": 32,
    "Ready for Test": 55, "In Test": 56, "Done": 58,
}  # fmt: skip
"""The same from 17 June on; the review takes longest."""


def daily(project: str, first: str, days: int, moves: dict[str, int], no: int = 1) -> list[Issue]:
    """Return one item a day that makes the same moves, those before as_of."""
    items = []
    for place in range(days):
        lines = []
        for status, hours in moves.items():
            moment = datetime.fromisoformat(first) + timedelta(days=place, hours=hours)
            if moment < datetime(2024, 7, 1):
                what = status if hours else f"created in {status}"
                lines.append(f"{moment:%Y-%m-%d %H:%M} {what} @lin")
        items.append(Issue(f"{project}-{place + no}", "\n".join(lines)))
    return items


CASES: list[Case] = [
    Case(
        "the constraint is the station that leads the scores, since the week in which it does so",
        [
            *daily("LNE", "2024-05-13", 35, FIRST),
            *daily("LNE", "2024-06-17", 14, LATER, no=36),
        ],
        rows={
            # Five weeks are 840 hours. Test begins at 18 and ends at 4: 34 whole turns and six
            # hours. It outlasts the work in progress, which begins at 2, has its first day to
            # itself, and has four hours of every other.
            """select stage, status, confidence, constraint_rank, scores_led, served_visits,
                 queued_visits, queue_wait_mean_s, window_s, queued_s, active_item_s, busy_items,
                 round(saturation, 6), active_period_s, downstream_starved_s, is_starving_most,
                 constraint_since, previous_stage_key, window_start, is_complete_period
               from metrics.metric_constraint
               where value_stream_key = 'line' and week_start = date '2024-06-10'
               order by ordinal""": [
                (
                    "in_progress",
                    "rival",
                    None,
                    2,
                    0,
                    35,
                    35,
                    2 * H,
                    840 * H,
                    70 * H,
                    210 * H,
                    1,
                    0.25,
                    142 * H,
                    70 * H,
                    True,
                    None,
                    None,
                    day("05-13"),
                    True,
                ),
                (
                    "review",
                    "rival",
                    None,
                    3,
                    0,
                    35,
                    35,
                    1 * H,
                    840 * H,
                    35 * H,
                    105 * H,
                    1,
                    0.125,
                    105 * H,
                    35 * H,
                    False,
                    None,
                    None,
                    day("05-13"),
                    True,
                ),
                (
                    "test",
                    "constraint",
                    "high",
                    1,
                    4,
                    35,
                    35,
                    6 * H,
                    840 * H,
                    210 * H,
                    346 * H,
                    1,
                    0.411905,
                    346 * H,
                    None,
                    None,
                    day("06-10"),
                    None,
                    day("05-13"),
                    True,
                ),
            ],
            # Fewer than 30 visits, then the first week of the other moves, which is too little,
            # then another constraint.
            """select week_start, stage, insufficient_reason, constraint_rank, constraint_since,
                 previous_stage_key
               from metrics.metric_constraint
               where value_stream_key = 'line'
                 and (status = 'constraint' or insufficient_reason is not null)
               order by 1, ordinal""": [
                *[
                    (day(week), stage, "few_visits", None, None, None)
                    for week in ("05-13", "05-20", "05-27", "06-03")
                    for stage in ("in_progress", "review", "test")
                ],
                (day("06-10"), "test", None, 1, day("06-10"), None),
                (day("06-17"), "test", None, 1, day("06-10"), None),
                (day("06-24"), "review", None, 1, day("06-24"), "software:test"),
            ],
            # 13 reviews of the later days had waited 24 hours each, beside 35 of one hour; from
            # 17 June at 8 on there is always somebody in the queue (328 hours), and from a day
            # later on 23 of 24 hours are worked.
            """select served_visits, queue_wait_s, queue_wait_mean_s, queued_s, active_item_s
               from metrics.metric_constraint
               where value_stream_key = 'line' and week_start = date '2024-06-24'
                 and stage = 'review'""": [(48, 347 * H, 26025, 363 * H, 397 * H)],
            """select count(*), sum(queue_wait_s), min(served_at), max(served_at)
               from metrics.metric_constraint_visits
               where value_stream_key = 'line' and stage = 'review'
                 and week_start = date '2024-06-24'""": [
                (7, 7 * 24 * H, at("06-24 08:00"), at("06-30 08:00")),
            ],
        },
    ),
    Case(
        "without a stage to wait in nobody can say what the constraint is",
        daily("DIR", "2024-05-27", 35, {"In Progress": 0, "In Review": 6, "Done": 12}),
        rows={
            """select stage, status, insufficient_reason, constraint_rank, served_visits,
                 queued_visits, queue_wait_s, queued_s, active_item_s
               from metrics.metric_constraint
               where value_stream_key = 'direct' and week_start = date '2024-06-24'
               order by ordinal""": [
                (
                    "in_progress",
                    "insufficient_evidence",
                    "waits_not_modelled",
                    None,
                    35,
                    0,
                    0,
                    0,
                    210 * H,
                ),
                (
                    "review",
                    "insufficient_evidence",
                    "waits_not_modelled",
                    None,
                    35,
                    0,
                    0,
                    0,
                    210 * H,
                ),
            ],
            """select distinct insufficient_reason from metrics.metric_constraint
               where value_stream_key = 'weekly'""": [("single_station",)],
        },
    ),
    Case(
        "a gate is passed as often as an item comes to it, and a queue may take no time",
        [
            Issue(
                "REL-70",
                """
                2024-06-03 09:00 created in In Progress
                2024-06-03 12:00 Ready for Test
                2024-06-03 12:00 In Test
                2024-06-03 15:00 Ready for Release
                2024-06-03 16:00 Ready for Test
                2024-06-03 16:30 Ready for Release
                2024-06-03 18:30 Done
                """,
            ),
        ],
        rows={
            """select queue_wait_s, was_queued, served_at from metrics.metric_constraint_visits
               where work_item_key = 'jira:REL-70' order by served_at""": [
                (0, False, at("06-03 09:00")),
                (0, True, at("06-03 12:00")),
                (H, True, at("06-03 16:00")),
                (2 * H, True, at("06-03 18:30")),
            ],
        },
    ),
    Case(
        "blocked items neither queue nor keep a station busy; a gate is a queue without work",
        [
            Issue(
                "LAN-1",  # Sunday 23:00 in Berlin; the first part of the queue is an hour long
                """
                2024-06-09 21:00 created in Selected for Development
                2024-06-09 22:00 Flagged: Impediment
                2024-06-09 23:30 Flagged:
                2024-06-10 01:00 In Progress
                2024-06-10 03:00 Flagged: Impediment
                2024-06-10 04:00 Flagged:
                2024-06-10 06:00 Ready for Release
                2024-06-10 16:00 Done
                """,
            ),
            Issue(
                "LAN-2",  # twice in progress, the second time without a queue; waits at a gate
                """
                2024-06-10 02:00 created in In Progress
                2024-06-10 08:00 Ready for Review
                2024-06-10 08:30 Ready for Test
                2024-06-10 09:00 In Test
                2024-06-10 10:00 In Progress
                2024-06-10 12:00 Ready for Release
                """,
            ),
        ],
        rows={
            """select work_item_key, stage, queue_wait_s, was_queued, served_at, week_start,
                 is_complete_period
               from metrics.metric_constraint_visits where value_stream_key = 'lane'
               order by served_at""": [
                (
                    "jira:LAN-1",
                    "in_progress",
                    int(2.5 * H),
                    True,
                    at("06-10 01:00"),
                    day("06-10"),
                    True,
                ),
                ("jira:LAN-2", "in_progress", 0, False, at("06-10 02:00"), day("06-10"), True),
                ("jira:LAN-2", "test", H // 2, True, at("06-10 09:00"), day("06-10"), True),
                ("jira:LAN-2", "in_progress", 0, False, at("06-10 10:00"), day("06-10"), True),
                (
                    "jira:LAN-1",
                    "waiting_release",
                    10 * H,
                    True,
                    at("06-10 16:00"),
                    day("06-10"),
                    True,
                ),
            ],
            # LAB-5 waited for the test twice. DLY-1 came back from being parked, which is no queue;
            # DLY-2 was blocked for 6 of the 24 hours in one, and DLY-3 still is in one.
            """select work_item_key, stage, queue_wait_s, was_queued, served_at
               from metrics.metric_constraint_visits
               where work_item_key in ('jira:LAB-5', 'jira:DLY-1', 'jira:DLY-2', 'jira:DLY-3')
               order by served_at""": [
                ("jira:LAB-5", "in_progress", 1 * H, True, at("03-11 10:00")),
                ("jira:LAB-5", "test", 1 * H, True, at("03-11 14:00")),
                ("jira:LAB-5", "test", 18 * H, True, at("03-12 10:00")),
                ("jira:DLY-1", "in_progress", 72 * H, True, at("05-02 10:00")),
                ("jira:DLY-1", "in_progress", 0, False, at("05-06 10:00")),
                ("jira:DLY-2", "test", 18 * H, True, at("05-11 00:00")),
            ],
            # In progress are 1 to 3 and 4 to 6, and 2 to 8 and 10 to 12: nine hours of the two
            # weeks, which are less than 5 %, so a busy station cannot be told. Nobody ever came
            # to the review. The gate has somebody before it from 6 of the 10th on, and the week
            # ends on the 16th at 22.
            """select stage, is_gate, scores_known, served_visits, queued_s, active_item_s,
                 busy_items, saturation is null, active_period_s, window_start
               from metrics.metric_constraint
               where value_stream_key = 'lane' and week_start = date '2024-06-10'
               order by ordinal""": [
                (
                    "in_progress",
                    False,
                    3,
                    3,
                    int(2.5 * H),
                    12 * H,
                    0,
                    True,
                    9 * H,
                    day("06-03"),
                ),
                ("test", False, 3, 1, H // 2, 1 * H, 0, True, 1 * H, day("06-03")),
                (
                    "waiting_release",
                    True,
                    2,
                    1,
                    160 * H,
                    0,
                    0,
                    True,
                    None,
                    day("06-03"),
                ),
            ],
        },
    ),
    Case(
        "time is lost where items wait and where they are blocked, two reasons at once once",
        [
            Issue("DLY-9", "2024-04-01 10:00 created in To Do", kind="Epic"),
            Issue(
                "DLY-1",  # May begins in Berlin at 22:00
                """
                2024-04-29 10:00 created in Selected for Development
                2024-05-02 10:00 In Progress
                2024-05-03 10:00 Flagged: Impediment
                2024-05-04 10:00 On Hold
                2024-05-05 10:00 Flagged:
                2024-05-06 10:00 In Progress
                2024-05-07 10:00 Done
                """,
                parent="DLY-9",
            ),
            Issue(
                "DLY-2",
                """
                2024-05-10 00:00 created in Ready for Test
                2024-05-10 06:00 Flagged: Vendor
                2024-05-10 12:00 Flagged:
                2024-05-11 00:00 In Test
                2024-05-11 10:00 Done
                """,
            ),
            Issue("DLY-3", "2024-06-30 12:00 created in Ready for Test"),  # ten hours of June
            # Blocked for five hours, within them by another item, and by a third until two hours
            # later: seven in all. What blocks it is of other projects, and open.
            Shown(
                "DLY-5",
                ("t4", "Done"),
                (
                    ("2024-06-04 09:00", 991, moved("f1", "Open", "t3", "In Progress")),
                    ("2024-06-04 10:00", 992, custom("Flagged", FLAG, None, "Vendor")),
                    ("2024-06-04 11:00", 993, link(BLOCKED, "REL-54")),
                    ("2024-06-04 12:00", 994, link(BLOCKED, "REL-54", is_gone=True)),
                    ("2024-06-04 14:00", 995, link(BLOCKED, "TRD-1")),
                    ("2024-06-04 15:00", 996, custom("Flagged", FLAG, "Vendor", "")),
                    ("2024-06-04 17:00", 997, link(BLOCKED, "TRD-1", is_gone=True)),
                    ("2024-06-04 20:00", 998, moved("t3", "In Progress", "t4", "Done")),
                ),
                created="2024-06-04 08:00",
            ),
            Issue(
                "DLY-4",  # a second is lost, too
                """
                2024-02-06 10:00:00 created in Ready for Test
                2024-02-06 10:00:01 In Test
                2024-02-06 11:00:00 Done
                """,
            ),
        ],
        rows={
            # In May 36 hours of 60 in the queue, then 72 hours blocked: 24 by the flag in
            # progress, 24 by it on hold, 24 by being on hold alone. An item-day costs 240.
            """select loss_rank, loss_kind, stage, reason, source, delayed_items, delayed_parents,
                 lost_s, lost_item_days, cumulative_lost_s, cost_of_delay, currency
               from metrics.metric_delay_pareto
               where value_stream_key = 'delay' and month_start = date '2024-05-01'
               order by 1""": [
                (1, "waiting", "selected", None, None, 1, 1, 36 * H, 1.5, 36 * H, 360.0, "EUR"),
                (
                    2,
                    "blocked",
                    "blocked",
                    "Impediment",
                    "flag",
                    1,
                    1,
                    24 * H,
                    1.0,
                    60 * H,
                    240.0,
                    "EUR",
                ),
                (
                    3,
                    "blocked",
                    "blocked",
                    "On Hold",
                    "status",
                    1,
                    1,
                    24 * H,
                    1.0,
                    84 * H,
                    240.0,
                    "EUR",
                ),
                (
                    4,
                    "blocked",
                    "in_progress",
                    "Impediment",
                    "flag",
                    1,
                    1,
                    24 * H,
                    1.0,
                    108 * H,
                    240.0,
                    "EUR",
                ),
                (
                    5,
                    "waiting",
                    "waiting_test",
                    None,
                    None,
                    1,
                    0,
                    18 * H,
                    0.75,
                    126 * H,
                    180.0,
                    "EUR",
                ),
                (
                    6,
                    "blocked",
                    "waiting_test",
                    "Vendor",
                    "flag",
                    1,
                    0,
                    6 * H,
                    0.25,
                    132 * H,
                    60.0,
                    "EUR",
                ),
            ],
            """select month_start, stage, lost_s, all_lost_s, lost_share, cumulative_lost_share,
                 cost_of_delay, is_complete_period
               from metrics.metric_delay_pareto
               where value_stream_key = 'delay' and month_start <> date '2024-05-01'
               order by 1, 3 desc""": [
                (day("02-01"), "waiting_test", 1, 1, 1.0, 1.0, 1 / 86400 * 240, True),
                (day("04-01"), "selected", 36 * H, 36 * H, 1.0, 1.0, 360.0, True),
                (day("06-01"), "waiting_test", 10 * H, 17 * H, 10 / 17, 10 / 17, None, True),
                (day("06-01"), "in_progress", 5 * H, 17 * H, 5 / 17, 15 / 17, None, True),
                (day("06-01"), "in_progress", 2 * H, 17 * H, 2 / 17, 1.0, None, True),
                (day("07-01"), "waiting_test", 2 * H, 2 * H, 1.0, 1.0, None, False),
            ],
        },
    ),
    Case(
        "every waste of a month has its proxies, and the one that nobody can measure says so",
        [],  # of items of other cases
        rows={
            # DLY: nothing is blocked or waits but what the Pareto has; DLY-1 is parked and goes
            # on, two moves that lead nowhere.
            """select month_start, waste, proxy, validity, waste_count, waste_s,
                 is_complete_period
               from metrics.metric_waste where value_stream_key = 'delay' and level = 'story'
               order by 1, 3""": [
                (day("02-01"), "talent", "none", "not_measurable", None, None, True),
                (day("02-01"), "waiting", "waiting", "high", None, 1, True),
                (day("04-01"), "inventory", "in_flow", "medium", 1, None, True),
                (day("04-01"), "talent", "none", "not_measurable", None, None, True),
                (day("04-01"), "waiting", "waiting", "high", None, 36 * H, True),
                (day("05-01"), "waiting", "blocked", "medium", None, 78 * H, True),
                (day("05-01"), "motion", "lateral_moves", "low", 2, None, True),
                (day("05-01"), "talent", "none", "not_measurable", None, None, True),
                (day("05-01"), "waiting", "waiting", "high", None, 54 * H, True),
                (day("06-01"), "waiting", "blocked", "medium", None, 7 * H, True),
                (day("06-01"), "inventory", "in_flow", "medium", 1, None, True),
                (day("06-01"), "talent", "none", "not_measurable", None, None, True),
                (day("06-01"), "waiting", "waiting", "high", None, 10 * H, True),
                (day("07-01"), "inventory", "in_flow", "medium", 1, None, False),
                (day("07-01"), "talent", "none", "not_measurable", None, None, False),
                (day("07-01"), "waiting", "waiting", "high", None, 2 * H, False),
            ],
            # STK-1 was worked on for 37 hours and cancelled; 4 and 5 were taken up again. As of
            # the last evening 7 is in the backlog, and 4, 5, 6, 8, 9, 10, 12, 13, 15 and 19 are in
            # flow.
            """select waste, proxy, validity, waste_count, waste_s from metrics.metric_waste
               where value_stream_key = 'stock' and level = 'story'
                 and waste in ('extra_processing', 'inventory') order by 2""": [
                ("inventory", "backlog", "low", 1, None),
                ("extra_processing", "cancelled_after_start", "high", 1, 37 * H),
                ("inventory", "in_flow", "medium", 10, None),
                ("extra_processing", "reopened", "medium", 2, None),
            ],
            # QAY-11 went back from the queue of the review for an hour; the bugs of CST took 2, 4
            # to 20 hours. No deployment names either of them.
            """select value_stream_key, waste, proxy, validity, waste_count, waste_s
               from metrics.metric_waste
               where value_stream_key in ('coast', 'quay') and level = 'story'
                 and month_start = date '2024-05-01' and waste in ('defects', 'overproduction')
               order by 1""": [
                ("coast", "defects", "defect_work", "medium", 10, 110 * H),
                ("quay", "defects", "rework", "high", 1, 1 * H),
            ],
            # Of what the shop merged in April, only change 10 is not in a deployment of its own.
            """select proxy, validity, waste_count from metrics.metric_waste
               where value_stream_key = 'shop' and waste = 'overproduction'""": [
                ("done_and_not_deployed", "low", 1)
            ],
            # What was finished in June has not had its thirty days, but for EPC-25 and EPC-35 of
            # golden_epics.py, which were finished as June began in Berlin.
            """select value_stream_key, waste_count from metrics.metric_waste
               where waste = 'overproduction' and month_start >= date '2024-06-01'""": [
                ("epic", 2)
            ],
        },
    ),
]
