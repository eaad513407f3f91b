"""The loads of a run: side by side, those of its steps alone, each with its own outcome."""

import multiprocessing
import os
import signal
from types import SimpleNamespace
from typing import Any

import pytest

from extract.api import Refused
from extract.work import Load


def of_a_run(*sources: str, steps: list[str] | None = None) -> Any:
    """What a step is told of its run."""
    return SimpleNamespace(
        run_id="a_run",
        run=SimpleNamespace(step_keys_to_execute=steps),
        job_def=SimpleNamespace(nodes=[SimpleNamespace(name=f"load_{name}") for name in sources]),
    )


@pytest.fixture
def options(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What a refresh is asked to do, and loads that wait until two of them are under way."""
    from orchestration import ingestion

    two = multiprocessing.Barrier(2, timeout=60)

    def load(source: str, refresh_id: str, full: bool, span: Any) -> Load:
        two.wait()
        if source == "github":
            raise Refused("github: its token is refused")
        work = Load(source, refresh_id, full, rows={"pid": os.getpid()})
        work.kept["what a source keeps for itself"] = lambda: None
        return work

    monkeypatch.setattr(ingestion, "load", load)
    return ingestion.RefreshOptions(full=True)


def test_loads_run_side_by_side_in_other_processes_and_none_stops_another(options: Any) -> None:
    run = of_a_run("jira", "github")
    work = options.loaded("jira", run)
    assert (work.source, work.refresh_id, work.full) == ("jira", "a_run", True)
    assert work.rows["pid"] != os.getpid()
    with pytest.raises(Refused, match="github: its token is refused"):
        options.loaded("github", run)


def test_only_what_a_run_is_to_load_is_loaded(options: Any) -> None:
    run = of_a_run("jira", "github", "gitlab", steps=["load_jira", "load_gitlab"])
    assert {options.loaded(name, run).source for name in ("jira", "gitlab")} == {"jira", "gitlab"}
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
