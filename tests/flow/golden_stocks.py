"""Golden cases of the topic that the file is named after; see golden.py.

Stock and Weekly live in New York, where the days of June 2024 begin at 04:00 UTC.
"""

from datetime import date, datetime, timedelta

from tests.flow.golden import Case, H, at, day
from tests.flow.scratch import Issue

FIRST_STRETCH = [*[1, 2] * 8, 3, 0, 3, 0]
"""Twenty weeks: sum 30, the nineteen ranges add up to 25."""

WEEKLY = [*FIRST_STRETCH, *[5, 7] * 10, 7, 6, 12, 0, 5]
"""Items finished in each week from 14 August 2023 on, each on Sunday night in New York."""

HOURS = [*[1, 100] * 10, *[1] * 7, 10, *[1] * 8, 10]
"""Hours of the one item of each week from 2 October 2023 on."""


def weekly() -> list[Issue]:
    """Return the items of a chart whose baseline nobody chose."""
    items = []
    for week, count in enumerate(WEEKLY):
        end = datetime(2023, 8, 21, 3, 45) + timedelta(weeks=week)  # 23:45 in summer
        for _ in range(count):
            items.append(
                Issue(
                    f"WKY-{len(items) + 1}",
                    f"""
                    {end - timedelta(hours=1):%Y-%m-%d %H:%M} created in In Progress
                    {end:%Y-%m-%d %H:%M} Done
                    """,
                )
            )
    return items


def one_a_week(project: str, first: str, hours: list[int], no: int = 1, **more: str) -> list[Issue]:
    """Return one item for each week: started at the same time, finished after the hours."""
    return [
        Issue(
            f"{project}-{week + no}",
            f"""
            {start:%Y-%m-%d %H:%M} created in In Progress
            {start + timedelta(hours=lasts):%Y-%m-%d %H:%M} Done
            """,
            **more,
        )
        for week, lasts in enumerate(hours)
        if (start := datetime.fromisoformat(first) + timedelta(weeks=week))
    ]


def stock(no: int, *moves: str, **more: str) -> Issue:
    """Return an issue of the stock that was created on 3 June at 9 in New York."""
    born, *later = moves
    history = [f"2024-06-03 13:00 created in {born}", *(f"2024-06-{move}" for move in later)]
    return Issue(f"STK-{no}", "\n".join(history), **more)


STOCK = [
    stock(1, "Backlog", "04 13:00 In Progress", "06 02:00 Cancelled"),  # at 22:00 of the 5th
    stock(2, "Backlog", deleted="2024-06-05 13:00"),
    stock(3, "In Progress", "04 13:00 Key: STO-3"),
    stock(4, "In Progress", "04 13:00 Done", "06 13:00 In Progress"),
    stock(5, "In Progress", "04 13:00 Cancelled", "06 13:00 In Review"),
    stock(6, "Backlog", "05 13:00 In Review"),
    stock(7, "Backlog"),
    stock(8, "In Progress", "04 13:00 Flagged: Impediment"),
    stock(9, "Waiting for Review", "04 13:00 Flagged: Vendor"),
    stock(10, "On Hold", "05 13:00 In Progress"),
    stock(11, "Cancelled"),
    stock(12, "In Progress", "04 13:00 Key: STO-12", "05 13:00 Key: STK-12"),
    stock(13, "In Progress", "04 13:00 issuetype: Bug", kind="Story"),
    stock(14, "In Progress", "05 13:00 issuetype: Sub-task", kind="Story"),
    stock(15, "Selected for Development"),
    stock(16, "In Progress", "04 13:00 Done", deleted="2024-06-06 13:00"),
]

CASES: list[Case] = [
    Case(
        "a night shift ends on the next day; a holiday, midnight and summer time are kept",
        [
            Issue(
                "NGT-1",  # Monday 20:00 to Tuesday 03:00 in Berlin
                """
                2024-03-04 19:00 created in In Progress
                2024-03-05 02:00 Done
                """,
            ),
            Issue(
                "NGT-2",  # Tuesday 05:00 to 23:00: an hour of the last night, one of this
                """
                2024-03-05 04:00 created in In Progress
                2024-03-05 22:00 Done
                """,
            ),
            Issue(
                "NGT-3",  # Saturday 18:00 to Sunday 10:00, an hour short
                """
                2024-03-30 17:00 created in In Progress
                2024-03-31 08:00 Done
                """,
            ),
            Issue(
                "NGT-4",  # Sunday 22:00 to Monday 23:00: until midnight, then from 22:00
                """
                2024-03-10 21:00 created in In Progress
                2024-03-11 22:00 Done
                """,
            ),
            Issue(
                "NGT-5",  # Tuesday 23:00 to Thursday 07:00; the night of the holiday is free
                """
                2024-04-30 21:00 created in In Progress
                2024-05-02 05:00 Done
                """,
            ),
            Issue(
                "NGT-6",  # Saturday 18:00 to Sunday 10:00, an hour longer
                """
                2023-10-28 16:00 created in In Progress
                2023-10-29 09:00 Done
                """,
            ),
            Issue(
                "NGT-7",  # Tuesday 06:00, when the night is over, to 22:00
                """
                2024-03-05 05:00 created in In Progress
                2024-03-05 21:00 Done
                """,
            ),
        ],
        flows={
            "NGT-1": {"start_to_done_s": 7 * H, "start_to_done_business_s": 5 * H},
            "NGT-2": {"start_to_done_s": 18 * H, "start_to_done_business_s": 2 * H},
            "NGT-3": {"start_to_done_s": 15 * H, "start_to_done_business_s": 7 * H},
            "NGT-4": {"start_to_done_s": 25 * H, "start_to_done_business_s": 3 * H},
            "NGT-5": {"start_to_done_s": 32 * H, "start_to_done_business_s": 7 * H},
            "NGT-6": {"start_to_done_s": 17 * H, "start_to_done_business_s": 9 * H},
            "NGT-7": {"start_to_done_s": 16 * H, "start_to_done_business_s": 0},
        },
        rows={
            """select date_day, is_working_day, holiday_name, opens_at, closes_at,
                   previous_closes_at, open_s / 3600
               from marts.dim_calendars
               where calendar = 'night' and date_day in (
                   '2024-03-30', '2024-03-31', '2024-04-30', '2024-05-01', '2024-05-02')
               order by 1""": [
                (
                    day("03-30"), True, None, at("03-30 19:00"), at("03-31 02:00"),
                    at("03-30 05:00"), 7,
                ),
                (
                    day("03-31"), True, None, at("03-31 10:00"), at("03-31 22:00"),
                    at("03-31 02:00"), 12,
                ),
                (
                    day("04-30"), True, None, at("04-30 20:00"), at("05-01 04:00"),
                    at("04-30 04:00"), 8,
                ),
                (
                    day("05-01"), False, "Labour Day", at("04-30 22:00"), at("04-30 22:00"),
                    at("05-01 04:00"), 0,
                ),
                (
                    day("05-02"), True, None, at("05-02 20:00"), at("05-03 04:00"),
                    at("04-30 22:00"), 8,
                ),
            ],
        },
    ),
    Case(
        "the calendar reaches back to the day before the first item, a year's first where it was",
        [
            Issue(
                "EAR-1",  # New Year's Eve, 22:30 in St. John's, to Tuesday 10:30
                """
                2023-01-01 02:00 created in In Progress
                2023-01-03 14:00 Done
                """,
            )
        ],
        flows={"EAR-1": {"start_to_done_s": 60 * H, "start_to_done_business_s": 9 * H + 1800}},
        rows={
            "select min(date_day), max(date_day) from marts.dim_dates": [
                (date(2022, 1, 1), date(2025, 7, 1))
            ],
            """select date_day, iso_week_start, month_start, quarter_start, increment_key
               from marts.dim_dates
               where date_day in ('2024-02-29', '2024-03-01', '2024-05-31', '2024-06-01')
               order by 1""": [
                (day("02-29"), day("02-26"), day("02-01"), day("01-01"), None),
                (day("03-01"), day("02-26"), day("03-01"), day("01-01"), "spring"),
                (day("05-31"), day("05-27"), day("05-01"), day("04-01"), "spring"),
                (day("06-01"), day("05-27"), day("06-01"), day("04-01"), None),
            ],
        },
    ),
    Case(
        "backlog, flow, queue and WIP are apart, and end with the day where the stream is",
        STOCK,
        rows={
            # 3 June: 1, 2, 6, 7 in the backlog; 9, 10, 15 wait; 3, 4, 5, 8, 12, 13, 14, 16 are
            # worked on, and with 9 they have started; each has been there for 15 hours.
            # 4 June: 3 and 12 move away, 4 and 16 are done, 5 is cancelled (9 hours each), 1
            # starts (15 hours); 8 and 9 are blocked, 10 is on hold.
            # 5 June: 2 is deleted, 14 becomes a task (9 hours), 1 is cancelled at 22:00 (22 hours),
            # 6 and 12 come (15 hours).
            # 6 June: 4 and 5 are taken up again.
            """select date_day, open_items, backlog_items, in_flow_items, waiting_items,
                   worked_on_items, wip_items, blocked_items, in_flow_s / 3600, age_sum_s / 3600,
                   is_complete_period
               from metrics.metric_wip_totals
               where value_stream_key = 'stock' and level = 'story'
                 and date_day <= '2024-06-06' order by 1""": [
                (day("06-03"), 15, 4, 11, 3, 8, 9, 1, 165, 135, True),
                (day("06-04"), 10, 3, 7, 4, 3, 5, 3, 204, 171, True),
                (day("06-05"), 8, 1, 7, 3, 4, 6, 2, 181, 282, True),
                (day("06-06"), 10, 1, 9, 3, 6, 8, 2, 198, 600, True),
            ],
            """select max(date_day), bool_or(is_complete_period and date_day = '2024-06-30'),
                   bool_and(is_complete_period or date_day = '2024-06-30')
               from metrics.metric_wip_totals where value_stream_key = 'stock'""": [
                (day("06-30"), False, True)
            ],
            """select date_day, open_items, wip_items, age_sum_s / 3600
               from metrics.metric_wip_totals
               where value_stream_key = 'store' and date_day <= '2024-06-05' order by 1""": [
                (day("06-04"), 2, 2, 70), (day("06-05"), 1, 1, 59),
            ],
            # Six of the eight in progress on 3 June are features, as are all.
            """select date_day, work_type, wip_eod, queue_len, blocked_wip, started_wip, arrivals,
                   departures, wip_s / 3600, age_sum_s / 3600
               from marts.fct_daily_flows
               where value_stream_key = 'stock' and level = 'story' and stage = 'in_progress'
                 and date_day <= '2024-06-05' order by 1, 2""": [
                (day("06-03"), "feature", 8, 0, 0, 8, 8, 0, 120, 120),
                (day("06-04"), "defect", 1, 0, 0, 1, 1, 0, 15, 39),
                (day("06-04"), "feature", 3, 1, 1, 3, 1, 6, 117, 93),
                (day("06-05"), "defect", 1, 0, 0, 1, 0, 0, 24, 63),
                (day("06-05"), "feature", 3, 1, 1, 3, 2, 2, 85, 141),
            ],
            # A limit of three until the 4th, of four until the 7th.
            """select date_day, wip_eod, wip_limit, is_breach from metrics.metric_wip
               where value_stream_key = 'stock' and level = 'story' and stage = 'in_progress'
                 and date_day between '2024-06-03' and '2024-06-08' order by 1""": [
                (day("06-03"), 8, 3, True), (day("06-04"), 4, 3, True),
                (day("06-05"), 4, 4, False), (day("06-06"), 5, 4, True),
                (day("06-07"), 5, 4, True), (day("06-08"), 5, None, None),
            ],
        },
    ),
    Case(
        "whoever is cancelled, deleted or moved away leaves the cumulative flow; lines never fall",
        [],
        rows={
            # Lines, whoever came so far, and what is open there. 10 is parked and has come to the
            # first stage; 11 was never in flow; from the 6th on 4 and 5 are open again and, as 12,
            # not in the diagram: they have passed it.
            f"""select stage, cfd_highwater, reached_items, left_before_items, open_items
               from metrics.metric_cumulative_flow
               where value_stream_key = 'stock' and level = 'story'
                 and date_day = '2024-06-0{no}' and stage in (
                   'backlog', 'selected', 'in_progress', 'waiting_review', 'review', 'done')
               order by ordinal""": expected
            for no, expected in (
                (
                    3,
                    [
                        ("backlog", 16, 15, 1, 5), ("selected", 11, 10, 1, 1),
                        ("in_progress", 10, 9, 1, 8), ("waiting_review", 2, 1, 1, 1),
                        ("review", 1, 0, 1, 0), ("done", 1, 0, 1, 0),
                    ],
                ),
                (
                    4,
                    [
                        ("backlog", 16, 15, 1, 4), ("selected", 12, 11, 1, 1),
                        ("in_progress", 11, 10, 1, 4), ("waiting_review", 7, 3, 4, 1),
                        ("review", 6, 2, 4, 0), ("done", 6, 2, 4, 0),
                    ],
                ),
                (
                    5,
                    [
                        ("backlog", 16, 15, 1, 1), ("selected", 15, 13, 2, 1),
                        ("in_progress", 14, 12, 2, 3), ("waiting_review", 11, 4, 7, 1),
                        ("review", 10, 3, 7, 1), ("done", 9, 2, 7, 0),
                    ],
                ),
                (
                    6,
                    [
                        ("backlog", 16, 15, 1, 1), ("selected", 15, 13, 2, 1),
                        ("in_progress", 14, 12, 2, 3), ("waiting_review", 11, 5, 6, 1),
                        ("review", 10, 4, 6, 1), ("done", 9, 2, 7, 0),
                    ],
                ),
            )
        }
        | {
            # The other stream had 3 and, for a day, 12.
            """select date_day, stage, cfd_highwater, reached_items, open_items
               from metrics.metric_cumulative_flow
               where value_stream_key = 'store' and date_day between '2024-06-04' and '2024-06-05'
                 and stage in ('backlog', 'in_progress', 'done') order by date_day, ordinal""": [
                (day("06-04"), "backlog", 2, 2, 0), (day("06-04"), "in_progress", 2, 2, 2),
                (day("06-04"), "done", 0, 0, 0), (day("06-05"), "backlog", 2, 2, 0),
                (day("06-05"), "in_progress", 2, 2, 1), (day("06-05"), "done", 1, 0, 0),
            ],
            """select date_day, stage, work_type, level, value_stream_key, entered_at, exited_at
                   , aging_since_at
               from (select *, cast(entered_at as date) as date_day from marts.fct_group_stays)
               where work_item_key in ('jira:STK-12', 'jira:STK-14')
               order by work_item_key, entered_at""": [
                (
                    day("06-03"), "in_progress", "feature", "story", "stock", at("06-03 13:00"),
                    at("06-04 13:00"), at("06-03 13:00"),
                ),
                (
                    day("06-04"), "in_progress", "feature", "story", "store", at("06-04 13:00"),
                    at("06-05 13:00"), at("06-03 13:00"),
                ),
                (
                    day("06-05"), "in_progress", "feature", "story", "stock", at("06-05 13:00"),
                    None, at("06-03 13:00"),
                ),
                (
                    day("06-03"), "in_progress", "feature", "story", "stock", at("06-03 13:00"),
                    at("06-05 13:00"), at("06-03 13:00"),
                ),
                (
                    day("06-05"), "in_progress", "unassigned", "task", "stock", at("06-05 13:00"),
                    None, at("06-03 13:00"),
                ),
            ],
        },
    ),
    Case(
        "a stay belongs to the group that the item is in when it begins, in the present workflow",
        [
            Issue(
                "STO-17",  # a story that became an epic: the epic's workflow all along
                """
                2024-06-10 13:00 created in In Progress
                2024-06-11 13:00 issuetype: Epic
                """,
                kind="Story",
            ),
            Issue(
                "STO-18",  # another stage and another type of work at once
                """
                2024-06-10 13:00 created in In Progress
                2024-06-12 13:00 issuetype: Bug
                2024-06-12 13:00 In Review
                """,
                kind="Story",
            ),
            Issue(
                "STO-19",  # moves to New York, and on there
                """
                2024-06-10 13:00 created in In Progress
                2024-06-11 13:00 Key: STK-19
                2024-06-12 13:00 In Review
                2024-06-13 13:00 In Testing
                """,
            ),
        ],
        rows={
            # With those of 6 June: it has come as far as the test, and nobody else there is open.
            """select stage, cfd_highwater, reached_items, left_before_items, open_items
               from metrics.metric_cumulative_flow
               where value_stream_key = 'stock' and level = 'story' and date_day = '2024-06-13'
                 and stage in ('backlog', 'review', 'waiting_test', 'test', 'done')
               order by ordinal""": [
                ("backlog", 17, 16, 1, 1), ("review", 11, 5, 6, 1), ("waiting_test", 10, 3, 7, 0),
                ("test", 10, 3, 7, 1), ("done", 9, 2, 7, 0),
            ],
            """select work_item_key, workflow, level, work_type, stage_key, entered_at, exited_at
               from marts.fct_group_stays
               where work_item_key in ('jira:STO-17', 'jira:STO-18')
               order by work_item_key, entered_at""": [
                (
                    "jira:STO-17", "epic", "story", "feature", "epic:in_progress",
                    at("06-10 13:00"), at("06-11 13:00"),
                ),
                (
                    "jira:STO-17", "epic", "epic", "feature", "epic:in_progress",
                    at("06-11 13:00"), None,
                ),
                (
                    "jira:STO-18", "software", "story", "feature", "software:in_progress",
                    at("06-10 13:00"), at("06-12 13:00"),
                ),
                (
                    "jira:STO-18", "software", "story", "defect", "software:review",
                    at("06-12 13:00"), None,
                ),
            ],
        },
    ),
    Case(
        "a block counts in the stage where the item then is, and two at once are one",
        [
            Issue(
                "STO-20",  # blocked from the 15th to the 19th and from the 21st to the 23rd
                """
                2024-06-10 09:00 created in In Progress
                2024-06-12 09:00 In Review
                2024-06-15 09:00 Flagged: Impediment
                2024-06-16 09:00 Blocked
                2024-06-18 09:00 Flagged:
                2024-06-19 09:00 In Review
                2024-06-21 09:00 Flagged: Vendor
                2024-06-23 09:00 Flagged:
                2024-06-25 09:00 In Testing
                """,
            ),
            Issue(
                "STO-21",  # from the 14th to the 24th, and parked twice in that time
                """
                2024-06-10 09:00 created in In Progress
                2024-06-14 09:00 Flagged: Impediment
                2024-06-16 09:00 Blocked
                2024-06-17 09:00 In Progress
                2024-06-20 09:00 Blocked
                2024-06-21 09:00 In Progress
                2024-06-24 09:00 Flagged:
                """,
            ),
        ],
        rows={
            """select date_day, stage, blocked_wip from marts.fct_daily_flows
               where value_stream_key = 'store' and workflow = 'software' and blocked_wip <> 0
               order by 1, 2""": [
                (day("06-14"), "in_progress", 1), (day("06-15"), "in_progress", 1),
                (day("06-15"), "review", 1), (day("06-16"), "blocked", 2),
                (day("06-17"), "blocked", 1), (day("06-17"), "in_progress", 1),
                (day("06-18"), "blocked", 1), (day("06-18"), "in_progress", 1),
                (day("06-19"), "in_progress", 1), (day("06-20"), "blocked", 1),
                (day("06-21"), "in_progress", 1), (day("06-21"), "review", 1),
                (day("06-22"), "in_progress", 1), (day("06-22"), "review", 1),
                (day("06-23"), "in_progress", 1),
            ],
        },
    ),
    Case(
        "a chart without a chosen baseline has its latest stable stretch, and judges nothing twice",
        weekly(),
        rows={
            # 30 / 20 = 1.5 and 2.66 x 25 / 19 = 3.5: limits 5 and below 0; 3.268 x 25 / 19 = 4.3.
            # Then 5 and 7 in turn: mean 6, every range 2: 6 +- 5.32, and 6.536.
            """select phase_no, baseline_method, baseline_start, baseline_end, baseline_n, centre,
                   upper_limit, lower_limit, range_limit, expected_false_alarm_share,
                   min(week_start), max(week_start), count(*)
               from metrics.metric_xmr
               where value_stream_key = 'weekly' and metric = 'velocity'
               group by all order by 1""": [
                (
                    1, "latest_stable", date(2023, 8, 14), date(2023, 12, 31), 20, 1.5, 5.0, 0.0,
                    4.3, 0.4, date(2023, 8, 14), day("05-13"), 40,
                ),
                (
                    2, "latest_stable", day("01-01"), day("05-19"), 20, 6.0, 11.32, 0.68, 6.536,
                    0.33, day("05-20"), day("06-17"), 5,
                ),
            ],
            # What lies on a limit is not outside. The eighth of a run signals, and those after it
            # until the new limits are drawn.
            """select point_no, value, moving_range, is_baseline, is_outside, is_range_outside,
                   run_length, signal
               from metrics.metric_xmr
               where value_stream_key = 'weekly' and metric = 'velocity'
                 and (point_no in (1, 18, 20, 21, 22, 23, 27, 28, 29, 40) or phase_no = 2)
               order by 1""": [
                (1, 1.0, None, True, False, None, 1, "none"),
                (18, 0.0, 3.0, True, False, False, 1, "none"),
                (20, 0.0, 3.0, True, False, False, 1, "none"),
                (21, 5.0, 5.0, False, False, True, 1, "none"),
                (22, 7.0, 2.0, False, True, False, 2, "higher"),
                (23, 5.0, 2.0, False, False, False, 3, "none"),
                (27, 5.0, 2.0, False, False, False, 7, "none"),
                (28, 7.0, 2.0, False, True, False, 8, "higher"),
                (29, 5.0, 2.0, False, False, False, 9, "higher"),
                (40, 7.0, 2.0, False, True, False, 20, "higher"),
                (41, 7.0, None, False, False, None, 1, "none"),
                (42, 6.0, 1.0, False, False, False, 0, "none"),
                (43, 12.0, 6.0, False, True, False, 1, "higher"),
                (44, 0.0, 12.0, False, True, True, 1, "lower"),
                (45, 5.0, 5.0, False, False, False, 2, "none"),
            ],
            # All take an hour: no stretch varies, so none gives limits.
            """select distinct baseline_method, no_limits_reason, baseline_n, centre, signal,
                   expected_false_alarm_share, value, time_zone
               from metrics.metric_xmr
               where value_stream_key = 'weekly' and metric = 'flow_time_log_h'""": [
                (
                    "none", "no_stable_stretch", None, None, None, None, 0.0,
                    "America/New_York",
                )
            ],
            """select velocity, baseline_method, expected_false_alarm_share, time_zone,
                   is_complete_period, baseline_start
               from metrics.metric_throughput_xmr
               where value_stream_key = 'weekly' and week_start = '2024-06-03'""": [
                (12, "latest_stable", 0.33, "America/New_York", True, day("01-01"))
            ],
        },
    ),
    Case(
        "a chosen baseline of 20 points that vary draws limits; others say why they do not",
        [
            *one_a_week("PCE", "2023-10-02 06:00", HOURS),
            # Sub-tasks have charts of their own.
            *one_a_week("PCE", "2023-11-07 06:00", [2, 8] * 11, no=101, kind="Sub-task"),
            # One point of 60 hours (EAR-1) and 19 of one: 20 points, and no stable stretch.
            *one_a_week("EAR", "2023-01-10 15:00", [1] * 19, no=2),
            *one_a_week("EAR", "2024-06-03 15:00", [1], no=101, kind="Sub-task"),
        ],
        rows={
            # ln 1 = 0 and ln 100 = 4.605170186 in turn: the mean is ln 10, every range ln 100.
            # 2.302585093 +- 2.66 x 4.605170186. The eighth hour in a row after one on the mean.
            """select phase_no, baseline_method, no_limits_reason, baseline_n, centre, upper_limit,
                   lower_limit, expected_false_alarm_share, count(*)
               from metrics.metric_xmr
               where value_stream_key = 'pace' and metric = 'flow_time_log_h' and level = 'story'
               group by all order by 1""": [
                (
                    1, "seed", None, 20, 2.302585093, 14.552337788, -9.947167602, 0.29, 36,
                ),
                (2, "none", "seed_is_not_over", 1, None, None, None, None, 1),
            ],
            """select point_no, run_length, signal from metrics.metric_xmr
               where value_stream_key = 'pace' and metric = 'flow_time_log_h'
                 and point_no >= 26 order by 1""": [
                (26, 6, "none"), (27, 7, "none"), (28, 0, "none"), (29, 1, "none"),
                (30, 2, "none"), (31, 3, "none"), (32, 4, "none"), (33, 5, "none"),
                (34, 6, "none"), (35, 7, "none"), (36, 8, "lower"), (37, None, None),
            ],
            """select distinct level, baseline_method, no_limits_reason, baseline_n, centre
               from metrics.metric_xmr
               where value_stream_key = 'pace' and metric = 'velocity'
               order by 1""": [
                ("story", "none", "seed_does_not_vary", 20, None),
                ("task", "none", "seed_does_not_vary", 20, None),
            ],
            # ln 2 and ln 8 in turn, .693147181 and 2.079441542: every range is 1.386294361, and the
            # mean half a ninth digit more.
            """select baseline_method, no_limits_reason, baseline_n, centre, upper_limit,
                   baseline_start, baseline_end, count(*)
               from metrics.metric_xmr
               where value_stream_key = 'pace' and metric = 'flow_time_log_h' and level = 'task'
               group by all""": [
                (
                    "latest_stable", None, 20, 1.386294362, 5.073837362, date(2023, 11, 6),
                    day("03-24"), 22,
                ),
            ],
            # A chosen stretch without any point, and one that ends with the last complete week.
            """select distinct metric, baseline_method, no_limits_reason, baseline_n
               from metrics.metric_xmr where value_stream_key = 'regular' order by 1""": [
                ("flow_time_log_h", "none", "seed_has_fewer_than_20_points", None),
                ("velocity", "none", "seed_has_fewer_than_20_points", 8),
            ],
            """select metric, level, no_limits_reason, max(point_no) from metrics.metric_xmr
               where value_stream_key = 'early' group by all order by 1, 2""": [
                ("flow_time_log_h", "story", "no_stable_stretch", 20),
                ("flow_time_log_h", "task", "fewer_than_20_points", 1),
                ("velocity", "story", "no_stable_stretch", 77),
                ("velocity", "task", "fewer_than_20_points", 3),
            ],
        },
    ),
    Case(
        "how often a chart errs is known of baselines of 20 points alone",
        one_a_week("NGT", "2023-11-07 10:00", [*[1, 100] * 10, 1], no=101, kind="Epic"),
        rows={
            # Ten of the 21 are ln 100: 46.05170186 / 21, every range ln 100.
            """select baseline_method, baseline_n, centre, upper_limit, lower_limit,
                   expected_false_alarm_share, count(*)
               from metrics.metric_xmr
               where value_stream_key = 'night' and metric = 'flow_time_log_h' and level = 'epic'
               group by all""": [
                ("seed", 21, 2.192938184, 14.442690879, -10.056814511, None, 21),
            ],
        },
    ),
    Case(
        "of a metric the latest definition that holds is the one",
        [],
        rows={
            # Each has a version of tomorrow; that of today holds.
            """select metric, version, target, valid_from from marts.dim_metrics
               where metric in ('velocity', 'load') order by 1""": [
                ("load", 1, "no target", None), ("velocity", 3, "20", day("07-01")),
            ],
        },
    ),
]  # fmt: skip
