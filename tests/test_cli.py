"""The command line when something is wrong: one clear line each, and nothing half done."""

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from orchestration import gate
from orchestration.failures import summary_of_build

FLOWHOUSE = Path(sys.executable).with_name("flowhouse")


IMPATIENT = (sys.executable, "-m", "tests.impatient")


def flowhouse(
    home: Path, *words: str, command: tuple = (FLOWHOUSE,), **settings: str
) -> subprocess.CompletedProcess:
    return subprocess.run(
        [*command, *words],
        env={**os.environ, "FLOWHOUSE_HOME": str(home), **settings},
        capture_output=True,
        text=True,
        check=False,
    )


def lines(done: subprocess.CompletedProcess) -> list[str]:
    return [line for line in done.stderr.splitlines() if line.startswith("flowhouse: ")]


JIRA = {
    "SOURCES__JIRA__BASE_URL": "http://127.0.0.1:9",
    "SOURCES__JIRA__EMAIL": "someone@example.com",
    "SOURCES__JIRA__API_TOKEN": "hush-hush",
}


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({}, "no source is configured"),
        ({"SOURCES__JIRA__BASE_URL": "https://x.example"}, "SOURCES__JIRA__API_TOKEN is not set"),
        (
            {
                "SOURCES__JIRA__BASE_URL": "https://x.atlassian.net",
                "SOURCES__JIRA__API_TOKEN": "hush-hush",
            },
            "SOURCES__JIRA__EMAIL is not set",
        ),
        ({**JIRA, "SOURCES__JIRA__BASE_URL": "jira.example"}, "SOURCES__JIRA__BASE_URL is not a"),
        ({**JIRA, "SOURCES__JIRA__PROJECTS": "PAY; SHOP"}, "SOURCES__JIRA__PROJECTS cannot be"),
        ({**JIRA, "FLOWHOUSE_AS_OF": "yesterday"}, "FLOWHOUSE_AS_OF (--as-of) is not an ISO time"),
        (
            {**JIRA, "SOURCES__JIRA__BASE_URL": "https://ada:hush-hush@x.example"},
            "SOURCES__JIRA__BASE_URL must not carry credentials",
        ),
    ],
    ids=[
        "nothing",
        "missing",
        "missing on cloud",
        "address",
        "list",
        "time",
        "credentials in address",
    ],
)
def test_a_faulty_setting_is_named_and_its_value_is_not_shown(
    tmp_path: Path, settings: dict, says: str
) -> None:
    home = tmp_path / "home"
    done = flowhouse(home, "refresh", **settings)
    assert done.returncode == 2
    assert any(says in line for line in lines(done)), done.stderr
    assert "Traceback" not in done.stderr
    assert "hush-hush" not in done.stderr + done.stdout
    assert "yesterday" not in done.stderr + done.stdout
    assert not home.exists()


def test_an_unknown_source_is_refused(tmp_path: Path) -> None:
    done = flowhouse(tmp_path / "home", "refresh", "--source", "trello", **JIRA)
    assert (done.returncode, len(lines(done))) == (2, 1)
    assert "there is no such source" in done.stderr


def test_a_report_without_a_published_warehouse_says_what_to_do(tmp_path: Path) -> None:
    done = flowhouse(tmp_path / "home", "report")
    assert done.returncode == 1
    assert lines(done) == ["flowhouse: nothing is published yet; run `flowhouse refresh` first"]


SLOW = ("dagster", "dbt", "dlt", "duckdb", "great_expectations", "pandas", "pyarrow")
"""Each of them takes longer to import than a command may that only tells something."""

IMPORTED = """
import sys
from orchestration.cli import main
main(sys.argv[2:], standalone_mode=False)
print("imported", *(name for name in sys.argv[1].split() if name in sys.modules))
"""


def imported_by(home: Path, *words: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED, " ".join(SLOW), *words],
        env={**os.environ, "FLOWHOUSE_HOME": str(home)},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.splitlines()[-1].split()[1:])


def test_help_and_status_import_nothing_that_is_slow(demo_home: Path, tmp_path: Path) -> None:
    assert imported_by(tmp_path, "--help") == set()
    assert imported_by(tmp_path, "refresh", "--help") == set()
    assert imported_by(demo_home, "status") == {"duckdb"}


def test_status_of_an_empty_house(tmp_path: Path) -> None:
    done = flowhouse(tmp_path / "home", "status", "--json")
    assert done.returncode == 0
    assert '"published": null' in done.stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--from", "soon", "--to", "2024-02-01"), "--from is not an ISO date"),
        (("--from", "2024-02-01", "--to", "2024-01-01"), "--from must lie before --to"),
    ],
)
def test_a_backfill_of_no_window_is_refused(tmp_path: Path, words: tuple, says: str) -> None:
    done = flowhouse(tmp_path / "home", "backfill", "--source", "jira", *words, **JIRA)
    assert done.returncode == 2
    assert any(says in line for line in lines(done)), done.stderr


def test_the_doctor_says_what_is_missing_a_line_each_and_exits_with_one(tmp_path: Path) -> None:
    home = tmp_path / "home"
    done = flowhouse(home, "doctor", FLOWHOUSE_PSEUDONYM_KEY="")
    assert (done.returncode, done.stdout) == (1, "FAIL  flowhouse   no source is configured\n")
    (tmp_path / "feeds").mkdir()  # beside the tools, and none itself
    done = flowhouse(home, "doctor", SOURCES__FEEDS__FOLDER=str(tmp_path / "feeds"))
    assert done.returncode == 1
    assert "FAIL  flowhouse   no source is configured" in done.stdout.splitlines()
    assert "ok    feeds       no file yet" in done.stdout.splitlines()
    jira = {**JIRA, "SOURCES__JIRA__EMAIL": "", "SOURCES__JIRA__DEPLOYMENT": "moon"}
    done = flowhouse(home, "doctor", **{**jira, "FLOWHOUSE_PSEUDONYM_KEY": "flowhouse-demo-key"})
    answers = done.stdout.splitlines()
    assert done.returncode == 1
    assert answers[0].startswith("FAIL  flowhouse   FLOWHOUSE_PSEUDONYM_KEY is not set, the demo's")
    assert answers[-1].startswith("FAIL  jira        SOURCES__JIRA__DEPLOYMENT is neither")
    assert "hush-hush" not in done.stdout + done.stderr
    assert not home.exists()


def test_only_person_keys_can_be_forgotten(tmp_path: Path) -> None:
    done = flowhouse(tmp_path / "home", "forget", "ada@example.com")
    assert done.returncode == 2
    assert "20 characters" in done.stderr and "ada" not in done.stderr


def unheard(home: Path, *words: str, **settings: str) -> subprocess.CompletedProcess:
    """Refresh from an address at which nobody listens."""
    return flowhouse(home, "refresh", *words, command=IMPATIENT, **{**JENKINS, **settings})


JENKINS = {
    "SOURCES__JENKINS__BASE_URL": "http://127.0.0.1:9",
    "SOURCES__JENKINS__USER": "someone",
    "SOURCES__JENKINS__API_TOKEN": "hush-hush",
}

NOTHING_LOADED = "nothing was loaded from any source yet, so nothing is published: "


def test_a_first_refresh_from_an_address_without_a_server_ends_with_one_line(
    tmp_path: Path,
) -> None:
    home = tmp_path / "home"
    done = unheard(home)
    assert (done.returncode, done.stderr.splitlines()) == (
        1,
        [
            f"flowhouse: {NOTHING_LOADED}jenkins: no answer from /api/json: connection refused"
            " (check SOURCES__JENKINS__BASE_URL)"
        ],
    )
    assert not home.exists()


class Elsewhere(BaseHTTPRequestHandler):
    """A web server that is none of our sources: it knows no place."""

    def do_GET(self) -> None:
        self.send_error(404)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def elsewhere() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("source", "settings", "says"),
    [
        ("jira", ("EMAIL", "API_TOKEN"), "/rest/api/2/myself answered 404"),
        ("jenkins", ("USER", "API_TOKEN"), "/api/json answered 404"),
        ("gitlab", ("TOKEN",), "/projects answered 404"),
        (
            "servicenow",
            ("USER", "PASSWORD"),
            "sys_choice answered 404, and not as ServiceNow does",
        ),
    ],
)
def test_the_address_of_another_server_is_reported_before_anything_is_written(
    tmp_path: Path,
    elsewhere: str,
    monkeypatch: pytest.MonkeyPatch,
    source: str,
    settings: tuple,
    says: str,
) -> None:
    monkeypatch.setenv("FLOWHOUSE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv(f"SOURCES__{source.upper()}__BASE_URL", elsewhere)
    for name in settings:
        monkeypatch.setenv(f"SOURCES__{source.upper()}__{name}", "hush-hush")
    with pytest.raises(gate.Stopped) as stopped:
        gate.check(gate.RefreshRequest())
    assert stopped.value.code == 1
    setting = f"SOURCES__{source.upper()}__BASE_URL"
    root = f": does {setting} name the root of its API?"
    hint = root if says.endswith("404") else f" (check {setting})"
    assert stopped.value.lines == [f"{NOTHING_LOADED}{source}: {says}{hint}"]
    assert not (tmp_path / "home").exists()


def test_a_first_refresh_that_is_shown_nothing_publishes_nothing(
    demo_home: Path, tmp_path: Path, elsewhere: str
) -> None:
    """GitHub may answer 404 where rates are not limited: only the load finds that nothing is there.

    Nothing is built either: an empty warehouse looks like a company that does nothing.
    """
    home = tmp_path / "home"
    shutil.copytree(demo_home / "dbt", home / "dbt")  # what is parsed
    settings = {
        "SOURCES__GITHUB__BASE_URL": elsewhere,
        "SOURCES__GITHUB__TOKEN": "hush-hush",
        "FLOWHOUSE_PSEUDONYM_KEY": "a test's key",
        "FLOWHOUSE_COMPANY": "demo",
    }
    done = flowhouse(home, "refresh", **settings)
    [line] = lines(done)
    assert done.returncode == 1
    assert line.startswith(
        f"flowhouse: {NOTHING_LOADED}github: SOURCES__GITHUB__REPOSITORIES: */*: "
    )
    assert line.endswith(
        "; GitHub shows none to this token"
        " (check SOURCES__GITHUB__BASE_URL and what its user may see)"
    )
    assert "Traceback" not in done.stderr and elsewhere not in done.stderr
    assert not (home / "build.duckdb").exists()
    assert not (home / "published").exists()


def test_a_source_that_was_loaded_once_is_waited_for_no_more(
    demo_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The refresh goes on without it (test_pipeline: exit 3), unless its raw file is gone too."""
    raw = tmp_path / "raw" / "raw_jenkins.duckdb"
    raw.parent.mkdir()
    shutil.copy(demo_home / "raw" / raw.name, raw)
    monkeypatch.setenv("FLOWHOUSE_HOME", str(tmp_path))
    for name, value in JENKINS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("extract.api.backoff", lambda _: 0.0)
    gate.check(gate.RefreshRequest())
    raw.unlink()
    with pytest.raises(gate.Stopped, match=f"^{NOTHING_LOADED}jenkins: ") as stopped:
        gate.check(gate.RefreshRequest())
    assert stopped.value.code == 1


NODES = {
    "model.flowhouse.fct_x": {
        "resource_type": "model", "name": "fct_x", "alias": "fct_x", "config": {},
    },
    "test.flowhouse.no_gaps": {
        "resource_type": "test", "name": "no_gaps", "alias": "no_gaps",
        "config": {"store_failures": True},
    },
    "test.flowhouse.unique_x": {
        "resource_type": "test", "name": "unique_x", "alias": "unique_x",
        "config": {"store_failures": False},
    },
}  # fmt: skip


@pytest.mark.parametrize(
    ("results", "says"),
    [
        (
            [
                ("test.flowhouse.no_gaps", "fail", 1212, "Got 1212 results, configured to fail"),
                ("test.flowhouse.unique_x", "fail", 1, "Got 1 result, configured to fail if != 0"),
                ("model.flowhouse.fct_x", "skipped", None, None),
            ],
            "test no_gaps: 1,212 failing rows (kept in failures.no_gaps);"
            " test unique_x: 1 failing row; 1 that depend on it were skipped",
        ),
        (
            [
                (
                    "model.flowhouse.fct_x",
                    "error",
                    None,
                    "Runtime Error in model fct_x (models/marts/fct_x.sql)\n"
                    "  Conversion Error: Could not convert string 'Ada Lovelace' to INT32\n\n"
                    '  LINE 4: cast("name" as integer)',
                ),
                ("test.flowhouse.no_gaps", "warn", 3, "Got 3 results, configured to warn if != 0"),
            ],
            "model fct_x: Conversion Error: Could not convert string … to INT32",
        ),
        (
            [
                (
                    "model.flowhouse.fct_x",
                    "error",
                    None,
                    "Runtime Error in model fct_x (models/marts/fct_x.sql)\n"
                    '  Binder Error: Referenced column "team_kee" not found in FROM clause!',
                )
            ],
            'model fct_x: Binder Error: Referenced column "team_kee" not found in FROM clause!',
        ),
        (
            [("test.flowhouse.unique_x", "fail", 2, "")] * 5,
            "test unique_x: 2 failing rows; test unique_x: 2 failing rows;"
            " test unique_x: 2 failing rows; and 2 more",
        ),
    ],
    ids=["tests", "a value", "a name", "many"],
)
def test_a_failed_build_names_what_failed_and_no_value_of_a_row(
    tmp_path: Path, results: list[tuple], says: str
) -> None:
    names = ("unique_id", "status", "failures", "message")
    run_results, manifest = tmp_path / "run_results.json", tmp_path / "manifest.json"
    run_results.write_text(
        json.dumps({"results": [dict(zip(names, result, strict=True)) for result in results]})
    )
    manifest.write_text(json.dumps({"nodes": NODES}))
    assert summary_of_build(run_results, manifest) == says
    assert summary_of_build(tmp_path / "nowhere.json", manifest) == ""


def test_help_loads_nothing_that_is_slow() -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, orchestration.cli as cli\n"
            "try: cli.main(['--help'])\n"
            "except SystemExit: pass\n"
            "print(sorted({'dlt', 'duckdb', 'dagster', 'dbt', 'pandas'} & set(sys.modules)))",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"
