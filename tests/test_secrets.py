"""A whole refresh leaves no secret and nobody's name: not in a file, a database, a log, a line."""

import base64
import json
import os
import shutil
import stat
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from tests.extract.scripted_jira import TOKEN, ScriptedJira

SECRETS = {
    "FLOWHOUSE_PSEUDONYM_KEY": "pseudonyms-of-this-test-Zq7",
    "SOURCES__JIRA__API_TOKEN": TOKEN,
    "SOURCES__SERVICENOW__PASSWORD": "desk-password-Xk41/+",
    "SOURCES__JENKINS__API_TOKEN": "11aabbccddeeff-jenkins",
}
LOGINS = {
    "SOURCES__SERVICENOW__USER": "desk.reader.login",
    "SOURCES__JENKINS__USER": "ci.reader.login",
}
EVENT = {
    "schema_version": "1",
    "event_id": "e1",
    "source": "drone",
    "type": "pipelinerun.finished",
    "occurred_at": "2026-01-02T03:04:05Z",
    "received_at": 1767323046,
    "subject": {"id": "run-7"},
    "payload": {
        "pipeline": "build", "result": "success", "sha": "abc", "author": "Planted Person",
        "commit": {"email": "person@planted.example", "message": "Planted text"},
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def refreshed(
    tmp_path_factory: pytest.TempPathFactory, parsed: Path
) -> tuple[Path, subprocess.CompletedProcess]:
    """A home after a refresh with two sources that do not answer, and what was shown."""
    folder = tmp_path_factory.mktemp("secrets")
    home, dropped = folder / "home", folder / "dropped"
    shutil.copytree(parsed, home / "dbt")
    dropped.mkdir()
    (dropped / "a.jsonl").write_text(json.dumps(EVENT) + "\n")
    site = ScriptedJira(40)
    settings = {
        **os.environ, **SECRETS, **LOGINS,
        "FLOWHOUSE_HOME": str(home),
        "SOURCES__JIRA__BASE_URL": site.url,
        "SOURCES__INBOX__PATH": str(dropped),
        "SOURCES__SERVICENOW__BASE_URL": "http://127.0.0.1:9",
        "SOURCES__JENKINS__BASE_URL": "http://127.0.0.1:9",
    }  # fmt: skip
    try:
        done = subprocess.run(
            [sys.executable, "-m", "tests.impatient", "refresh"],
            env=settings, capture_output=True, text=True, check=False,
        )  # fmt: skip
    finally:
        site.close()
    assert done.returncode == 3, done.stderr[-3000:]
    return home, done


def told(home: Path) -> Iterator[tuple[str, bytes]]:
    """Everything below a home, as it lies there and as it is read."""
    for file in sorted(home.rglob("*")):
        if file.is_symlink() or not file.is_file():
            continue
        name = str(file.relative_to(home))
        yield name, file.read_bytes()
        if file.suffix in (".duckdb", ".parquet") and file.parent.name != "seals":
            yield f"{name} (read)", "\n".join(texts(file)).encode()
        if file.suffix == ".gz":
            yield f"{name} (unpacked)", zlib.decompress(file.read_bytes(), 31)


def texts(file: Path) -> Iterator[str]:
    """All values of all tables of a file, those that dlt packs unpacked."""
    with duckdb.connect() as link:
        if file.suffix == ".parquet":
            tables = [f"read_parquet('{file}')"]
        else:
            link.execute(f"attach '{file}' as f (read_only)")
            tables = [
                f'f."{schema}"."{table}"'
                for schema, table in link.execute(
                    "select schema_name, table_name from duckdb_tables() where database_name = 'f'"
                ).fetchall()
            ]
        for table in tables:
            for (row,) in link.execute(f"select t::varchar from {table} as t").fetchall():
                yield row or ""
            if table.endswith('"_dlt_pipeline_state"'):
                for (state,) in link.execute(f"select state from {table}").fetchall():
                    yield zlib.decompress(base64.b64decode(state)).decode()


HIDDEN = [*SECRETS.values(), *LOGINS.values(), "Planted", "planted.example"]


def forms_of(word: str) -> list[bytes]:
    """A word as it is, and as it stands inside of base64 at any of three places."""
    found = [word.encode()]
    for shift in range(3):
        packed = base64.b64encode(b"x" * shift + word.encode())
        found.append(packed[4 if shift else 0 : -4])
    return [form for form in found if len(form) >= 6]


def test_nothing_below_the_home_holds_a_secret_or_a_name(
    refreshed: tuple[Path, subprocess.CompletedProcess],
) -> None:
    home, _ = refreshed
    looked_at = 0
    for name, content in told(home):
        looked_at += 1
        for word in HIDDEN:
            for form in forms_of(word):
                assert form not in content, f"{name} holds what begins with {word[:4]}"
    assert looked_at > 50
    # What is looked for would be found: what is no secret is there.
    kinds = {kind for kind, content in told(home) if b"P0-" in content or b"jira" in content}
    assert {"raw/raw_jira.duckdb (read)", "build.duckdb (read)"} <= kinds


def test_no_line_that_is_shown_holds_a_secret_or_a_name(
    refreshed: tuple[Path, subprocess.CompletedProcess],
) -> None:
    _, done = refreshed
    said = (done.stdout + done.stderr).encode()
    assert b"servicenow: no answer" in said and b"published" in said
    assert not [word for word in HIDDEN for form in forms_of(word) if form in said]


def test_everything_below_the_home_is_its_owners_alone(
    refreshed: tuple[Path, subprocess.CompletedProcess],
) -> None:
    home, _ = refreshed
    open_to_others = [
        str(place.relative_to(home))
        for place in [home, *home.rglob("*")]
        if not place.is_symlink() and stat.S_IMODE(place.stat().st_mode) & 0o077
    ]
    assert open_to_others == []
