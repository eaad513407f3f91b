"""Golden cases of what lies beneath an epic.

The value stream `epic` keeps the time of Berlin: May 2024 begins there on 30 April at 22:00 UTC.
"""

from datetime import date, datetime, timedelta

from tests.flow.golden import Case, H, at, day
from tests.flow.golden_field_jira import Shown, custom
from tests.flow.golden_field_jira import status as moved
from tests.flow.golden_traces import BLOCKED, link
from tests.flow.scratch import Delivery, Deployment, Issue

FLAG, KEEL = "customfield_10021", "yard/keel"


def finished(number: int, parent: str | None) -> Issue:
    """Return an item of June: one hour of work on its day, each on another one."""
    return Issue(
        f"EPP-{number}",
        f"""
        2024-06-{number:02} 09:00 created in In Progress
        2024-06-{number:02} 10:00 Done
        """,
        parent=parent,
    )


def past() -> list[Issue]:
    """Return three items a week for five weeks, Monday, Wednesday and Friday, of a day each."""
    items = []
    for no in range(15):
        done = datetime(2024, 3, 4, 9) + timedelta(days=7 * (no // 3) + 2 * (no % 3))
        if not no:  # on Monday, as they say in Auckland
            done = datetime(2024, 3, 3, 12, 30)
        moves = (
            f"{done - timedelta(days=1):%Y-%m-%d %H:%M} created in In Progress\n"
            f"{done:%Y-%m-%d %H:%M} Done"
        )
        # The last one is taken up again later; on 7 April nobody knows that.
        again = "\n2024-04-09 09:00 In Progress" if no == 14 else ""
        items.append(Issue(f"PST-{no + 11}", moves + again, parent="PST-1"))
    return items


def fair() -> list[Issue]:
    """Return an item of each working day for nine weeks, and six that are open, of one epic."""
    days = [datetime(2024, 4, 29) + timedelta(days=no) for no in range(63)]
    worked = [day for day in days if day.weekday() < 5 and f"{day:%m-%d}" != "05-01"]
    items = [
        Issue(
            f"FAR-{no}",
            f"{day:%Y-%m-%d} 09:00 created in In Progress\n{day:%Y-%m-%d} 10:00 Done",
            parent="FAR-1",
        )
        for no, day in enumerate(worked, 2)
    ]
    still = [
        Issue(f"FAR-{no}", "2024-06-28 09:00 created in In Progress", parent="FAR-1")
        for no in range(51, 57)
    ]
    return [Issue("FAR-1", "2024-04-28 09:00 created in Backlog", kind="Epic"), *items, *still]


CASES: list[Case] = [
    Case(
        "a week with holidays finishes as much less as they take of it, and none is promised",
        fair(),
        rows={
            # Five items a week: that of 29 April had four on its four working days. The first week
            # of July is free, then Tuesday 16 July. So 0, 5, 4 and 5 items, and 8 times 5.
            """select horizon_days, percentile, value, n, window_days
               from metrics.metric_forecast
               where value_stream_key = 'fair' and level = 'story' and kind = 'how_many'
               order by 1, 2""": [
                (horizon, percentile, value, 44, 63)
                for horizon, value in ((14, 5), (28, 14), (84, 54))
                for percentile in (50, 85, 95)
            ],
            # Five by 12 July, 5.8 by Monday; the sixth on the holiday, which is no day to promise.
            """select percentile, items, forecast_date from metrics.metric_forecast
               where value_stream_key = 'fair' and level = 'story' and kind = 'when'
               order by 1""": [
                (percentile, 6, day("07-17")) for percentile in (50, 85, 95)
            ],
            # All that was finished was the epic's: of its share, which is drawn, 94 in 100 trials
            # say that the next six are its own, nearly all others that six of seven are.
            """select done_p50_date, done_p85_date, done_p95_date, n, window_done_count
               from metrics.metric_epic_progress where work_item_key = 'jira:FAR-1'""": [
                (day("07-17"), day("07-17"), day("07-17"), 44, 44),
            ],
        },
    ),
    Case(
        "the work beneath an epic counts in its month, as long as it lay there and was not blocked",
        [
            Issue(
                "EPC-1",
                """
                2024-03-28 09:00 created in Backlog
                2024-04-02 09:00 In Progress
                """,
                kind="Epic",
            ),
            Issue("EPC-5", "2024-04-03 09:00 created in Backlog", kind="Epic"),
            Issue("EPC-10", "2024-04-03 09:00 created in In Progress", kind="Epic"),
            Issue(
                "EPC-2",  # two hours of April and four of May, of each one blocked
                """
                2024-04-30 20:00 created in In Progress
                2024-04-30 21:00 Flagged: Impediment
                2024-04-30 23:00 Flagged:
                2024-05-01 02:00 Done
                """,
                parent="EPC-1",
            ),
            Issue(
                "EPC-3",  # beneath the epic by its story
                """
                2024-05-02 09:00 created in In Progress
                2024-05-02 12:00 Done
                """,
                kind="Sub-task",
                parent="EPC-2",
            ),
            Issue(
                "EPC-4",  # four hours beneath the one epic, two beneath the other
                """
                2024-05-06 09:00 created in In Progress
                2024-05-06 13:00 Parent: EPC-5
                2024-05-06 15:00 Done
                """,
                kind="Bug",
                parent="EPC-1",
            ),
            # Its story came beneath the epic when it was at work, and went to another one: two
            # hours of six, and one. So did what lies below a story of that story.
            Issue(
                "EPC-8",
                """
                2024-05-13 08:00 created in Backlog
                2024-05-13 12:00 Parent: EPC-5
                2024-05-13 14:00 Parent: EPC-10
                """,
            ),
            Issue("EPC-11", "2024-05-13 08:00 created in Backlog", parent="EPC-8"),
            *(
                Issue(
                    f"EPC-{number}",
                    """
                    2024-05-13 09:00 created in In Progress
                    2024-05-13 15:00 Done
                    """,
                    kind="Sub-task",
                    parent=parent,
                )
                for number, parent in ((9, "EPC-8"), (12, "EPC-11"))
            ),
            Issue("EPC-6", "2024-05-07 09:00 created in Backlog", parent="EPC-1"),
            Issue(
                "EPC-7",  # it waits, and that is no work
                """
                2024-05-07 09:00 created in Ready for Review
                2024-05-08 09:00 Done
                """,
                parent="EPC-1",
            ),
        ],
        rows={
            """select replace(work_item_key, 'jira:', ''), month_start, level, work_type,
                   active_s / 3600, item_count, committed_at, first_scope_at, last_scope_at,
                   first_release_at
               from marts.fct_capitalisation_evidence
               where work_item_key in ('jira:EPC-1', 'jira:EPC-5', 'jira:EPC-10')
               order by 1, 2, 3, 4""": [
                (
                    "EPC-1",
                    date(2024, 4, 1),
                    "story",
                    "feature",
                    1,
                    1,
                    at("04-02 09:00"),
                    at("04-30 20:00"),
                    at("05-07 09:00"),
                    None,
                ),
                (
                    "EPC-1",
                    date(2024, 5, 1),
                    "story",
                    "defect",
                    4,
                    1,
                    at("04-02 09:00"),
                    at("04-30 20:00"),
                    at("05-07 09:00"),
                    None,
                ),
                (
                    "EPC-1",
                    date(2024, 5, 1),
                    "story",
                    "feature",
                    3,
                    1,
                    at("04-02 09:00"),
                    at("04-30 20:00"),
                    at("05-07 09:00"),
                    None,
                ),
                (
                    "EPC-1",
                    date(2024, 5, 1),
                    "task",
                    "unassigned",
                    3,
                    1,
                    at("04-02 09:00"),
                    at("04-30 20:00"),
                    at("05-07 09:00"),
                    None,
                ),
                # EPE-1 of golden_traces.py: 71 hours in progress, 48 of them blocked twice.
                (
                    "EPC-10",
                    date(2024, 5, 1),
                    "story",
                    "feature",
                    23,
                    1,
                    at("04-03 09:00"),
                    at("05-06 09:00"),
                    at("05-13 14:00"),
                    None,
                ),
                (
                    "EPC-10",
                    date(2024, 5, 1),
                    "task",
                    "unassigned",
                    2,
                    2,
                    at("04-03 09:00"),
                    at("05-06 09:00"),
                    at("05-13 14:00"),
                    None,
                ),
                (
                    "EPC-5",
                    date(2024, 5, 1),
                    "story",
                    "defect",
                    2,
                    1,
                    None,
                    at("05-06 13:00"),
                    at("05-13 12:00"),
                    None,
                ),
                (
                    "EPC-5",
                    date(2024, 5, 1),
                    "task",
                    "unassigned",
                    4,
                    2,
                    None,
                    at("05-06 13:00"),
                    at("05-13 12:00"),
                    None,
                ),
            ],
            # TRC-1 of golden_traces.py: five days in progress, deployed on the third; TRC-28 lay
            # there for a day.
            """select month_start, active_s / 3600, item_count, first_release_at,
                   first_release_deployment_key, committed_at, committed_stage_transition_key
               from marts.fct_capitalisation_evidence
               where work_item_key = 'jira:TRC-10' and month_start = date '2024-05-01'""": [
                (
                    date(2024, 5, 1),
                    144,
                    2,
                    at("05-04 09:00"),
                    "github:deployment:trail-7900",
                    at("04-01 09:00"),
                    "jira:TRC-10:1",
                ),
            ],
        },
    ),
    Case(
        "work counts beneath the epics an item lay beneath, to the second, less what was blocked",
        [
            # Created, begun and blocked in one second: the second move commits it. A status that
            # nobody mapped commits nothing.
            Issue(
                "EPC-20",
                """
                2024-05-20 09:00 created in Backlog
                2024-05-20 09:00 In Progress
                2024-05-20 09:00 Blocked
                """,
                kind="Epic",
            ),
            Issue(
                "EPC-21",
                """
                2024-05-20 09:00 created in Backlog
                2024-05-21 09:00 Quarantine
                2024-05-22 09:00 Blocked
                """,
                kind="Epic",
            ),
            Issue(
                "EPC-22",  # two hours beneath the one epic, then three beneath the other
                """
                2024-06-03 09:00 created in In Progress
                2024-06-03 11:00 Backlog
                2024-06-03 12:00 Parent: EPC-21
                2024-06-03 13:00 In Progress
                2024-06-03 16:00 Done
                """,
                parent="EPC-20",
            ),
            Issue(
                "EPC-23",
                """
                2024-06-04 09:00:00 created in In Progress
                2024-06-04 09:00:01 Done
                """,
                kind="Bug",
                parent="EPC-20",
            ),
            Issue(
                "EPC-24",  # blocked since before anybody began
                """
                2024-06-04 10:00 created in Ready for Review
                2024-06-04 11:00 Flagged: Impediment
                2024-06-04 12:00 In Progress
                """,
                parent="EPC-20",
            ),
            Issue(
                "EPC-25",  # two hours of May, and one of June in Berlin
                """
                2024-05-31 09:00 created in In Progress
                2024-05-31 11:00 Backlog
                2024-05-31 22:30 In Progress
                2024-05-31 23:30 Done
                """,
                parent="EPC-20",
            ),
            Issue(
                "EPC-35",  # it ends with May there
                """
                2024-05-31 20:00 created in In Progress
                2024-05-31 22:00 Done
                """,
                parent="EPC-20",
            ),
            Shown(
                "EPC-34",  # fourteen hours, of which it was blocked for seven and for one
                ("t4", "Done"),
                (
                    ("2024-06-05 09:00", 4001, moved("f1", "Open", "t3", "In Progress")),
                    ("2024-06-05 10:00", 4002, custom("Flagged", FLAG, None, "Vendor")),
                    ("2024-06-05 11:00", 4003, link(BLOCKED, "EPC-5")),
                    ("2024-06-05 12:00", 4004, link(BLOCKED, "EPC-5", is_gone=True)),
                    ("2024-06-05 14:00", 4005, link(BLOCKED, "EPC-6")),
                    ("2024-06-05 15:00", 4006, custom("Flagged", FLAG, "Vendor", "")),
                    ("2024-06-05 17:00", 4007, link(BLOCKED, "EPC-6", is_gone=True)),
                    ("2024-06-05 18:00", 4008, custom("Flagged", FLAG, None, "Vendor")),
                    ("2024-06-05 19:00", 4009, custom("Flagged", FLAG, "Vendor", "")),
                    ("2024-06-05 23:00", 4010, moved("t3", "In Progress", "t4", "Done")),
                ),
                {"parent": {"id": "EPC-20", "key": "EPC-20"}},
                created="2024-06-05 08:00",
            ),
            # Blocked meanwhile, beneath no epic.
            Issue(
                "EPC-36",
                """
                2024-06-05 10:00 created in In Progress
                2024-06-05 10:30 Flagged: Impediment
                2024-06-05 10:40 Flagged:
                2024-06-05 10:50 Done
                """,
                kind="Sub-task",
            ),
            # It lay beneath the epic for eight hours. Two sub-tasks, one of them of a story below
            # it, had left it before, and lie there by another story from 10:00 on; what came to it
            # later is of the other epic.
            Issue(
                "EPC-26",
                """
                2024-06-10 08:00 created in Backlog
                2024-06-10 12:00 Parent: EPC-20
                2024-06-10 20:00 Parent: EPC-21
                """,
            ),
            Issue("EPC-27", "2024-06-10 08:00 created in Backlog", parent="EPC-20"),
            Issue(
                "EPC-28",
                """
                2024-06-10 09:00 created in In Progress
                2024-06-10 10:00 Parent: EPC-27
                2024-06-10 15:00 Done
                """,
                kind="Sub-task",
                parent="EPC-26",
            ),
            Issue(
                "EPC-29",
                """
                2024-06-10 08:30 created in Backlog
                2024-06-10 10:00 Parent: EPC-27
                """,
                parent="EPC-26",
            ),
            Issue(
                "EPC-30",
                """
                2024-06-10 09:00 created in In Progress
                2024-06-10 15:00 Done
                """,
                kind="Sub-task",
                parent="EPC-29",
            ),
            Issue(
                "EPC-31", "2024-06-12 09:00 created in Backlog", kind="Sub-task", parent="EPC-26"
            ),
            Issue("EPC-32", "2024-06-12 10:00 created in Backlog", parent="EPC-26"),
            Issue(
                "EPC-33", "2024-06-12 11:00 created in Backlog", kind="Sub-task", parent="EPC-32"
            ),
            # The first of two deployments has the later name.
            *(
                Delivery(number, (key,), *[f"2024-{began}"] * 2, f"2024-{merged}", None, KEEL)
                for number, key, began, merged in (
                    (7990, "EPC-22", "06-03 09:30", "06-03 10:00"),
                    (7991, "EPC-23", "06-04 10:00", "06-04 11:00"),
                )
            ),
            Deployment("keel-2", 7990, "2024-06-03 11:00", repository=KEEL),
            Deployment("keel-1", 7991, "2024-06-04 12:00", repository=KEEL),
        ],
        rows={
            """select replace(work_item_key, 'jira:', ''), month_start, level, work_type, active_s,
                   item_count, committed_stage_transition_key, first_scope_at, last_scope_at,
                   first_release_deployment_key, first_release_at
               from marts.fct_capitalisation_evidence
               where work_item_key in ('jira:EPC-20', 'jira:EPC-21') order by 1, 2, 3, 4""": [
                *(
                    ("EPC-20", *what, "jira:EPC-20:2", at("05-31 09:00"), at("06-10 12:00"),
                     "github:deployment:keel-2", at("06-03 11:00"))
                    for what in (
                        (date(2024, 5, 1), "story", "feature", 4 * H, 2),
                        (date(2024, 6, 1), "story", "defect", 1, 1),
                        (date(2024, 6, 1), "story", "feature", 9 * H, 3),
                        (date(2024, 6, 1), "task", "unassigned", 10 * H, 2),
                    )
                ),
                ("EPC-21", date(2024, 6, 1), "story", "feature", 3 * H, 1, "jira:EPC-21:3",
                 at("06-03 12:00"), at("06-12 11:00"), "github:deployment:keel-2",
                 at("06-03 11:00")),
            ],
        },
    ),
    Case(
        "an epic is as far as its children are, and done when the pace of the last days allows",
        [
            Issue("EPP-100", "2024-04-03 09:00 created in In Progress", kind="Epic"),
            Issue("EPP-101", "2024-04-03 09:00 created in Backlog", kind="Epic"),
            Issue("EPP-102", "2024-04-03 09:00 created in Backlog", kind="Epic"),
            *(finished(number, "EPP-100") for number in range(1, 29)),
            Issue(
                "EPP-40", "2024-06-01 09:00 created in In Progress", parent="EPP-100", points="5"
            ),
            Issue("EPP-41", "2024-06-01 09:00 created in Backlog", parent="EPP-100"),
            Issue(
                "EPP-42",
                """
                2024-06-01 09:00 created in In Progress
                2024-06-02 09:00 Cancelled
                """,
                parent="EPP-100",
                points="8",
            ),
            Issue(
                "EPP-43",
                "2024-06-01 09:00 created in Backlog",
                parent="EPP-100",
                deleted="2024-06-03 09:00",
            ),
            Issue("EPP-44", "2024-06-01 09:00 created in Backlog", parent="EPP-101"),
            Issue(
                "EPP-45",
                """
                2024-06-01 09:00 created in In Progress
                2024-06-02 09:00 Cancelled
                """,
                parent="EPP-102",
            ),
        ],
        rows={
            """select replace(work_item_key, 'jira:', ''), outcome, level, child_count, done_count,
                   cancelled_count, open_count, started_count, round(done_share, 4), points,
                   done_points, no_forecast_reason, window_days, n, window_done_count
               from metrics.metric_epic_progress where work_item_key like 'jira:EPP-%'
               order by 1""": [
                ("EPP-100", "open", "story", 31, 28, 1, 2, 1, 0.9333, 5.0, 0.0, None, 56, 35, 28),
                (
                    "EPP-101",
                    "open",
                    "story",
                    1,
                    0,
                    0,
                    1,
                    0,
                    0.0,
                    None,
                    None,
                    "no_child_was_finished",
                    56,
                    35,
                    0,
                ),
                (
                    "EPP-102",
                    "open",
                    "story",
                    1,
                    0,
                    1,
                    0,
                    0,
                    None,
                    None,
                    None,
                    "nothing_is_open",
                    None,
                    None,
                    None,
                ),
            ],
            # Eight weeks from 6 May on: one with items on its first and third day, two empty ones,
            # one with items on its last two days, three with one a day, one with one on each of
            # the first five. Of 30 items 28 were children, so both of two are with .86 or so. In
            # the first week both are done on day 2 with 1/2 * .86 = .43, on day 3 with
            # 1/2 * .98 + 1/8 * .86 = .60, by its end with .71. So the third day is half; of the
            # .29 that are left as many are done in the second week, .85 at its second or third
            # day, and .95 come in the third week. A past that is drawn makes that wider.
            """select done_p50_date, done_p85_date between date '2024-07-09' and date '2024-07-11',
                   done_p95_date between date '2024-07-16' and date '2024-07-21', origin_date
               from metrics.metric_epic_progress where work_item_key = 'jira:EPP-100'""": [
                (date(2024, 7, 3), True, True, date(2024, 6, 30)),
            ],
        },
    ),
    Case(
        "what was forecast of an epic twelve weeks ago is held against what became of its children",
        [
            Issue("PST-1", "2024-03-01 09:00 created in In Progress", kind="Epic"),
            *past(),
            # Open on Sunday, 7 April, in Auckland: one that is done on Monday, one on Tuesday of
            # the week after (there; it was moved on Sunday), one given up, one laid elsewhere.
            Issue(
                "PST-31",
                """
                2024-04-05 09:00 created in In Progress
                2024-04-08 09:00 Done
                """,
                parent="PST-1",
            ),
            Issue(
                "PST-32",
                """
                2024-04-05 09:00 created in In Progress
                2024-04-07 09:00 In Review
                2024-04-15 12:30 Done
                """,
                parent="PST-1",
            ),
            Issue(
                "PST-33",
                """
                2024-04-05 09:00 created in In Progress
                2024-04-09 09:00 Cancelled
                """,
                parent="PST-1",
            ),
            Issue(
                "PST-37",
                """
                2024-04-05 09:00 created in In Progress
                2024-04-09 09:00 Parent: PST-2
                """,
                parent="PST-1",
            ),
            # Not there yet, and not below it before Monday there.
            Issue("PST-34", "2024-04-08 09:00 created in In Progress", parent="PST-1"),
            Issue(
                "PST-35",
                """
                2024-04-05 09:00 created in In Progress
                2024-04-07 12:30 Parent: PST-1
                """,
            ),
            # Its one child was never among what was finished.
            Issue("PST-2", "2024-03-01 09:00 created in In Progress", kind="Epic"),
            Issue("PST-36", "2024-04-05 09:00 created in In Progress", parent="PST-2"),
        ],
        rows={
            # Every week has three items, on its first, third and fifth day, and of 15 all were
            # children: the share s is drawn from a beta of 15.5 and 0.5. The next four are the
            # four with E(s^4) = .890, and so all are done on the second Monday in 50 and 85 of
            # 100; a fifth is needed for 95, and that is of the Wednesday after.
            """select replace(work_item_key, 'jira:', ''), value_stream_key, level, percentile,
                   open_count, late_count, n, window_done_count, is_hit, origin_date, forecast_date
               from metrics.metric_epic_backtests where value_stream_key = 'past'
               order by percentile""": [
                (
                    "PST-1",
                    "past",
                    "story",
                    percentile,
                    4,
                    late,
                    15,
                    15,
                    not late,
                    date(2024, 4, 7),
                    date(2024, 4, ends),
                )
                for percentile, late, ends in ((50, 1, 15), (85, 1, 15), (95, 0, 17))
            ],
        },
    ),
]  # fmt: skip
