"""Monte Carlo forecasts of what lies beneath an item: when the last of its open children is done.

A value stream finishes as many items as in the weeks of the window, drawn again and again in the
way of sim_forecasts.py. Each of them is a child of the epic with the share that its children had
of what was finished in the window. That share is not known exactly: every trial draws it from what
the window says of it (the beta distribution of k of n with Jeffreys' prior), so that an epic of
which little was finished gets a wide answer. How many items the stream must finish until the last
open child is among them is then negative binomial. And no child is done before its own time: the
one that was started last, or is not started, takes as long as an item of the window that took as
long as it already has. Every epic has random numbers of its own; the weeks of a stream are drawn
once.

So is what would have been forecast on past days, of the children that were known and open then.
"""

import collections
import datetime
import zlib
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

PERCENTILES = (50, 85, 95)
LEAST_DAYS, LEAST_ITEMS = 28, 10
"""A shorter or emptier window forecasts nothing."""

LAST_DAY = 730
"""Nothing is forecast for later."""

BACKTEST_DAYS = 84
"""Days between the days that are gone back to: most epics have moved on by then."""

MOST_BACKTESTS = 20
"""Epics of a stream that are forecast for one past day: a record needs some of them, not all."""

NEVER = datetime.date.max.toordinal()
"""The day on which what has no end ends."""

LEAST_WEEKS = 8
"""Fewer weeks do not show whether they take turns."""

NEARLY = 1e-6
"""Items; shares of working days make sums that miss a whole number by less."""

Group = tuple[str, str, str]

SCHEMA = pa.schema(
    [
        ("epic_children_key", pa.string()),
        ("is_backtest", pa.bool_()),
        ("open_count", pa.int64()),
        ("window_days", pa.int64()),
        ("n", pa.int64()),
        ("window_done_count", pa.int64()),
        ("trials", pa.int64()),
        ("seed", pa.int64()),
        ("origin_date", pa.date32()),
        *((f"days_p{percentile}", pa.int64()) for percentile in PERCENTILES),
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


def days_until_done(
    left: int,
    of_epic: int,
    age: int,
    times: np.ndarray,
    n: int,
    rows: np.ndarray,
    drawn: np.ndarray,
    shares: np.ndarray,
    so_far: np.ndarray,
    holidays: np.ndarray,
    rng: np.random.Generator,
) -> list[int | None]:
    """Return after how many days the last child is done, with 50, 85 and 95 % certainty.

    Args:
        left: Open children.
        of_epic: Items of the window that were children of the epic.
        age: Days since the last one of the open children was started; 0 where one is not.
        times: Days from start to done of the items of the window.
        n: Items of the window.
        rows: The blocks of the window, as if they had had no holidays.
        drawn: Which of them follow each other in each trial.
        shares: Share of the working days that is left of each block ahead.
        so_far: What is finished at the end of each of these.
        holidays: Days ahead that would be working days.
        rng: Random numbers of the epic.
    """
    share = rng.beta(of_epic + 0.5, n - of_epic + 0.5, len(drawn))
    items = left + rng.negative_binomial(left, share)
    needed = days_until(items, rows, drawn, shares, so_far)
    longer = times[times >= age] - age
    if len(longer):
        own = longer[rng.integers(0, len(longer), len(drawn), dtype=np.int32)]
        needed = np.minimum(np.maximum(needed, own), LAST_DAY + 1)
    return certain(needed, holidays)


def known(done: np.ndarray, undone: np.ndarray, day: int) -> np.ndarray:
    """Return how many items were finished on each day until one, as was known at its end."""
    return np.bincount(done[(done <= day) & (undone > day)], minlength=day + 1)


def by_group(relation, first_days: dict[Group, datetime.date]) -> dict:  # noqa: ANN001
    """Return columns by value stream, workflow and level; dates are days since the group's first.

    Texts are categories, as a million rows name some thousand items. What has no end ends NEVER.
    """
    table = relation.to_arrow_table()
    frame = table.to_pandas(strings_to_categorical=True, date_as_object=False)
    dates = {name for name in table.column_names if pa.types.is_date(table.schema.field(name).type)}
    found = {}
    for group, rows in frame.groupby([*frame.columns[:3]], observed=True, sort=False):
        if group in first_days:
            zero = np.datetime64(first_days[group])
            columns = [rows[name] for name in frame.columns[3:]]
            found[group] = [
                days_since(column.to_numpy(), zero) if column.name in dates
                else column.cat.remove_unused_categories().array if column.dtype == "category"
                else column.to_numpy()
                for column in columns
            ]  # fmt: skip
    return found


def days_since(days: np.ndarray, zero: np.datetime64) -> np.ndarray:
    """Return days as numbers from one on; NEVER for none."""
    since = (days - zero).astype("timedelta64[D]").astype(np.int64)
    return np.where(np.isnat(days), NEVER, since)


def children_then(stays: list, begin: int, today: int) -> Iterator[tuple[str, int, int, int]]:
    """Yield who had open children at the end of a day: how many, how many since, the age of one.

    Args:
        stays: Of children, by column: above whom, whether in done and in the stream above, the
            days on which they were started, came there, were known to be below, and no longer.
        begin: First day of the window.
        today: The day.
    """
    keys, is_done, is_own, started, entered, since, until = stays
    is_there = (since <= today) & (until > today)
    names, places = keys.categories, keys.codes
    is_open, is_new = is_there & ~is_done, is_there & is_done & is_own & (entered >= begin)
    left = np.bincount(places[is_open], minlength=len(names))
    finished = np.bincount(places[is_new], minlength=len(names))
    last = np.zeros(len(names), dtype=np.int64)
    np.maximum.at(last, places[is_open], np.minimum(started[is_open], today))
    for place in np.flatnonzero(left):
        age = int(today - last[place])
        yield str(names[place]), int(left[place]), int(finished[place]), age


def few(members: list[tuple[str, int, int, int]], of: str) -> list[tuple[str, int, int, int]]:
    """Return at most MOST_BACKTESTS of the epics, the same ones whatever the order of the rows."""
    return sorted(members, key=lambda m: zlib.crc32(f"{m[0]}|{of}".encode()))[:MOST_BACKTESTS]


def model(dbt, session):  # noqa: ANN001, ANN201 (dbt's own signature)
    """Forecast every item that has open children, and those that had some on days before."""
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
    last_days = {tuple(group): last for *group, _, last in days if last}
    first_days = {tuple(group): first for *group, first, last in days if last}
    group = "value_stream_key, workflow, level"
    finished = by_group(
        dbt.ref("measure_done_stays").project(
            f"{group}, coalesce(parent_work_item_key, ''), started_date, done_date, undone_date"
        ),
        first_days,
    )
    open_now = by_group(
        dbt.ref("measure_epic_children")
        .filter("open_count > 0")
        .project(f"{group}, epic_children_key, work_item_key, open_count"),
        first_days,
    )
    children = by_group(
        dbt.ref("measure_child_stays").project(
            f"{group}, epic_children_key, is_done, is_of_stream,"
            " started_date, entered_date, since_date, until_date"
        ),
        first_days,
    )
    holidays, a_week = days_off(dbt.ref("measure_holidays"))
    rows = []
    for group in sorted(set(finished) & (set(open_now) | set(children))):
        last_day, (parents, started, done, undone) = last_days[group], finished[group]
        free = np.array(holidays[group[0]], dtype=int) - first_days[group].toordinal()
        for ago in range(0, (last_day - first_days[group]).days + 1, BACKTEST_DAYS):
            today = (last_day - first_days[group]).days - ago
            window = blocks(known(done, undone, today)[-window_days:])
            begin, n = today - window.size + 1, int(window.sum())
            width, of_week = window.shape[1], a_week[group[0]]
            pace = at_full_work(window, work_shares(free, of_week, begin, len(window), width))
            if window.size < LEAST_DAYS or n < LEAST_ITEMS or not len(pace):
                continue
            is_new = (done >= begin) & (done <= today) & (undone > today)
            times = np.sort((done - started)[is_new & (started <= done)])
            members = (
                list(children_then(children[group], begin, today)) if group in children else []
            )
            if not ago:
                of_epics = collections.Counter(parents[is_new])
                ages = {key: age for key, *_, age in members}
                members = [
                    (key, int(left), of_epics[epic], ages.get(key, 0))
                    for key, epic, left in zip(*open_now.get(group, []), strict=True)
                ]
            else:
                members = few(members, str(today))
            if not members:
                continue
            origin = last_day - datetime.timedelta(days=ago)
            start = [seed, origin.toordinal()]
            rng = np.random.default_rng([*start, zlib.crc32("|".join(group).encode())])
            ahead = work_shares(free, of_week, today + 1, -(-LAST_DAY // width), width)
            drawn = futures(len(pace), len(ahead), trials, rng)
            so_far = np.cumsum(pace.sum(axis=1)[drawn] * ahead, axis=1)
            for key, left, of_epic, age in members:
                needed = [None] * len(PERCENTILES)
                if of_epic:
                    rng = np.random.default_rng([*start, zlib.crc32(key.encode())])
                    needed = days_until_done(
                        left, of_epic, age, times, n, pace, drawn, ahead, so_far, free - today, rng
                    )
                shared = [ago > 0, left, window.size, n, of_epic, trials, seed]
                rows.append(dict(zip(SCHEMA.names, [key, *shared, origin, *needed], strict=True)))
    return pa.Table.from_pylist(rows, schema=SCHEMA)
