"""Who besides the readers of the file gets what is published: PostgreSQL, where it is set."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from extract.probes import Probe

if TYPE_CHECKING:
    from publish.postgres import Copied

POSTGRES = "FLOWHOUSE_POSTGRES_URL"


class NothingPublished(Exception):
    """There is no published file yet."""


def is_postgres_on() -> bool:
    """Whether every publication is copied to PostgreSQL."""
    return bool(os.environ.get(POSTGRES))


def fault_of_postgres(*, is_asked: bool = False) -> str | None:
    """Return one line if the address of PostgreSQL is none; of one that is not set, if asked."""
    if not is_postgres_on():
        return f"{POSTGRES} is not set" if is_asked else None
    from publish.postgres import fault_of  # imports pyarrow, for which the others need not wait

    return fault_of(os.environ[POSTGRES])


def probes() -> list[Probe]:
    """Return what the doctor says of PostgreSQL; nothing where it is not set."""
    if fault := fault_of_postgres():
        return [Probe(False, fault)]
    if not is_postgres_on():
        return []
    from publish.postgres import NotCopied, probe

    try:
        return [Probe(True, f"{probe(os.environ[POSTGRES])}: its user may make the copy")]
    except NotCopied as why:
        return [Probe(False, str(why))]


def copy_to_postgres(keys: Mapping[tuple[str, str], Sequence[str]] | None = None) -> "Copied":
    """Copy what readers of the file have to PostgreSQL.

    Args:
        keys: The keys of the tables; None takes them from what dbt has parsed last.

    Raises:
        NothingPublished: There is no file.
        publish.postgres.NotCopied: The old copy stays.
    """
    from orchestration.environment import published_folder
    from publish.postgres import copy
    from publish.snapshot import linked

    version = linked(published_folder())
    if version is None:
        raise NothingPublished("nothing is published yet; run `flowhouse refresh` first")
    return copy(version, os.environ[POSTGRES], _parsed_keys() if keys is None else keys)


def copy_line(copied: "Copied") -> str:
    """Say in one line what a copy brought."""
    less = f", {len(copied.without_key)} without a key" if copied.without_key else ""
    return (
        f"postgres   {copied.version}: {copied.tables} tables, {copied.rows:,} rows"
        f" in {copied.seconds:.1f} s{less}"
    )


def _parsed_keys() -> dict[tuple[str, str], list[str]]:
    from orchestration.environment import prepare
    from publish.postgres import keys_of

    prepare()
    file = Path(os.environ["DBT_TARGET_PATH"]) / "manifest.json"
    return keys_of(json.loads(file.read_text())) if file.exists() else {}
