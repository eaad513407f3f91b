"""Superset: what it is told twice changes nothing, its numbers are ours, and viewers only look."""

import sqlite3
from pathlib import Path

import duckdb
import pytest
import requests

from publish.semantic import SemanticLayer
from publish.superset import spec
from tests.superset.conftest import SETTINGS, Session, prepared

pytestmark = pytest.mark.superset

TABLES = ("dbs", "tables", "table_columns", "sql_metrics", "slices", "dashboards")


def state(home: Path) -> dict[str, list[tuple]]:
    """Return everything that was imported, and who may do what."""
    wanted = (*TABLES, "ab_user", "ab_role", "ab_permission_view_role", "ab_user_role")
    with sqlite3.connect(home / "superset" / "superset.db") as link:
        return {
            table: link.execute(f"select * from {table} order by id").fetchall() for table in wanted
        }


def test_a_second_time_changes_nothing(home: Path) -> None:
    before = state(home)
    assert all(before.values())
    done = prepared(home, **SETTINGS)
    assert (done.returncode, done.stdout.splitlines()) == (0, ["dashboards as they were"])
    assert state(home) == before


def test_all_dashboards_and_charts_are_there(home: Path) -> None:
    told = spec.read()["dashboards"]
    found = state(home)
    assert len(found["dashboards"]) == len(told) == 6
    assert len(found["slices"]) == sum(len([*spec.charts(one)]) for one in told)


def test_there_is_no_default_password(tmp_path: Path) -> None:
    done = prepared(tmp_path)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "superset: FLOWHOUSE_SUPERSET_ADMIN_PASSWORD is not set; there is no default password"
    ]


def datasets(session: Session) -> dict[str, int]:
    found = session.get("/api/v1/dataset/", params={"q": "(page_size:100)"}).json()
    return {row["table_name"]: row["id"] for row in found["result"]}


def asked(session: Session, dataset: int, metrics: list[str], by: list[str]) -> requests.Response:
    query = {"columns": by, "metrics": metrics, "row_limit": 10_000, "filters": []}
    return session.post(
        "/api/v1/chart/data",
        {
            "datasource": {"id": dataset, "type": "table"},
            "queries": [query],
            "result_format": "json",
            "result_type": "full",
        },
    )


def test_its_numbers_are_those_of_the_published_file(viewer: Session, home: Path) -> None:
    """Every metric of the semantic layer that a dashboard's dataset has, by value stream."""
    layer = SemanticLayer.read(home / "dbt" / "target")
    ids = datasets(viewer)
    models = {metric.model for metric in layer.metrics.values()} & ids.keys()
    compared = set()
    with duckdb.connect(str(home / "published" / "warehouse.duckdb"), read_only=True) as link:
        for model in sorted(models):
            metrics = [m for m in layer.metrics.values() if m.model == model and not m.is_helper]
            answer = asked(viewer, ids[model], [m.name for m in metrics], ["value_stream_key"])
            assert answer.status_code == 200, answer.text[:500]
            rows = answer.json()["result"][0]["data"]
            streams = {row["value_stream_key"]: row for row in rows}
            source = layer.table(model)
            if model.startswith("rollout"):
                source = f"{source} join marts.dim_services using (service_key)"
            for metric in metrics:
                expected = dict(
                    link.execute(
                        f"select value_stream_key, {metric.sql()} from {source} group by 1"
                    ).fetchall()
                )
                assert streams.keys() == expected.keys()
                for stream, value in expected.items():
                    told = streams[stream][metric.name]
                    assert (
                        told is None
                        if value is None
                        else float(told) == pytest.approx(float(value))
                    ), metric.name
                compared.add(metric.name)
        # One by hand, and not by a formula of the layer.
        [(failed, everything)] = link.execute(
            "select count(*) filter (is_failed), count(*) from marts.fct_rollouts"
            " where service_key in (select service_key from marts.dim_services"
            " where value_stream_key = 'payments')"
        ).fetchall()
    answer = asked(viewer, ids["rollouts"], ["change_fail_share"], ["value_stream_key"])
    shares = {row["value_stream_key"]: row["change_fail_share"] for row in
              answer.json()["result"][0]["data"]}  # fmt: skip
    assert shares["payments"] == pytest.approx(failed / everything)
    assert len(compared) >= 18


def test_goals_are_those_of_the_last_complete_period_and_in_days(
    viewer: Session, home: Path
) -> None:
    """What the first table of the verdicts shows, counted again."""
    columns = ["goal_key", "metric", "value", "target"]
    answer = viewer.post(
        "/api/v1/chart/data",
        {
            "datasource": {"id": datasets(viewer)["targets"], "type": "table"},
            "queries": [{"columns": columns, "row_limit": 10_000, "filters": []}],
            "result_format": "json",
            "result_type": "full",
        },
    )
    assert answer.status_code == 200, answer.text[:500]
    told = {row["goal_key"]: row for row in answer.json()["result"][0]["data"]}
    with duckdb.connect(str(home / "published" / "warehouse.duckdb"), read_only=True) as link:
        rows = link.execute(
            "select goal_key, metric, value, target from metrics.metric_targets"
            " where is_complete_period"
            " qualify rank() over (partition by goal_key order by period_start desc) = 1"
        ).fetchall()
    assert told.keys() == {goal for goal, *_ in rows}
    assert {metric for _, metric, *_ in rows} >= {"flow_time_p85_s", "flow_efficiency_share"}
    for goal, metric, value, target in rows:
        of_seconds = bool(metric) and metric.endswith("_s")
        named = metric.removesuffix("_s") + "_days" if of_seconds else metric
        assert told[goal]["metric"] == named
        by = 86_400 if of_seconds else 1
        for column, number in (("value", value), ("target", target)):
            expected = None if number is None else pytest.approx(number / by)
            assert told[goal][column] == expected


def sql(session: Session, statement: str) -> requests.Response:
    # A viewer is not even told of the database, which is the first and only one.
    [database] = session.get("/api/v1/database/").json().get("result") or [{"id": 1}]
    return session.post(
        "/api/v1/sqllab/execute/",
        {"database_id": database["id"], "sql": statement, "runAsync": False, "schema": "main"},
    )


HARMFUL = (
    "select * from read_csv('/etc/passwd', header = false)",
    "select * from read_text('/etc/hostname')",
    "attach '/tmp/other.duckdb' as other",
    "set enable_external_access = true",
    "copy (select 1) to '/tmp/flowhouse_superset_was_here.csv'",
    "create table marts.mine as select 1 as one",
    "delete from marts.dim_dates",
)


@pytest.mark.parametrize("statement", HARMFUL)
def test_even_an_admin_reads_no_files_and_writes_nothing(admin: Session, statement: str) -> None:
    assert sql(admin, "select count(*) as days from marts.dim_dates").status_code == 200
    answer = sql(admin, statement)
    assert answer.status_code >= 400, answer.text[:500]
    assert "root:" not in answer.text
    assert not Path("/tmp/flowhouse_superset_was_here.csv").exists()


def test_a_viewer_looks_and_does_nothing_else(viewer: Session, home: Path) -> None:
    before = state(home)
    found = viewer.get("/api/v1/dashboard/").json()["result"]
    assert {one["slug"] for one in found} == {one["slug"] for one in spec.read()["dashboards"]}
    board = found[0]["id"]
    token = viewer.get("/api/v1/security/csrf_token/").json()["result"]
    headers = {"X-CSRFToken": token, "Referer": viewer.url}
    url = viewer.url
    refused = [
        viewer.http.put(
            f"{url}/api/v1/dashboard/{board}", json={"dashboard_title": "x"}, headers=headers
        ),
        viewer.http.delete(f"{url}/api/v1/dashboard/{board}", headers=headers),
        viewer.post("/api/v1/dashboard/", {"dashboard_title": "mine"}),
        viewer.post("/api/v1/chart/", {"slice_name": "mine", "viz_type": "table",
                                       "datasource_id": 1, "datasource_type": "table"}),
        viewer.post("/api/v1/dataset/", {"database": 1, "table_name": "dim_people",
                                         "schema": "marts"}),
        viewer.post("/api/v1/database/", {"database_name": "mine",
                                          "sqlalchemy_uri": "duckdb:///:memory:"}),
        sql(viewer, "select 1"),
        sql(viewer, HARMFUL[0]),
    ]  # fmt: skip
    assert [answer.status_code for answer in refused if answer.status_code not in (401, 403, 404)]\
        == []  # fmt: skip
    assert state(home) == before


def test_nobody_looks_without_an_account(server: str) -> None:
    answer = requests.get(f"{server}/api/v1/dashboard/", timeout=60)
    assert answer.status_code in (401, 403) or answer.json()["count"] == 0
