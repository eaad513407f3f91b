"""A refresh as OpenLineage events: which columns came of which, in a file and nowhere else.

The events are made of what dbt leaves; here it is written by hand, for three models and a test.
"""

import json
import socket
from pathlib import Path
from uuid import uuid4

import pytest

from orchestration import open_lineage

FLOWS, TOTALS, TIMES = "fct_work_item_flows", "metric_flow_totals", "metric_cycle_times"
TEST = "primary_key_metric_cycle_times_work_item_key"
SQL = "select items.velocity, items.week_start from build.measures.measure_flow_periods as items"


@pytest.fixture
def manifest(parsed: Path) -> Path:
    return parsed / "target" / "manifest.json"


@pytest.fixture
def results(manifest: Path, tmp_path: Path) -> Path:
    """Results of a build as dbt writes them."""
    keys = json.loads(manifest.read_text())["nodes"]
    [test] = [key for key in keys if key.startswith(f"test.flowhouse.{TEST}")]
    ended = [f"model.flowhouse.{name}" for name in (FLOWS, TOTALS, TIMES)] + [test]
    ended += ["seed.flowhouse.metrics", "exposure.flowhouse.report"]
    moment = {"started_at": "2026-01-01T06:00:00Z", "completed_at": "2026-01-01T06:00:01Z"}
    file = tmp_path / "run" / "run_results.json"
    file.parent.mkdir()
    file.write_text(
        json.dumps(
            {
                "metadata": {
                    "dbt_schema_version": "https://schemas.getdbt.com/dbt/run-results/v6.json",
                    "dbt_version": "1.11.16",
                    "invocation_id": str(uuid4()),
                },
                "args": {
                    "which": "build",
                    "profiles_dir": str(Path(__file__).parents[2] / "dbt_project"),
                },
                "results": [
                    {
                        "unique_id": key,
                        "status": "pass" if key == test else "success",
                        "failures": 0 if key == test else None,
                        "compiled_code": SQL,
                        "timing": [
                            {"name": "compile"} | moment,
                            {"name": "execute"} | moment,
                        ],
                        "adapter_response": {},
                        "message": None,
                    }
                    for key in ended
                ],
            }
        )
    )
    return file


def test_a_refresh_is_told_in_a_file_and_nobody_is_asked(
    results: Path, manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openlineage.common")
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("asks a network"))
    monkeypatch.setenv("OPENLINEAGE_URL", "http://127.0.0.1:1")
    target, refresh_id = tmp_path / "new" / "events.jsonl", str(uuid4())
    monkeypatch.setenv(open_lineage.SETTING, str(target))
    number = open_lineage.append(results, manifest, refresh_id)
    events = [json.loads(line) for line in target.read_text().splitlines()]
    assert len(events) == number == 8
    assert {event["run"]["facets"]["parent"]["run"]["runId"] for event in events} == {refresh_id}
    done = {
        output["name"]: event
        for event in events
        if event["eventType"] == "COMPLETE"
        for output in event["outputs"]
    }
    assert {*done} == {
        f"build.marts.{FLOWS}", f"build.metrics.{TOTALS}", f"build.metrics.{TIMES}",
    }  # fmt: skip
    totals = done[f"build.metrics.{TOTALS}"]
    assert "build.measures.measure_flow_periods" in {one["name"] for one in totals["inputs"]}
    facets = totals["outputs"][0]["facets"]
    assert {"velocity", "week_start"} <= {one["name"] for one in facets["schema"]["fields"]}
    [origin] = facets["columnLineage"]["fields"]["velocity"]["inputFields"]
    assert (origin["name"], origin["field"]) == ("build.measures.measure_flow_periods", "velocity")
    # The next refresh is told after it.
    open_lineage.append(results, manifest, str(uuid4()))
    assert len(target.read_text().splitlines()) == 2 * number


def test_without_the_setting_nothing_is_written(
    results: Path, manifest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(open_lineage.SETTING, raising=False)
    assert open_lineage.append(results, manifest, "x") == 0
    assert open_lineage.fault() is None
    assert [*results.parent.iterdir()] == [results]


def test_what_cannot_be_written_stops_no_refresh(
    results: Path, manifest: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(open_lineage.SETTING, "/dev/null/events.jsonl")
    assert open_lineage.append(results, manifest, "x") == 0
    assert "no OpenLineage events in /dev/null/events.jsonl" in caplog.text


def test_a_missing_extra_is_a_fault_of_the_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(open_lineage.SETTING, "/tmp/events.jsonl")
    monkeypatch.setattr(open_lineage, "find_spec", lambda _: None)
    assert open_lineage.fault() == (
        "FLOWHOUSE_OPENLINEAGE needs the extra `openlineage`: pip install 'flowhouse[openlineage]'"
    )
