"""The site's own SQL counts as the metrics do, on the golden and the demo company.

The map and the paces have rows that no table of metrics has: ranges, and stages that nothing is in.
Over a range that is longer than all history they must be the metric's.
"""

from collections import defaultdict
from collections.abc import Iterator

import duckdb
import pytest

from publish.report import prepare, table

EVER = 20_000
"""Weeks: the tables of metrics have no window."""


@pytest.fixture(params=["golden_build", "demo_build"])
def opened(request: pytest.FixtureRequest) -> Iterator[duckdb.DuckDBPyConnection]:
    path = request.getfixturevalue(request.param)
    with duckdb.connect(str(path), read_only=True) as connection:
        prepare(connection, [EVER])
        yield connection


def chart(connection: duckdb.DuckDBPyConnection, name: str) -> list[dict]:
    found = table(connection, name)
    return [dict(zip(found["columns"], row, strict=True)) for row in found["rows"]]


def test_the_map_of_a_value_stream_is_that_of_the_metric(
    opened: duckdb.DuckDBPyConnection,
) -> None:
    names = (
        "work", "stream", "position", "label", "flow_state", "visits", "wait_p50_s", "touch_p50_s",
        "wait_total_s", "touch_total_s", "wip", "rework_share",
    )  # fmt: skip
    drawn = chart(opened, "map")
    found = {tuple(row[name] for name in names) for row in drawn}
    published = opened.execute(
        """
        select
            workflow || '/' || level, value_stream_key, ordinal,
            upper(stage[1]) || replace(stage[2:], '_', ' '), flow_state, visits, wait_p50_s,
            active_p50_s, wait_s, active_s, wip, rework_share
        from metrics.metric_value_stream_map_totals
        """
    ).fetchall()
    assert len(published) > 50
    assert found == set(published)


def test_the_paces_of_a_value_stream_are_those_of_the_metric(
    opened: duckdb.DuckDBPyConnection,
) -> None:
    bands: dict[tuple, dict[str, int]] = defaultdict(dict)
    counts = {}
    for row in chart(opened, "pace"):
        place = row["work"], row["stream"], row["label"]
        bands[place][row["band"]] = row["high_s"]
        counts[place] = row["finished_items"]
    published = opened.execute(
        """
        select distinct
            stages.workflow || '/' || aging.level, aging.value_stream_key,
            upper(stages.stage[1]) || replace(stages.stage[2:], '_', ' '), aging.pace_n,
            aging.pace_p50_s, aging.pace_p85_s, aging.pace_p95_s
        from metrics.metric_aging_wip as aging
        inner join marts.dim_stages as stages on aging.stage_key = stages.stage_key
        """
    ).fetchall()
    assert len(published) > 20
    for *place, count, p50, p85, p95 in published:
        assert counts.get(tuple(place), 0) == count, place
        if count:
            assert bands[tuple(place)] == {
                "up to P50": p50, "P50 to P85": p85, "P85 to P95": p95,
            }, place  # fmt: skip
