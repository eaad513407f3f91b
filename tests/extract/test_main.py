"""`python -m extract NAME...`: what it loads, what it prints, and how it ends."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from extract.__main__ import main

EVENT = {
    "source": "ci", "event_id": "1", "type": "pipelinerun.started",
    "occurred_at": "2026-01-01T00:00:00Z", "payload": {"run_id": "1"},
}  # fmt: skip


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    """The command keeps what it writes to its owner; the tests after it do not."""
    before = os.umask(0o022)
    os.umask(before)
    yield
    os.umask(before)


@pytest.fixture
def drop(home: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A drop folder that the inbox reads."""
    folder = tmp_path / "drop"
    folder.mkdir()
    monkeypatch.setenv("SOURCES__INBOX__PATH", str(folder))
    return folder


def test_a_source_is_loaded_alone_and_each_object_is_a_line(
    drop: Path, home: Any, capsys: pytest.CaptureFixture
) -> None:
    (drop / "one.jsonl").write_text(json.dumps(EVENT) + "\n")
    assert main(["inbox"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "complete   inbox events: 1 read, 1 loaded",
        "complete   inbox files: 1 read, 1 loaded",
    ]
    assert home.value("inbox", "select count(*) from inbox.events") == 1


def test_a_source_with_gaps_ends_with_three(drop: Path, capsys: pytest.CaptureFixture) -> None:
    (drop / "one.jsonl").write_text("no event\n")
    assert main(["inbox"]) == 3
    assert capsys.readouterr().out.startswith("incomplete inbox events: 0 read, 0 loaded; 1 lines")


def test_a_source_that_cannot_be_read_ends_with_one(
    drop: Path, capsys: pytest.CaptureFixture
) -> None:
    drop.rmdir()
    assert main(["inbox"]) == 1
    line = "failed     inbox *: 0 read, 0 loaded; SOURCES__INBOX__PATH is not a folder"
    assert capsys.readouterr().out.startswith(line)


@pytest.mark.parametrize(
    ("names", "says"),
    [
        ([], "extract: name a source: jira, github, "),
        (["trello"], "extract: trello is not a source; choose from jira, github, "),
        (["jira"], "extract: SOURCES__JIRA__BASE_URL is not set"),
        (["inbox"], "extract: SOURCES__INBOX__PATH is not set"),
    ],
)
def test_what_cannot_be_loaded_is_a_line_and_ends_with_two(
    home: Any, tmp_path: Path, capsys: pytest.CaptureFixture, names: list[str], says: str
) -> None:
    assert main(names) == 2
    assert capsys.readouterr().err.startswith(says)
    assert not (tmp_path / "raw").exists()
