"""The loads of a run: side by side, those of its steps alone, each with its own outcome."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest

from extract.load import Unwritable
from extract.run import Audit, LoadRun
from tests.flow import scratch


def of_a_run(*sources: str, steps: list[str] | None = None) -> Any:
    """What a step is told of its run."""
    return SimpleNamespace(
        run_id="a_run",
        retry_number=0,
        run=SimpleNamespace(step_keys_to_execute=steps),
        job_def=SimpleNamespace(nodes=[SimpleNamespace(name=f"load_{name}") for name in sources]),
    )


@pytest.fixture
def options(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What a refresh is asked to do, and loads that wait until two of them are under way."""
    from orchestration import ingestion

    two = multiprocessing.Barrier(2, timeout=60)

    def load(source: str, refresh_id: str, full: bool, span: Any) -> LoadRun:
        two.wait()
        if source == "github":
            raise Unwritable("github: the disk is full")
        work = LoadRun(source, refresh_id, full, rows={"pid": os.getpid()})
        work.kept["what a source keeps for itself"] = lambda: None
        return work

    monkeypatch.setattr(ingestion, "load", load)
    return ingestion.RefreshOptions(full=True)


def test_loads_run_side_by_side_in_other_processes_and_none_stops_another(options: Any) -> None:
    run = of_a_run("jira", "github")
    work = options.loaded("jira", run).run
    assert (work.source, work.refresh_id, work.full) == ("jira", "a_run", True)
    assert work.rows["pid"] != os.getpid()
    with pytest.raises(Unwritable, match="github: the disk is full"):
        options.loaded("github", run)


class Ended(BaseException):
    """What Dagster raises in a step whose run somebody terminates."""


def raises(*_: Any, **__: Any) -> Any:
    raise Ended


def are_no_children_left() -> bool:
    until = time.monotonic() + 10
    while multiprocessing.active_children() and time.monotonic() < until:
        time.sleep(0.05)
    return not multiprocessing.active_children()


def test_who_ends_a_run_ends_its_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    """They would hold the raw files while the next refresh begins."""
    from orchestration import ingestion

    monkeypatch.setattr(ingestion, "load", lambda *_: time.sleep(300))
    monkeypatch.setattr(ingestion, "wait", raises)
    options = ingestion.RefreshOptions()
    with pytest.raises(Ended):
        options.loaded("jira", of_a_run("jira", "github"))
    assert are_no_children_left()


def test_who_ends_a_run_ends_dbt(
    parsed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would hold the working warehouse."""
    from orchestration import transformation

    def goes_on(handed: bytes, output: Any) -> None:
        os.write(output.fileno(), b"12:00:00  1 of 9 OK\n")
        time.sleep(20)
        (tmp_path / "went_on").touch()

    monkeypatch.setenv("FLOWHOUSE_HOME", str(tmp_path))
    monkeypatch.setattr(transformation, "_run_dbt", goes_on)
    monkeypatch.setattr(transformation, "ENDED", SimpleNamespace(match=raises))
    with pytest.raises(Ended):
        transformation.build(None, tmp_path / "target")
    assert are_no_children_left()
    assert not (tmp_path / "went_on").exists()


def test_only_what_a_run_is_to_load_is_loaded(options: Any) -> None:
    run = of_a_run("jira", "github", "gitlab", steps=["load_jira", "load_gitlab"])
    assert {options.loaded(name, run).run.source for name in ("jira", "gitlab")} == {
        "jira",
        "gitlab",
    }
    assert set(options._loads) == {"jira", "gitlab"}


def waits() -> None:
    from orchestration.termination import end_as_others_do

    end_as_others_do()
    signal.pause()


def test_who_is_forked_ends_alone_when_it_is_told_to() -> None:
    """Its parent has handlers that end the whole tree, and a pipe that they are told through."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    os.set_blocking(reader, False)
    before = signal.signal(signal.SIGTERM, lambda number, frame: None)
    signal.set_wakeup_fd(writer)
    try:
        child = multiprocessing.Process(target=waits)
        child.start()
        child.join(0.5)
        os.kill(child.pid, signal.SIGTERM)
        child.join(60)
        assert child.exitcode == -signal.SIGTERM
        heard = []
        while True:
            try:
                heard += os.read(reader, 100)
            except BlockingIOError:
                break
        assert signal.SIGTERM not in heard
    finally:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGTERM, before)


AT_NINE, AT_TEN = scratch.moment("2024-03-04 09:00"), scratch.moment("2024-03-04 10:00")


@pytest.fixture
def ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Run the loads of Jira, of which a table is built; returns what Dagster has noted."""
    from orchestration import gate, ingestion

    monkeypatch.setenv("FLOWHOUSE_HOME", str(tmp_path))
    scratch.write_raw(
        tmp_path / "raw",
        {("jira", "issues"): [{"id": key, "key": key, "payload": {}} for key in "123"]},
    )
    monkeypatch.setattr(gate, "check", lambda wish: None)

    @dg.asset(key=["staging", "issues"], deps=[["jira", "issues"]])
    def built() -> None:
        """What rests on a raw table."""

    def run(load: Callable[..., LoadRun]) -> Any:
        monkeypatch.setattr(ingestion, "load", load)
        [raw] = [
            found
            for found in ingestion.build_ingestion("jira").assets
            if isinstance(found, dg.AssetsDefinition)
        ]
        with dg.instance_for_test() as instance:
            done = dg.materialize(
                [raw, built],
                instance=instance,
                resources={"refresh": ingestion.RefreshOptions()},
                raise_on_error=False,
            )
            return SimpleNamespace(
                done=done,
                made={
                    event.asset_key.to_user_string(): event.materialization.metadata
                    for event in done.get_asset_materialization_events()
                },
                told={
                    event.asset_key.to_user_string()
                    for event in done.get_asset_observation_events()
                },
                bad={
                    check.asset_key.to_user_string()
                    for check in done.get_asset_check_evaluations()
                    if not check.passed
                },
            )

    return run


def loads(*audits: Audit, rows: int = 0) -> Callable[..., LoadRun]:
    def load(source: str, refresh_id: str, full: bool, span: Any) -> LoadRun:
        time.sleep(0.002)  # no load takes no time
        return LoadRun(source, refresh_id, full, audits=[*audits], rows={"issues": rows})

    return load


def test_what_was_loaded_is_materialised_and_says_how_much_of_when(ran: Any) -> None:
    run = ran(
        loads(
            Audit("jira", "issues", "A", window_from=AT_NINE, window_to=AT_TEN),
            Audit("jira", "issues", "B", status="incomplete", message="two of three"),
            rows=2,
        )
    )
    assert run.done.success
    told = run.made["jira/issues"]
    assert (told["rows_loaded"].value, told["dagster/row_count"].value) == (2, 3)
    assert told["window_from"].value == AT_NINE.timestamp()
    assert told["window_to"].value == AT_TEN.timestamp()
    assert told["gaps"].value == ["B: incomplete: two of three"]
    assert told["source_bytes"].value > 1000 and told["source_seconds"].value >= 0.002
    assert {"jira/histories", "staging/issues"} <= run.made.keys()
    assert (run.told, run.bad) == (set(), {"jira/issues"})


def test_a_source_that_is_down_is_not_materialised_and_the_rest_is_built(ran: Any) -> None:
    run = ran(loads(Audit("jira", "*", status="failed", message="no answer")))
    assert run.done.success
    # That somebody asked is news; that nothing came is none.
    assert run.made.keys() == {"jira/load_audits", "staging/issues"}
    assert {"jira/issues", "jira/histories"} <= run.told
    assert {"jira/issues", "jira/histories"} <= run.bad


def test_a_source_that_is_off_is_not_materialised(ran: Any) -> None:
    run = ran(loads())
    assert run.done.success
    assert (run.made.keys(), run.bad) == ({"staging/issues"}, set())


def test_a_table_of_which_nothing_could_be_read_is_stale_alone(ran: Any) -> None:
    run = ran(loads(Audit("jira", "issues"), Audit("jira", "histories", status="failed")))
    assert "jira/issues" in run.made and "jira/histories" not in run.made


def test_a_load_that_was_killed_is_tried_again_and_a_full_disk_is_not(
    ran: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from orchestration import ingestion

    monkeypatch.setattr(ingestion, "AGAIN", dg.RetryPolicy(max_retries=2, delay=0))
    tries = tmp_path / "tries"

    def killed_once(source: str, refresh_id: str, full: bool, span: Any) -> LoadRun:
        with tries.open("a") as file:
            file.write("x")
        if tries.stat().st_size == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return LoadRun(source, refresh_id, full, audits=[Audit("jira", "issues")])

    assert "jira/issues" in ran(killed_once).made
    assert tries.read_text() == "xx"
    tries.unlink()

    def unwritable(source: str, refresh_id: str, full: bool, span: Any) -> LoadRun:
        with tries.open("a") as file:
            file.write("x")
        raise Unwritable("jira: what was read cannot be written: no space left on device")

    run = ran(unwritable)
    assert not run.done.success
    assert tries.read_text() == "x"
