"""Superset, installed, prepared and served once; `make test-superset` runs these."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from publish.superset import run

PASSWORDS = {"admin": "an admin of a test", "viewer": "a viewer of a test"}


@dataclass
class Session:
    """Somebody who has logged in, as a browser does."""

    url: str
    http: requests.Session

    def get(self, path: str, **words: object) -> requests.Response:
        return self.http.get(f"{self.url}{path}", timeout=90, **words)

    def post(self, path: str, body: dict) -> requests.Response:
        token = self.get("/api/v1/security/csrf_token/").json().get("result", "")
        return self.http.post(
            f"{self.url}{path}",
            json=body,
            timeout=90,
            headers={"X-CSRFToken": token, "Referer": self.url},
        )


def prepared(home: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Prepare Superset as `make superset` does."""
    known = {name: value for name, value in os.environ.items() if "SUPERSET" not in name}
    return subprocess.run(
        [sys.executable, "-m", "publish.superset.run", "--only-prepare"],
        env={**known, "FLOWHOUSE_HOME": str(home), **settings},
        cwd=run.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


SETTINGS = {
    "FLOWHOUSE_SUPERSET_ADMIN_PASSWORD": PASSWORDS["admin"],
    "FLOWHOUSE_SUPERSET_VIEWER_PASSWORD": PASSWORDS["viewer"],
}


@pytest.fixture(scope="session")
def demo() -> Path:
    """The demo company as `make demo` has left it."""
    home = run.ROOT / ".flowhouse" / "demo"
    if told := os.environ.get("FLOWHOUSE_DEMO"):
        home = Path(told)
    assert (home / "published" / "warehouse.duckdb").exists(), "run `make demo` first"
    return home


@pytest.fixture(scope="session")
def home(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with what the demo company has published, and a Superset of its own."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "published").mkdir()
    shutil.copyfile(
        demo / "published" / "warehouse.duckdb", folder / "published" / "warehouse.duckdb"
    )
    (folder / "dbt").mkdir()
    shutil.copytree(demo / "dbt" / "target", folder / "dbt" / "target")
    done = prepared(folder, **SETTINGS)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["dashboards imported"]
    return folder


@pytest.fixture(scope="session")
def server(home: Path) -> Iterator[str]:
    """The address of Superset."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (home / "server.log").open("w") as log:
        process = subprocess.Popen(
            run.command(port),
            env=run.environment(home / "superset"),
            cwd=home / "superset",
            stdout=log,
            stderr=log,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            try:
                if requests.get(f"{url}/health", timeout=5).ok:
                    break
            except requests.RequestException:  # not there, or slow while it starts
                pass
            assert process.poll() is None, (home / "server.log").read_text()[-2000:]
            time.sleep(0.5)
        yield url
    finally:
        process.terminate()
        process.wait(30)


def login(url: str, name: str) -> Session:
    session = Session(url, requests.Session())
    session.http.trust_env = False
    page = session.get("/login/").text
    token = page.split('name="csrf_token"')[1].split('value="')[1].split('"')[0]
    session.http.post(
        f"{url}/login/",
        data={"username": name, "password": PASSWORDS[name], "csrf_token": token},
        headers={"Referer": url},
        timeout=90,
    )
    assert session.get("/api/v1/me/").status_code == 200
    return session


@pytest.fixture(scope="session")
def admin(server: str) -> Session:
    return login(server, "admin")


@pytest.fixture(scope="session")
def viewer(server: str) -> Session:
    return login(server, "viewer")
