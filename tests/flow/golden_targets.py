"""Golden cases of the topic that the file is named after; see golden.py.

What targets, guardrails and verdicts are held against are long rows of numbers that other cases
worked out: the first case repeats some of them, from their tables to here.
"""

from datetime import date

from tests.flow.golden import Case, H, day

OBSERVED = """select {columns} from marts.fct_metric_observations
               where {where} order by {order}"""


def observed(columns: str, where: str, order: str = "1, 2, 3") -> str:
    """Return a query on the long rows."""
    return OBSERVED.format(columns=columns, where=where, order=order)


CASES: list[Case] = [
    Case(
        "every number of a period is a long row, with its two sides, how many it is of and its end",
        [],
        rows={
            # Features and bugs of Halifax, a team of nine, all together; see golden_periods.py.
            observed(
                "entity_type, work_type, metric, value, numerator, denominator, n",
                "value_stream_key = 'coast' and period_start = date '2024-05-06'"
                " and level = 'story' and period = 'week'"
                " and metric in ('velocity', 'flow_time_p85_s', 'distribution_share')"
                " and (entity_type = 'value_stream' or entity_key = 'beta' and work_type = 'all')",
            ): [
                ("team", "all", "flow_time_p85_s", None, None, None, 9),
                ("team", "all", "velocity", 9.0, None, None, 9),
                ("value_stream", "all", "flow_time_p85_s", 17.0 * H, None, None, 21),
                ("value_stream", "all", "velocity", 21.0, None, None, 21),
                ("value_stream", "defect", "distribution_share", 10 / 21, 10.0, 21.0, 21),
                ("value_stream", "defect", "flow_time_p85_s", 18.0 * H, None, None, 10),
                ("value_stream", "defect", "velocity", 10.0, None, None, 10),
                ("value_stream", "feature", "distribution_share", 11 / 21, 11.0, 21.0, 21),
                ("value_stream", "feature", "flow_time_p85_s", 17.0 * H, None, None, 11),
                ("value_stream", "feature", "velocity", 11.0, None, None, 11),
            ],
            # Months and an increment end on their last day; June goes on in Halifax. Nothing was
            # finished in June: no share of nothing, and no time of nothing.
            observed(
                "period, period_start, period_end, metric, value, is_complete_period",
                "entity_key = 'coast' and period in ('month', 'increment') and work_type = 'all'"
                " and level = 'story'"
                " and metric in ('velocity', 'load', 'started_share', 'flow_time_p50_s')",
                "1, 2, 4",
            ): [
                ("increment", day("03-01"), day("05-31"), "flow_time_p50_s", 11.0 * H, True),
                ("increment", day("03-01"), day("05-31"), "load", 0.0, True),
                ("increment", day("03-01"), day("05-31"), "started_share", 1.0, True),
                ("increment", day("03-01"), day("05-31"), "velocity", 22.0, True),
                ("month", day("05-01"), day("05-31"), "flow_time_p50_s", 11.0 * H, True),
                ("month", day("05-01"), day("05-31"), "load", 0.0, True),
                ("month", day("05-01"), day("05-31"), "started_share", 1.0, True),
                ("month", day("05-01"), day("05-31"), "velocity", 22.0, True),
                ("month", day("06-01"), day("06-30"), "load", 2.0, False),
                ("month", day("06-01"), day("06-30"), "velocity", 0.0, False),
            ],
            # On the evenings of the Sundays 16, 23 and 30 June: CST-23 is worked on, CST-24 and,
            # from Wednesday the 26th on, CST-25, which waits to be taken, lie about.
            observed(
                "period_start, entity_type, metric, entity_key, value, is_complete_period",
                "value_stream_key = 'coast' and period_start >= date '2024-06-10'"
                " and metric in ('in_flow_items', 'backlog_items', 'queue_len') and value > 0",
                "1, 2, 3, 4",
            ): [
                (day("06-10"), "stage", "queue_len", "software:backlog", 1.0, True),
                (day("06-10"), "value_stream", "backlog_items", "coast", 1.0, True),
                (day("06-10"), "value_stream", "in_flow_items", "coast", 1.0, True),
                (day("06-17"), "stage", "queue_len", "software:backlog", 1.0, True),
                (day("06-17"), "value_stream", "backlog_items", "coast", 1.0, True),
                (day("06-17"), "value_stream", "in_flow_items", "coast", 1.0, True),
                (day("06-24"), "stage", "queue_len", "software:backlog", 1.0, False),
                (day("06-24"), "stage", "queue_len", "software:selected", 1.0, False),
                (day("06-24"), "value_stream", "backlog_items", "coast", 1.0, False),
                (day("06-24"), "value_stream", "in_flow_items", "coast", 2.0, False),
            ],
            # Six releases of April, three of them failed; see golden.py.
            observed(
                "period, period_end, value, numerator, denominator, n, value_stream_key",
                "entity_type = 'service' and entity_key = 'shop' and metric = 'change_fail_share'"
                " and period = 'month'",
            ): [("month", day("04-30"), 0.5, 3.0, 6.0, 6, "all")],
            # Two of three agreements of June were met.
            observed(
                "part, metric, value, numerator, denominator, n",
                "entity_key = 'desk' and part = '2|resolution' and period_start = date '2024-06-01'"
                " and metric in ('met_share', 'running_breached', 'time_p85_s')",
            ): [
                ("2|resolution", "met_share", 2 / 3, 2.0, 3.0, 3),
                ("2|resolution", "running_breached", 2.0, None, None, 2),
            ],
            # Stays of a week that ended, and of the items of a month; eleven of twelve first time.
            observed(
                "entity_key, period, metric, value, numerator, denominator, n",
                "entity_type = 'stage' and value_stream_key = 'quay' and level = 'story'"
                " and (period_start = date '2024-05-01' and metric in ('rework_share',"
                " 'visits_within_wait_target') or period_start = date '2024-05-06'"
                " and entity_key = 'software:waiting_review'"
                " and metric in ('visits', 'elapsed_p50_s'))",
            ): [
                ("software:in_progress", "month", "rework_share", 1 / 12, 1.0, 12.0, 12),
                ("software:in_progress", "month", "visits_within_wait_target", None, None, None,
                 12),
                ("software:waiting_review", "month", "rework_share", 0.0, 0.0, 12.0, 12),
                ("software:waiting_review", "month", "visits_within_wait_target", 5.0, None, None,
                 12),
                ("software:waiting_review", "week", "elapsed_p50_s", None, None, None, 7),
                ("software:waiting_review", "week", "visits", 7.0, None, None, 7),
            ],
            # The chart of the times; one of two backtests' certainties; time without a stage.
            observed(
                "metric, part, value, n, period",
                "entity_type = 'value_stream' and (entity_key = 'chart'"
                " and metric = 'flow_time_log_h' and period_start = date '2024-02-05'"
                " or entity_key = 'regular' and metric = 'coverage_share' and part = 'p85'"
                " or entity_key = 'mark-b' and metric = 'unmapped_share')",
            ): [
                ("coverage_share", "p85", 1.0, 1, "as_of"),
                ("flow_time_log_h", "all", 2.302585093, 2, "week"),
                ("unmapped_share", "all", 0.0105, 1, "as_of"),
            ],
            observed(
                "entity_key, value, n, period_start, period_end, is_complete_period",
                "entity_type = 'source_system' and entity_key = 'gitlab'"
                " and part = 'finished_never_started'",
            ): [("gitlab", 0.0, 18, day("07-01"), day("07-01"), True)],
        },
    ),
    Case(
        "a KPI is on or off the target of a period's first day; without one or a value it says so",
        [],
        rows={
            # The times of Halifax: 17 h of 21 items; of one item nobody says. Half of the items of
            # May is not reached by four of nine. The line of 2 July does not hold yet.
            """select goal_key, period_start, value, n, target, status, is_complete_period
               from metrics.metric_targets
               where goal_key in ('quick', 'many', 'free', 'beta-mix', 'nowhere')
                 or kind = 'kpi' and goal_key = 'kr-errors'
               order by 1, 2""": [
                ("beta-mix", day("05-01"), 4 / 9, 9, 0.5, "off", True),
                ("free", day("03-01"), 22.0, 22, None, "no_target", True),
                # A key result has the same name, and other numbers.
                ("kr-errors", day("05-01"), 22.0, 22, 1.0, "on", True),
                ("kr-errors", day("06-01"), 0.0, 0, 1.0, "off", False),
                ("many", day("05-01"), 22.0, 22, 20.0, "on", True),
                ("many", day("06-01"), 0.0, 0, 25.0, "off", False),
                ("nowhere", None, None, None, 3.0, "not_known", None),
                ("quick", day("05-06"), 17.0 * H, 21, 72000.0, "on", True),
                ("quick", day("05-27"), None, 1, 72000.0, "not_known", True),
            ],
            # Lower is better, and reaching is enough: 0, 0, 0, 0, 1, 1, 1, 2 items in flow.
            """select period_start, value, round(mean_before, 6), trend, status
               from metrics.metric_targets where goal_key = 'light' order by 1""": [
                (day("05-06"), 0.0, None, None, "on"), (day("05-13"), 0.0, None, None, "on"),
                (day("05-20"), 0.0, None, None, "on"), (day("05-27"), 0.0, 0.0, "same", "on"),
                (day("06-03"), 1.0, 0.0, "worse", "on"),
                (day("06-10"), 1.0, 0.333333, "worse", "on"),
                (day("06-17"), 1.0, 0.666667, "worse", "on"),
                (day("06-24"), 2.0, 1.0, "worse", "off"),
            ],
            # 1, 2, 1, 2, 1 items, from the first day of the line to the eve of the last.
            """select period_start, value, round(mean_before, 6), trend, status
               from metrics.metric_targets where goal_key = 'steady'
               order by 1 desc limit 3""": [
                (date(2023, 9, 11), 1.0, 1.666667, "worse", "off"),
                (date(2023, 9, 4), 2.0, 1.333333, "better", "on"),
                (date(2023, 8, 28), 1.0, None, None, "off"),
            ],
            # COR-31 and 32 lie about on Sunday the 23rd, COR-32 on the 30th. Another workflow of
            # the value stream, whose backlog is empty, is not asked.
            """select period_start, value, status from metrics.metric_targets
               where goal_key = 'backlog' order by 1""": [
                (day("06-17"), 2.0, "off"), (day("06-24"), 1.0, "on"),
            ],
            # One of two agreements of May, two of three of June.
            """select period_start, part, value, status from metrics.metric_targets
               where goal_key = 'agreed' order by 1""": [
                (day("05-01"), "2|resolution", 0.5, "on"),
                (day("06-01"), "2|resolution", 2 / 3, "on"),
            ],
        },
    ),
    Case(
        "a key result is due bit by bit, from its baseline to its target on the last of 61 days",
        [],
        rows={
            # 10 - 8 x 10/61 on 10 May, 31/61 on the 31st; 0 + 40 x 31/61. What is beyond the target
            # is all of the way. Values of before, of after and of tomorrow are of no interest.
            """select goal_key, objective_key, period, period_start, value, round(expected, 6),
                   progress_share, status
               from metrics.metric_targets where kind = 'key_result' order by 1, 4""": [
                # May ends after the objective, on 15 May: all is due by then, and no more.
                ("kr-brief", "brief", "month", day("05-01"), 22.0, 10.0, 1.0, "on"),
                # June begins on its last day: 31 of 32 days are gone with May, all with June.
                ("kr-edge", "edge", "month", day("05-01"), 22.0, 9.6875, 1.0, "on"),
                ("kr-edge", "edge", "month", day("06-01"), 0.0, 10.0, 0.0, "off"),
                ("kr-errors", "fast", "loaded", day("05-10"), 9.0, 8.688525, 0.125, "off"),
                ("kr-errors", "fast", "loaded", day("05-31"), 9.5, 5.934426, 0.0625, "off"),
                ("kr-errors", "fast", "loaded", day("06-30"), 1.0, 2.0, 1.0, "on"),
                ("kr-many", "fast", "month", day("05-01"), 22.0, 20.327869, 0.55, "on"),
                ("kr-many", "fast", "month", day("06-01"), 0.0, 40.0, 0.0, "off"),
                ("kr-never", "fast", "loaded", None, None, None, None, "not_known"),
                ("kr-rating", "faster", "loaded", day("06-01"), 3.0, 4.0, None, "off"),
                ("kr-rating", "faster", "loaded", day("06-15"), 3.5, 4.0, None, "off"),
                ("kr-rating", "faster", "loaded", day("07-01"), 4.0, 4.0, None, "on"),
            ],
            """select distinct owner_team_key from metrics.metric_targets
               where goal_key in ('kr-rating', 'quick')""": [("beta",)],
        },
    ),
    Case(
        "a guardrail holds a type's share of what was finished, in items or in the time of work",
        [],
        rows={
            # 10 bugs of 21, and none of one; in other weeks nothing was finished.
            """select period_start, n, allocated, allocated_of_all, round(actual_share, 6), status
               from metrics.metric_guardrails where guardrail_key = 'defects' order by 1""": [
                (day("05-06"), 21, 10, 21, 0.476190, "below"),
                (day("05-13"), 0, 0, 0, None, "not_known"),
                (day("05-20"), 0, 0, 0, None, "not_known"),
                (day("05-27"), 1, 0, 1, 0.0, "below"),
            ],
            # Bugs took 2, 4 .. 20 h, features 1, 3 .. 13, 14.5, 15, 17, 19 and 38.5 h: 110 and 153.
            # Of 22 items 12 were features, 10 bugs, and nobody ever took a risk.
            """select guardrail_key, period_start, period_end, allocated, allocated_of_all,
                   round(actual_share, 6), status, is_complete_period
               from metrics.metric_guardrails where guardrail_key <> 'defects' order by 1, 2""": [
                (
                    "defect-time", day("05-01"), day("05-31"), 110 * H, 263 * H, 0.418251,
                    "within", True,
                ),
                ("defect-time", day("06-01"), day("06-30"), 0, 0, None, "not_known", False),
                ("features", day("03-01"), day("05-31"), 12, 22, 0.545455, "above", True),
                ("risks", day("03-01"), day("05-31"), 0, 22, 0.0, "within", True),
            ],
        },
    ),
]  # fmt: skip
