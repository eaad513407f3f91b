"""Ends a command and every process that it started when it receives SIGTERM.

Dagster and dbt have handlers of their own, and wait for what they run. Whoever stops a container
waits for ten seconds or thirty and kills, and children of the command are left behind.
"""

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

GRACE_S = 15
"""How long what was started has to end by itself."""

_asked = threading.Event()


def end_process_tree(grace_s: float = GRACE_S) -> None:
    """From now on, end this process and all that it started within some seconds of SIGTERM.

    A thread waits for the signal: a handler would wait until the statement in work has ended, and
    Dagster puts its own in its place. A kill is safe: loads and publications are complete or
    absent.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.signal(signal.SIGTERM, lambda number, frame: None)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    threading.Thread(target=_wait, args=(reader, grace_s), daemon=True).start()


def stay_if_asked_to_end(patience_s: float = 2) -> None:
    """Do not return if this process is being ended, by the thread that waits for the signal.

    Dagster's handler interrupts what runs at once, and the thread may not have had its turn yet:
    the command would end with words of Dagster, and before what it started.
    """
    if _asked.wait(patience_s):
        threading.Event().wait()


def end_as_others_do() -> None:
    """From now on, this fork of a process that ends its process tree ends at SIGTERM.

    It also ends when its parent has ended: a killed parent cannot signal its children, and they
    would keep files locked.
    """
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if parent := multiprocessing.parent_process():
        threading.Thread(target=_end_after, args=(parent.join,), daemon=True).start()


def _end_after(wait: Callable[[], object]) -> None:
    wait()
    os.kill(os.getpid(), signal.SIGKILL)


def end_with_input() -> None:
    """From now on end this process when its standard input ends: when who runs it has ended."""
    threading.Thread(target=_end_after, args=(lambda: os.read(0, 1),), daemon=True).start()


def run(
    module: str, *words: object, folder: Path, **environment: str
) -> subprocess.CompletedProcess:
    """Run a module as a program that ends with this process, and return what it printed."""
    start = (
        f"from {__name__} import end_with_input; end_with_input(); import runpy;"
        f" runpy.run_module({module!r}, run_name='__main__', alter_sys=True)"
    )
    with subprocess.Popen(
        [sys.executable, "-P", "-c", start, *map(str, words)],
        cwd=folder,
        env={**os.environ, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        printed = process.stdout.read()  # `communicate` would end its input
        return subprocess.CompletedProcess(module, process.wait(), printed)


def _wait(reader: int, grace_s: float) -> None:
    while os.read(reader, 1)[0] != signal.SIGTERM:
        pass
    _asked.set()
    print(
        "flowhouse: was asked to end (SIGTERM); `flowhouse status` says what is published",
        file=sys.stderr,
        flush=True,
    )
    until = time.monotonic() + grace_s
    known: dict[int, str] = {}
    while time.monotonic() < until:
        there = _processes()
        new = {pid: there[pid][1] for pid in _below(os.getpid(), there) if pid not in known}
        _send(new, signal.SIGTERM)
        known |= new
        # A process whose parent has ended is not our child any more, and must still be ended.
        if not any(there.get(pid, (0, ""))[1] == began for pid, began in known.items()):
            break
        time.sleep(0.2)
    there = _processes()
    sys.setswitchinterval(GRACE_S)  # whoever waits for what is killed here must not go on first
    _send(
        [pid for pid, began in known.items() if there.get(pid, (0, ""))[1] == began]
        + list(_below(os.getpid(), there)),
        signal.SIGKILL,
    )
    os._exit(1)


def _send(pids: object, number: int) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def _processes() -> dict[int, tuple[int, str]]:
    """Return the parent of every process that runs, and when it began."""
    found = {}
    if not os.path.isdir("/proc/self"):
        shown = subprocess.run(
            ["ps", "-A", "-o", "pid=,ppid=,stat=,lstart="],
            capture_output=True, text=True, check=False,
        ).stdout  # fmt: skip
        for line in shown.splitlines():
            pid, parent, state, began = line.split(maxsplit=3)
            if not state.startswith("Z"):
                found[int(pid)] = int(parent), began
        return found
    for name in os.listdir("/proc"):
        with contextlib.suppress(OSError):
            if name.isdigit():
                # The name of the command stands in brackets and may hold anything.
                with open(f"/proc/{name}/stat") as file:
                    state, parent, *more = file.read().rpartition(")")[2].split()
                if state != "Z":
                    found[int(name)] = int(parent), more[17]
    return found


def _below(pid: int, there: dict[int, tuple[int, str]]) -> set[int]:
    """Return what a process started, and what that started."""
    children = defaultdict(set)
    for child, (parent, _) in there.items():
        children[parent].add(child)
    found: set[int] = set()
    waiting = [pid]
    while waiting:
        new = children[waiting.pop()] - found
        found |= new
        waiting += new
    return found
