"""What a refresh says of itself when it could not say everything."""

from pathlib import Path

import duckdb
import pytest

from orchestration import status


@pytest.mark.parametrize("outcome", ["warn", "pass"])
def test_a_stream_with_too_much_time_without_a_stage_is_named_with_its_statuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, outcome: str
) -> None:
    build = tmp_path / "build.duckdb"
    with duckdb.connect(str(build)) as warehouse:
        warehouse.execute("create schema failures")
        warehouse.execute("create schema meta")
        warehouse.execute(
            "create table failures.unmapped_time_is_below_one_per_cent as from (values"
            " ('shop', 'jira', 'parked', 50, 100), ('shop', 'github', 'on ice', 50, 100),"
            " ('bank', null, null, 2, 100))"
            " as rows (value_stream_key, source_system, status, unmapped_s, elapsed_s)"
        )
        warehouse.execute(
            "create table meta.quality_results as from (values"
            f" ('now', 'unmapped_time_is_below_one_per_cent', '{outcome}'),"
            " ('before', 'unmapped_time_is_below_one_per_cent', 'pass'))"
            " as rows (refresh_id, test, status)"
        )
    monkeypatch.setattr(status, "build_file", lambda: build)
    says = "partial: more than 1 % of its time is in statuses without a stage"
    assert status.marked_streams("before") == []
    assert status.marked_streams("now") == (
        []
        if outcome == "pass"
        else [
            f"value stream bank: {says} (none of them is known); write them into status_stages.csv",
            f"value stream shop: {says} (github on ice, jira parked); write them into"
            " status_stages.csv",
        ]
    )
