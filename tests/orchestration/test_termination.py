"""C10: who is told to end takes along what it started, whoever waits for what."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import pytest
from dagster._utils.error import SerializableErrorInfo

from orchestration import transformation
from orchestration.cli import line_of_error
from orchestration.failures import lines_of
from orchestration.termination import stay_if_asked_to_end

CHILD = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if len(sys.argv) > 1:
    subprocess.Popen([sys.executable, "-c", sys.argv[1]])
print("ready", flush=True)
time.sleep(600)
"""
COMMAND = """
import signal, subprocess, sys
from orchestration.termination import end_process_tree
end_process_tree(grace_s=1)
signal.signal(signal.SIGTERM, lambda *_: None)  # as Dagster does
child = subprocess.Popen([sys.executable, "-c", sys.argv[1], sys.argv[1]])
print(child.pid, flush=True)
child.wait()
"""


LATE = """
import os, signal, subprocess, sys, threading, time
from orchestration import termination
pipe, nowhere = subprocess.PIPE, subprocess.DEVNULL
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdout=pipe, stderr=nowhere)
child.stdout.readline()  # it ignores the signal: its end takes longer than a command has patience
read, may_read = os.read, threading.Event()
def late(reader, count):  # the thread has no turn for half a second
    found = read(reader, count)
    may_read.wait()
    return found
termination.os.read = late
termination.end_process_tree(grace_s=3)
def interrupt(*_):  # as Dagster does
    raise KeyboardInterrupt
signal.signal(signal.SIGTERM, interrupt)
try:
    print("ready", flush=True)
    time.sleep(600)
except KeyboardInterrupt:
    threading.Timer(0.5, may_read.set).start()
    termination.stay_if_asked_to_end(patience_s=1)
print("it went on", flush=True)
"""


JOB = """
import subprocess, sys, time, types
from orchestration import gate, running
definitions = sys.modules["orchestration.definitions"] = types.ModuleType("definitions")
def loaded():  # where a refresh begins to work
    subprocess.Popen([sys.executable, "-c", sys.argv[1]])
    time.sleep(600)
definitions.loaded = loaded
running.run_job(None, gate.RefreshRequest(), False)
"""


def running(session: int) -> list[str]:
    """Return the processes of a session."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(folder.name)
    return found


def test_what_ignores_the_signal_is_ended_with_its_children() -> None:
    command = subprocess.Popen(
        [sys.executable, "-c", COMMAND, CHILD],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    ready = sorted(command.stdout.readline().strip() for _ in range(3))
    assert ready[1:] == ["ready", "ready"]
    assert len(running(command.pid)) == 3
    began = time.monotonic()
    os.kill(command.pid, signal.SIGTERM)
    assert command.wait(timeout=20) == 1
    assert time.monotonic() - began < 10
    assert "was asked to end (SIGTERM)" in command.stderr.read()
    assert running(command.pid) == []


def test_a_refresh_of_the_command_line_takes_along_what_it_started() -> None:
    command = subprocess.Popen(
        [sys.executable, "-c", JOB, CHILD.replace("SIG_IGN", "SIG_DFL")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        assert command.stdout.readline() == "ready\n"
        os.kill(command.pid, signal.SIGTERM)
        assert command.wait(timeout=60) == 1
        assert running(command.pid) == []
        assert "was asked to end (SIGTERM)" in command.stderr.read()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(command.pid, signal.SIGKILL)


@pytest.fixture
def in_a_refresh() -> Iterator[None]:
    """This process has the handlers of one that ends its process tree, which forks inherit."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    before = signal.signal(signal.SIGTERM, lambda number, frame: None)
    signal.set_wakeup_fd(writer)
    yield
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGTERM, before)
    os.close(reader)
    os.close(writer)


def test_the_process_of_a_load_ends_when_it_is_told_to(
    in_a_refresh: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from extract.run import LoadRun
    from orchestration import ingestion

    def told_to_end(source: str, refresh_id: str, full: bool, span: object) -> LoadRun:
        os.kill(os.getpid(), signal.SIGTERM)
        return LoadRun(source, refresh_id, rows={"went on": 1})

    def noted(source: str, refresh_id: str, line: str) -> LoadRun:
        return LoadRun(source, refresh_id, rows={"was ended": 1})

    monkeypatch.setattr(ingestion, "load", told_to_end)
    monkeypatch.setattr(ingestion, "note_failure", noted)
    step = SimpleNamespace(
        run_id="a_run", retry_number=0, run=SimpleNamespace(step_keys_to_execute=["load_jira"])
    )
    assert ingestion.RefreshOptions().loaded("jira", step).run.rows == {"was ended": 1}


def test_the_process_of_dbt_ends_when_it_is_told_to(
    in_a_refresh: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOWHOUSE_HOME", str(tmp_path))

    def told_to_end() -> Path:
        os.kill(os.getpid(), signal.SIGTERM)
        return tmp_path / "it went on"

    monkeypatch.setattr(transformation, "parsed_file", told_to_end)
    with pytest.raises(dg.Failure, match="dbt was ended by SIGTERM"):
        transformation.build(None, tmp_path / "target")


def test_what_is_interrupted_first_does_not_end_before_it_has_been_ended() -> None:
    command = subprocess.Popen(
        [sys.executable, "-c", LATE, CHILD],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert command.stdout.readline() == "ready\n"
    os.kill(command.pid, signal.SIGTERM)
    assert command.wait(timeout=20) == 1
    assert command.stdout.read() == ""
    assert "was asked to end (SIGTERM)" in command.stderr.read()


def test_who_was_not_asked_to_end_goes_on() -> None:
    stay_if_asked_to_end(patience_s=0.1)


@pytest.mark.parametrize(
    ("name", "is_crash"),
    [("SIGSEGV", True), ("SIGABRT", True), ("SIGKILL", False), ("SIGTERM", False)],
)
def test_a_crash_of_dbt_is_said_to_be_one_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, is_crash: bool
) -> None:
    """It says nothing itself, and "nothing was built" would say less than is known."""
    monkeypatch.setenv("FLOWHOUSE_HOME", str(tmp_path))

    def crash(*_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.Signals[name])

    monkeypatch.setattr(transformation, "_run_dbt", crash)
    with pytest.raises(dg.Failure, match=rf"dbt was ended by {name} .*; run it again") as failure:
        transformation.build(None, tmp_path / "target")
    assert failure.value.allow_retries == is_crash


@pytest.mark.parametrize(
    ("text", "is_of_a_disk"),
    [
        ("OperationalError: disk I/O error", True),
        ("OperationalError: (sqlite3.OperationalError) database or disk is full", True),
        ("IOException: IO Error: Could not write file …: No space left on device", True),
        ("OSError: [Errno 27] File too large", True),
        ("ValueError: could not convert … to a number", False),
    ],
)
def test_a_full_disk_is_named_in_words_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, is_of_a_disk: bool
) -> None:
    """SQLite calls it an error of input and output."""
    monkeypatch.setenv("FLOWHOUSE_HOME", str(tmp_path))
    name, _, message = text.partition(": ")
    step = SimpleNamespace(
        is_step_failure=True,
        step_key="load_jira",
        step_failure_data=SimpleNamespace(
            error=SerializableErrorInfo(f"{name}: {message}\n", [], name), user_failure_data=None
        ),
    )
    [line, _] = lines_of([SimpleNamespace(dagster_event=step)])
    advice = " (is there room on the disk of FLOWHOUSE_HOME?)"
    assert line == f"load_jira: {text}{advice if is_of_a_disk else ''}"
    assert ("room on the disk" in line_of_error(RuntimeError(message))) is is_of_a_disk


def test_an_interrupted_refresh_says_so_and_nothing_of_what_was_published() -> None:
    """It may have been while it published; and a class of Dagster's is no text for people."""
    error = SerializableErrorInfo(
        "DagsterExecutionInterruptedError\n", [], "DagsterExecutionInterruptedError"
    )
    step = SimpleNamespace(
        is_step_failure=True,
        step_key="published__warehouse",
        step_failure_data=SimpleNamespace(error=error, user_failure_data=None),
    )
    assert lines_of([SimpleNamespace(dagster_event=step)]) == [
        "the refresh was interrupted; `flowhouse status` says what is published"
    ]
