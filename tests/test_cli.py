"""The command line on a faulty configuration: one clear line each, exit 2, nothing written."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

FLOWHOUSE = Path(sys.executable).with_name("flowhouse")


def flowhouse(home: Path, *words: str, **settings: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [FLOWHOUSE, *words],
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
    assert (done.returncode, done.stdout) == (1, "FAIL  house       no source is configured\n")
    jira = {**JIRA, "SOURCES__JIRA__EMAIL": "", "SOURCES__JIRA__DEPLOYMENT": "moon"}
    done = flowhouse(home, "doctor", **{**jira, "FLOWHOUSE_PSEUDONYM_KEY": "flowhouse-demo-key"})
    answers = done.stdout.splitlines()
    assert done.returncode == 1
    assert answers[0].startswith("FAIL  house       FLOWHOUSE_PSEUDONYM_KEY is not set, the demo's")
    assert answers[-1].startswith("FAIL  jira        SOURCES__JIRA__DEPLOYMENT is neither")
    assert "hush-hush" not in done.stdout + done.stderr
    assert not home.exists()


def test_only_person_keys_can_be_forgotten(tmp_path: Path) -> None:
    done = flowhouse(tmp_path / "home", "forget", "ada@example.com")
    assert done.returncode == 2
    assert "20 characters" in done.stderr and "ada" not in done.stderr
