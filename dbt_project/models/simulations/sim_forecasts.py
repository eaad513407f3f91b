"""Monte Carlo forecasts: finished items per day, drawn again and again from the last days.

The future is assumed to be like the window. Every group, day of origin and horizon has random
numbers of its own, so that what is loaded beside it changes nothing. Every forecast knows what
was known at the end of its day of origin: an item that was finished then and reopened, cancelled or
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
BACKTEST_DAYS = 28
"""Horizon of the backtests and days between their origins: no day is forecast twice."""

LEAST_DAYS, LEAST_ITEMS = 28, 10
"""A shorter or emptier window forecasts nothing."""

LAST_DAY = 730
"""Nothing is forecast for later."""

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


def how_many(window: np.ndarray, days: int, trials: int, rng: np.random.Generator) -> list[int]:
    """Return how many items are finished within the days, with 50, 85 and 95 % certainty."""
    drawn = window[rng.integers(0, len(window), (trials, days), dtype=np.int32)].sum(axis=1)
    at_least = [100 - percentile for percentile in PERCENTILES]
    return [int(v) for v in np.percentile(drawn, at_least, method="inverted_cdf")]


def when(window: np.ndarray, items: int, trials: int, rng: np.random.Generator) -> list[int | None]:
    """Return after how many days as many items are finished, with 50, 85 and 95 % certainty.

    None stands for more than LAST_DAY days.
    """
    needed = np.full(trials, LAST_DAY + 1)
    left = np.full(trials, items)
    for first in range(0, LAST_DAY, 30):
        drawn = window[rng.integers(0, len(window), (trials, 30), dtype=np.int32)]
        is_done = np.cumsum(drawn, axis=1) >= left[:, None]
        ends_now = is_done.any(axis=1) & (needed > LAST_DAY)
        needed[ends_now] = first + 1 + is_done.argmax(axis=1)[ends_now]
        left -= drawn.sum(axis=1)
        if (needed <= LAST_DAY).all():
            break
    days = np.percentile(needed, PERCENTILES, method="inverted_cdf")
    return [int(v) if v <= LAST_DAY else None for v in days]


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
        seed: Where random numbers begin.
        trials: How often the future is drawn.
        window_days: How many of the last days it is drawn from.
    """
    for ago in range(0, days_known, BACKTEST_DAYS):
        today = days_known - 1 - ago
        window = known(done, undone, today)[-window_days:]
        if len(window) < LEAST_DAYS or window.sum() < LEAST_ITEMS:
            continue
        origin = last_day - datetime.timedelta(days=ago)
        begin = [seed, zlib.crc32(group.encode()), origin.toordinal()]
        shared = {
            "origin_date": origin, "window_days": len(window), "n": int(window.sum()),
            "trials": trials, "seed": seed,
        }  # fmt: skip
        for days in (BACKTEST_DAYS,) if ago else HORIZONS:
            then = known(done, undone, today + days)[today + 1 :]
            actual = int(then.sum()) if ago else None
            rng = np.random.default_rng([*begin, days])
            values = how_many(window, days, trials, rng)
            for percentile, value in zip(PERCENTILES, values, strict=True):
                yield {
                    "kind": "how_many", "horizon_days": days, "items": None,
                    "percentile": percentile, "value": value, "actual": actual, **shared,
                }  # fmt: skip
        if load and not ago:
            values = when(window, load, trials, np.random.default_rng(begin))
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
        group = {"value_stream_key": stream, "workflow": workflow, "level": level}
        rows += [
            group | row
            for row in forecasts(
                "|".join(group.values()), done, undone, days_known, load or 0, last_day, **settings
            )
        ]
    return pa.Table.from_pylist(rows, schema=SCHEMA)
