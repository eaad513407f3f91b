"""Baselines of control charts: what is stable, what begins another one, and how often they err."""

import importlib.util
import random
from itertools import pairwise
from types import ModuleType

import numpy as np
import pytest

from tests.flow.scratch import PROJECT

UNIT = 10**9
"""Points are whole numbers of the ninth digit."""


@pytest.fixture(scope="module")
def simulation() -> ModuleType:
    path = PROJECT / "models" / "simulations" / "sim_xmr_phases.py"
    spec = importlib.util.spec_from_file_location("sim_xmr_phases", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


CALM = [6, 4] * 10
"""Mean 5, every range 2: limits 10.32 and below 0."""


def test_the_first_stable_twenty_points_are_the_first_baseline(simulation: ModuleType) -> None:
    assert list(simulation.baselines(CALM, 20)) == [0]
    assert list(simulation.baselines(CALM[:19], 20)) == []
    # With 40 among them the limits are 6.75 +- 14.8 and 40 is outside.
    assert list(simulation.baselines([40, *CALM], 20)) == [1]
    assert list(simulation.baselines([5] * 40, 20)) == []


def test_a_point_on_a_limit_is_not_outside(simulation: ModuleType) -> None:
    # Sum 76, ranges 130: 3.8 + 2.66 x 130 / 19 is 22.
    assert simulation.is_stable([0, 6] * 9 + [0, 22])
    # Sum 77, ranges 131: 3.85 + 2.66 x 131 / 19 is 22.19.
    assert not simulation.is_stable([0, 6] * 9 + [0, 23])


def test_eight_on_one_side_are_no_stable_stretch(simulation: ModuleType) -> None:
    # 4, 4 and 6, 6 in turn: the mean is 5 with runs of up to eight.
    seven, eight = [4] * 7 + [6] * 7 + [4, 6] * 3, [4] * 8 + [6] * 8 + [4, 6] * 2
    assert simulation.is_stable(seven)
    assert not simulation.is_stable(eight)


def test_a_run_of_eight_after_the_baseline_begins_the_search_for_another(
    simulation: ModuleType,
) -> None:
    later = [9, 11] * 10
    assert list(simulation.baselines([*CALM, *later], 20)) == [0, 20]
    assert list(simulation.baselines([*CALM, *later[:19]], 20)) == [0]
    # Seven on one side and one on the other, again and again, are no run of eight.
    assert list(simulation.baselines([*CALM, *([9] * 7 + [3]) * 5], 20)) == [0]
    # The run begins within the baseline: its last point is above the mean.
    assert list(simulation.baselines([*[4, 6] * 10, *[9, 8] * 10], 20)) == [0, 19]


def test_every_beginning_of_a_chart_has_the_baselines_of_the_full_chart(
    simulation: ModuleType,
) -> None:
    dice = random.Random(22)
    for _ in range(30):
        points, level = [], 10.0
        for _ in range(120):
            level += dice.choice([0] * 20 + [-6, 6])
            points.append(round(dice.gauss(level, 2) * UNIT))
        whole = list(simulation.baselines(points, 20))
        assert all(later >= earlier + 13 for earlier, later in pairwise(whole))
        for known in range(20, 120, 7):
            begun = list(simulation.baselines(points[:known], 20))
            assert begun == whole[: len(begun)]
            # None is missing whose points were all there.
            assert [start for start in whole if start + 20 <= known] == begun


def is_alarmed(baseline: np.ndarray, later: np.ndarray) -> bool:
    """Return whether one of the points lies outside, or eight in a row on one side."""
    centre = baseline.mean()
    width = 2.66 * np.abs(np.diff(baseline)).mean()
    if (np.abs(later - centre) > width).any():
        return True
    sides = np.sign(later - centre)
    return any(abs(sides[no : no + 8].sum()) == 8 for no in range(len(later) - 7))


@pytest.mark.parametrize(
    ("expected", "kind"), [(0.29, "normal"), (0.33, "counts of 6"), (0.40, "counts of 1.5")]
)
def test_charts_in_which_nothing_changes_are_alarmed_as_often_as_published(
    simulation: ModuleType, expected: float, kind: str
) -> None:
    dice = np.random.default_rng(17)
    alarms = charts = 0
    for _ in range(1500):
        points = {
            "normal": lambda: dice.normal(size=70).round(9),
            "counts of 6": lambda: dice.poisson(6, 70),
            "counts of 1.5": lambda: dice.poisson(1.5, 70),
        }[kind]()
        exact = [round(float(point) * UNIT) for point in points]
        starts = (at for at in range(25) if simulation.is_stable(exact[at : at + 20]))
        if (start := next(starts, None)) is not None:
            charts += 1
            alarms += is_alarmed(points[start : start + 20], points[start + 20 : start + 46])
    assert charts > 1400
    assert alarms / charts == pytest.approx(expected, abs=0.04)


def test_an_improvement_of_one_standard_deviation_is_found_in_26_weeks(
    simulation: ModuleType,
) -> None:
    """By a chart whose baseline is what the model would choose; and on the good side of it."""
    dice = np.random.default_rng(26)
    found = better = charts = 0
    for _ in range(1500):
        points = dice.normal(size=46).round(9)
        points[20:] -= 1
        if simulation.is_stable([round(float(point) * UNIT) for point in points[:20]]):
            charts += 1
            is_found = is_alarmed(points[:20], points[20:])
            found += is_found
            better += is_found and points[20:].mean() < points[:20].mean()
    print(f"\n1 sigma in 26 weeks: found in {found} of {charts}, {better} as an improvement")
    assert charts > 1000
    assert better / charts >= 0.8
