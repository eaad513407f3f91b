"""A refresh that a schedule or a button starts is refused as the command line is."""

import json
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.utils import is_valid_owner

from orchestration import gate, outcome

HOLD = """
import sys
from filelock import FileLock
with FileLock(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def home(parsed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home that has published something; no source is set."""
    from orchestration.definitions import loaded

    loaded()  # reads what is parsed once

    monkeypatch.setenv("FLOWHOUSE_HOME", str(tmp_path))
    (tmp_path / "published").mkdir()
    (tmp_path / "published" / "warehouse.duckdb").write_text("as it was")
    return tmp_path


def refused(job: str, **config: Any) -> tuple[str, dict[str, str]]:
    """Run a step of a job as Dagster does, and return for what it failed, and its tags.

    Every step of every job passes the gate (test_graph.py); to plan all of them takes long.
    """
    from orchestration.definitions import loaded
    from orchestration.failures import text_of_error

    found = (
        loaded().resolve_implicit_global_asset_job_def()
        if job == "button"
        else loaded().resolve_job_def(job)
    )
    if job != "refresh_jira":  # a part of a job forgets the settings that the job has
        found = found.get_subset(asset_selection={dg.AssetKey(["published", "report"])})
    with dg.instance_for_test() as instance:
        done = found.execute_in_process(
            instance=instance,
            raise_on_error=False,
            run_config={"resources": {"refresh": {"config": config}}} if config else None,
        )
        assert not done.success
        run = instance.get_run_by_id(done.run_id)
        return text_of_error(done.get_run_failure_event().job_failure_data.error), run.tags


@pytest.mark.parametrize(
    ("job", "config", "settings", "says"),
    [
        ("refresh", {}, {}, "no source is configured; set SOURCES__"),
        ("button", {}, {}, "no source is configured; set SOURCES__"),
        # Feeds stand beside the tools: whoever has nothing else has lost the settings.
        (
            "refresh",
            {},
            {"SOURCES__FEEDS__FOLDER": "/tmp"},
            "no source is configured; set SOURCES__JIRA__BASE_URL or",
        ),
        ("refresh_jira", {}, {}, "SOURCES__JIRA__BASE_URL is not set"),
        ("backfill", {"sources": ["jira"]}, {}, "the job backfill reads a window: set `span`"),
        (
            "backfill",
            {"sources": ["jira"], "span": ["soon", "2024-01-01"]},
            {},
            "--from is not an ISO date",
        ),
        (
            "refresh",
            {},
            {
                "SOURCES__JIRA__BASE_URL": "https://x.atlassian.net",
                "SOURCES__JIRA__EMAIL": "me@x.y",
            },
            "SOURCES__JIRA__API_TOKEN is not set",
        ),
        (
            "refresh",
            {},
            {"FLOWHOUSE_AS_OF": "yesterday"},
            "FLOWHOUSE_AS_OF (--as-of) is not an ISO time",
        ),
        ("refresh", {}, {"FLOWHOUSE_ALERT_WEBHOOK": "hush"}, "FLOWHOUSE_ALERT_WEBHOOK is not a"),
    ],
    ids=[
        "nothing",
        "a button",
        "feeds",
        "one source",
        "no window",
        "a window",
        "token",
        "time",
        "alerts",
    ],
)
def test_a_faulty_configuration_is_named_and_nothing_is_published(
    home: Path, monkeypatch: pytest.MonkeyPatch, job: str, config: dict, settings: dict, says: str
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    words, tags = refused(job, **config)
    assert says in words and "yesterday" not in words and "hush" not in words
    assert tags["flowhouse/outcome"] == "failed"
    known = json.loads((home / "refreshes.json").read_text())
    assert any(says in line for line in known["last_failed"]["lines"])
    assert not (home / "build.duckdb").exists()
    assert not (home / "raw").exists()
    assert (home / "published" / "warehouse.duckdb").read_text() == "as it was"


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What a webhook gets."""
    got: list[str] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.append(json.loads(body)["text"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Hook) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("FLOWHOUSE_ALERT_WEBHOOK", f"http://127.0.0.1:{server.server_port}/x")
        yield got
        server.shutdown()


@pytest.fixture
def held(home: Path) -> Iterator[None]:
    """Another process refreshes."""
    outcome.note(outcome.Outcome("another", "the command line", outcome.now()))
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(home / "refresh.lock")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as other:  # fmt: skip
        assert other.stdout.readline() == "held\n"
        yield
        other.stdin.close()


def test_a_run_while_a_command_refreshes_is_refused_at_once_and_leaves_its_note(
    home: Path, held: None
) -> None:
    words, _ = refused("refresh")
    assert words == "a refresh is running already; wait until it has ended"
    assert (outcome.last().refresh_id, outcome.last().outcome) == ("another", "running")


def test_a_command_while_a_run_refreshes_is_refused_at_once(home: Path, held: None) -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("flowhouse"), "refresh"],
        env={**os.environ, "FLOWHOUSE_HOME": str(home)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == "flowhouse: a refresh is running already; wait until it has ended\n"
    assert (outcome.last().refresh_id, outcome.last().outcome) == ("another", "running")


def command(home: Path, *words: str, **settings: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [Path(sys.executable).with_name("flowhouse"), *words],
        env={**os.environ, "FLOWHOUSE_HOME": str(home), **settings},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_command_that_is_refused_is_the_last_refresh_of_status_and_people_are_told(
    home: Path, told: list[str]
) -> None:
    """A timer starts it at night: nobody sees what it prints, and no run of Dagster failed."""
    assert command(home, "refresh").returncode == 2
    assert (outcome.last().outcome, outcome.last().started_by) == ("failed", "the command line")
    assert outcome.last().lines[0].startswith("no source is configured; set SOURCES__")
    [first, reason, *_] = command(home, "status").stdout.partition("refresh    ")[2].splitlines()
    assert first.startswith("did not begin, failed at ")
    assert reason.startswith("  no source is configured; set SOURCES__")
    [alert] = told
    assert alert.startswith("flowhouse: a refresh did not begin (the command line)\n- no source is")


def test_a_command_that_is_refused_makes_no_home(tmp_path: Path) -> None:
    assert command(tmp_path / "new", "refresh").returncode == 2
    assert not (tmp_path / "new").exists()


BAD = {
    "FLOWHOUSE_SCHEDULE": "at noon", "FLOWHOUSE_TIME_ZONE": "Mars/Base",
    "FLOWHOUSE_OWNER": "nobody at all", "FLOWHOUSE_COMPANY": "nowhere",
    "FLOWHOUSE_POSTGRES_URL": "bad", "FLOWHOUSE_READERS": "me", "FLOWHOUSE_KEEP_RUNS": "x",
    "FLOWHOUSE_KEEP_VERSIONS": "x", "FLOWHOUSE_MEMORY_LIMIT": "x", "FLOWHOUSE_SPILL": "a'b",
    "FLOWHOUSE_AS_OF": "x", "FLOWHOUSE_ALERT_MAIL": "x",
}  # fmt: skip


@pytest.mark.parametrize(
    ("owner", "is_one"),
    [
        ("team:data-flow", True), ("duty@example.com", True), ("Duty.1+x@mail.example.com", True),
        ("team:", False), ("duty", False), ("duty@example", False), ("mü@example.com", False),
        ("-duty@example.com", False), ("duty@example.com ", False), ("team:a\nb", False),
    ],
)  # fmt: skip
def test_an_owner_is_one_for_dagster_too(
    monkeypatch: pytest.MonkeyPatch, owner: str, is_one: bool
) -> None:
    """What Dagster refuses would keep it from loading."""
    monkeypatch.setenv("FLOWHOUSE_OWNER", owner)
    assert gate.is_well_formed("FLOWHOUSE_OWNER") is is_one
    assert not is_one or is_valid_owner(owner)


def test_no_setting_keeps_dagster_from_having_its_jobs(home: Path) -> None:
    """Without them no schedule refreshes, no gate refuses, and nobody is told."""
    done = subprocess.run(
        [sys.executable, "-c",
         "from orchestration.definitions import loaded;"
         " print(loaded().resolve_schedule_def('refresh_daily').cron_schedule)"],
        env={**os.environ, "FLOWHOUSE_HOME": str(home), **BAD},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout == "0 4 * * *\n", done.stderr[-2000:]


@pytest.mark.parametrize("words", [["refresh"], ["doctor"]])
def test_each_of_these_settings_is_named(home: Path, words: list[str]) -> None:
    done = command(home, *words, **BAD)
    said = done.stderr if words == ["refresh"] else done.stdout
    assert [name for name in BAD if name not in said] == []


def test_whoever_passes_keeps_others_out_and_lets_its_own_job_in(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(gate, "check", asked.append)
    with gate.pass_gate(gate.RefreshRequest(("jira",))):
        assert gate.is_held(gate.lock_file())
        with gate.pass_gate(gate.RefreshRequest(("jira",))):
            pass
        assert gate.is_held(gate.lock_file())
    assert not gate.is_held(gate.lock_file())
    assert asked == [gate.RefreshRequest(("jira",))]  # sources are asked once


def test_whoever_passes_takes_from_others_what_an_older_version_let_them_read(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "check", lambda wish: None)
    raw = home / "raw_jira.duckdb"
    raw.touch()
    raw.chmod(0o644)
    with gate.pass_gate(gate.RefreshRequest()):
        assert stat.S_IMODE(raw.stat().st_mode) == 0o600


def test_a_refresh_that_was_killed_has_failed(home: Path) -> None:
    outcome.note(outcome.Outcome("killed", "the schedule refresh_daily", outcome.now()))
    assert outcome.last().outcome == "failed"
    assert outcome.last_refreshes()["lines"][1] == f"  {outcome.KILLED}"


def test_the_last_failure_stays_known_after_a_good_refresh(home: Path) -> None:
    begun = outcome.Outcome(
        "bad", "Dagster", "2024-01-01", "2024-01-02", outcome.FAILED, ["a test"]
    )
    outcome.note(begun)
    outcome.note(outcome.Outcome("good", "Dagster", "2024-01-03", "2024-01-04", outcome.PUBLISHED))
    assert outcome.last_refreshes()["lines"] == [
        "refresh    good published at 2024-01-04, started by Dagster",
        "before that bad failed at 2024-01-02, started by Dagster",
        "  a test",
    ]
    (home / "refreshes.json").write_text("{half")
    assert outcome.last_refreshes()["lines"] == []


@pytest.mark.parametrize(
    "noted", ['{"half', "[1]", '{"last": [1]}', '{"last": {"refresh_id": "r"}}', '{"last": null}']
)
def test_what_is_noted_in_another_form_stops_nobody(home: Path, noted: str) -> None:
    """A file that was damaged, or that another version of flowhouse wrote."""
    (home / "refreshes.json").write_text(noted)
    assert outcome.last_refreshes()["lines"] == []
    outcome.note(outcome.Outcome("new", "Dagster", "2024-01-01", "2024-01-02", outcome.PUBLISHED))
    assert outcome.last().refresh_id == "new"


def test_what_a_newer_version_notes_besides_stops_nobody(home: Path) -> None:
    newer = asdict(outcome.Outcome("newer", "Dagster", "2024-01-01")) | {"mood": "good"}
    (home / "refreshes.json").write_text(json.dumps({"last": newer, "last_failed": newer}))
    assert outcome.last_failed() is None
