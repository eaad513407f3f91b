"""What the drawing of forecasts rests on, where a person can tell the answer without drawing."""

import importlib.util
from datetime import date, timedelta
from pathlib import Path
from types import ModuleType

import duckdb
import numpy as np
import pytest

from tests.flow.scratch import PROJECT

LAST_DAY = date(2024, 6, 30)
NEVER = 1_000_000


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
    simulation: ModuleType, finished: list[int], *, load: int = 0, group: str = "a", seed: int = 1
) -> dict[tuple, int | None]:
    """Return the forecasts of a group by origin (days ago), kind, horizon and percentile."""
    rows = simulation.forecasts(
        group, *stays(finished), len(finished), load, LAST_DAY,
        seed=seed, trials=2000, window_days=90,
    )  # fmt: skip
    return {
        (
            (LAST_DAY - row["origin_date"]).days, row["kind"], row["horizon_days"],
            row["percentile"],
        ): row["value"]
        for row in rows
    }  # fmt: skip


def test_the_window_is_the_last_ninety_days_before_the_origin(simulation: ModuleType) -> None:
    found = drawn(simulation, [5] * 100 + [1] * 90, load=7)
    for percentile in (50, 85, 95):
        assert found[0, "how_many", 14, percentile] == 14
        assert found[0, "how_many", 84, percentile] == 84
        assert found[0, "when", None, percentile] == 7
        # Before the last ninety days lie a hundred others, of which the last ninety are drawn.
        assert found[112, "how_many", 28, percentile] == 140
    assert 28 < found[56, "how_many", 28, 50] < 140


def test_regular_work_is_done_on_the_day_when_the_last_item_is(simulation: ModuleType) -> None:
    found = drawn(simulation, [3] * 90, load=100)
    assert {found[0, "when", None, percentile] for percentile in (50, 85, 95)} == {34}


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
        "a", *stays(finished[:-28]), 172, 0, LAST_DAY - timedelta(days=28),
        seed=1, trials=2000, window_days=90,
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
                "a", done, undone, 120, 0, LAST_DAY, seed=1, trials=200, window_days=90
            )
            if row["percentile"] == 85 and row["horizon_days"] == 28
        }

    found = backtest(undone)
    # The origins are the days 119, 91, 63 and 35. On day 91 nothing had been reopened yet.
    assert found[28] == (90, 28, 28)
    # From day 64 on every item stays; of the horizon of day 35 nothing was reopened on day 63.
    assert found[56] == (64, 28, 28)
    assert found[84] == (36, 28, 28)
    # The last ninety days are 30 to 119: those before 64 are open again.
    assert found[0][0] == 56
    # What was finished in a horizon and reopened within it did not happen.
    again = backtest(np.where((done >= 70) & (done < 80), 85, NEVER))
    assert again[56][2] == 18
    assert again[28][0] == 80
    # Finished and reopened on one day: nobody ever saw it finished.
    assert backtest(np.where(done == 70, 70, NEVER))[56][2] == 27


def test_epics_are_done_in_time_as_often_as_the_forecast_says() -> None:
    """300 epics of a stream that finishes one item a day, each with a tenth of them, true to life:

    the window is one draw of the past, the end of the epic another of the future. Of dates that are
    85 % certain 85 in 100 hold: within four standard errors of the binomial, 0.77 to 0.93.
    """
    epics, world, in_time, sooner = model("sim_epics"), np.random.default_rng(11), 0, 0
    for _ in range(300):
        window = world.poisson(1.0, 90)
        of_epic = world.binomial(window.sum(), 0.1)
        future = np.cumsum(world.binomial(world.poisson(1.0, 3000), 0.1))
        left = int(world.integers(1, 12))
        ends = 1 + int((future < left).sum())
        so_far = epics.finished_so_far(window, 1000, np.random.default_rng(1))
        p50, p85, _ = epics.days_until_done(left, of_epic, window.sum(), so_far, world)
        in_time += p85 is None or ends <= p85
        sooner += p50 is None or ends <= p50
    assert 0.77 < in_time / 300 < 0.93
    assert 0.38 < sooner / 300 < 0.62


def test_an_epic_that_is_all_of_its_stream_is_done_with_it() -> None:
    """With nothing to draw, the answer is known: a stream of two a day, all of them the epic's."""
    epics = model("sim_epics")
    so_far = epics.finished_so_far(np.full(90, 2), 10_000, np.random.default_rng(1))
    assert so_far.shape == (730, 10_000) and (so_far[9] == 20).all()
    [p50, p85, p95] = epics.days_until_done(20, 10**9, 10**9, so_far, np.random.default_rng(2))
    assert [p50, p85, p95] == [10, 10, 10]
    [*never] = epics.days_until_done(2000, 10**9, 10**9, so_far, np.random.default_rng(2))
    assert never == [None, None, None]


def test_what_is_85_percent_certain_comes_true_about_as_often_in_the_demo_company(
    demo_build: Path,
) -> None:
    """Over all backtests; of one workflow there are too few that do not depend on each other."""
    with duckdb.connect(str(demo_build), read_only=True) as build:
        found = build.execute(
            """
            select workflow, count(*) filter (actual >= value), count(*)
            from metrics.metric_forecast_backtests where percentile = 85 group by 1 order by 1
            """
        ).fetchall()
    hits, n = sum(row[1] for row in found), sum(row[2] for row in found)
    print(f"\nP85: {hits} of {n} came true; {found}")
    assert n > 200
    assert 0.75 <= hits / n <= 0.95
