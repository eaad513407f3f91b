"""The SQL that README shows, on the golden company."""

import re
from datetime import date
from pathlib import Path

import duckdb
import pytest

README = Path(__file__).parents[1] / "README.md"
H = 3600


def examples() -> list[str]:
    section = README.read_text().split("### Reading traps\n")[1].split("\n#")[0]
    return [block.strip() for block in re.split(r"\n(?! {4})", section) if "select" in block]


@pytest.fixture(scope="module")
def build(golden_build: Path) -> duckdb.DuckDBPyConnection:
    with duckdb.connect(str(golden_build), read_only=True) as link:
        yield link


def test_there_is_an_example_for_each_trap() -> None:
    found = [re.search(r"from (\w+\.\w+)", example).group(1) for example in examples()]
    assert found == [
        "marts.fct_incidents", "metrics.metric_flow", "metrics.metric_flow_month_totals",
        "metrics.metric_flow_months",
    ]  # fmt: skip


def test_a_fact_joins_one_version_of_its_item(build: duckdb.DuckDBPyConnection) -> None:
    # Flows have the same key; by the key of the item alone each would count for every version.
    flows = examples()[0].replace("fct_incidents", "fct_work_item_flows")
    [(incidents, items)] = build.execute(
        """
        select
            count(distinct case when item_kind = 'incident' then work_item_key end),
            count(distinct work_item_key)
        from marts.dim_work_items
        """
    ).fetchall()
    assert sum(dict(build.execute(examples()[0]).fetchall()).values()) == incidents
    assert sum(dict(build.execute(flows).fetchall()).values()) == items
    trapped = flows.replace("work_item_version_key", "work_item_key")
    assert sum(dict(build.execute(trapped).fetchall()).values()) > items


def test_rows_of_a_flow_table_add_up(build: duckdb.DuckDBPyConnection) -> None:
    found = dict(build.execute(examples()[1]).fetchall())
    # Counted by hand: the items of `coast` and of `quay` in tests/flow/golden_periods.py.
    assert (found["coast"], found["quay"]) == (22, 14)


def test_percentiles_are_of_the_rows_that_they_stand_in(build: duckdb.DuckDBPyConnection) -> None:
    found = {row[:2]: row[2:] for row in build.execute(examples()[2]).fetchall()}
    # 1, 2 .. 14, 14.5, 15 .. 20 and 38.5 hours: the 19th of 22. Three are too few.
    assert found["coast", date(2024, 5, 1)] == (22, 22, 18 * H)
    assert found["quay", date(2024, 6, 1)] == (3, 3, None)


def test_a_share_of_several_rows_is_that_of_the_sums(build: duckdb.DuckDBPyConnection) -> None:
    found = dict(build.execute(examples()[3]).fetchall())
    # May: 57 h of work and 105 h of waiting; June: 2 + 1 + 69 + 5 h and 24 + 2 h.
    assert found["quay"] == pytest.approx((57 + 77) / (57 + 77 + 105 + 26))
