"""`flowhouse rollback`: readers get an older version, its Parquet and its report."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner, Result
from filelock import FileLock

from orchestration.cli import main
from orchestration.versions import fault_of_kept, kept_versions
from publish.snapshot import linked, number_of, publish, versions
from tests.faults.test_archive import fill_with_rubbish
from tests.publish.published_file import embedded_data, write_published_file


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home with three published versions, of which the first has another report."""
    monkeypatch.setenv("FLOWHOUSE_HOME", str(tmp_path))
    before = os.umask(0o022)  # commands change it for their process, which is ours
    build = write_published_file(tmp_path / "built.duckdb")
    for no in (1, 2, 3):
        with duckdb.connect(str(build)) as warehouse:
            warehouse.execute(f"update meta.refreshes set refresh_id = 'refresh-{no}'")
            warehouse.execute(f"update meta.load_audits set refresh_id = 'refresh-{no}'")
        publish(build, tmp_path / "published")
    yield tmp_path
    os.umask(before)


def flowhouse(*words: str) -> Result:
    return CliRunner().invoke(main, [*words])


def published(home: Path) -> int:
    """Return which version readers get, as a file and as Parquet."""
    version = linked(home / "published")
    stamp = version.stem.removeprefix("warehouse-")
    assert (home / "published" / "parquet").resolve().name == f"parquet-{stamp}"
    return number_of(version)


def test_readers_get_the_version_before_with_its_report(home: Path) -> None:
    done = flowhouse("rollback")
    assert done.exit_code == 0, done.output
    assert published(home) == 2
    report = (home / "report" / "index.html").read_text()
    assert embedded_data(report) and "refresh-2" in report
    lines = done.output.splitlines()
    assert [re.match(r"([* ]) +(\d+)  published \d{4}", line).groups() for line in lines[:3]] == [
        (" ", "3"), ("*", "2"), (" ", "1")
    ]  # fmt: skip
    assert "as of 2026-01-07 12:00" in lines[0] and "refresh refresh-3" in lines[0]
    assert lines[3].startswith("rolled back from version 3 to 2 at ")
    assert lines[4].startswith("report     ")
    assert flowhouse("rollback").exit_code == 0 and published(home) == 1
    assert flowhouse("rollback", "3").exit_code == 0 and published(home) == 3


def test_a_rollback_is_seen_in_status_until_the_next_publication(home: Path) -> None:
    def said() -> tuple[str, str]:
        told = json.loads(flowhouse("status", "--json").output)
        return told["rolled_back"], told["publication"]["refresh_id"]

    assert said() == ("", "refresh-3")
    flowhouse("rollback", "1")
    line, refresh = said()
    assert line.startswith("rolled back from version 3 to 1 at ") and refresh == "refresh-1"
    assert "attention  rolled back from version 3 to 1" in flowhouse("status").output
    publish(home / "built.duckdb", home / "published")
    assert said() == ("", "refresh-3") and published(home) == 4


@pytest.mark.parametrize("words", [("rollback",), ("report",), ("forget", "a" * 20)])
def test_whoever_may_read_what_is_published_may_after_every_command(
    home: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.setenv("FLOWHOUSE_READERS", "all")
    assert flowhouse("report").exit_code == 0
    done = flowhouse(*words)
    assert done.exit_code == 0, done.output
    hidden = [
        str(place.relative_to(home))
        for top in (home / "published", home / "report")
        for place in [top, *top.rglob("*")]
        if not place.stat().st_mode & 0o004
    ]
    assert hidden == []
    assert (home / "report" / "index.html").exists()


def test_a_list_changes_nothing(home: Path) -> None:
    done = flowhouse("rollback", "--list")
    assert (done.exit_code, len(done.output.splitlines())) == (0, 3)
    assert published(home) == 3 and not (home / "report").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("9",), "there is no published version 9; there are: 1, 2, 3"),
        (("last",), "there is no published version last; there are: 1, 2, 3"),
    ],
)
def test_what_is_not_there_is_said_in_one_line(home: Path, words: tuple, says: str) -> None:
    done = flowhouse("rollback", *words)
    assert (done.exit_code, done.stderr) == (1, f"flowhouse: {says}\n")
    assert published(home) == 3


def test_a_version_that_is_damaged_is_named_and_given_to_nobody(home: Path) -> None:
    second = versions(home / "published")[1]
    second.chmod(0o644)
    fill_with_rubbish(second)
    for words in ((), ("2",)):
        done = flowhouse("rollback", *words)
        says = "flowhouse: version 2 is damaged; there are besides: 1, 3\n"
        assert (done.exit_code, done.stderr, published(home)) == (1, says, 3)
    done = flowhouse("rollback", "1")
    assert (done.exit_code, published(home)) == (0, 1)
    listed = flowhouse("rollback", "--list").output.splitlines()
    assert "       2  is damaged" in listed and len(listed) == 4


def test_there_is_nothing_before_the_first(home: Path) -> None:
    flowhouse("rollback", "1")
    done = flowhouse("rollback")
    says = "flowhouse: there is no version before 1; there are: 1, 2, 3\n"
    assert (done.exit_code, done.stderr, published(home)) == (1, says, 1)


def test_nothing_is_published_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWHOUSE_HOME", str(tmp_path))
    done = flowhouse("rollback")
    assert (done.exit_code, "nothing is published yet" in done.stderr) == (1, True)
    assert flowhouse("rollback", "--list").output == ""


def test_not_while_a_refresh_runs(home: Path) -> None:
    with FileLock(home / "refresh.lock"):
        done = flowhouse("rollback")
    assert (done.exit_code, published(home)) == (1, 3)
    assert done.stderr == (
        "flowhouse: a refresh is running; wait until it has ended, then roll back\n"
    )


def test_a_version_of_an_older_flowhouse_is_still_shown_and_put_back(home: Path) -> None:
    first = versions(home / "published")[0]
    first.chmod(0o644)
    with duckdb.connect(str(first)) as older:
        for table in ("publications", "restatements", "table_versions"):
            older.execute(f"drop table meta.{table}")
        older.execute("drop table metrics.metric_unmapped_time")
    done = flowhouse("rollback", "1")
    assert published(home) == 1
    assert (done.exit_code, done.stderr) == (0, "")
    assert (home / "report" / "index.html").exists()
    line = next(line for line in done.output.splitlines() if line.startswith("*"))
    assert "flowhouse unknown" in line and "refresh refresh-1" in line
    assert flowhouse("status").exit_code == 0


@pytest.mark.parametrize("told", ["1", "0", "many", "-3", "2.5"])
def test_a_number_of_versions_that_cannot_be_kept_is_a_fault(
    monkeypatch: pytest.MonkeyPatch, told: str
) -> None:
    monkeypatch.setenv("FLOWHOUSE_KEEP_VERSIONS", told)
    assert fault_of_kept() == ["FLOWHOUSE_KEEP_VERSIONS is not a whole number of 2 or more"]


def test_seven_versions_are_kept_or_as_many_as_are_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("FLOWHOUSE_KEEP_VERSIONS", raising=False)
    assert (fault_of_kept(), kept_versions()) == ([], 7)
    monkeypatch.setenv("FLOWHOUSE_KEEP_VERSIONS", "3")
    assert (fault_of_kept(), kept_versions()) == ([], 3)
