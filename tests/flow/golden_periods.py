"""Golden cases of flow by period, of the map, the paces and the forecasts; see golden.py."""

from datetime import datetime, timedelta

from tests.flow.golden import Case, H, at, day
from tests.flow.scratch import Issue


def history(*moves: tuple[datetime, str]) -> str:
    """Return a history from moments (UTC) and the statuses that an item came to."""
    return "\n".join(
        f"{moment:%Y-%m-%d %H:%M} {'' if no else 'created in '}{status}"
        for no, (moment, status) in enumerate(moves)
    )


def timed(key: str, start: str, *stays: tuple[str, float], kind: str = "Story") -> Issue:
    """Return an item that stays for some hours in each status; the last one has none."""
    moment, moves = datetime.fromisoformat(f"2024-{start}"), []
    for status, hours in stays:
        moves.append((moment, status))
        moment += timedelta(hours=hours)
    return Issue(key, history(*moves), kind)


def week() -> list[Issue]:
    """Return twenty items that take 1 to 20 hours, every other one a bug, nine of one team."""
    items = []
    for no in range(1, 21):
        stays = [("In Progress", no), ("Done", 0)]
        item = timed(f"CST-{no}", "05-07 12:00", *stays, kind="Story" if no % 2 else "Bug")
        item.team = "Beta" if no <= 9 else None
        items.append(item)
    return items


def reviewed() -> list[Issue]:
    """Return ten items of May that are worked on and then wait for 1 to 10 hours each."""
    return [
        timed(
            f"QAY-{no}", f"05-{5 + no:02} 00:00",
            ("In Progress", no), ("Ready for review", no), ("Done", 0),
        )
        for no in range(1, 11)
    ]  # fmt: skip


def counted() -> list[Issue]:
    """Return twenty items of 1 to 20 hours of work; ten wait for a test, nine for a release."""
    items = []
    for no in range(1, 21):
        stays = [("In Progress", no)]
        stays += [("Ready for test", no)] if no <= 10 else []
        stays += [("Ready for release", no)] if no <= 9 else []
        items.append(timed(f"DOK-{no}", "05-07 00:00", *stays, ("Done", 0)))
    return items


def known() -> list[Issue]:
    """Return items of Auckland, 12 hours ahead: one is done at 9 on every third of 60 days."""
    items = []
    for no in range(20):
        start = datetime(2024, 5, 1, 21) + timedelta(days=3 * no)
        moves = (start, "In Progress"), (start + timedelta(days=2), "Done")
        items.append(Issue(f"KNW-{no + 1}", history(*moves)))
    return items


CASES = [
    Case(
        "percentiles are of ten items or more; periods and loads end with the stream's own day",
        [
            *week(),
            # Half past eleven in the evening in Halifax: of a Friday in May, of a Sunday.
            Issue("CST-21", "2024-05-30 12:00 created in In Progress\n2024-06-01 02:30 Done"),
            Issue("CST-22", "2024-05-12 12:00 created in In Progress\n2024-05-13 02:30 Done"),
            Issue("CST-23", "2024-05-01 12:00 created in Backlog\n2024-06-05 12:00 In Progress"),
            Issue("CST-24", "2024-05-02 12:00 created in Backlog"),
            Issue("CST-25", "2024-06-26 12:00 created in Ready"),
        ],
        rows={
            # Features 1, 3 .. 13, 14.5, 15, 17, 19 h: the 6th, 10th and 11th of 11.
            # Bugs 2, 4 .. 20 h: the 5th, 9th and 10th of 10.
            """select work_type, velocity, n, flow_time_p50_s, flow_time_p85_s, flow_time_p95_s,
                   round(distribution_share, 6), load
               from metrics.metric_flow
               where value_stream_key = 'coast' and week_start = date '2024-05-06'
               order by 1""": [
                ("defect", 10, 10, 10 * H, 18 * H, 20 * H, 0.476190, 0),
                ("feature", 11, 11, 11 * H, 17 * H, 19 * H, 0.523810, 0),
            ],
            # All of them: the 11th, 18th and 20th of 21.
            """select velocity, n, flow_time_p50_s, flow_time_p85_s, flow_time_p95_s
               from metrics.metric_flow_totals
               where value_stream_key = 'coast' and week_start = date '2024-05-06'""": [
                (21, 21, 11 * H, 17 * H, 19 * H)
            ],
            # Nine are too few; the others are 10 .. 14, 14.5, 15 .. 20 h, and that is the 6th.
            """select team_key, velocity, n, flow_time_p50_s, flow_time_p85_s, flow_time_p95_s
               from metrics.metric_flow_team_totals
               where value_stream_key = 'coast' and week_start = date '2024-05-06'
               order by 1""": [
                ("beta", 9, 9, None, None, None),
                ("unassigned", 12, 12, 14.5 * H, 19 * H, 20 * H),
            ],
            """select team_key, work_type, velocity, round(distribution_share, 6)
               from metrics.metric_flow_team_months
               where value_stream_key = 'coast' and month_start = date '2024-05-01'
               order by 1, 2""": [
                ("beta", "defect", 4, 0.444444), ("beta", "feature", 5, 0.555556),
                ("unassigned", "defect", 6, 0.461538), ("unassigned", "feature", 7, 0.538462),
            ],
            # In Halifax it is nine in the evening of Sunday, 30 June. A backlog is no load.
            """select week_start, load, is_complete_period from metrics.metric_flow_totals
               where value_stream_key = 'coast' and week_start >= date '2024-05-27'
               order by 1""": [
                (day("05-27"), 0, True), (day("06-03"), 1, True), (day("06-10"), 1, True),
                (day("06-17"), 1, True), (day("06-24"), 2, False),
            ],
            """select month_start, velocity, load, is_complete_period
               from metrics.metric_flow_month_totals where value_stream_key = 'coast'
               order by 1""": [
                (day("05-01"), 22, 0, True), (day("06-01"), 0, 2, False),
            ],
            """select increment_key, velocity, n, load, is_complete_period
               from metrics.metric_flow_increment_totals where value_stream_key = 'coast'""": [
                ("spring", 22, 22, 0, True)
            ],
            # Whatever is added up, each item counts once.
            """select
                   (select sum(velocity) from metrics.metric_flow
                    where value_stream_key = 'coast'),
                   (select sum(velocity) from metrics.metric_flow_teams
                    where value_stream_key = 'coast'),
                   (select sum(velocity) from metrics.metric_flow_months
                    where value_stream_key = 'coast'),
                   (select sum(velocity) from metrics.metric_flow_team_month_totals
                    where value_stream_key = 'coast'),
                   (select sum(velocity) from metrics.metric_flow_team_increments
                    where value_stream_key = 'coast'),
                   (select sum(velocity) from metrics.metric_flow_days
                    where value_stream_key = 'coast')""": [(22, 22, 22, 22, 22, 22)],
        },
    ),
    Case(
        "a map counts the stays of what was finished in a month, against the target of that month",
        [
            *reviewed(),
            timed(
                "QAY-11", "05-20 00:00",
                ("In Progress", 1), ("Ready for review", 20), ("In Progress", 1),
                ("Ready for review", 30), ("Done", 0),
            ),
            timed(
                "QAY-12", "05-01 00:00",
                ("In Progress", 300), ("Ready for review", 100), ("Cancelled", 0),
            ),
            timed(
                "QAY-13", "06-03 00:00",
                ("In Progress", 2), ("Ready for review", 24), ("Done", 0),
            ),
            # Reviewed in May, finished in June.
            timed(
                "QAY-14", "05-30 00:00",
                ("In Progress", 1), ("Ready for review", 2), ("In Review", 69), ("Done", 0),
            ),
            timed("QAY-15", "06-28 00:00", ("In Progress", 24), ("Ready for review", 0)),
            timed("QAY-16", "06-30 16:00", ("In Progress", 0)),
            timed("QAY-17", "06-30 02:00", ("In Progress", 0)),
            timed("QAY-18", "06-30 01:00", ("In Progress", 0)),
            timed("QAY-19", "06-30 00:00", ("In Review", 0)),
            timed(
                "QAY-20", "05-06 00:00",
                ("In Progress", 10), ("On Hold", 10), ("In Progress", 4), ("Done", 0),
                kind="Epic",
            ),
            # Finished for a day, and taken up again months later: deleted, open, finished again.
            Issue(
                "QAY-21",
                """
                2024-03-04 09:00 created in In Progress
                2024-03-05 09:00 Done
                2024-04-20 09:00 In Progress
                """,
                deleted="2024-06-10 00:00",
            ),
            Issue(
                "QAY-22",
                """
                2024-03-04 09:00 created in In Progress
                2024-03-05 09:00 Done
                2024-05-01 09:00 Team: Beta
                2024-06-20 09:00 In Progress
                """,
            ),
            Issue(
                "QAY-23",
                """
                2024-03-04 09:00 created in In Progress
                2024-03-05 09:00 Done
                2024-06-20 09:00 In Progress
                2024-06-20 14:00 Done
                """,
            ),
        ],
        rows={
            # Work of May: 1 .. 10, 1, 1 h; waits: 1 .. 10, 20, 30 h: the 6th and the 11th of 12.
            # Five of the waits are of 5 hours or less; on 1 May nobody had a target for the work.
            """select month_start, stage, items, visits, rework_visits, round(rework_share, 6),
                   wait_p50_s, wait_p85_s, active_p50_s, active_p85_s, wait_s, active_s
               from metrics.metric_value_stream_map
               where value_stream_key = 'quay' and level = 'story' order by 1, ordinal""": [
                (day("05-01"), "in_progress", 11, 12, 1, 0.083333, 0, 0, 4 * H, 9 * H, 0, 57 * H),
                (
                    day("05-01"), "waiting_review", 11, 12, 0, 0.0, 6 * H, 20 * H, 0, 0,
                    105 * H, 0,
                ),
                (day("06-01"), "in_progress", 3, 3, 0, 0.0, None, None, None, None, 0, 8 * H),
                (day("06-01"), "waiting_review", 2, 2, 0, 0.0, None, None, None, None, 26 * H, 0),
                (day("06-01"), "review", 1, 1, 0, 0.0, None, None, None, None, 0, 69 * H),
            ],
            """select month_start, stage, wait_target_s, active_target_s,
                   visits_within_wait_target, visits_within_active_target, is_complete_period
               from metrics.metric_value_stream_map
               where value_stream_key = 'quay' and level = 'story' order by 1, ordinal""": [
                (day("05-01"), "in_progress", None, None, None, None, True),
                (day("05-01"), "waiting_review", 5 * H, None, 5, None, True),
                (day("06-01"), "in_progress", None, 4 * H, None, 2, True),
                (day("06-01"), "waiting_review", 24 * H, None, 2, None, True),
                (day("06-01"), "review", None, None, None, None, True),
            ],
            # 1, 2, 2, 3 .. 10, 20, 24, 30 h: the 7th and the 12th of 14. From 1 July on 48 h.
            """select stage, items, visits, wait_p50_s, wait_p85_s, wait_target_s,
                   active_target_s, wip, open_wait_s, open_active_s
               from metrics.metric_value_stream_map_totals
               where value_stream_key = 'quay' and level = 'story' order by ordinal""": [
                ("in_progress", 14, 15, 0, 0, None, 4 * H, 4, 0, 308 * H),
                ("waiting_review", 13, 14, 6 * H, 20 * H, 48 * H, None, 1, 48 * H, 0),
                ("review", 1, 1, None, None, None, None, 1, 0, 24 * H),
            ],
            # Epics have no stage that waits: being parked is no modelled wait.
            """select level, velocity, active_s, wait_s, has_modelled_waits,
                   round(flow_efficiency_share, 6)
               from metrics.metric_flow_month_totals
               where value_stream_key = 'quay' and month_start = date '2024-05-01'
               order by 1""": [
                ("epic", 1, 14 * H, 10 * H, False, None),
                ("story", 11, 57 * H, 105 * H, True, round(57 / 162, 6)),
            ],
            """select level, has_modelled_waits, sum(active_s), sum(wait_s)
               from metrics.metric_flow_days
               where value_stream_key = 'quay' and date_day between '2024-05-01' and '2024-05-31'
               group by all order by 1""": [
                ("epic", False, 14 * H, 10 * H), ("story", True, 57 * H, 105 * H),
            ],
            """select work_item_key, has_modelled_waits from metrics.metric_cycle_times
               where work_item_key in ('jira:QAY-11', 'jira:QAY-20') order by 1""": [
                ("jira:QAY-11", True), ("jira:QAY-20", False),
            ],
            # What is deleted was never finished.
            """select month_start, velocity, earlier_finishes
               from metrics.metric_flow_month_totals
               where value_stream_key = 'quay' and level = 'story' order by 1""": [
                (day("03-01"), 0, 2), (day("04-01"), 0, 0), (day("05-01"), 11, 0),
                (day("06-01"), 3, 0), (day("07-01"), 0, 0),
            ],
            # Finished attempts left the work at 1, 1, 2, 2, 3, 4, 5, 5, 6 .. 10, 22, 24, 24 h: the
            # 8th, 14th and 16th of 16. As old as P85 is not late. The wait was left at 2, 4 .. 20,
            # 3, 26 and 52 h, of which 26 h is the 12th of 13; the review by one item: who is late
            # there, nobody knows.
            """select item_key, stage, age_s, pace_n, pace_p50_s, pace_p85_s, pace_p95_s, is_late
               from metrics.metric_aging_wip where value_stream_key = 'quay' order by 1""": [
                ("QAY-15", "waiting_review", 72 * H, 13, 12 * H, 26 * H, 52 * H, True),
                ("QAY-16", "in_progress", 8 * H, 16, 5 * H, 22 * H, 24 * H, False),
                ("QAY-17", "in_progress", 22 * H, 16, 5 * H, 22 * H, 24 * H, False),
                ("QAY-18", "in_progress", 23 * H, 16, 5 * H, 22 * H, 24 * H, True),
                ("QAY-19", "review", 24 * H, 1, None, None, None, None),
                ("QAY-22", "in_progress", 255 * H, 16, 5 * H, 22 * H, 24 * H, True),
            ],
            # A stay counts in the week in which it ended: of a dozen waits, eight on 06-12 May
            # and the ninth on Sunday evening.
            """select week_start, visits, elapsed_p50_s, rework_visits, is_complete_period
               from metrics.metric_time_in_stage
               where value_stream_key = 'quay' and stage = 'waiting_review' order by 1""": [
                (day("05-06"), 7, None, 0, True), (day("05-13"), 4, None, 0, True),
                (day("05-20"), 2, None, 0, True), (day("05-27"), 1, None, 0, True),
                (day("06-03"), 1, None, 0, True),
            ],
        },
    ),
    Case(
        "ten are enough for a percentile and nine are not, in the map, the weeks and the paces",
        [
            *counted(),
            *(timed(f"DOK-{no}", "06-30 12:00", ("Ready for test", 0)) for no in (21, 22)),
            timed("DOK-23", "06-30 12:00", ("Ready for release", 0)),
            timed("DOK-24", "06-30 12:00", ("In Progress", 0)),
            # Another level in the same stages has no target and other paces.
            timed(
                "DOK-25", "05-06 00:00", ("In Progress", 3), ("Ready for test", 3), ("Done", 0),
                kind="Sub-task",
            ),
        ],
        rows={
            # Work of 1 .. 20 h: the 10th and 17th of 20; tests wait 1 .. 10 h: the 5th and 9th.
            """select level, stage, visits, wait_p50_s, wait_p85_s, active_p50_s, active_p85_s,
                   wait_target_s, active_target_s, visits_within_wait_target,
                   visits_within_active_target
               from metrics.metric_value_stream_map
               where value_stream_key = 'wharf' order by level, ordinal""": [
                ("story", "in_progress", 20, 0, 0, 10 * H, 17 * H, None, 10 * H, None, 10),
                ("story", "waiting_test", 10, 5 * H, 9 * H, 0, 0, 3 * H, None, 3, None),
                ("story", "waiting_release", 9, None, None, None, None, None, None, None, None),
                ("task", "in_progress", 1, None, None, None, None, None, None, None, None),
                ("task", "waiting_test", 1, None, None, None, None, None, None, None, None),
            ],
            """select level, stage, visits, wait_p50_s, active_p85_s, wip, open_wait_s,
                   wait_target_s, active_target_s
               from metrics.metric_value_stream_map_totals
               where value_stream_key = 'wharf' order by level, ordinal""": [
                ("story", "in_progress", 20, 0, 17 * H, 1, 0, None, 10 * H),
                ("story", "waiting_test", 10, 5 * H, 0, 2, 24 * H, 3 * H, None),
                ("story", "waiting_release", 9, None, None, 1, 12 * H, None, None),
                ("task", "in_progress", 1, None, None, 0, 0, None, None),
                ("task", "waiting_test", 1, None, None, 0, 0, None, None),
            ],
            """select stage, visits, elapsed_p50_s, elapsed_p85_s
               from metrics.metric_time_in_stage
               where value_stream_key = 'wharf' and level = 'story' order by stage_key""": [
                ("in_progress", 20, 10 * H, 17 * H), ("waiting_release", 9, None, None),
                ("waiting_test", 10, 5 * H, 9 * H),
            ],
            """select item_key, stage, pace_n, pace_p50_s, pace_p85_s, pace_p95_s
               from metrics.metric_aging_wip where value_stream_key = 'wharf' order by 1""": [
                ("DOK-21", "waiting_test", 10, 10 * H, 18 * H, 20 * H),
                ("DOK-22", "waiting_test", 10, 10 * H, 18 * H, 20 * H),
                ("DOK-23", "waiting_release", 9, None, None, None),
                ("DOK-24", "in_progress", 20, 10 * H, 17 * H, 19 * H),
            ],
        },
    ),
    Case(
        "a period ends with the stream's own day, and a median of none is no measure of certainty",
        [
            timed(
                "COV-1", "06-26 12:00", ("In Progress", 24), ("In Review", 24), ("Done", 0)
            ),
            *(
                timed(f"COV-{no}", "05-09 12:00", ("In Progress", 24), ("Done", 0))
                for no in range(2, 13)
            ),
            # Another level of the same work: one on each of 30 days.
            *(
                timed(
                    f"COV-{no}", f"{5 + no // 40:02}-{no % 40 + 1:02} 12:00",
                    ("In Progress", 24), ("Done", 0), kind="Sub-task",
                )
                for no in (*range(20, 30), *range(40, 60))
            ),
            # Finished in the evening of 4 March, as they say in Halifax, and taken up again.
            Issue(
                "COV-13",
                """
                2024-03-01 12:00 created in In Progress
                2024-03-05 02:00 Done
                2024-05-20 12:00 In Progress
                """,
            ),
        ],
        rows={
            """select month_start, is_complete_period from metrics.metric_value_stream_map
               where value_stream_key = 'cove' and stage = 'in_progress' and level = 'story'
               order by 1""": [
                (day("05-01"), True), (day("06-01"), False),
            ],
            """select week_start, is_complete_period from metrics.metric_time_in_stage
               where value_stream_key = 'cove' and stage = 'in_progress' and level = 'story'
               order by 1""": [
                (day("03-04"), True), (day("05-06"), True), (day("06-24"), False),
            ],
            """select date_day, earlier_finishes from metrics.metric_flow_days
               where value_stream_key = 'cove' and earlier_finishes > 0""": [(day("03-04"), 1)],
            """select value > 0 from metrics.metric_forecast
               where value_stream_key = 'cove' and horizon_days = 14 and percentile = 50
                 and level = 'task'""": [(True,)],
            # In one of 13 weeks eleven were done, in another one: two weeks see them rarely.
            """select percentile, value, predictability_share from metrics.metric_forecast
               where value_stream_key = 'cove' and horizon_days = 14 and level = 'story'
               order by 1""": [
                (50, 0, None), (85, 0, None), (95, 0, None),
            ],
        },
    ),
    Case(
        "what was finished or cancelled is no stay twice, however short; what goes on is no bounce",
        [
            timed(
                "PIR-1", "04-01 09:00",
                ("In Progress", 24), ("Done", 24), ("In Review", 24), ("Done", 24),
                ("In Test", 24), ("Done", 0),
            ),
            timed(
                "PIR-2", "04-01 10:00",
                ("In Progress", 24), ("Cancelled", 24), ("In Review", 24), ("Cancelled", 24),
                ("In Test", 24), ("Done", 0),
            ),
            Issue(
                "PIR-3",
                """
                2024-04-08 09:00 created in In Progress
                2024-04-09 09:00 Done
                2024-04-09 09:00:30 In Progress
                2024-04-10 09:00 Done
                """,
            ),
            Issue(
                "PIR-4",
                """
                2024-04-08 10:00 created in In Progress
                2024-04-09 10:00 Cancelled
                2024-04-09 10:00:30 In Progress
                2024-04-10 10:00 Done
                """,
            ),
            Issue(
                "PIR-5",
                """
                2024-06-20 09:00 created in In Progress
                2024-06-30 23:59:30 In Review
                """,
            ),
            # Stays of waiting that a glance at the work interrupts, flagged before and after it;
            # the first is over, the second goes on.
            Issue(
                "PIR-6",
                """
                2024-04-15 09:00 created in In Progress
                2024-04-15 10:00 Ready for review
                2024-04-15 10:30 Flagged: Impediment
                2024-04-15 10:40 Flagged:
                2024-04-15 11:00 In Review
                2024-04-15 11:00:30 Team: Beta
                2024-04-15 11:00:59 Ready for review
                2024-04-15 11:30 Flagged: Impediment
                2024-04-15 11:50 Flagged:
                2024-04-15 13:00 In Review
                2024-04-15 14:00 In Progress
                2024-04-15 14:00:30 In Review
                2024-04-15 15:00 Done
                """,
            ),
            Issue(
                "PIR-7",
                """
                2024-04-16 09:00 created in In Progress
                2024-04-16 10:00 Ready for review
                2024-04-16 11:00 In Review
                2024-04-16 11:00:30 Ready for review
                """,
            ),
            # Nothing but bounces: the first one stands for all.
            Issue(
                "PIR-8",
                """
                2024-04-17 09:00 created in In Review
                2024-04-17 09:00:20 In Progress
                2024-04-17 09:00:50 Done
                """,
            ),
            Issue("PIR-9", "2024-04-17 09:00 created in Done"),
            # A bounce between two stages belongs to the one before it.
            Issue(
                "PIR-10",
                """
                2024-04-18 09:00 created in In Progress
                2024-04-18 10:00 Ready for review
                2024-04-18 10:00:30 In Review
                2024-04-18 11:00 Done
                """,
            ),
        ],
        rows={
            """select item_key, is_first_pass from metrics.metric_cycle_times
               where value_stream_key = 'pier' order by 1""": [
                ("PIR-1", True), ("PIR-10", True), ("PIR-2", True), ("PIR-3", False),
                ("PIR-4", False), ("PIR-6", True), ("PIR-8", True), ("PIR-9", True),
            ],
            """select work_item_key, stage, elapsed_s, bounce_count, is_open, exited_at
               from metrics.metric_stage_stays
               where work_item_key in ('jira:PIR-10', 'jira:PIR-3', 'jira:PIR-5', 'jira:PIR-7',
                   'jira:PIR-8')
               order by 1, stay_no""": [
                ("jira:PIR-10", "in_progress", H + 30, 1, False, at("04-18 10:00:30")),
                ("jira:PIR-10", "review", H - 30, 0, False, at("04-18 11:00")),
                ("jira:PIR-3", "in_progress", 24 * H, 0, False, at("04-09 09:00")),
                ("jira:PIR-3", "done", 30, 0, False, at("04-09 09:00:30")),
                ("jira:PIR-3", "in_progress", 24 * H - 30, 0, False, at("04-10 09:00")),
                ("jira:PIR-5", "in_progress", 255 * H - 30, 0, False, at("06-30 23:59:30")),
                ("jira:PIR-5", "review", 30, 0, True, None),
                ("jira:PIR-7", "in_progress", H, 0, False, at("04-16 10:00")),
                ("jira:PIR-7", "waiting_review", 76 * 24 * H - 10 * H, 1, True, None),
                ("jira:PIR-8", "review", 50, 2, False, at("04-17 09:00:50")),
            ],
            """select stage, elapsed_s, active_s, wait_s, blocked_s, bounce_count, is_rework
               from metrics.metric_stage_stays
               where work_item_key = 'jira:PIR-6' order by stay_no""": [
                # Back from the review it waits again, which is rework; the bounce at last is none.
                ("in_progress", H, H, 0, 0, 0, False),
                ("waiting_review", 3 * H, 59, 3 * H - 59, H // 2, 1, True),
                ("review", 2 * H, 2 * H, 0, 0, 1, False),
            ],
        },
    ),
    Case(
        "a backtest knows what was known at the end of its day, and what at that of its horizon",
        [
            *known(),
            # Half an hour before and after midnight of 2 June; the first one is open again.
            Issue(
                "KNW-22",
                """
                2024-05-10 00:00 created in In Progress
                2024-06-02 11:30 Done
                2024-06-10 00:00 In Progress
                """,
            ),
            Issue(
                "KNW-23",
                """
                2024-05-10 01:00 created in In Progress
                2024-05-20 00:00 Done
                """,
                deleted="2024-06-15 00:00",
            ),
            Issue(
                "KNW-24",
                """
                2024-05-10 02:00 created in In Progress
                2024-06-02 12:30 Done
                """,
            ),
            Issue(
                "KNW-25",
                """
                2024-05-10 03:00 created in In Progress
                2024-06-05 00:00 Done
                2024-06-20 00:00 In Progress
                """,
            ),
            Issue(
                "KNW-26",
                """
                2024-05-10 04:00 created in In Progress
                2024-06-08 00:00 Done
                """,
                deleted="2024-06-12 00:00",
            ),
            # Done in July, as they say in Auckland.
            timed("KNW-28", "06-25 00:00", ("In Progress", 140), ("Done", 0)),
            # Reopened on the morning of 1 July, hours before the refresh.
            Issue(
                "KNW-27",
                """
                2024-05-10 05:00 created in In Progress
                2024-06-30 08:00 Done
                2024-06-30 20:00 In Progress
                """,
            ),
        ],
        rows={
            # The first four of 32 days are no part of whole weeks, with the item of 4 May.
            """select origin_date, n, actual, count(*) from metrics.metric_forecast_backtests
               where value_stream_key = 'known' group by all""": [(day("06-02"), 11, 12, 3)],
            """select origin_date, window_days, n, max(items) from metrics.metric_forecast
               where value_stream_key = 'known' group by all""": [(day("06-30"), 56, 21, 3)],
            """select month_start, visits, is_complete_period from metrics.metric_value_stream_map
               where value_stream_key = 'known' and month_start > '2024-05-31' order by 1""": [
                (day("06-01"), 11, True), (day("07-01"), 1, False),
            ],
            """select week_start, is_complete_period from metrics.metric_time_in_stage
               where value_stream_key = 'known' and week_start > '2024-06-17' order by 1""": [
                (day("06-24"), True), (day("07-01"), False),
            ],
        },
    ),
]  # fmt: skip
