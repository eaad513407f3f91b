"""Made-up lines of one station in each of which somebody changes something, or nothing, on a day.

Items come at random, wait for one of one to three servers, first come, first served, and are worked
on for a lognormal time, which is shorter or longer from the day on, or not. All lines are simulated
at once (Kiefer and Wolfowitz's recursion for several servers).
"""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa

WEEK_S = 7 * 86400
WEEKS, BEFORE = 66, 40
"""Weeks from when a line was empty to as_of, and how many of them before the change."""
AS_OF = datetime(2024, 7, 1)
STARTS_ON = datetime(2024, 1, 1)
"""Both Mondays, 26 weeks apart."""
A_WEEK = 8


@dataclass(frozen=True)
class Kind:
    """Lines of a kind.

    Attributes:
        name: How its lines are called.
        seed: What their random numbers begin with.
        effect: Least and most change of the time of work, as a share.
        arrivals: Arrivals after the day, as a share of those before it.
        lines: How many there are.
    """

    name: str
    seed: int
    effect: tuple[float, float] = (0, 0)
    arrivals: float = 1
    lines: int = 100


QUICKER = Kind("quicker", 20240801, (-0.35, -0.20))
NOTHING = Kind("nothing", 20240802)
FEWER = Kind("fewer come", 20240803, arrivals=0.75, lines=50)
SLOWER = Kind("slower", 20240804, (0.20, 0.35), lines=50)


def simulate(kind: Kind) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return when each item of each line (line, item) came, began and left, in seconds."""
    random = np.random.default_rng(kind.seed)
    count, items = kind.lines, int(A_WEEK * WEEKS * 1.1)
    gap, begins = WEEK_S / A_WEEK, BEFORE * WEEK_S
    came = np.cumsum(random.exponential(gap, (count, items)), axis=1)
    came = np.where(came > begins, begins + (came - begins) / kind.arrivals, came)
    servers = random.integers(1, 4, count)
    sigma, load = 0.6, random.uniform(0.90, 0.97, count)
    factor = 1 + random.uniform(*kind.effect, count)
    work = (load * servers * gap)[:, None] * random.lognormal(
        -sigma * sigma / 2, sigma, (count, items)
    )
    free = np.where(np.arange(3)[None, :] < servers[:, None], 0.0, np.inf)
    every = np.arange(count)
    begun, ended = np.empty_like(came), np.empty_like(came)
    for item in range(items):
        first = free.argmin(axis=1)
        begun[:, item] = np.maximum(came[:, item], free[every, first])
        changed = np.where(begun[:, item] >= begins, factor, 1)
        ended[:, item] = free[every, first] = begun[:, item] + work[:, item] * changed
    return came, begun, ended


def told(kind: Kind) -> pa.Table:
    """Return line, item and when it came, began and left, in whole seconds before as_of."""
    came, begun, ended = simulate(kind)
    line, item = np.indices(came.shape)
    before = [WEEKS * WEEK_S - np.floor(at.ravel()).astype("int64") for at in (came, begun, ended)]
    return pa.table(
        {
            "line": line.ravel(), "item": item.ravel(),
            "came_s": before[0], "begun_s": before[1], "ended_s": before[2],
        }
    )  # fmt: skip
