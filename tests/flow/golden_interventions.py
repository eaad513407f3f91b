"""Golden cases of interventions; see golden.py.

Trial, Gate and Shut keep UTC. Their week 0 begins on Monday 5 June 2023, week 56 on the day of
as_of. In Trial every item is worked on for some hours before its week, queues for a whole week and
is tested when the next one begins, so that somebody always queues for the test.
"""

from datetime import date, datetime, timedelta
from itertools import pairwise
from math import exp, log, sqrt

from tests.flow.golden import Case
from tests.flow.scratch import Issue

FIRST = datetime(2023, 6, 5)
WEEKS = 56
HELPED, SLIPPED = 21, 47
"""From the first of these weeks on the test is quick, from the second on it is not any more."""


def week(no: int) -> date:
    """Return the Monday of a week."""
    return FIRST.date() + timedelta(weeks=no)


def tested(no: int) -> list[int]:
    """Return how long the test of each item takes that is tested in a week, in hours."""
    if no < HELPED:
        return [10] if no % 2 else [14, 14]
    if no < SLIPPED:
        return [6] * 3 if no % 2 else [7] * 3
    return [12] if no % 2 else [16]


def of_trial() -> list[Issue]:
    """Return the items of Trial."""
    items = []
    for no in range(WEEKS):
        queues, tests = FIRST + timedelta(weeks=no), FIRST + timedelta(weeks=no + 1)
        for hours in tested(no + 1):
            moves = [
                (queues - timedelta(hours=3 if no % 2 else 5), "created in In Progress"),
                (queues, "Ready for Test"),
                (tests, "In Test"),
                (tests + timedelta(hours=hours), "Done"),
            ]
            lines = [f"{at:%Y-%m-%d %H:%M} {what}" for at, what in moves]
            told = lines if no + 1 < WEEKS else lines[:2]
            items.append(Issue(f"TRI-{len(items) + 1}", "\n".join(told)))
    return items


def released(project: str, waits: list[timedelta | None]) -> list[Issue]:
    """Return items that come one a week and are released after a time, or never."""
    items = []
    for no, wait in enumerate(waits):
        came = FIRST + timedelta(weeks=no)
        lines = [f"{came:%Y-%m-%d %H:%M} created in Ready for Release"]
        if wait:
            lines.append(f"{came + wait:%Y-%m-%d %H:%M} Done")
        items.append(Issue(f"{project}-{no + 1}", "\n".join(lines)))
    return items


def of_gates() -> list[Issue]:
    """Return what waits for its release.

    In Gate for two weeks, then for twelve hours, then for ever; in Shut for two weeks and one in
    turn, then for ever.
    """
    two, one, soon = timedelta(weeks=2), timedelta(weeks=1), timedelta(hours=12)
    gate = [two] * 20 + [soon] * 28 + [None] * 8
    shut = [one if no % 2 else two for no in range(36)] + [None] * 20
    return released("GTE", gate) + released("GTS", shut)


def effect(before: list[float], after: list[float]) -> tuple[float, float, float]:
    """Return the change of a mean of logarithms, and its interval, as shares."""
    ranges = [abs(b - a) for a, b in pairwise(before)]
    sigma = 2.66 * sum(ranges) / len(ranges) / 3
    change = sum(after) / len(after) - sum(before) / len(before)
    half = 1.96 * sigma * sqrt(1 / len(before) + 1 / len(after))
    return tuple(round(exp(end) - 1, 6) for end in (change, change - half, change + half))


LOGS = [log(tested(no)[0]) for no in range(WEEKS)]
"""Mean logarithm of the hours of test of the items that leave it in each week from the first on."""

CASES: list[Case] = [
    Case(
        "an intervention is judged by its station, against the weeks before it, and then watched",
        [*of_trial(), *of_gates()],
        rows={
            # Twenty weeks in which somebody was tested are enough, nineteen are not. On Wednesday
            # of week 46 it is the week before that counts, and one less after.
            """select intervention_key, verdict, no_verdict_reason, confirmation, sustainment,
                 signal_week_start, baseline_weeks, trial_weeks, watch_weeks, baseline_start,
                 baseline_end, last_week_start
               from metrics.metric_interventions
               where value_stream_key in ('trial', 'gate', 'shut') order by 1""": [
                # Its queue is gone although as many come, for 26 weeks; nothing left it while it
                # had one.
                ("gate-fast", "reverted", None, "confirmed", "lost", None, 22, 26, 8,
                 week(0), date(2023, 11, 5), week(55)),
                # Nobody is released any more.
                ("gate-shut", "worse", None, "not_yet", None, week(45), 26, 18, 0,
                 week(12), date(2024, 2, 25), week(55)),
                ("tri-early", "not_known", "no_limits", None, None, None, 20, 26, 11,
                 week(-1), date(2023, 10, 15), week(55)),
                # Quick for 26 weeks, slow for nine: the eighth of the first says so.
                ("tri-helped", "reverted", None, "confirmed", "lost", week(28), 22, 26, 9,
                 week(-1), date(2023, 10, 29), week(55)),
                ("tri-new", "not_known", "no_week_since_it_began", None, None, None, 26, 0, 0,
                 week(29), date(2024, 6, 23), week(54)),
                ("tri-none", "no_signal_yet", "no_signal", None, None, None, 24, 26, 7,
                 week(-1), date(2023, 11, 12), week(55)),
                ("tri-nowhere", "not_known", "nothing_came_there", None, None, None, 0, 0, 0,
                 None, None, None),
                ("tri-worse", "worse", None, "confirmed", None, week(49), 26, 9, 0,
                 week(20), date(2024, 4, 21), week(55)),
            ],
            """select intervention_key, work_time_signal, output_signal, queue_signal
               from metrics.metric_interventions
               where value_stream_key in ('trial', 'gate', 'shut') order by 1""": [
                ("gate-fast", None, "none", "better"), ("gate-shut", None, "worse", "worse"),
                ("tri-early", None, None, "none"), ("tri-helped", "better", "better", "none"),
                ("tri-new", "none", "none", None), ("tri-none", "none", None, "none"),
                ("tri-nowhere", None, None, None), ("tri-worse", "worse", "worse", None),
            ],
            # One and two a week came before it, three in it; the first three queued in its eve.
            """select queue_before, queue_after, arrivals_before, arrivals_after, expected_effect,
                 is_as_expected, power_share, intervention_cost, currency
               from metrics.metric_interventions where intervention_key = 'tri-helped'""": [
                (2.0, 2.5, 1.5, 2.923076923, -0.5, True, 0.99, 500.0, "EUR")
            ],
            """select round(actual_effect, 6), round(actual_effect_low, 6),
                 round(actual_effect_high, 6)
               from metrics.metric_interventions where intervention_key = 'tri-helped'""": [
                effect(LOGS[1:HELPED], LOGS[HELPED:SLIPPED])
            ],
            # The weeks of its watch are held against the trial: of nine the eighth is a signal.
            """select phase, point_no, n, round(value, 9), baseline_n, round(centre, 6), run_length,
                 is_outside, signal
               from metrics.metric_intervention_weeks
               where intervention_key = 'tri-helped' and measure = 'work_time'
                 and week_start in (date '2023-06-12', date '2023-10-30', date '2023-12-18',
                   date '2024-04-29', date '2024-06-24')
               order by week_start""": [
                ("baseline", 1, 1, round(log(10), 9), 20,
                 round((log(10) + log(14)) / 2, 6), 1, False, "none"),
                ("trial", 1, 3, round(log(6), 9), 20,
                 round((log(10) + log(14)) / 2, 6), 1, False, "none"),
                ("trial", 8, 3, round(log(7), 9), 20,
                 round((log(10) + log(14)) / 2, 6), 8, False, "better"),
                ("watch", 1, 1, round(log(12), 9), 26,
                 round((log(6) + log(7)) / 2, 6), 1, True, "none"),
                ("watch", 9, 1, round(log(12), 9), 26,
                 round((log(6) + log(7)) / 2, 6), 9, True, "worse"),
            ],
        },
    ),
    Case(
        "a year of a line is simulated from 26 weeks of it, or it is said why not",
        [],
        rows={
            # Of the line of golden_constraint.py 49 items came in the window; 35 took 28 hours, 12
            # of the others 58, the last two are there for 48 and 24 hours.
            """select measure, round(observed, 6), arrivals_n, trials, horizon_days, window_start,
                 window_end, decision
               from metrics.metric_scenarios
               where value_stream_key = 'line' and scenario_key = 'as_is' order by 1""": [
                ("finished_a_week", round(47 / 26, 6), 49, 40, 364, date(2024, 1, 1),
                 date(2024, 6, 30), None),
                ("flow_days", round((35 * 28 + 12 * 58) / 47 / 24, 6), 49, 40, 364,
                 date(2024, 1, 1), date(2024, 6, 30), None),
                ("items_in_flow", round((35 * 28 + 12 * 58 + 48 + 24) / 26 / 168, 6), 49, 40, 364,
                 date(2024, 1, 1), date(2024, 6, 30), None),
                ("queued_items", None, 49, 40, 364, date(2024, 1, 1), date(2024, 6, 30), None),
            ],
            """select scenario_key, no_result_reason, stage_key, value_median is null
               from metrics.metric_scenarios
               where value_stream_key in ('line', 'pace', 'shut') and measure = 'flow_days'
               order by value_stream_key, 1""": [
                ("as_is", None, None, False),
                ("line-batch", None, "software:review", False),
                ("line-faster", None, "software:test", False),
                ("line-gate", "stage_is_no_gate", "software:test", True),
                ("line-limit", None, None, False),
                ("line-none", "nobody_would_be_left", "software:test", True),
                ("line-stage", "nothing_came_to_the_stage", "software:waiting_release", True),
                ("line-tester", None, "software:test", False),
                ("as_is", "fewer_than_30_items", None, True),
                ("shut-limit", "fewer_than_30_items", None, True),
            ],
            # An item-day of Line costs 10 EUR on the last day of the window. Batches cost days;
            # what waits before a limit waits all the same.
            """select scenario_key, decision, gain_median < 0, gain_low <= gain_high
               from metrics.metric_scenarios
               where scenario_key in ('line-batch', 'line-faster', 'line-limit')
                 and measure = 'flow_days' order by 1""": [
                ("line-batch", "not_worth_it", True, True),
                ("line-faster", "not_known", False, True),
                ("line-limit", "not_known", False, True),
            ],
        },
    ),
]  # fmt: skip
