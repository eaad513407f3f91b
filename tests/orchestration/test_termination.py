"""C10: who is told to end takes along what it started, whoever waits for what."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

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
