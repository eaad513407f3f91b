"""The replay server (../shared/replay), and one load of a source into a home of its own."""

import json
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pytest

SHARED = Path(__file__).parents[3] / "shared"


class Replay:
    """Recorded data behind the sources' own APIs, with a clock that tests set."""

    def __init__(self, root: str) -> None:
        self.root = root

    def url(self, api: str) -> str:
        return f"{self.root}/{api}"

    def control(self, method: str, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            f"{self.root}/_control/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
        )
        with urllib.request.urlopen(request, timeout=60) as reply:
            return json.load(reply)

    @property
    def clock(self) -> str:
        return self.control("GET", "clock")["now"]

    @clock.setter
    def clock(self, now: str) -> None:
        self.control("POST", "clock", {"now": now, "speed": 0})

    def counts(self, api: str) -> dict[str, int]:
        return self.control("GET", "counts")["counts"][api]

    def fault(self, api: str, path_regex: str, **what: Any) -> None:
        self.control("POST", "faults", {"api": api, "path_regex": path_regex, **what})

    def scenario(self, api: str, **settings: Any) -> None:
        self.control("POST", "scenario", {api: settings})

    def mutate(self, api: str, op: str, name: str) -> None:
        self.control("POST", "mutate", {"api": api, "op": op, "id": name})

    def requests(self, api: str, after: int = 0) -> list[dict[str, Any]]:
        return self.control("GET", f"journal?api={api}&after={after}&limit=100000")["requests"]

    @property
    def last(self) -> int:
        """Number of the last request so far."""
        return self.control("GET", "journal?limit=1")["total"]


@pytest.fixture(scope="session")
def replay_server() -> Iterator[Replay]:
    script = SHARED / "replay" / "serve.py"
    if not script.exists():
        pytest.skip(f"the recorded data are not there: {SHARED}")
    process = subprocess.Popen(
        [sys.executable, script, "--port", "0", "--now", "2022-08-01T00:00:00Z"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        for line in process.stdout:
            if line.startswith("http://"):
                yield Replay(line.split()[0])
                break
        else:
            pytest.fail("the replay server did not start")
    finally:
        process.kill()  # Dagster may have had this process, and so it, ignore SIGTERM
        process.wait()


@pytest.fixture
def replay(replay_server: Replay) -> Iterator[Replay]:
    """The replay server as at its start: clock, journal, faults, mutations, scenarios."""
    replay_server.control("POST", "reset")
    yield replay_server
    for api in ("jira", "jira-dc", "servicenow", "github", "jenkins", "gitlab"):
        replay_server.control("POST", "scenario", {api: {}})
    replay_server.control("POST", "reset")


@cache
def reader() -> duckdb.DuckDBPyConnection:
    """The database that raw files are opened in."""
    return duckdb.connect()


class Home:
    """A FLOWHOUSE_HOME, and what a load left in it."""

    created: Path | None = None
    """Holds a home for each source whose raw tables were created; what follows begins with it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def load(self, source: str, full: bool = False, **what: Any) -> Any:
        from extract.load import load

        had = (self.folder / "raw" / f"raw_{source}.duckdb", self.folder / "archive" / source)
        if self.created and not any(path.exists() for path in had):
            shutil.copytree(created(self.created, source), self.folder, dirs_exist_ok=True)
        return load(source, "a-refresh", full, **what)

    def why_not(self, source: str) -> str:
        """Load a source that cannot be read; return what its audit says."""
        [failed] = [audit for audit in self.load(source).audits if audit.status == "failed"]
        return failed.message

    def rows(self, source: str, sql: str) -> list[tuple]:
        path = self.folder / "raw" / f"raw_{source}.duckdb"
        database = reader()  # to open a file in it costs a fifth of a database of its own
        database.execute(f"attach '{path}' as raw (read_only)")
        try:
            return database.execute("use raw").execute(sql).fetchall()
        finally:
            database.execute("use memory").execute("detach raw")

    def value(self, source: str, sql: str) -> Any:
        return self.rows(source, sql)[0][0]

    def texts(self, source: str) -> str:
        """All that the source left in the raw file, as one text.

        dlt's own tables and columns are no part of it: they are random or packed characters, in
        which any short word turns up now and then.
        """
        tables = self.rows(
            source,
            "select table_schema, table_name from information_schema.tables"
            " where table_name not like '\\_dlt%' escape '\\'",
        )
        return "\n".join(
            self.value(
                source,
                "select string_agg(t::varchar, chr(10)) from (select columns(c -> not"
                f" starts_with(c, '_dlt')) from {schema}.{table}) t",
            )
            or ""
            for schema, table in tables
        )

    def content(self, source: str, table: str) -> list[tuple]:
        """All rows of a table but for the marks of the load."""
        return self.rows(
            source,
            f"select * exclude (_fetched_at, _dlt_load_id) from {source}.{table} order by all",
        )


def created(homes: Path, source: str) -> Path:
    """Return a home in which the raw tables of a source are, and nothing in them."""
    folder = homes / source
    if not folder.exists():
        with pytest.MonkeyPatch.context() as patch:
            for name in [name for name in os.environ if name.startswith("SOURCES__")]:
                patch.delenv(name)
            patch.setenv("FLOWHOUSE_HOME", str(folder))
            from extract.load import load

            load(source, "creates")
    return folder


@pytest.fixture(scope="session", autouse=True)
def created_homes(tmp_path_factory: pytest.TempPathFactory) -> None:
    Home.created = tmp_path_factory.mktemp("created")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("FLOWHOUSE_HOME", str(tmp_path))
    return Home(tmp_path)


@pytest.fixture(scope="session")
def loaded_homes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Homes after a first whole load, by source; see `loaded`."""
    return {}


@pytest.fixture
def loaded(
    home: Home, replay: Replay, loaded_homes: dict[str, Path], tmp_path_factory: Any
) -> Callable[[str], Home]:
    """Return a function that gives a home in which a source is loaded once, as of the replay."""

    def first_load(source: str) -> Home:
        if source not in loaded_homes:
            home.load(source)
            kept = tmp_path_factory.mktemp("loaded") / source
            shutil.copytree(home.folder, kept)
            loaded_homes[source] = kept
        else:
            shutil.copytree(loaded_homes[source], home.folder, dirs_exist_ok=True)
        return home

    return first_load


@pytest.fixture(autouse=True)
def no_person_is_erased() -> Iterator[None]:
    from extract.privacy import forgotten

    forgotten.cache_clear()
    yield
    forgotten.cache_clear()


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("SOURCES__")]:
        monkeypatch.delenv(name)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Waits that the client would have made; it makes none."""
    from extract.api import Api

    made: list[float] = []
    monkeypatch.setattr(Api.__init__, "__kwdefaults__", {"headers": None, "sleep": made.append})
    return made


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, waits: list[float]) -> Iterator[Any]:
    """A scripted GitHub, which the settings point to."""
    from tests.extract.scripted_github import Hub

    hub = Hub()
    monkeypatch.setenv("SOURCES__GITHUB__BASE_URL", hub.url)
    monkeypatch.setenv("SOURCES__GITHUB__TOKEN", "a-token")
    yield hub
    hub.server.shutdown()
    hub.server.server_close()
