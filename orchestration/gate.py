"""One refresh at a time, and none with a faulty configuration, however it is started.

The command passes the gate before it imports what is slow; a run that a schedule or a button
starts passes it when it begins. Both hear the same lines.
"""

import fcntl
import logging
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock, Timeout

log = logging.getLogger("flowhouse")

FAILED, BAD_CONFIGURATION = 1, 2
"""Why a refresh does not begin, as the exit codes of the command."""


AS_OF = "FLOWHOUSE_AS_OF (--as-of) is not an ISO time, for example 2026-01-31T00:00Z"

PEEK_S = 0.5
"""How long the lock is waited for: a process that only tests it holds it for an instant."""


class Stopped(Exception):
    """A refresh must not begin.

    Attributes:
        code: The exit code of the command.
        lines: A line per reason.
        is_busy: Another refresh runs: what comes of that one is what people want to know.
    """

    def __init__(self, code: int, lines: Sequence[str], *, is_busy: bool = False) -> None:
        super().__init__("; ".join(lines))
        self.code, self.lines, self.is_busy = code, list(lines), is_busy


@dataclass(frozen=True)
class RefreshRequest:
    """What a refresh is asked to do.

    Attributes:
        sources: Sources to load; empty loads every configured one.
        as_of: ISO time that open work is aged to, or nothing.
        span: Two ISO times: read what changed between them again (a backfill).
    """

    sources: Sequence[str] = ()
    as_of: str = ""
    span: Sequence[str] = field(default=())


class _Gate:
    is_passed = False
    """Whether this process is in a refresh already: its Dagster job need not ask again."""


@contextmanager
def pass_gate(request: RefreshRequest) -> Iterator[None]:
    """Check the configuration and hold the lock: no other process refreshes meanwhile.

    The job that a command runs is in the command's process, and passes with it.

    Raises:
        Stopped: Another refresh runs, or the configuration is faulty. Nothing was written.
    """
    if _Gate.is_passed:
        yield
        return
    with ExitStack() as stack:
        lock = hold_lock("a refresh is running already; wait until it has ended")
        if lock_file().parent.exists():  # two refreshes do not ask the sources at once
            stack.enter_context(lock)
            check(request)
        else:
            check(request)
            stack.enter_context(lock)
        from orchestration import access

        access.repair()
        _Gate.is_passed = True
        try:
            yield
        finally:
            _Gate.is_passed = False


@contextmanager
def hold_lock(message: str) -> Iterator[None]:
    """Hold the lock of the home, which ends with the process.

    Raises:
        Stopped: Another process holds it (with the message), or the home cannot be written.
    """
    from extract.raw_store import fault_of_home

    if fault := fault_of_home():
        raise Stopped(BAD_CONFIGURATION, [fault])
    lock_file().parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(lock_file(), timeout=PEEK_S)
    try:
        lock.acquire()
    except Timeout:
        raise Stopped(FAILED, [message], is_busy=True) from None
    try:
        yield
    finally:
        lock.release()


def lock_file() -> Path:
    """Return the file whose lock a process holds while it changes the home."""
    from extract.raw_store import home  # imports DuckDB, which `flowhouse --help` need not wait for

    return home() / "refresh.lock"


def is_held(file: Path) -> bool:
    """Whether a process holds the lock of a file; it need not be one that we may write to."""
    try:
        opened = os.open(file, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(opened)
    return False


def check(request: RefreshRequest) -> None:
    """Find every fault of the configuration before anything is written or read from a source.

    Wrong credentials are a fault where every source that is asked refuses them. Where others can
    be read, the source is one that cannot be read, and the others go on without it.

    Raises:
        Stopped: With 2 and a line per fault; with 1 when no source can be read and none was ever
            loaded, for a load would ask the same.
    """
    from extract.api import Unauthorized, offline
    from extract.load import is_anything_loaded
    from extract.raw_store import fault_of_home
    from extract.settings import file_faults, switch_of
    from extract.sources import FOLDERS, SOURCES
    from extract.tables import instant
    from orchestration import seeds, serving
    from orchestration.failures import nothing_loaded

    faults = file_faults()
    if faults:  # what is set in them is not known
        raise Stopped(BAD_CONFIGURATION, faults)
    faults = [
        f"--source {name}: there is no such source; choose from {', '.join(SOURCES)}"
        for name in request.sources
        if name not in SOURCES
    ]
    if request.as_of and instant(request.as_of) is None:
        faults.append(AS_OF)
    faults += [
        *_faults_of_span(request.span),
        *filter(None, [fault_of_home(), serving.fault_of_postgres()]),
        *faults_of_settings(),
    ]
    faults = [*dict.fromkeys(faults)]  # FLOWHOUSE_AS_OF is what is requested, unless --as-of is
    on = [name for name, source in SOURCES.items() if source.is_on]
    tools = [name for name in SOURCES if name not in FOLDERS]
    if not set(on) & set(tools):
        addresses = " or ".join(switch_of(name) for name in tools)
        faults.append(f"no source is configured; set {addresses}")
    asked = [name for name in dict.fromkeys(request.sources or on) if name in SOURCES]
    faults += [f"{switch_of(name)} is not set" for name in asked if name not in on]
    with offline():
        faults += check_sources([name for name in asked if name in on])[0]
    faults += seeds.checked().lines_shown()
    if faults:
        raise Stopped(BAD_CONFIGURATION, faults)
    faults, failures = check_sources(asked)
    refused = [str(why) for why in failures.values() if isinstance(why, Unauthorized)]
    if faults or len(refused) == len(asked):
        raise Stopped(BAD_CONFIGURATION, faults + refused)
    if len(failures) == len(asked) and not is_anything_loaded():
        reasons = {name: [str(why)] for name, why in failures.items()}
        raise Stopped(FAILED, [nothing_loaded(reasons)])
    for failure in failures.values():
        log.warning("%s; the other sources go on", failure)
    if not os.environ.get("FLOWHOUSE_PSEUDONYM_KEY"):
        log.warning(
            "FLOWHOUSE_PSEUDONYM_KEY is not set: people are hashed with the public demo key"
        )


FORMS = {
    "FLOWHOUSE_OWNER": (
        r"team:.+|[A-Z0-9_][A-Z0-9._%+-]*@[A-Z0-9.-]+\.[A-Z]{2,7}",
        "a mail address, or team:name",
    ),
    "FLOWHOUSE_KEEP_RUNS": (r"0*[1-9]\d*", "a whole number of 1 or more"),
    "FLOWHOUSE_MEMORY_LIMIT": (r"\d+(\.\d+)? ?[KMGT]i?B", "a size, for example 3GB"),
    "FLOWHOUSE_SPILL": (r"[^'\"`;\r\n]+", "a path without quotes"),
}
"""What settings look like that are written into statements, counted to, or refused by Dagster."""


def is_well_formed(name: str) -> bool:
    """Whether a setting with a form of its own has it, or is not set."""
    form, _ = FORMS[name]
    value = os.environ.get(name)
    return not value or bool(re.fullmatch(form, value, re.IGNORECASE | re.ASCII))


def faults_of_settings() -> list[str]:
    """Return one line per faulty setting of a refresh, and per one that does not exist."""
    from extract.settings import unknown_settings
    from extract.tables import instant
    from orchestration import access, alerts, open_lineage, when
    from orchestration.versions import fault_of_kept

    as_of = os.environ.get("FLOWHOUSE_AS_OF")
    return [
        *([AS_OF] if as_of and instant(as_of) is None else []),
        *unknown_settings(),
        *fault_of_kept(),
        *(f"{name} is not {what}" for name, (_, what) in FORMS.items() if not is_well_formed(name)),
        *filter(None, [open_lineage.fault()]),
        *access.faults(),
        *alerts.faults(),
        *when.faults(),
    ]


def _faults_of_span(span: Sequence[str]) -> list[str]:
    from extract.tables import instant

    if not span:
        return []
    moments = [instant(moment) for moment in span]
    faults = [
        f"{name} is not an ISO date, for example 2024-01-31"
        for name, moment in zip(("--from", "--to"), moments, strict=True)
        if moment is None
    ]
    if None not in moments and moments[0] >= moments[1]:
        faults.append("--from must lie before --to")
    return faults


def check_sources(names: list[str]) -> tuple[list[str], dict[str, Exception]]:
    """Return one line per fault of the settings, and the sources that cannot be read right now."""
    from extract.api import SourceError, understood
    from extract.settings import SettingFault
    from extract.sources import SOURCES

    faults: list[str] = []
    failures: dict[str, Exception] = {}
    for name in names:
        try:
            with understood(name):
                SOURCES[name].checked_settings()
        except SettingFault as fault:
            faults.extend(str(fault).splitlines())
        except SourceError as failure:
            failures[name] = failure
    return faults, failures
