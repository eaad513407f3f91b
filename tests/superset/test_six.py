"""Eighteen metrics of all value streams, asked for in all six ways: each says what the others say.

The five that need no server are compared in `tests/semantic/test_six.py` too.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest

from publish.agents import server as mcp
from tests.publish.agent import Agent
from tests.semantic import six
from tests.semantic.compiled import Compiler
from tests.semantic.parity import Reading
from tests.semantic.six import METRICS, Sources, streams_of
from tests.semantic.test_parity import opened
from tests.superset.conftest import Session
from tests.superset.test_superset import datasets

pytestmark = pytest.mark.superset

Ways = dict[str, dict[str, Reading]]


def rows(session: Session, ids: dict[str, int], dataset: str, by: Sequence[str], time: str) -> list:
    """Return all compared metrics of a dataset, asked as a chart asks, by month."""
    names = [names.dataset.split(".") for names in METRICS.values()]
    month = {"label": "month", "sqlExpression": time, "expressionType": "SQL", "timeGrain": "P1M"}
    query = {
        "columns": [*by, {**month, "columnType": "BASE_AXIS"}],
        "metrics": [metric for of, metric in names if of == dataset],
        "extras": {"time_grain_sqla": "P1M"},
        "row_limit": 50_000,
    }
    answer = session.post(
        "/api/v1/chart/data",
        {
            "datasource": {"id": ids[dataset], "type": "table"},
            "queries": [query],
            "force": True,
            "result_format": "json",
            "result_type": "full",
        },
    )
    assert answer.status_code == 200, answer.text[:500]
    found = answer.json()["result"][0]["data"]
    for row in found:
        row["month"] = datetime.fromtimestamp(row["month"] / 1000, UTC).date().isoformat()
    return found


def superset(session: Session, since: str) -> dict[str, Reading]:
    """Read all metrics from Superset: each dataset is asked once."""
    ids = datasets(session)
    once = cache(lambda dataset, by, time: rows(session, ids, dataset, by, time))
    ask = lambda dataset, names, by, time: once(dataset, by, time)  # noqa: E731
    return {metric: six.since_month(six.in_superset(ask, metric), since) for metric in METRICS}


@pytest.fixture(scope="module")
def since(pages: six.Site) -> str:
    return six.first_month(pages)


@pytest.fixture(scope="module")
def pages(home: Path, tmp_path_factory: pytest.TempPathFactory) -> six.Site:
    return six.site(home / "published" / "warehouse.duckdb", tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def ways(home: Path, pages: six.Site, since: str, viewer: Session) -> Iterator[Ways]:
    published = home / "published" / "warehouse.duckdb"
    agent = Agent(mcp(published))
    with opened(published) as link:
        five = Sources(link, Compiler(home / "dbt" / "target"), pages, agent)
        found = {way: five.way(way) for way in six.WAYS[:-1]}
        yield found | {"Superset": superset(viewer, since)}
    agent.leaves()


@pytest.mark.parametrize("metric", METRICS)
def test_a_metric_is_the_same_in_all_six_ways(ways: Ways, metric: str) -> None:
    assert (*ways,) == six.WAYS
    assert six.disagreements(ways, metric) == []
    for way, read in ways.items():
        assert {key[0] for key in read[metric]} == streams_of(metric), way


@pytest.fixture
def other_formulas(admin: Session) -> Iterator[None]:
    """Superset with another formula of every compared metric, until the test has ended."""
    ids = datasets(admin)
    kept: dict[str, list[dict]] = {}

    def put(dataset: str, metrics: list[dict]) -> None:
        token = admin.get("/api/v1/security/csrf_token/").json()["result"]
        answer = admin.http.put(
            f"{admin.url}/api/v1/dataset/{ids[dataset]}",
            json={"metrics": metrics},
            headers={"X-CSRFToken": token, "Referer": admin.url},
            timeout=90,
        )
        assert answer.status_code == 200, answer.text[:500]

    for dataset in {names.dataset.split(".")[0] for names in METRICS.values()}:
        found = admin.get(f"/api/v1/dataset/{ids[dataset]}").json()["result"]["metrics"]
        fields = ("id", "metric_name", "expression", "verbose_name", "description", "d3format")
        kept[dataset] = [{field: one[field] for field in fields} for one in found]
        others = [
            one | {"expression": f"({one['expression']}) + 1"}
            if one["metric_name"] in METRICS
            else one
            for one in kept[dataset]
        ]
        put(dataset, others)
    yield
    for dataset, metrics in kept.items():
        put(dataset, metrics)


def test_other_formulas_in_superset_are_noticed_for_every_metric(
    ways: Ways, viewer: Session, since: str, other_formulas: None
) -> None:
    other = {**ways, "Superset": superset(viewer, since)}
    assert [metric for metric in METRICS if not six.only("Superset", other, metric)] == []
