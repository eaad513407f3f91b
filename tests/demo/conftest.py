from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
import requests

from demo import serve, truth, world


@pytest.fixture(scope="session")
def company():
    return world.build()


@pytest.fixture(scope="session")
def servers(company):
    with serve.start(company) as running:
        yield running


@pytest.fixture(scope="module")
def made() -> world.World:
    """A world whose clock no test sets on."""
    return world.build()


@pytest.fixture(scope="module")
def link(demo_build: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The demo company's warehouse."""
    with duckdb.connect(str(demo_build), read_only=True) as opened:
        yield opened


def plain(key: str | None) -> str | None:
    """Return an id as its tool has it."""
    return key and key.rpartition(":")[2]


def dora_is_true(
    link: duckdb.DuckDBPyConnection, true: dict[tuple, truth.Period], services: str
) -> None:
    """Hold every month of some services in metric_dora against what truly happened.

    Args:
        link: The demo company's warehouse.
        true: The months, by service and first day.
        services: Pattern of the keys of the services.
    """
    rows = link.execute(
        """
        select service_key, period_start, deployments, rework_deployments, deployed_changes,
            changes, lead_time_p50_s, failed_deployments
        from metrics.metric_dora where service_key like $1
        """,
        [services],
    ).fetchall()
    assert {row[:2] for row in rows if row[2]} == set(true)
    for service, month, *numbers in rows:
        one = true.get((service, month), truth.Period())
        times = sorted(one.lead_times)
        median = times[-(-len(times) // 2) - 1] if len(times) >= 10 else None
        assert numbers == [
            one.deployments, one.rework, one.deployed, len(times), median, one.failed,
        ], (service, month)  # fmt: skip


class Client:
    """Asks one API with credentials."""

    def __init__(self, url, **session):
        self.url, self.session = url, requests.Session()
        self.session.trust_env = False
        for name, value in session.items():
            setattr(self.session, name, value)

    def get(self, path, **params):
        return self.session.get(f"{self.url}{path}", params=params, timeout=20)

    def post(self, path, body):
        return self.session.post(f"{self.url}{path}", json=body, timeout=20)


def connect(servers, name):
    if name == "github":
        return Client(servers.urls[name], headers={"Authorization": "Bearer demo-token"})
    user = "demo@example.com" if name == "jira" else "demo"
    return Client(servers.urls[name], auth=(user, "demo-token"))


@pytest.fixture(scope="session")
def jira(servers):
    return connect(servers, "jira")


@pytest.fixture(scope="session")
def github(servers):
    return connect(servers, "github")


@pytest.fixture(scope="session")
def jenkins(servers):
    return connect(servers, "jenkins")


@pytest.fixture(scope="session")
def servicenow(servers):
    return connect(servers, "servicenow")


@pytest.fixture
def own_servers():
    """Servers of a world of their own, for tests that change it."""
    with serve.start() as running:
        yield running


@pytest.fixture
def client_of():
    """Connects to one API of some servers, with credentials."""
    return connect
