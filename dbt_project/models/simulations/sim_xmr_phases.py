"""Baselines that nobody has chosen: the stable stretches of each control chart, one after another.

The first 20 points in a row that are stable (none outside of the limits that they give, no eight in
a row on one side of their mean) are the first baseline. After the next eight points in a row on one
side of its mean, the first stable stretch that begins with them or later is the next baseline. Its
limits are drawn from the point after it on, so no later point ever moves a limit that was drawn.

One step needs the one before: that is why this is Python.
"""

import datetime
from collections.abc import Iterator
from itertools import pairwise

import pyarrow as pa

RUN = 8

SCHEMA = pa.schema(
    [
        ("metric", pa.string()),
        ("value_stream_key", pa.string()),
        ("workflow", pa.string()),
        ("level", pa.string()),
        ("phase_no", pa.int64()),
        ("baseline_start", pa.date32()),
        ("baseline_end", pa.date32()),
        ("applies_from", pa.date32()),
        ("applies_to", pa.date32()),
    ]
)


def run_end(values: list[int], total: int, points: int, first: int, earliest: int) -> int | None:
    """Return where the first run of eight on one side of the mean total / points is complete.

    Args:
        values: The points of the chart.
        total: Sum of the points of the baseline.
        points: Their number.
        first: The point from which on runs are counted.
        earliest: A run is looked for that is complete here or later.
    """
    side, length = 0, 0
    for at in range(first, len(values)):
        distance = values[at] * points - total
        now = (distance > 0) - (distance < 0)
        length = length + 1 if now == side else 1
        side = now
        if side and length >= RUN and at >= earliest:
            return at
    return None


def is_stable(stretch: list[int]) -> bool:
    """Return whether points vary, and none of them is a signal against the limits they give."""
    points, total = len(stretch), sum(stretch)
    ranges = sum(abs(b - a) for a, b in pairwise(stretch))
    # |x - total / points| > 2.66 x ranges / (points - 1), in whole numbers.
    width = 266 * ranges * points
    is_inside = all(abs(x * points - total) * 100 * (points - 1) <= width for x in stretch)
    return ranges > 0 and is_inside and run_end(stretch, total, points, 0, 0) is None


def baselines(values: list[int], points: int) -> Iterator[int]:
    """Yield the point that each baseline begins with."""
    begin = 0
    while True:
        stretches = range(begin, len(values) - points + 1)
        start = next((at for at in stretches if is_stable(values[at : at + points])), None)
        if start is None:
            return
        yield start
        drawn_from = start + points
        total = sum(values[start:drawn_from])
        # The first limits are drawn for the points before them too, all others for later ones.
        end = run_end(values, total, points, drawn_from if begin else 0, drawn_from)
        if end is None:
            return
        begin = end - RUN + 1


def model(dbt, session):  # noqa: ANN001, ANN201 (dbt's own signature)
    """Find the baselines of every chart."""
    points = int(dbt.config.get("points"))
    charts = (
        dbt.ref("measure_xmr_points")
        .aggregate(
            """
            metric, value_stream_key, workflow, level,
            list(value order by point_no),
            list(week_start order by point_no),
            list(week_end order by point_no)
            """
        )
        .order("metric, value_stream_key, workflow, level")
        .fetchall()
    )
    rows = []
    for *chart, values, first_days, last_days in charts:
        # Of nine digits: as whole numbers they are exact.
        starts = list(baselines([int(value.scaleb(9)) for value in values], points))
        ends = [last_days[start + points - 1] for start in starts]
        drawn_from = [end + datetime.timedelta(days=1) for end in ends]
        for no, (start, end) in enumerate(zip(starts, ends, strict=True)):
            row = [
                *chart, no + 1, first_days[start], end,
                drawn_from[no] if no else None,
                drawn_from[no + 1] if no + 1 < len(starts) else None,
            ]  # fmt: skip
            rows.append(dict(zip(SCHEMA.names, row, strict=True)))
    return pa.Table.from_pylist(rows, schema=SCHEMA)
