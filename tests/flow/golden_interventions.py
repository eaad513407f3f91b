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


def queued(project: str, *weeks: tuple[int, int, int]) -> list[Issue]:
    """Return what queues for the test of a line, by the weeks until as_of.

    On each Monday some items come, some are tested for an hour and some are cancelled, those first
    that came first.
    """
    first = FIRST + timedelta(weeks=WEEKS - len(weeks))
    moves: list[list[str]] = []
    waiting: list[list[str]] = []
    for no, (came, tested_, dropped) in enumerate(weeks):
        now = first + timedelta(weeks=no)
        for _ in range(came):
            moves.append([f"{now:%Y-%m-%d %H:%M} created in Ready for Test"])
            waiting.append(moves[-1])
        for _ in range(tested_):
            done = now + timedelta(hours=1)
            waiting.pop(0).extend((f"{now:%Y-%m-%d %H:%M} In Test", f"{done:%Y-%m-%d %H:%M} Done"))
        for _ in range(dropped):
            waiting.pop(0).append(f"{now:%Y-%m-%d %H:%M} Cancelled")
    return [Issue(f"{project}-{no}", "\n".join(lines)) for no, lines in enumerate(moves, 1)]


TEN = [(10, 0, 0), *[(no % 2, no % 2, 0) for no in range(1, 20)]]
"""Twenty weeks in which ten queue: twenty come, and one is tested every other week."""

ONE = [(1, 0, 0), *[(1, no % 2, 1 - no % 2) for no in range(1, 20)]]
"""The same with one that queues: what is not tested is cancelled."""


def of_wax() -> list[Issue]:
    """Return what is tested twice as often from the 21st of 32 weeks on.

    Ten queue in that week, eleven for ten weeks, then ten; as many come as are tested.
    """
    return queued("WAX", *TEN, (1, 1, 0), (2, 1, 0), *[(1, 1, 0)] * 9, (0, 1, 0))


def of_wane() -> list[Issue]:
    """Return what nobody tests from the 21st of 33 weeks on; all but one are cancelled."""
    return queued("WAN", *TEN, (1, 0, 10), *[(1, 0, 1)] * 12)


def of_ebb() -> list[Issue]:
    """Return a queue of 41 weeks: 10 for twenty, 11, 3 for seven, 1, 2 for eleven, and 3.

    Of the first 21 weeks 21 come, of the 20 others 19; one is tested every other week.
    """
    return queued(
        "EBB", *TEN, (1, 0, 0), (1, 1, 8), *[(1, 0, 1), (1, 1, 0)] * 3, (1, 0, 3), (2, 1, 0),
        (0, 0, 0), (1, 1, 0), (0, 0, 0), (1, 1, 0), *[(1, 0, 1), (1, 1, 0)] * 3, (1, 0, 0),
    )  # fmt: skip


def of_flood() -> list[Issue]:
    """Return a queue of 41 weeks: 1 for twenty, 0, 1 for seven, 8, 5 for nine, and 4 for three.

    One comes in each of the first 21 weeks, and 21 in the 20 others; one a fortnight is tested.
    """
    return queued(
        "FLO", *ONE, (1, 0, 2), (2, 1, 0), *[(0, 0, 0), (1, 1, 0)] * 3, (7, 0, 0), (0, 1, 2),
        *[(1, 0, 1), (1, 1, 0)] * 4, (0, 0, 1), (1, 1, 0), (0, 0, 0),
    )  # fmt: skip


def of_keep() -> list[Issue]:
    """Return what is tested once or twice a week from the 21st of 55 weeks on, at last once."""
    return queued("KEE", *TEN, *[(1, 1, 0), (2, 2, 0)] * 13, *[(1, 1, 0)] * 9)


def of_drain() -> list[Issue]:
    """Return 73 that come at once; one or three a week are tested for 20 weeks, then four."""
    tested_ = [*[1, 3] * 10, *[4] * 8]
    return queued("DRN", *((0 if no else 73, how_many, 0) for no, how_many in enumerate(tested_)))


def of_creek() -> list[Issue]:
    """Return a queue of 55 weeks: 10 for twenty, 1 for 26, and 5; one comes a week, but for 5."""
    odd, even = (1, 1, 0), (1, 0, 1)
    return queued("CRK", *TEN, (1, 0, 10), *[odd, even] * 12, odd, (5, 0, 1), *[odd, even] * 4)


def of_slack() -> list[Issue]:
    """Return a queue of 33 weeks: ten for twenty, then one; 1.5 come a week, then one."""
    return queued("SLK", TEN[0], (11, 1, 10), *TEN[2:], (1, 0, 10), *[(1, 0, 1)] * 12)


def of_swell() -> list[Issue]:
    """Return a queue of 33 weeks: one for twenty, then ten; 20 come, then 14 in 13 weeks."""
    return queued("SWL", *ONE, (9, 0, 0), *[(1, 1, 0), (0, 0, 0)] * 5, *[(0, 0, 0)] * 2)


WORKED = {
    "SHA": [*[1, 2] * 13, 1, 4.5, *[2] * 7],
    "SHB": [*[1, 2] * 13, *[2] * 8, 3],
    "SHC": [*[1] * 8, *[5] * 8, *[1, 2] * 5, *[2, 4] * 4, 2],
    "SHD": [*[5] * 8, *[1] * 8, *[5] * 10],
}
"""Weeks after twenty of 4 and 16 hours in turn: the hours of work are powers of two."""


def of_shifts() -> list[Issue]:
    """Return lines in which one item a week is worked on at once, and waits for nobody."""
    items = []
    for project, powers in WORKED.items():
        powers = [*[2, 4] * 10, *powers]
        for no, power in enumerate(powers):
            begins = FIRST + timedelta(weeks=WEEKS - len(powers) + no)
            done = begins + timedelta(seconds=round(3600 * 2**power))
            items.append(
                Issue(
                    f"{project}-{no + 1}",
                    f"{begins:%Y-%m-%d %H:%M} created in In Test\n{done:%Y-%m-%d %H:%M:%S} Done",
                )
            )
    return items


def of_still() -> list[Issue]:
    """Return what is tested in 21 weeks: for one, two and two hours, the first for 1, 1 and 4.

    Both have the same product, and nine digits of their logarithms have not quite the same sum.
    """
    items = []
    for no in range(21):
        begins = FIRST + timedelta(weeks=WEEKS - 21 + no)
        for hours in (1, 2, 2) if no else (1, 1, 4):
            done = begins + timedelta(hours=hours)
            items.append(
                Issue(
                    f"STI-{len(items) + 1}",
                    f"{begins:%Y-%m-%d %H:%M} created in In Test\n{done:%Y-%m-%d %H:%M} Done",
                )
            )
    return items


def of_strait() -> list[Issue]:
    """Return what is tested in Los Angeles, seven hours behind UTC."""
    return [
        # It comes on Sunday at 23:00 there, and leaves a week later at 23:30:01.
        Issue(
            "STR-1",
            """
            2024-06-10 06:00:00 created in Ready for Test
            2024-06-17 06:30:00 In Test
            2024-06-17 06:30:01 Done
            """,
        ),
        # It queues for nine tenths of the week of 17 June.
        Issue(
            "STR-2",
            """
            2024-06-17 07:00 created in Ready for Test
            2024-06-23 14:12 In Test
            2024-06-23 16:12 Done
            """,
        ),
        # It passes the test three times: it is worked on again, and it leaves the line.
        Issue(
            "STR-4",
            """
            2024-05-21 00:00 created in In Progress
            2024-05-21 01:00 Ready for Test
            2024-05-21 02:00 In Test
            2024-05-21 04:00 In Progress
            2024-05-21 05:00 In Test
            2024-05-21 06:00 Backlog
            2024-05-21 07:00 Ready for Test
            2024-05-21 08:00 In Test
            2024-05-21 09:00 Flagged: Impediment
            2024-05-21 09:30 Flagged:
            2024-05-21 11:00 Done
            """,
        ),
        Issue(
            "STR-3",  # nobody ever tests it
            """
            2024-06-19 12:00 created in Ready for Test
            2024-06-20 12:00 Cancelled
            """,
        ),
    ]


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
               where value_stream_key in ('trial', 'gate', 'shut')
                 and intervention_key not like '%-at-%' order by 1""": [
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
               where value_stream_key in ('trial', 'gate', 'shut')
                 and intervention_key not like '%-at-%' order by 1""": [
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
        "a verdict needs one side, a queue that does not tell the contrary, and what lasts is kept",
        [
            *of_wax(), *of_wane(), *of_ebb(), *of_flood(), *of_keep(), *of_drain(), *of_still(),
            *of_strait(), *of_creek(), *of_slack(), *of_swell(), *of_shifts(),
        ],
        rows={
            """select intervention_key, verdict, no_verdict_reason, confirmation, sustainment,
                 signal_week_start, trial_weeks, work_time_signal, output_signal, queue_signal
               from metrics.metric_interventions
               where (value_stream_key in ('wax', 'wane', 'ebb', 'flood', 'keep', 'still', 'creek',
                     'slack', 'swell', 'shift-a', 'shift-b', 'shift-c', 'shift-d')
                   and intervention_key not like '%-at-%')
                 or intervention_key in ('drain-100', 'strait-la')
               order by 1""": [
                # At last five queue: half of ten, or more than half of what it was a week later;
                # after seven weeks nobody asks.
                ("creek-held", "improved", None, "not_yet", "holding", None, 26, None, "none",
                 "better"),
                ("creek-lost", "reverted", None, "not_yet", "lost", None, 26, None, "none",
                 "better"),
                ("creek-new", "improved", None, "not_yet", "not_watched_yet", None, 26, None,
                 "none", "better"),
                # What queued long before is tested now: the times grow.
                ("drain-100", "improved", None, "old_queue_drains", "not_watched_yet", week(55), 8,
                 None, "better", None),
                # A fifth of ten is no signal. Of the weeks with 11 in it a fifth is more than two:
                # the last 13 weeks are below, the last 12 or 14 are not. 0.95 as many came.
                ("ebb-even", "no_signal_yet", "no_signal", None, None, None, 21, None, "none",
                 "none"),
                ("ebb-low", "improved", None, "not_yet", "not_watched_yet", None, 20, None, "none",
                 "better"),
                # The same of five times one, and of weeks with none in it; 1.05 as many came.
                ("flood-even", "no_signal_yet", "no_signal", None, None, None, 21, None, "none",
                 "none"),
                ("flood-high", "worse", None, "not_yet", None, None, 20, None, "none", "worse"),
                # One a week at last, halfway between 0.5 and 1.5; a week later it was 11 / 21
                # before, and one is nearer to that. After seven weeks nobody asks.
                ("keep-held", "improved", None, "not_yet", "holding", week(28), 26, None, "better",
                 "none"),
                ("keep-lost", "reverted", None, "not_yet", "lost", week(29), 26, None, "better",
                 "none"),
                ("keep-new", "improved", None, "not_yet", "not_watched_yet", week(30), 26, None,
                 "better", "none"),
                # The power was 3 and is 1.5. Of the last eight weeks it is more than 2.25, of seven
                # or nine it is not; in the next line it is 2.125. In the third it is three, and
                # goes up and down: that is no signal. What a trial says last is what counts.
                ("shift-a", "reverted", None, "confirmed", "lost", week(28), 26, "better", None,
                 "none"),
                ("shift-b", "improved", None, "confirmed", "holding", week(28), 26, "better", None,
                 "none"),
                ("shift-c", "improved", None, "confirmed", "holding", week(28), 26, "better", None,
                 "none"),
                ("shift-d", "worse", None, "confirmed", None, week(37), 26, "worse", None, "none"),
                # The queue is as short or as long because less came, or more.
                ("slack", "worse", None, "not_yet", None, week(50), 13, None, "worse", "none"),
                ("still-none", "no_signal_yet", "no_signal", None, None, None, 1, "none", None,
                 None),
                ("still-some", "no_signal_yet", "no_signal", None, None, None, 1, "none", None,
                 None),
                ("strait-la", "not_known", "no_limits", None, None, None, 2, None, None, None),
                ("swell", "no_signal_yet", "no_signal", None, None, None, 13, None, "none", "none"),
                # Of 13 weeks the queue tells, of 12 it does not. One comes every week all the time.
                ("wane-both", "no_signal_yet", "leading_measures_disagree", None, None, None, 13,
                 None, "worse", "better"),
                ("wane-fell", "no_signal_yet", "queue_fell", None, None, None, 12, None, "worse",
                 None),
                ("wane-level", "worse", None, "not_yet", None, week(55), 8, None, "worse", None),
                ("wax-grew", "no_signal_yet", "queue_grew", None, None, None, 12, None, "better",
                 None),
                ("wax-level", "improved", None, "not_yet", "not_watched_yet", week(55), 8, None,
                 "better", None),
            ],
            """select intervention_key, queue_before, queue_after, arrivals_before, arrivals_after
               from metrics.metric_interventions
               where value_stream_key in ('wax', 'wane', 'ebb', 'flood') order by 1""": [
                ("ebb-even", 10.0, 2.25, 1.0, round(20 / 21, 9)),
                ("ebb-low", 10.25, 2.25, 1.0, 0.95),
                ("flood-even", 1.0, 4.25, 1.0, round(22 / 21, 9)),
                ("flood-high", 0.75, 4.25, 1.0, 1.05),
                ("wane-both", 10.0, 1.0, 1.0, 1.0), ("wane-fell", 7.75, 1.0, 1.0, 1.0),
                ("wane-level", 1.0, 1.0, 1.0, 1.0), ("wax-grew", 10.0, 10.75, 1.0, 1.0),
                ("wax-level", 10.75, 10.75, round(25 / 24, 9), 0.875),
            ],
            # Of a baseline of one week the queue can be told, of none it cannot.
            """select intervention_key, no_verdict_reason, baseline_weeks, trial_weeks, queue_signal
               from metrics.metric_interventions where intervention_key like 'keep-at-%'
               order by 1""": [
                ("keep-at-1", "no_limits", 0, 26, None), ("keep-at-2", "no_limits", 1, 26, "none"),
            ],
            # As many standard deviations of a week as their names say, in hundredths.
            """select intervention_key, power_share, actual_effect
               from metrics.metric_interventions where value_stream_key = 'drain' order by 1""": [
                ("drain-000", 0.06, 1.0), ("drain-025", 0.16, 1.0), ("drain-050", 0.35, 1.0),
                ("drain-075", 0.58, 1.0), ("drain-100", 0.79, 1.0), ("drain-125", 0.91, 1.0),
                ("drain-150", 0.97, 1.0), ("drain-200", 0.99, 1.0),
            ],
            # Its limits are its mean to nine digits: no deviation that anything could be held
            # against.
            """select intervention_key, actual_effect, actual_effect_low, actual_effect_high,
                 is_as_expected, power_share
               from metrics.metric_interventions where value_stream_key = 'still' order by 1""": [
                ("still-none", 0.0, 0.0, 0.0, True, None),
                ("still-some", 0.0, 0.0, 0.0, False, None),
            ],
            # In Los Angeles it is 30 June: the week of 24 June is not over. An hour of 168, all but
            # half an hour, and 151.2 hours beside 24.
            """select measure, week_start, phase, n, round(value, 6)
               from metrics.metric_intervention_weeks
               where intervention_key = 'strait-la' and measure not in ('flow_time', 'velocity')
                 and week_start <> date '2024-05-27'
               order by 1, 2""": [
                # Three passages of 2, 1 and 2.5 hours of work, and two hours of queues.
                ("arrivals", date(2024, 5, 20), "baseline", 3, 3.0),
                ("arrivals", date(2024, 6, 3), "baseline", 1, 1.0),
                ("arrivals", date(2024, 6, 10), "trial", 0, 0.0),
                ("arrivals", date(2024, 6, 17), "trial", 2, 2.0),
                ("output", date(2024, 6, 10), "trial", 1, 1.0),
                ("output", date(2024, 6, 17), "trial", 1, 1.0),
                ("queue", date(2024, 5, 20), "baseline", 1, round(2 / 168, 6)),
                ("queue", date(2024, 6, 3), "baseline", 1, round(1 / 168, 6)),
                ("queue", date(2024, 6, 10), "trial", 1, round(167.5 / 168, 6)),
                ("queue", date(2024, 6, 17), "trial", 1, round(175.2 / 168, 6)),
                ("work_time", date(2024, 5, 20), "baseline", 3, round(log(5) / 3, 6)),
                ("work_time", date(2024, 6, 10), "trial", 1, round(log(1 / 3600), 6)),
                ("work_time", date(2024, 6, 17), "trial", 1, round(log(2), 6)),
            ],
            # The constraint of the week before 24 June, and that of the week itself.
            """select constraint_before_stage_key, constraint_now_stage_key, has_constraint_moved
               from metrics.metric_interventions where intervention_key = 'line-mon'""": [
                ("software:test", "software:review", True)
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
                ("line-usd", None, None, False),
                ("line-wide", None, None, False),
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
            # A limit that nobody reaches changes nothing: that is worth nothing, in its own money.
            """select scenario_key, decision, change_low, change_high, gain_low, gain_median,
                 gain_high
               from metrics.metric_scenarios
               where scenario_key in ('line-usd', 'line-wide') and measure = 'items_in_flow'
               order by 1""": [
                ("line-usd", "not_known", 0.0, 0.0, 0.0, 0.0, 0.0),
                ("line-wide", "worth_it", 0.0, 0.0, 0.0, 0.0, 0.0),
            ],
        },
    ),
]  # fmt: skip
