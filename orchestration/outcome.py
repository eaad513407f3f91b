"""What came of the last refresh, and of the last one that failed, in a small file of the home.

Dagster knows it too; who only asks for it need not wait for Dagster.
"""

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from extract.raw_store import home
from orchestration.gate import is_held, lock_file

RUNNING, PUBLISHED, PARTIAL, FAILED, BUILT = "running", "published", "partial", "failed", "built"
"""`built`: a part that somebody chose, without a publication; `running` and not alive: killed."""

TAG = "flowhouse/outcome"
"""The tag of a Dagster run that says what came of it; `partial` is a success with gaps."""

STARTED_BY = "flowhouse/started_by"

COMMAND = "the command line"

NEEDED = {"refresh_id", "started_by", "began_at"}
"""What an outcome that is noted says at least."""

KILLED = "it ended without a word: its process was killed, or the machine stopped"


@dataclass(frozen=True)
class Outcome:
    """One refresh.

    Attributes:
        refresh_id: The Dagster run; empty where none came to be.
        started_by: What started it: the command line, a schedule, a person in the browser.
        began_at: When it began (ISO, UTC).
        ended_at: When it ended; empty while it runs.
        outcome: One of the words above.
        lines: What failed, or the gaps of a partial one; one line each.
    """

    refresh_id: str
    started_by: str
    began_at: str
    ended_at: str = ""
    outcome: str = RUNNING
    lines: Sequence[str] = ()


def starter(tags: Mapping[str, str]) -> str:
    """Say what started a run of Dagster."""
    if schedule := tags.get("dagster/schedule_name"):
        return f"the schedule {schedule}"
    return tags.get(STARTED_BY) or "Dagster"


def now() -> str:
    """Return the time as it is noted."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def note(outcome: Outcome) -> None:
    """Keep an outcome as that of the last refresh."""
    known = _read()
    known["last"] = asdict(outcome)
    if outcome.outcome == FAILED:
        known["last_failed"] = asdict(outcome)
    draft = _file().with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps(known, indent=1))
    draft.replace(_file())


def note_refusal(began: Outcome, lines: Sequence[str]) -> None:
    """Keep why a refresh did not begin, as that of the last one.

    Where there is no home yet, or it cannot be written, which is such a reason, nothing is kept.
    """
    with suppress(OSError):
        note(replace(began, ended_at=now(), outcome=FAILED, lines=lines))


def last() -> Outcome | None:
    """Return what came of the last refresh; one that was killed has failed."""
    found = _known("last")
    if found and found.outcome == RUNNING and not is_held(lock_file()):
        return replace(found, outcome=FAILED, lines=[KILLED])
    return found


def last_failed() -> Outcome | None:
    """Return the last refresh that failed, however long ago."""
    found = last()
    return found if found and found.outcome == FAILED else _known("last_failed")


def last_refreshes() -> dict[str, Any]:
    """Return the last refresh and the last one that failed, and both in lines."""
    newest, bad = last(), last_failed()
    lines = []
    if newest:
        lines.append(_line("refresh", newest))
        if newest.outcome == PARTIAL:
            lines += [f"  {line}" for line in newest.lines]
    if bad and bad != newest:
        lines.append(_line("before that", bad))
    if bad:
        lines += [f"  {line}" for line in bad.lines]
    return {
        "last": newest and asdict(newest),
        "last_failed": bad and asdict(bad),
        "lines": lines,
    }


def _line(word: str, of: Outcome) -> str:
    until = (
        f"{of.outcome} at {of.ended_at}" if of.ended_at else f"{of.outcome}, since {of.began_at}"
    )
    name = of.refresh_id or "did not begin,"
    return f"{word:<10} {name} {until}, started by {of.started_by}"


def _known(which: str) -> Outcome | None:
    found = _read().get(which)
    return Outcome(**found) if found else None


def _read() -> dict[str, dict]:
    """Return what is noted, without what another flowhouse noted in another form."""
    try:
        known = json.loads(_file().read_text())
        names = {field.name for field in fields(Outcome)}
        return {which: of for which, of in known.items() if names >= {*of} >= NEEDED}
    except (OSError, ValueError, AttributeError, TypeError):  # none yet, or cut off by a full disk
        return {}


def _file() -> Path:
    return home() / "refreshes.json"
