"""Golden cases of the topic that the file is named after; see golden.py.

What targets, guardrails and verdicts are held against are long rows of numbers that other cases
worked out: the first case repeats some of them, from their tables to here.
"""

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
            ): [("gitlab", 0.0, 10, day("07-01"), day("07-01"), True)],
        },
    ),
]  # fmt: skip
