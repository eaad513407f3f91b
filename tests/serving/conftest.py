"""One PostgreSQL for the lane; each test has a database without a copy."""

from collections.abc import Iterator

import pytest

from tests.serving.server import PASSWORD, Server, running


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with running() as made:
        yield made


@pytest.fixture
def postgres(server: Server) -> Iterator[Server]:
    """The server, with nothing of the test before in its database, and a login that reads."""
    yield server
    with server.connect("postgres", autocommit=True) as link:
        for (schema,) in link.execute(
            "select nspname from pg_namespace"
            " where nspname !~ '^pg_' and nspname not in ('public', 'information_schema')"
        ).fetchall():
            link.execute(f'drop schema "{schema}" cascade')
        link.execute("drop role if exists reader; drop role if exists bi_reader")


@pytest.fixture
def reader(postgres: Server) -> Server:
    """The server, where the login `reader` is a member of bi_reader."""
    postgres.as_admin(
        "create role bi_reader nologin",
        f"create role reader login password '{PASSWORD}' in role bi_reader",
    )
    return postgres
