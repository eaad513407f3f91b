"""dlt's folder is believed as long as it and the raw file are as a load left them, no longer."""

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import dlt
import pytest

from tests.extract.scripted_github import Hub, iso
from tests.extract.test_github_issues import listings, numbers


def loaded_twice(hub: Hub, home: Any) -> Path:
    """Load two issues one after the other; return dlt's folder."""
    for number in (1, 2):
        hub.now += timedelta(hours=6)
        hub.add_issue(number, iso(hub.now))
        home.load("github")
    return home.folder / "dlt" / "github"


def goes_on(hub: Hub, home: Any) -> None:
    """Hold the next load against one that knows what the loads before it have read."""
    hub.seen.clear()
    hub.now += timedelta(hours=6)
    hub.add_issue(3, iso(hub.now))
    work = home.load("github")
    assert {audit.status for audit in work.audits} == {"complete"}
    assert [asked["filter"] for asked in listings(hub)] == [{"since": "2025-06-01T10:58:00Z"}]
    assert numbers(home) == [1, 2, 3]


def test_a_raw_file_as_the_last_load_left_it_is_not_asked_for_the_state(
    hub: Hub, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded_twice(hub, home)
    monkeypatch.setattr(
        dlt.Pipeline, "sync_destination", lambda *_: pytest.fail("the raw file was asked")
    )
    goes_on(hub, home)


@pytest.mark.parametrize("name", ["state.json", "schemas/github.schema.json"])
@pytest.mark.parametrize(
    "spoil", [Path.unlink, lambda file: file.write_text("{ half a")], ids=["gone", "damaged"]
)
def test_a_folder_that_is_not_whole_is_made_again_from_the_raw_file(
    hub: Hub, home: Any, name: str, spoil: Callable[[Path], Any]
) -> None:
    spoil(loaded_twice(hub, home) / name)
    goes_on(hub, home)


def test_a_folder_of_an_earlier_day_is_brought_up_to_the_raw_file(hub: Hub, home: Any) -> None:
    folder = loaded_twice(hub, home)
    shutil.copytree(folder, home.folder / "of_yesterday")
    hub.now += timedelta(days=1)
    hub.add_issue(4, iso(hub.now))
    home.load("github")
    shutil.rmtree(folder)
    shutil.move(home.folder / "of_yesterday", folder)
    hub.seen.clear()
    home.load("github")
    assert [asked["filter"] for asked in listings(hub)] == [{"since": "2025-06-02T10:58:00Z"}]
    assert numbers(home) == [1, 2, 4]


def test_what_a_killed_load_has_noted_but_not_written_is_forgotten(hub: Hub, home: Any) -> None:
    loaded_twice(hub, home)
    from extract import raw_store

    pipeline = raw_store.pipeline_for("github")
    pipeline.extract([{"id": "stale"}], table_name="leftover")
    assert pipeline.has_pending_data
    goes_on(hub, home)
    assert "leftover" not in str(home.rows("github", "select table_name from duckdb_tables()"))
