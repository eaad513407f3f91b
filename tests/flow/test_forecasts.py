"""What the drawing of forecasts rests on, where a person can tell the answer without drawing."""

import ast
import importlib.util
import time
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from types import ModuleType

import duckdb
import numpy as np
import pytest

from tests.flow.scratch import PROJECT

LAST_DAY = date(2024, 6, 30)
NEVER = 1_000_000
NONE = np.array([], dtype=int)
EVER = np.ones(105)
"""Weeks ahead that lose no working day."""


def model(name: str) -> ModuleType:
    """Return a Python model of the project."""
    path = PROJECT / "models" / "simulations" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def simulation() -> ModuleType:
    return model("sim_forecasts")


def stays(finished: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Return the days on which items were finished, and those on which they no longer were."""
    done = np.repeat(np.arange(len(finished)), finished)
    return done, np.full(len(done), NEVER)


def drawn(
    simulation: ModuleType,
    finished: list[int],
    *,
    load: int = 0,
    group: str = "a",
    seed: int = 1,
    holidays: Sequence[int] = (),
) -> dict[tuple, int | None]:
    """Return the forecasts of a group by origin (days ago), kind, horizon and percentile."""
    rows = simulation.forecasts(
        group, *stays(finished), len(finished), load, LAST_DAY, np.array(holidays, int), 5,
        seed=seed, trials=2000, window_days=91,
    )  # fmt: skip
    return {
        (
            (LAST_DAY - row["origin_date"]).days, row["kind"], row["horizon_days"],
            row["percentile"],
        ): row["value"]
        for row in rows
    }  # fmt: skip


def test_what_two_python_models_share_is_the_same_text() -> None:
    """dbt hands an engine one file, which cannot import another: a change must reach both."""
    texts: dict[str, set[str]] = {}
    files: dict[str, int] = {}
    for file in (PROJECT / "models").rglob("*.py"):
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.FunctionDef) and node.name != "model":
                texts.setdefault(node.name, set()).add(ast.unparse(node))
                files[node.name] = files.get(node.name, 0) + 1
    shared = {name for name, count in files.items() if count > 1}
    assert shared >= {"blocks", "days_off", "work_shares", "futures", "days_until", "certain"}
    assert [name for name in sorted(shared) if len(texts[name]) > 1] == []


def test_the_window_is_the_last_thirteen_weeks_before_the_origin(simulation: ModuleType) -> None:
    found = drawn(simulation, [5] * 100 + [1] * 91, load=7)
    for percentile in (50, 85, 95):
        assert found[0, "how_many", 14, percentile] == 14
        assert found[0, "how_many", 84, percentile] == 84
        assert found[0, "when", None, percentile] == 7
        # Before the last 91 days lie a hundred others, of which the last 91 are drawn.
        assert found[112, "how_many", 28, percentile] == 140
    assert 28 < found[56, "how_many", 28, 50] < 140


def test_regular_work_is_done_on_the_day_when_the_last_item_is(simulation: ModuleType) -> None:
    found = drawn(simulation, [3] * 90, load=100)
    assert {found[0, "when", None, percentile] for percentile in (50, 85, 95)} == {34}


def test_weeks_are_drawn_whole(simulation: ModuleType) -> None:
    """Five items on each third day of a week: no future has more of them, or fewer, or others."""
    found = drawn(simulation, [0, 0, 5, 0, 0, 0, 0] * 20, load=11)
    for percentile in (50, 85, 95):
        assert found[0, "how_many", 28, percentile] == 20
        assert found[0, "when", None, percentile] == 17
    # Two days more than whole weeks: the first two are no part of the window.
    assert simulation.blocks(np.array([9, 9] + [1] * 84)).sum() == 84


def test_fortnights_are_drawn_where_weeks_take_turns(simulation: ModuleType) -> None:
    much, little = [0, 9, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0, 0]
    found = drawn(simulation, (much + little) * 8, load=11)
    for percentile in (50, 85, 95):
        assert found[0, "how_many", 14, percentile] == 10
        assert found[0, "how_many", 84, percentile] == 60
        assert found[0, "when", None, percentile] == 16
    # Of seven weeks nobody can tell, and pairs of them are as good as others.
    assert simulation.blocks(np.array((much + little) * 3 + much)).shape == (7, 7)
    assert simulation.blocks(np.array(much * 4 + little * 4)).shape == (8, 7)
    assert simulation.blocks(np.array((little + much) * 6 + little)).shape == (6, 14)


def test_a_pace_is_not_known_exactly(simulation: ModuleType) -> None:
    """Of one good week in thirteen a trial's own past has none, one, two or more.

    Without it in 28 days: (12/13)^4 = .726 if the past were certain. A drawn past has it k times
    with the binomial's chance, and the mean of (1 - k/13)^4 over it is .753.
    """
    rows = np.array([[7, 0, 0, 0, 0, 0, 0]] + [[0] * 7] * 12)
    drawn = simulation.futures(13, 4, 200_000, np.random.default_rng(1))
    assert abs((rows.sum(axis=1)[drawn].sum(axis=1) == 0).mean() - 0.753) < 0.004


WORKED = [5, 5, 5, 5, 5, 0, 0]
"""Five items on each of five days; LAST_DAY is a Sunday."""


def test_a_week_with_holidays_has_as_much_less(simulation: ModuleType) -> None:
    """Of 13 weeks of 25 items, the days 0 to 90, Wednesdays of the third and fourth were free."""
    free = [16, 23]
    finished = [0 if day in free else n for day, n in enumerate(WORKED * 13)]
    for holidays, fortnight, month in (
        (free, 50, 100),  # what was lost then is not lost again
        ([*free, 91], 45, 95),  # the first Monday ahead
        ([*free, *range(91, 96)], 25, 75),  # all of the first week
        ([*free, 96, 97, 91 + 28], 50 - 10, 90),  # two that the second week loses; one after it
    ):
        found = drawn(simulation, finished, holidays=holidays)
        assert {found[0, "how_many", 14, percentile] for percentile in (50, 85, 95)} == {fortnight}
        assert {found[0, "how_many", 28, percentile] for percentile in (50, 85, 95)} == {month}
    # As if nobody knew of them: two of thirteen weeks have five items less.
    assert drawn(simulation, finished)[0, "how_many", 84, 50] < 300
    assert drawn(simulation, finished, holidays=free)[0, "how_many", 84, 50] == 300


def test_no_date_is_a_holiday(simulation: ModuleType) -> None:
    """20 items of the first week are 4 each on its days; then Tuesday and Wednesday are free."""
    found = drawn(simulation, WORKED * 13, load=21, holidays=[91, 91 + 8, 91 + 9])
    # Day 1 was a Monday without work; the 21st item comes on Monday, day 8.
    assert {found[0, "when", None, percentile] for percentile in (50, 85, 95)} == {8}
    # In three of five days 3 items each: Monday 23, Tuesday would be 26 and is free, as Wednesday.
    found = drawn(simulation, WORKED * 13, load=24, holidays=[91, 91 + 8, 91 + 9])
    assert {found[0, "when", None, percentile] for percentile in (50, 85, 95)} == {11}


def test_weeks_without_any_working_day_are_not_drawn(simulation: ModuleType) -> None:
    """Nor is anything said where no other one is left."""
    free = [*range(14, 19), *range(21, 26)]
    finished = [0 if day in free else n for day, n in enumerate(WORKED * 13)]
    found = drawn(simulation, finished, load=30, holidays=free)
    assert {found[0, "how_many", 84, percentile] for percentile in (50, 85, 95)} == {300}
    assert {found[0, "when", None, percentile] for percentile in (50, 85, 95)} == {8}
    assert drawn(simulation, WORKED * 4, holidays=range(28)) == {}


def test_shares_of_days_make_whole_items(simulation: ModuleType) -> None:
    """Ten items in four of five days, ten times: 0.8 has no exact number in a computer."""
    rows = simulation.at_full_work(np.full((13, 7), 2 / 7), np.full(13, 0.7))
    shares = np.full(10, 0.7)
    values = simulation.how_many(rows, shares, 100, np.random.default_rng(1))
    assert values == [20, 20, 20]


def test_too_little_history_says_nothing(simulation: ModuleType) -> None:
    assert drawn(simulation, [1] * 27) == {}
    assert drawn(simulation, [0] * 80 + [1] * 9) == {}
    assert set(drawn(simulation, [1] * 28)) == {
        (0, "how_many", days, percentile) for days in (14, 28, 84) for percentile in (50, 85, 95)
    }


def test_more_than_two_years_are_no_forecast(simulation: ModuleType) -> None:
    found = drawn(simulation, [1] * 28, load=731)
    assert {found[0, "when", None, percentile] for percentile in (50, 85, 95)} == {None}
    assert drawn(simulation, [1] * 28, load=730)[0, "when", None, 95] == 730


def test_numbers_are_those_of_the_seed_the_group_and_the_origin(simulation: ModuleType) -> None:
    finished = [(day * day) % 5 for day in range(200)]
    once = drawn(simulation, finished, load=40)
    assert drawn(simulation, finished, load=40) == once
    assert drawn(simulation, finished, load=40, seed=2) != once
    assert drawn(simulation, finished, load=40, group="b") != once


def test_a_backtest_is_the_forecast_of_its_day(simulation: ModuleType) -> None:
    finished = [(day * day) % 5 for day in range(200)]
    backtests = drawn(simulation, finished)
    rows = simulation.forecasts(
        "a", *stays(finished[:-28]), 172, 0, LAST_DAY - timedelta(days=28), NONE, 7,
        seed=1, trials=2000, window_days=91,
    )  # fmt: skip
    published = {
        row["percentile"]: row["value"]
        for row in rows
        if row["origin_date"] == LAST_DAY - timedelta(days=28) and row["horizon_days"] == 28
    }
    assert set(published) == {50, 85, 95}
    assert {key[3]: value for key, value in backtests.items() if key[0] == 28} == published


def test_a_backtest_knows_what_was_known_on_its_day(simulation: ModuleType) -> None:
    """An item a day for 120 days; every one of the first 64 is reopened on day 100 or later."""
    done = np.arange(120)
    undone = np.where(done < 64, np.maximum(done + 1, 100), NEVER)

    def backtest(undone: np.ndarray) -> dict[int, tuple]:
        return {
            (LAST_DAY - row["origin_date"]).days: (row["n"], row["value"], row["actual"])
            for row in simulation.forecasts(
                "a", done, undone, 120, 0, LAST_DAY, NONE, 7, seed=1, trials=200, window_days=91
            )
            if row["percentile"] == 85 and row["horizon_days"] == 28
        }

    found = backtest(undone)
    # The origins are the days 119, 91, 63 and 35. On day 91 nothing had been reopened yet.
    assert found[28] == (91, 28, 28)
    # From day 64 on every item stays; of the horizon of day 35 nothing was reopened on day 63.
    assert found[56] == (63, 28, 28)
    assert found[84] == (35, 28, 28)
    # The last 13 weeks are the days 29 to 119: those before 64 are open again.
    assert found[0][0] == 56
    # What was finished in a horizon and reopened within it did not happen.
    again = backtest(np.where((done >= 70) & (done < 80), 85, NEVER))
    assert again[56][2] == 18
    assert again[28][0] == 81
    # Finished and reopened on one day: nobody ever saw it finished.
    assert backtest(np.where(done == 70, 70, NEVER))[56][2] == 27


def test_epics_are_done_in_time_as_often_as_the_forecast_says() -> None:
    """300 epics of a stream that finishes one item a day, each with a tenth of them, true to life:

    the window is one draw of the past, the end of the epic another of the future. Of dates that are
    85 % certain 85 in 100 hold: within four standard errors of the binomial, 0.77 to 0.93.
    """
    epics, world, in_time, sooner = model("sim_epics"), np.random.default_rng(11), 0, 0
    for _ in range(300):
        window = world.poisson(1.0, (13, 7))
        of_epic = world.binomial(window.sum(), 0.1)
        future = np.cumsum(world.binomial(world.poisson(1.0, 3000), 0.1))
        left = int(world.integers(1, 12))
        ends = 1 + int((future < left).sum())
        drawn = epics.futures(13, 105, 1000, world)
        so_far = np.cumsum(window.sum(axis=1)[drawn], axis=1)
        p50, p85, _ = epics.days_until_done(
            left, of_epic, 0, np.zeros(1, int), window.sum(), window, drawn, EVER, so_far, NONE,
            world,
        )  # fmt: skip
        in_time += p85 is None or ends <= p85
        sooner += p50 is None or ends <= p50
    assert 0.77 < in_time / 300 < 0.93
    assert 0.38 < sooner / 300 < 0.62


def test_an_epic_that_is_all_of_its_stream_is_done_with_it() -> None:
    """With nothing to draw, the answer is known: two millions a day, all of them the epic's."""
    epics = model("sim_epics")
    million = 10**6
    rows, random = np.full((13, 7), 2 * million), np.random.default_rng(1)
    drawn = epics.futures(13, 105, 1000, random)
    so_far = np.cumsum(rows.sum(axis=1)[drawn], axis=1)

    def days(left: int, age: int, times: list[int]) -> list[int | None]:
        return epics.days_until_done(
            left * million, int(rows.sum()), age, np.array(times), int(rows.sum()), rows, drawn,
            EVER, so_far, NONE, random,
        )  # fmt: skip

    assert days(19, 0, [3]) == [10, 10, 10]
    assert days(2000, 0, [3]) == [None, None, None]
    # No child is done before its own time, of which four days are over.
    assert days(1, 0, [3, 12, 12]) == [12, 12, 12]
    assert days(1, 4, [3, 12, 12]) == [8, 8, 8]
    # Nothing ever took as long as this one has: nobody knows.
    assert days(1, 13, [3, 12, 12]) == [1, 1, 1]


def test_of_many_epics_the_same_few_are_gone_back_to_in_any_order() -> None:
    epics = model("sim_epics")
    many = [(f"epic {n}", 1, 1, 0) for n in range(500)]
    chosen = epics.few(many, "7")
    assert chosen == epics.few(many[::-1], "7") and len({*chosen}) == 20
    assert epics.few(many[:20], "7") and {*epics.few(many[:20], "7")} == {*many[:20]}
    other = epics.few(many, "8")  # another day, other epics
    assert len({*chosen} & {*other}) < 10


def test_days_are_counted_from_the_first_and_what_has_no_end_has_one_after_all() -> None:
    epics = model("sim_epics")
    days = np.array(["2024-03-01", "2024-02-29", "NaT"], dtype="datetime64[ms]")
    found = epics.days_since(days, np.datetime64("2024-02-28"))
    assert found.tolist() == [2, 1, epics.NEVER] and epics.NEVER > 3_000_000


def test_what_is_85_percent_certain_comes_true_about_as_often_in_the_demo_company(
    demo_build: Path,
) -> None:
    """No day is forecast twice. Of one line there are 25 months: 85 % would be 18 to 25 of them."""
    with duckdb.connect(str(demo_build), read_only=True) as build:
        found = build.execute(
            """
            select level, workflow, value_stream_key, hits, n
            from metrics.metric_forecast_calibration where percentile = 85 order by 1, 2, 3
            """
        ).fetchall()
    print()
    for level, workflow, stream, hits, n in found:
        print(f"P85 of {stream} {workflow} {level}: {hits} of {n} held")
    for least, some in ((200, found), (70, [row for row in found if row[0] == "story"])):
        hits, n = sum(row[3] for row in some), sum(row[4] for row in some)
        print(f"P85 of all {sorted({row[0] for row in some})}: {hits} of {n} held")
        assert n > least
        assert 0.75 <= hits / n <= 0.95


def test_dates_of_epics_held_about_as_often_as_said_in_the_demo_company(demo_build: Path) -> None:
    """Of all value streams: an epic that is open for a year is in it four times."""
    with duckdb.connect(str(demo_build), read_only=True) as build:
        found = build.execute(
            """
            select percentile, count(*), count(distinct work_item_key),
                count(*) filter (is_hit) / count(*)
            from metrics.metric_epic_backtests where level = 'story' group by 1 order by 1
            """
        ).fetchall()
    print()
    for percentile, n, epics, share in found:
        print(f"P{percentile} of {epics} epics: {share:.1%} of {n} dates held")
    (_, n, epics, half), (*_, most), (*_, nearly) = found
    assert n > 100 and epics > 80
    assert half < most < nearly
    assert 0.75 <= most <= 0.95


def test_two_hundred_epics_take_less_than_five_seconds() -> None:
    """Of 10,000 trials each; of the processor, as others work on this machine too."""
    epics, random, began = model("sim_epics"), np.random.default_rng(1), time.process_time()
    rows = random.poisson(1.1, (13, 7))
    drawn = epics.futures(13, 105, 10_000, random)
    so_far = np.cumsum(rows.sum(axis=1)[drawn], axis=1)
    for no in range(200):
        epics.days_until_done(
            1 + no % 15, 1 + no % 9, 3, np.arange(30), rows.sum(), rows, drawn, EVER, so_far, NONE,
            random,
        )  # fmt: skip
    took = time.process_time() - began
    print(f"\n200 epics: {took:.1f} s of the processor")
    assert took < 5
