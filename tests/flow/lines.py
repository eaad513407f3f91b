"""Made-up lines of work whose constraint is known: five stations in a row, each with its queue.

Items come at random, wait before each station for one of its servers, first come, first served,
and are worked on for a lognormal time. The station with the highest load (arrivals times the mean
work, over its servers) is the constraint: nothing that a detector reads says which one that is.
All lines are simulated at once: for each item and station, one step of the waiting-time recursion
(Lindley's, for several servers Kiefer and Wolfowitz's) over all lines.
"""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa

STATIONS = 5
WEEK_S = 7 * 86400
WEEKS = 20
"""From when a line was empty to as_of; the last 13 weeks are judged."""
AS_OF = datetime(2024, 7, 1)
"""A Monday; the last complete week is the one before."""


@dataclass(frozen=True)
class Kind:
    """How hard the lines of a kind are.

    Attributes:
        name: How its lines are called.
        lines: How many there are.
        seed: What their random numbers begin with.
        arrivals: Items that come to a line in 13 weeks, on average.
        rivals: Least and most load of the stations that are not the constraint.
        constraint: Least and most load of the constraint.
    """

    name: str
    lines: int
    seed: int
    arrivals: int
    rivals: tuple[float, float]
    constraint: tuple[float, float]


EASY = Kind("easy", 100, 20240701, 240, (0.40, 0.75), (0.90, 0.95))
HARD = Kind("hard", 100, 20240702, 150, (0.50, 0.88), (0.92, 0.96))


@dataclass(frozen=True)
class Lines:
    """What truly happened in all lines of a kind; times in seconds since the beginning.

    Attributes:
        kind: What they are like.
        constraint: Number of the constraint of each line, from 0.
        arrived: When each item came to each station (station, line, item), in the order of the
            items' first arrivals.
        begun: When work on it began there.
        ended: When it ended.
    """

    kind: Kind
    constraint: np.ndarray
    arrived: np.ndarray
    begun: np.ndarray
    ended: np.ndarray


def simulate(kind: Kind) -> Lines:
    """Return the lines of a kind, from when they were empty."""
    random = np.random.default_rng(kind.seed)
    count, items = kind.lines, kind.arrivals * WEEKS // 13
    gap = WEEKS * WEEK_S / items
    servers = random.integers(1, 4, (STATIONS, count))
    load = random.uniform(*kind.rivals, (STATIONS, count))
    constraint = random.integers(0, STATIONS, count)
    load[constraint, np.arange(count)] = random.uniform(*kind.constraint, count)
    arrived = np.cumsum(random.exponential(gap, (count, items)), axis=1)
    sigma = 0.6
    every = np.arange(count)
    found: list[list[np.ndarray]] = [[], [], []]
    for station in range(STATIONS):
        mean = load[station] * servers[station] * gap
        work = mean[:, None] * random.lognormal(-sigma * sigma / 2, sigma, (count, items))
        # When each server is free; those that a line does not have never are.
        free = np.where(np.arange(3)[None, :] < servers[station][:, None], 0.0, np.inf)
        order = np.argsort(arrived, axis=1)
        begun = np.empty_like(arrived)
        for place in range(items):
            item = order[:, place]
            first = free.argmin(axis=1)
            begun[every, item] = np.maximum(arrived[every, item], free[every, first])
            free[every, first] = begun[every, item] + work[every, item]
        ended = begun + work
        for rows, times in zip(found, (arrived, begun, ended), strict=True):
            rows.append(times)
        arrived = ended
    return Lines(kind, constraint, *(np.stack(rows) for rows in found))


def stays(lines: Lines) -> pa.Table:
    """Return the stays of all items: where, whose, in the queue or at work, from and to when.

    Times are whole seconds before as_of (negative: after it), as are those that nobody saw yet.
    """
    shape = lines.arrived.shape
    line = np.broadcast_to(np.arange(shape[1])[None, :, None], shape)
    item = np.broadcast_to(np.arange(shape[2])[None, None, :], shape)
    station = np.broadcast_to(np.arange(shape[0])[:, None, None], shape)
    found = []
    for is_queue, start, end in (
        (True, lines.arrived, lines.begun),
        (False, lines.begun, lines.ended),
    ):
        found.append(
            pa.table(
                {
                    "line": line.ravel(),
                    "item": item.ravel(),
                    "station": station.ravel() + 1,
                    "is_queue": np.full(start.size, is_queue),
                    "since_s": WEEKS * WEEK_S - np.floor(start.ravel()).astype("int64"),
                    "until_s": WEEKS * WEEK_S - np.floor(end.ravel()).astype("int64"),
                }
            )
        )
    return pa.concat_tables(found)
