"""`flowhouse`, which notes when each of its phases begins and ends: who kills it knows in which.

    PHASES=FILE python -m tests.faults.marked refresh

Nothing else of it differs from the command.
"""

from orchestration import environment  # noqa: I001, F401  first: the others read what it sets

import os
import time
from collections.abc import Callable
from functools import wraps
from typing import Any

import dlt
from dbt.task.run import ModelRunner
from dbt.task.seed import SeedRunner
from dbt.task.test import TestRunner

from orchestration import checks, cli, publication


def note(mark: str, phase: str) -> None:
    """Append a line in one write: several processes do."""
    file = os.open(os.environ["PHASES"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(file, f"{mark} {phase} {time.monotonic()}\n".encode())
    os.close(file)


def mark(of: Any, name: str, phase: str) -> None:
    """Have a function note when it begins and ends."""
    done: Callable[..., Any] = getattr(of, name)

    @wraps(done)
    def marked(*words: Any, **named: Any) -> Any:
        note("begin", phase)
        try:
            return done(*words, **named)
        finally:
            note("end", phase)

    setattr(of, name, marked)


mark(dlt.Pipeline, "extract", "extract")
mark(dlt.Pipeline, "normalize", "normalise")
mark(dlt.Pipeline, "load", "load")
mark(ModelRunner, "execute", "dbt")
mark(SeedRunner, "execute", "dbt")
mark(checks, "evaluated", "tests")
mark(TestRunner, "execute", "tests")
mark(publication, "publish", "publish")
mark(publication, "write_report", "publish")

if __name__ == "__main__":
    cli.main()
