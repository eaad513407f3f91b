"""Monte Carlo forecasts of what lies beneath an item: when the last of its open children is done.

A value stream finishes as many items a day as in the window, drawn again and again. Each of them is
a child of the epic with the share that its children had of what was finished in the window. That
share is not known exactly: every trial draws it from what the window says of it (the beta
distribution of k of n with Jeffreys' prior), so that an epic of which little was finished gets a
wide answer. How many items the stream must finish until the last open child is among them is then
negative binomial. Every epic has random numbers of its own; the days of a stream are drawn once.
"""

import collections
import datetime
import zlib

import numpy as np
import pyarrow as pa

PERCENTILES = (50, 85, 95)
LEAST_DAYS, LEAST_ITEMS = 28, 10
"""A shorter or emptier window forecasts nothing."""

LAST_DAY = 730
"""Nothing is forecast for later."""

SCHEMA = pa.schema(
    [
        ("epic_children_key", pa.string()),
        ("window_days", pa.int64()),
        ("n", pa.int64()),
        ("window_done_count", pa.int64()),
        ("trials", pa.int64()),
        ("seed", pa.int64()),
        ("origin_date", pa.date32()),
        *((f"days_p{percentile}", pa.int64()) for percentile in PERCENTILES),
    ]
)


def finished_so_far(window: np.ndarray, trials: int, rng: np.random.Generator) -> np.ndarray:
    """Return what a stream has finished by each day, one row per day, one column per trial."""
    drawn = rng.integers(0, len(window), (LAST_DAY, trials), dtype=np.int32)
    return np.cumsum(window.astype(np.int32)[drawn], axis=0)


def days_until_done(
    left: int, of_epic: int, of_stream: int, so_far: np.ndarray, rng: np.random.Generator
) -> list[int | None]:
    """Return after how many days the last child is done, with 50, 85 and 95 % certainty.

    Args:
        left: Open children.
        of_epic: Items of the window that were children of the epic.
        of_stream: Items of the window.
        so_far: What the stream has finished by each day of each trial.
        rng: Random numbers of the epic.

    Returns:
        Days; None stands for more than LAST_DAY.
    """
    trials = so_far.shape[1]
    share = rng.beta(of_epic + 0.5, of_stream - of_epic + 0.5, trials)
    needed = left + rng.negative_binomial(left, share)
    late = np.minimum(needed, np.iinfo(np.int32).max).astype(np.int32)
    days = 1 + (so_far < late).sum(axis=0)
    certain = np.percentile(days, PERCENTILES, method="inverted_cdf")
    return [int(day) if day <= LAST_DAY else None for day in certain]


def model(dbt, session):  # noqa: ANN001, ANN201 (dbt's own signature)
    """Forecast every item that has open children."""
    seed, trials = int(dbt.config.get("seed")), int(dbt.config.get("trials"))
    window_days = int(dbt.config.get("window_days"))
    days = (
        dbt.ref("measure_flow_periods")
        .filter("period = 'day' and team_key = 'all' and work_type = 'all'")
        .aggregate(
            "value_stream_key, workflow, level, min(period_start) as first_day,"
            " max(period_start) filter (is_complete_period) as last_day"
        )
        .fetchall()
    )
    known_days = {tuple(group): (first, last) for *group, first, last in days}
    finished = (
        dbt.ref("measure_done_stays")
        .project("value_stream_key, workflow, level, parent_work_item_key, done_date, undone_date")
        .fetchall()
    )
    stays = collections.defaultdict(list)
    for *group, epic, done, undone in finished:
        stays[tuple(group)].append((epic, done, undone or datetime.date.max))
    open_ones = (
        dbt.ref("measure_epic_children")
        .filter("open_count > 0")
        .project("epic_children_key, work_item_key, value_stream_key, workflow, level, open_count")
        .order("epic_children_key")
        .fetchall()
    )
    epics = collections.defaultdict(list)
    for key, epic, *group, left in open_ones:
        epics[tuple(group)].append((key, epic, left))
    rows = []
    for group, members in sorted(epics.items()):
        first_day, last_day = known_days.get(group, (None, None))
        if last_day is None:
            continue
        length = min(window_days, (last_day - first_day).days + 1)
        begin = last_day - datetime.timedelta(days=length - 1)
        known = [
            (epic, done)
            for epic, done, undone in stays[group]
            if begin <= done <= last_day < undone
        ]
        if length < LEAST_DAYS or len(known) < LEAST_ITEMS:
            continue
        window = np.bincount([(done - begin).days for _, done in known], minlength=length)
        of_epics = collections.Counter(epic for epic, _ in known)
        start = [seed, last_day.toordinal()]
        so_far = finished_so_far(
            window, trials, np.random.default_rng([*start, zlib.crc32("|".join(group).encode())])
        )
        for key, epic, left in members:
            shared = [key, length, len(known), of_epics[epic], trials, seed, last_day]
            needed = [None] * len(PERCENTILES)
            if of_epics[epic]:
                rng = np.random.default_rng([*start, zlib.crc32(key.encode())])
                needed = days_until_done(left, of_epics[epic], len(known), so_far, rng)
            rows.append(dict(zip(SCHEMA.names, [*shared, *needed], strict=True)))
    return pa.Table.from_pylist(rows, schema=SCHEMA)
