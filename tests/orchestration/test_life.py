"""A run that was killed does not count as running for ever, and one that lives is left alone."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.launcher import WorkerStatus
from dagster._core.test_utils import create_run_for_test

from extract.raw_store import ROOT
from orchestration import life
from orchestration.gate import is_held

RUN = """
import os, sys, time
import dagster as dg
from orchestration import life

@dg.op
def works(context):
    life.give_sign(context.instance, context.run_id)
    print(context.run_id, os.getpid(), flush=True)
    time.sleep(0 if "ends" in sys.argv else 600)

@dg.job(executor_def=dg.in_process_executor)
def refresh():
    works()

if __name__ == "__main__":
    with dg.DagsterInstance.get() as instance:
        dg.execute_job(dg.reconstructable(refresh), instance=instance)
    print("ended", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    state = tmp_path / "dagster"
    state.mkdir()
    (state / "dagster.yaml").write_text((ROOT / "dagster.yaml").read_text())
    (tmp_path / "a_run.py").write_text(RUN)
    monkeypatch.setenv("FLOWHOUSE_HOME", str(tmp_path))
    monkeypatch.setenv("DAGSTER_HOME", str(state))
    return tmp_path


@pytest.fixture
def instance(home: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.get() as instance:
        yield instance


@pytest.fixture
def begun(home: Path) -> Iterator:
    """Begin a run in a process of its own; returns the process, the run and who works on it."""
    started = []

    def begin(*words: str) -> tuple[subprocess.Popen, str, int]:
        process = subprocess.Popen(
            [sys.executable, home / "a_run.py", *words],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": f"{ROOT}:{home}"},
        )  # fmt: skip
        started.append(process.pid)
        run_id, pid = process.stdout.readline().split()
        started.append(int(pid))
        return process, run_id, int(pid)

    yield begin
    for pid in started:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def status(instance: dg.DagsterInstance, run_id: str) -> str:
    return instance.get_run_by_id(run_id).status.value


def test_a_run_of_another_process_is_left_alone_until_that_is_killed(
    instance: dg.DagsterInstance, begun: Iterator
) -> None:
    process, run_id, _ = begun()
    run = instance.get_run_by_id(run_id)
    assert life.end_dead_runs(instance) == []
    assert instance.run_launcher.check_run_worker_health(run).status == WorkerStatus.RUNNING
    process.kill()
    process.wait()
    assert status(instance, run_id) == "STARTED"
    assert instance.run_launcher.check_run_worker_health(run).status == WorkerStatus.FAILED
    assert life.end_dead_runs(instance) == [run_id]
    assert status(instance, run_id) == "FAILURE"
    assert "its process was killed" in str(
        [entry.message for entry in instance.all_logs(run_id) if entry.dagster_event]
    )
    assert life.end_dead_runs(instance) == []


def test_a_run_that_has_ended_gives_no_sign_and_is_none_of_the_dead(
    instance: dg.DagsterInstance, begun: Iterator, home: Path
) -> None:
    process, run_id, _ = begun("ends")
    assert process.stdout.readline() == "ended\n"
    assert status(instance, run_id) == "SUCCESS"
    process.communicate("")
    assert (home / "runs" / f"{run_id}.lock").exists()
    assert life.end_dead_runs(instance) == []
    assert list((home / "runs").iterdir()) == []  # nothing is kept of what has ended
    assert status(instance, run_id) == "SUCCESS"


def started(instance: dg.DagsterInstance, job: str, tags: dict | None = None) -> str:
    run = create_run_for_test(instance, job_name=job, tags=tags or {})
    event = dg.DagsterEvent("PIPELINE_START", job)
    instance.report_dagster_event(event, run_id=run.run_id)
    return run.run_id


@pytest.mark.parametrize(
    ("job", "ends"), [("refresh", True), ("refresh_jira", True), ("job_of_others", False)]
)
def test_a_run_that_was_killed_before_its_sign_is_ended_later(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, job: str, ends: bool
) -> None:
    run_id = started(instance, job)
    assert life.end_dead_runs(instance) == []
    later = time.time() + 400
    monkeypatch.setattr(life.time, "time", lambda: later)
    assert life.end_dead_runs(instance) == ([run_id] if ends else [])
    # The clock was set back: nobody can tell how old the run is, but it is not from the future.
    other = started(instance, job)
    monkeypatch.setattr(life.time, "time", lambda: later - 4000)
    assert life.end_dead_runs(instance) == ([other] if ends else [])


def test_a_refresh_begins_with_its_sign_and_the_end_of_the_dead_and_ends_with_the_oldest(
    instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from orchestration import gate
    from orchestration.ingestion import RefreshOptions

    monkeypatch.setenv("FLOWHOUSE_KEEP_RUNS", "1")
    monkeypatch.setattr(gate, "check", lambda wish: None)
    for _ in range(2):
        create_run_for_test(instance, status=dg.DagsterRunStatus.SUCCESS)
    free = tmp_path / "runs" / "dead.lock"
    free.parent.mkdir()
    free.touch()
    dead = started(instance, "refresh", {life.LIFE_SIGN: str(free)})
    found = []

    @dg.asset(required_resource_keys={"refresh"})
    def step(context: dg.AssetExecutionContext) -> None:
        sign = instance.get_run_by_id(context.run_id).tags.get(life.LIFE_SIGN, "none")
        found.extend([Path(sign), is_held(Path(sign)), status(instance, dead)])

    done = dg.materialize([step], instance=instance, resources={"refresh": RefreshOptions()})
    assert found == [tmp_path / "runs" / f"{done.run_id}.lock", True, "FAILURE"]
    assert {run.run_id for run in instance.get_runs()} == {dead, done.run_id}


def test_a_run_whose_sign_lies_in_another_container_is_not_judged(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    started(instance, "refresh", {life.LIFE_SIGN: "/elsewhere/runs/a.lock"})
    assert life.end_dead_runs(instance) == []


def test_a_lock_is_seen_on_a_file_that_may_not_be_written(tmp_path: Path) -> None:
    file = tmp_path / "a.lock"
    assert not is_held(file)
    file.touch()
    file.chmod(0o400)
    assert not is_held(file)
