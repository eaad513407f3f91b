"""One bad source stops no other: whatever it does, its rows stay, its audit says so in one line."""

import multiprocessing
import os
import resource
import signal
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from extract import archive
from extract.load import Unwritable, load
from extract.sources import jenkins
from orchestration import gate
from tests.faults.conftest import Company, process


def failed(work: Any) -> str:
    """Return the message of a load that failed as a whole, and as nothing else."""
    [audit] = [audit for audit in work.audits if audit.status != "complete"]
    assert (audit.object, audit.status) == ("*", "failed")
    return audit.message


@pytest.fixture
def loaded(company: Company, monkeypatch: pytest.MonkeyPatch) -> Company:
    """The company after a first load, with builds that no load has seen."""
    monkeypatch.setattr("extract.api.backoff", lambda _: 0.0)
    company.controller.add("job", range(1, 30))
    company.load()
    company.controller.add("job", range(30, 33))
    return company


JOB = {"_class": "org.x.job.WorkflowJob", "name": "job"}
ODD = {
    "a list for an object": [1, 2, 3],
    "a word for builds": {"jobs": [JOB | {"builds": "Ada Planted"}]},
    "builds without a number": {"jobs": [JOB | {"builds": [{"timestamp": "Ada Planted"}] * 3}]},
    "a number of another kind": {"jobs": [JOB | {"builds": [{"number": {"ada": "planted"}}]}]},
}


@pytest.mark.parametrize("body", ODD.values(), ids=ODD)
def test_odd_rows_in_a_good_answer_leave_the_rows_that_are_there(
    loaded: Company, body: Any, caplog: pytest.LogCaptureFixture
) -> None:
    before = loaded.content()
    loaded.faults.add("jenkins", "/api/json", 200, 99, body=body, skip=1)  # the clock's
    work = loaded.load()
    loaded.faults.clear()
    bad = [audit for audit in work.audits if audit.status != "complete"]
    assert bad and all("lanted" not in audit.message for audit in bad)
    assert all("\n" not in audit.message for audit in bad)
    assert "lanted" not in caplog.text and "Traceback" not in caplog.text
    assert loaded.content() == before
    assert loaded.home.value("jenkins", "select count(*) from jenkins.builds") == 29
    loaded.load()
    assert loaded.home.value("jenkins", "select count(*) from jenkins.builds") == 32


def test_credentials_that_are_refused_midway_are_named_by_their_setting(loaded: Company) -> None:
    before = loaded.content()
    loaded.faults.add("jenkins", "/job/", 401, 99)
    message = failed(loaded.load())
    assert message == (
        "SOURCES__JENKINS__API_TOKEN: jenkins refused the credentials (401);"
        " set it to one that is valid"
    )
    assert loaded.content() == before
    told = loaded.home.rows(
        "jenkins", "select object, status, message from jenkins.load_audits where status = 'failed'"
    )
    assert told == [("*", "failed", message)]
    loaded.faults.clear()
    assert {audit.status for audit in loaded.load().audits} == {"complete"}
    assert loaded.home.value("jenkins", "select count(*) from jenkins.builds") == 32


def test_a_fault_of_our_own_is_one_of_the_source_too(
    loaded: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its traceback is kept, its owner's alone, without what the errors quote."""

    def build(run: Any, settings: Any) -> Any:
        try:
            raise KeyError("Ada Planted")
        except KeyError as error:
            raise RuntimeError("of Ada Planted") from error

    monkeypatch.setattr(jenkins, "SOURCE", replace(jenkins.SOURCE, build=build))
    kept = loaded.home.folder / "failure-jenkins.txt"
    kept.write_text("of the load before")
    kept.chmod(0o644)
    message = failed(loaded.load())
    assert message == (
        "jenkins: an answer cannot be loaded (KeyError); check SOURCES__JENKINS__BASE_URL, and"
        " report this line where it is right; where it failed: failure-jenkins.txt in"
        " FLOWHOUSE_HOME"
    )
    text = kept.read_text()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert "load before" not in text
    assert [line for line in text.splitlines() if line.endswith("Error")] == [
        "RuntimeError", "KeyError",
    ]  # fmt: skip
    assert text.count(f'File "{__file__}"') == 2
    assert "of which the cause is" in text


def test_a_source_that_fails_by_itself_leaves_no_traceback(loaded: Company) -> None:
    loaded.faults.add("jenkins", "/job/", 401, 99)
    assert "FLOWHOUSE_HOME" not in failed(loaded.load())
    assert not [*loaded.home.folder.glob("failure*")]


def test_a_wrong_token_of_several_stops_only_its_own_source(
    loaded: Company,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
) -> None:
    (tmp_path / "inbox").mkdir()
    monkeypatch.setenv("SOURCES__INBOX__PATH", str(tmp_path / "inbox"))
    loaded.faults.add("jenkins", ".", 401, 99)
    caplog.set_level("WARNING", "flowhouse")
    monkeypatch.setattr(gate.log, "propagate", True)
    gate.check(gate.RefreshRequest())
    assert "SOURCES__JENKINS__API_TOKEN: jenkins refused the credentials (401)" in caplog.text
    for sources in (("jenkins",), ("jenkins", "jenkins")):
        with pytest.raises(gate.Stopped) as stopped:
            gate.check(gate.RefreshRequest(sources))
        assert stopped.value.code == gate.BAD_CONFIGURATION
        assert stopped.value.lines == [
            "SOURCES__JENKINS__API_TOKEN: jenkins refused the credentials (401)"
        ]
    monkeypatch.delenv("SOURCES__INBOX__PATH")
    with pytest.raises(gate.Stopped):
        gate.check(gate.RefreshRequest())


def _load_within(limit: int, told: Any) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        told.send(str(load("jenkins", "full disk").audits))
    except Unwritable as error:
        told.send(str(error))
    except BaseException as error:
        told.send(repr(error))


def _load_as_nobody(home: Path, told: Any) -> None:
    if os.geteuid() == 0:
        os.setgid(65_534)
        os.setuid(65_534)
    try:
        told.send(load("jenkins", "read-only").audits)
    except Exception as error:
        told.send(f"{type(error).__name__}: {error}")


def told_by(task: Any, *words: Any) -> Any:
    reader, writer = multiprocessing.Pipe(duplex=False)
    started = process(task, *words, writer)
    writer.close()
    said = reader.recv()
    started.join()
    return said


@pytest.mark.parametrize("share", [0, 0.005])
def test_a_full_disk_is_said_in_one_line_and_loses_nothing(loaded: Company, share: float) -> None:
    """Files can be written up to a part of their size: nothing, or packages but no table."""
    before = loaded.content()
    loaded.controller.add("job", range(33, 300))
    said = told_by(_load_within, int(loaded.raw.stat().st_size * share))
    assert isinstance(said, str), said
    assert said.startswith("jenkins: what was read cannot be written: ") and "\n" not in said
    assert loaded.content() == before
    loaded.load()
    assert loaded.home.value("jenkins", "select count(*) from jenkins.builds") == 299
    archived = loaded.content()
    loaded.raw.unlink()
    archive.mend("jenkins")
    assert loaded.content() == archived


def test_a_folder_that_is_read_only_is_said_in_one_line(loaded: Company) -> None:
    before = loaded.content()
    for path in [loaded.home.folder, *loaded.home.folder.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        said = told_by(_load_as_nobody, loaded.home.folder)
    finally:
        for path in [loaded.home.folder, *loaded.home.folder.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)
    assert isinstance(said, str) and "\n" not in said and "ermission" in said
    assert loaded.content() == before
