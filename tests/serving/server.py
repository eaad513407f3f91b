"""A PostgreSQL of its own: in a temporary folder, on a free port, gone afterwards."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

PASSWORD = "hush/hush@1%"
IN_URL = "hush%2Fhush%401%25"


@dataclass
class Server:
    """A running server; its superuser is postgres."""

    port: int
    folder: Path

    def url(self, user: str = "flowhouse", database: str = "warehouse") -> str:
        return f"postgresql://{user}:{IN_URL}@127.0.0.1:{self.port}/{database}"

    def connect(self, user: str = "flowhouse", **how: bool) -> psycopg.Connection:
        return psycopg.connect(self.url(user), **how)

    def as_admin(self, *statements: str, database: str = "warehouse") -> None:
        with psycopg.connect(self.url("postgres", database), autocommit=True) as link:
            for statement in statements:
                link.execute(statement)


def programs() -> Path:
    """Return the folder of the server's programs; Debian keeps them out of PATH."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name))
    assert folders, "there is no PostgreSQL here: apt-get install postgresql"
    return folders[-1]


def _who() -> dict:
    """PostgreSQL refuses to be run by root."""
    return {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}


@contextmanager
def running() -> Iterator[Server]:
    """Serve an empty database, `warehouse`, whose user `flowhouse` is no superuser."""
    top = Path(tempfile.mkdtemp(prefix="flowhouse-postgres-", dir="/tmp"))
    data, secret = top / "data", top / "password"
    secret.write_text(PASSWORD)
    if os.geteuid() == 0:
        for place in (top, secret):
            shutil.chown(place, "postgres", "postgres")
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "TZ": "UTC"}
    quiet = {"cwd": "/", "env": environment, "umask": 0o077, **_who()}
    subprocess.run(
        [programs() / "initdb", "-D", data, "-U", "postgres", "-A", "scram-sha-256",
         f"--pwfile={secret}", "-E", "UTF8", "--no-sync"],
        check=True, stdout=subprocess.DEVNULL, **quiet,
    )  # fmt: skip
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = (top / "log").open("w")
    server = subprocess.Popen(
        [programs() / "postgres", "-D", data, "-p", str(port), "-k", top,
         "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"],
        stdout=log, stderr=log, **quiet,
    )  # fmt: skip
    made = Server(port, top)
    try:
        _wait(made, server)
        made.as_admin(
            f"create role flowhouse login createrole password '{PASSWORD}'",
            "create database warehouse",
            "grant create on database warehouse to flowhouse",
            database="postgres",
        )
        yield made
    finally:
        server.send_signal(signal.SIGINT)  # ends those who are connected, too
        server.wait(30)
        log.close()
        shutil.rmtree(top, ignore_errors=True)


def _wait(made: Server, server: subprocess.Popen) -> None:
    until = time.monotonic() + 60
    while True:
        try:
            psycopg.connect(made.url("postgres", "postgres"), connect_timeout=5).close()
            return
        except psycopg.OperationalError:
            said = (made.folder / "log").read_text()
            assert server.poll() is None and time.monotonic() < until, said
            time.sleep(0.1)
