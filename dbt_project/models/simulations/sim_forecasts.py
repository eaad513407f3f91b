"""Monte Carlo forecasts: the weeks of the window, drawn again and again.

The future is assumed to be like the window. Whole weeks are drawn, as a team that releases on
Thursdays never has a week of seven Thursdays; where weeks of much and of little take turns,
fortnights are. A week with holidays counts as what it would have been without them, and as much
less in the future as its own holidays take of its working days. Every trial draws twice: first a
past as it might have been, then a future from it, since a pace that is seen for 13 weeks is not
known exactly (tests/flow/test_coverage.py). Every group, day of origin and horizon has random
numbers of its own, so that what is loaded beside it changes nothing. Every forecast knows what was
known at the end of its day of origin: an item that was finished then and reopened, cancelled or
deleted later counts. So a backtest is the very forecast that was published on that day. What then
happened is what was known at the end of the horizon, and never changes again.
"""

import collections
import datetime
import zlib
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

PERCENTILES = (50, 85, 95)
HORIZONS = (14, 28, 84)
"""Whole fortnights, as the blocks that are drawn are weeks or fortnights."""

BACKTEST_DAYS = 28
"""Horizon of the backtests and days between their origins: no day is forecast twice."""

LEAST_DAYS, LEAST_ITEMS = 28, 10
"""A shorter or emptier window forecasts nothing."""

LAST_DAY = 730
"""Nothing is forecast for later."""

LEAST_WEEKS = 8
"""Fewer weeks do not show whether they take turns."""

NEARLY = 1e-6
"""Items; shares of working days make sums that miss a whole number by less."""

SCHEMA = pa.schema(
    [
        ("value_stream_key", pa.string()),
        ("workflow", pa.string()),
        ("level", pa.string()),
        ("kind", pa.string()),
        ("origin_date", pa.date32()),
        ("horizon_days", pa.int64()),
        ("items", pa.int64()),
        ("percentile", pa.int64()),
        ("value", pa.int64()),
        ("actual", pa.int64()),
        ("window_days", pa.int64()),
        ("n", pa.int64()),
        ("trials", pa.int64()),
        ("seed", pa.int64()),
    ]
)


def blocks(window: np.ndarray) -> np.ndarray:
    """Return the last whole weeks of a window, a row each; or fortnights, where weeks take turns.

    They do where neighbours have a correlation below -0.5, which 4 in 100 lines have by chance.
    """
    weeks = window[len(window) % 7 :].reshape(-1, 7)
    sums = weeks.sum(axis=1).astype(object)
    one, other, n = sums[:-1], sums[1:], len(sums) - 1
    if len(weeks) < LEAST_WEEKS:
        return weeks
    together = n * (one * other).sum() - one.sum() * other.sum()
    spread = (n * (one**2).sum() - one.sum() ** 2) * (n * (other**2).sum() - other.sum() ** 2)
    if together < 0 and 4 * together**2 > spread:
        return weeks[len(weeks) % 2 :].reshape(-1, 14)
    return weeks


def days_off(relation) -> tuple[dict[str, list[int]], dict[str, int]]:  # noqa: ANN001
    """Return the holidays of each value stream as ordinals, and the working days in its week."""
    holidays, a_week = collections.defaultdict(list), collections.defaultdict(lambda: 7)
    rows = relation.project("value_stream_key, holiday_date, working_days_a_week").fetchall()
    for stream, day, working_days in rows:
        holidays[stream].append(day.toordinal())
        a_week[stream] = working_days
    return holidays, a_week


def work_shares(
    holidays: np.ndarray, a_week: int, first: int, count: int, width: int
) -> np.ndarray:
    """Return the share of its working days that holidays leave to each of the blocks from a day on.

    Args:
        holidays: Days that would be working days.
        a_week: Working days in a week without holidays.
        first: First day of the first block.
        count: Number of blocks.
        width: Days in a block.
    """
    block = (holidays - first) // width
    lost = np.bincount(block[(block >= 0) & (block < count)], minlength=count)
    return 1 - lost / (a_week * width // 7)


def at_full_work(rows: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Return the blocks that had working days, as if none of them had been a holiday."""
    return rows[shares > 0] / shares[shares > 0, None]


def futures(count: int, ahead: int, trials: int, rng: np.random.Generator) -> np.ndarray:
    """Return which of the blocks follow each other in each trial, drawn from a drawn past."""
    past = rng.integers(0, count, (trials, count), dtype=np.int32)
    return np.take_along_axis(past, rng.integers(0, count, (trials, ahead)), axis=1)


def how_many(
    rows: np.ndarray, shares: np.ndarray, trials: int, rng: np.random.Generator
) -> list[int]:
    """Return how many items are finished, with 50, 85 and 95 % certainty.

    Args:
        rows: The blocks.
        shares: Share of the working days that is left of each block ahead.
        trials: How often the future is drawn.
        rng: Random numbers.
    """
    drawn = futures(len(rows), len(shares), trials, rng)
    at_least = [100 - percentile for percentile in PERCENTILES]
    sums = (rows.sum(axis=1)[drawn] * shares).sum(axis=1) + NEARLY
    return [int(v) for v in np.percentile(sums, at_least, method="inverted_cdf")]


def days_until(
    items: int | np.ndarray,
    rows: np.ndarray,
    drawn: np.ndarray,
    shares: np.ndarray,
    so_far: np.ndarray,
) -> np.ndarray:
    """Return on which day of each trial so many items are finished; LAST_DAY + 1 for never.

    Args:
        items: Items, or those of each trial.
        rows: The blocks.
        drawn: Which of them follow each other in each trial.
        shares: Share of the working days that is left of each block ahead.
        so_far: What is finished at the end of each of these.
    """
    items = np.broadcast_to(items, len(drawn)) - NEARLY
    before = (so_far < items[:, None]).sum(axis=1)
    needed = np.full(len(drawn), LAST_DAY + 1)
    ends = np.flatnonzero(before < drawn.shape[1])
    last, share = drawn[ends, before[ends]], shares[before[ends]]
    left = items[ends] - so_far[ends, before[ends]] + rows.sum(axis=1)[last] * share
    within = (np.cumsum(rows, axis=1)[last] * share[:, None] < left[:, None]).sum(axis=1)
    needed[ends] = np.minimum(before[ends] * rows.shape[1] + within + 1, LAST_DAY + 1)
    return needed


def certain(needed: np.ndarray, holidays: np.ndarray) -> list[int | None]:
    """Return the days with 50, 85 and 95 % certainty; None stands for more than LAST_DAY.

    Nothing is promised for a holiday: the next day stands in for it.
    """
    days = np.percentile(needed, PERCENTILES, method="inverted_cdf").astype(int)
    for holiday in np.sort(holidays):
        days[days == holiday] += 1
    return [int(v) if v <= LAST_DAY else None for v in days]


def when(
    rows: np.ndarray,
    items: int,
    shares: np.ndarray,
    holidays: np.ndarray,
    trials: int,
    rng: np.random.Generator,
) -> list[int | None]:
    """Return after how many days as many items are finished, with 50, 85 and 95 % certainty."""
    drawn = futures(len(rows), len(shares), trials, rng)
    so_far = np.cumsum(rows.sum(axis=1)[drawn] * shares, axis=1)
    return certain(days_until(items, rows, drawn, shares, so_far), holidays)


def known(done: np.ndarray, undone: np.ndarray, day: int) -> np.ndarray:
    """Return how many items were finished on each day until one, as was known at its end."""
    return np.bincount(done[(done <= day) & (undone > day)], minlength=day + 1)


def forecasts(
    group: str,
    done: np.ndarray,
    undone: np.ndarray,
    days_known: int,
    load: int,
    last_day: datetime.date,
    holidays: np.ndarray,
    a_week: int,
    *,
    seed: int,
    trials: int,
    window_days: int,
) -> Iterator[dict]:
    """Yield the forecasts of one group as of its last day, and those of days before it.

    Args:
        group: Its name; part of what its random numbers come from.
        done: Day of each stay in a finished stage, from 0.
        undone: Day on which it ended; later than all days where it goes on.
        days_known: How many days there are until the last one.
        load: Open items in flow.
        last_day: The last of the days.
        holidays: Days, past and to come, that would be working days.
        a_week: Working days in a week without holidays.
        seed: Where random numbers begin.
        trials: How often the future is drawn.
        window_days: How many of the last days it is drawn from.
    """
    for ago in range(0, days_known, BACKTEST_DAYS):
        today = days_known - 1 - ago
        window = blocks(known(done, undone, today)[-window_days:])
        width = window.shape[1]
        then = work_shares(holidays, a_week, today + 1 - window.size, len(window), width)
        ahead = work_shares(holidays, a_week, today + 1, -(-LAST_DAY // width), width)
        pace = at_full_work(window, then)
        if window.size < LEAST_DAYS or window.sum() < LEAST_ITEMS or not len(pace):
            continue
        origin = last_day - datetime.timedelta(days=ago)
        begin = [seed, zlib.crc32(group.encode()), origin.toordinal()]
        shared = {
            "origin_date": origin, "window_days": window.size, "n": int(window.sum()),
            "trials": trials, "seed": seed,
        }  # fmt: skip
        for days in (BACKTEST_DAYS,) if ago else HORIZONS:
            later = known(done, undone, today + days)[today + 1 :]
            actual = int(later.sum()) if ago else None
            rng = np.random.default_rng([*begin, days])
            values = how_many(pace, ahead[: days // width], trials, rng)
            for percentile, value in zip(PERCENTILES, values, strict=True):
                yield {
                    "kind": "how_many", "horizon_days": days, "items": None,
                    "percentile": percentile, "value": value, "actual": actual, **shared,
                }  # fmt: skip
        if load and not ago:
            rng = np.random.default_rng(begin)
            values = when(pace, load, ahead, holidays - today, trials, rng)
            for percentile, value in zip(PERCENTILES, values, strict=True):
                yield {
                    "kind": "when", "horizon_days": None, "items": load,
                    "percentile": percentile, "value": value, "actual": None, **shared,
                }  # fmt: skip


def model(dbt, session):  # noqa: ANN001, ANN201 (dbt's own signature)
    """Forecast every group of value stream, workflow and level."""
    settings = {
        "seed": int(dbt.config.get("seed")),
        "trials": int(dbt.config.get("trials")),
        "window_days": int(dbt.config.get("window_days")),
    }
    groups = (
        dbt.ref("measure_flow_periods")
        .filter("period = 'day' and team_key = 'all' and work_type = 'all'")
        .aggregate(
            """
            value_stream_key, workflow, level,
            min(period_start),
            max(period_start) filter (is_complete_period),
            arg_max(load, period_start)
            """
        )
        .order("value_stream_key, workflow, level")
        .fetchall()
    )
    holidays, a_week = days_off(dbt.ref("measure_holidays"))
    stays = collections.defaultdict(list)
    for *group, done, undone in (
        dbt.ref("measure_done_stays")
        .project("value_stream_key, workflow, level, done_date, undone_date")
        .fetchall()
    ):
        stays[tuple(group)].append((done, undone or datetime.date.max))
    rows = []
    for stream, workflow, level, first_day, last_day, load in groups:
        if last_day is None or not stays[stream, workflow, level]:
            continue
        done, undone = (
            np.array([day.toordinal() for day in days]) - first_day.toordinal()
            for days in zip(*stays[stream, workflow, level], strict=True)
        )
        days_known = (last_day - first_day).days + 1
        free = np.array(holidays[stream], dtype=int) - first_day.toordinal()
        group = {"value_stream_key": stream, "workflow": workflow, "level": level}
        found = forecasts(
            "|".join(group.values()), done, undone, days_known, load or 0, last_day,
            free, a_week[stream], **settings,
        )  # fmt: skip
        rows += [group | row for row in found]
    return pa.Table.from_pylist(rows, schema=SCHEMA)
