"""`python -m extract NAME...`: load sources into their raw tables, without Dagster and dbt.

Settings are those of the environment and of dlt's files. Exit codes: 0 all is loaded, 1 a source
could not be read, 2 bad configuration, 3 parts of a source are missing.
"""

import logging
import os
import sys
import uuid

from extract.load import Busy, Lost, Unwritable, load
from extract.redaction import Redacting, redact
from extract.run import Audit
from extract.settings import is_on, switch_of
from extract.sources import SOURCES

FAILED, BAD_CONFIGURATION, PARTIAL = 1, 2, 3


def main(names: list[str]) -> int:
    """Load sources one after the other, print what was loaded, and return the exit code."""
    known = ", ".join(SOURCES)
    faults = [
        f"{name} is not a source; choose from {known}" for name in names if name not in SOURCES
    ]
    faults = faults or [f"{switch_of(name)} is not set" for name in names if not is_on(name)]
    if not names:
        faults = [f"name a source: {known}"]
    if faults:
        return _stopped(BAD_CONFIGURATION, faults)
    os.umask(0o077)
    handler = logging.StreamHandler()
    handler.addFilter(Redacting())
    logging.basicConfig(level=logging.WARNING, format="%(message)s", handlers=[handler])
    logging.getLogger("flowhouse").setLevel(logging.INFO)
    code = 0
    for name in names:
        try:
            run = load(name, str(uuid.uuid4()))
        except (Busy, Lost, Unwritable) as failure:
            return _stopped(FAILED, [str(failure)])
        for audit in run.audits:
            print(redact(_line(audit)))
        states = {audit.status for audit in run.audits}
        if "failed" in states and any(audit.object == "*" for audit in run.audits):
            code = FAILED
        elif states != {"complete"}:
            code = code or PARTIAL
    return code


def _line(audit: Audit) -> str:
    where = f"{audit.source} {audit.object} {audit.scope}".rstrip()
    rows = f"{audit.extracted:,} read, {audit.written:,} loaded"
    return f"{audit.status:<10} {where}: {'; '.join(filter(None, (rows, audit.message)))}"


def _stopped(code: int, lines: list[str]) -> int:
    for line in lines:
        print(f"extract: {redact(line)}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
