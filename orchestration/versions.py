"""The published versions that are there: how many stay, which one readers have, what each says."""

import os
from pathlib import Path
from typing import Any

import duckdb

from publish.snapshot import KEPT_VERSIONS, LEAST_KEPT, linked, number_of, rolled_back, versions


class Unknown(Exception):
    """The version to go back to does not exist, or is damaged; the message says which there are."""


def fault_of_kept() -> list[str]:
    """Return one line if FLOWHOUSE_KEEP_VERSIONS is not a valid number."""
    setting = os.environ.get("FLOWHOUSE_KEEP_VERSIONS") or str(KEPT_VERSIONS)
    if setting.isdecimal() and int(setting) >= LEAST_KEPT:
        return []
    return [f"FLOWHOUSE_KEEP_VERSIONS is not a whole number of {LEAST_KEPT} or more"]


def kept_versions() -> int:
    """Return how many published versions stay."""
    if fault_of_kept():
        return KEPT_VERSIONS
    return int(os.environ.get("FLOWHOUSE_KEEP_VERSIONS") or KEPT_VERSIONS)


def facts(version: Path) -> dict[str, Any]:
    """Return what a published file says of itself; of one that older code wrote, what it can."""
    with duckdb.connect(str(version), read_only=True) as file:
        for question in (
            "select * from meta.publications order by version_no desc limit 1",
            "select refresh_id, as_of from meta.refreshes",
        ):
            try:
                answer = file.execute(question)
            except duckdb.CatalogException:
                continue
            row = answer.fetchone()
            if row:
                return dict(zip([name for name, *_ in answer.description], row))
    return {}


def restated(version: Path) -> str:
    """Say how many values of past periods a publication changed, and why; nothing if it did not."""
    with duckdb.connect(str(version), read_only=True) as file:
        try:
            # Without parameters: for those duckdb imports pandas.
            found = file.execute(
                """
                select cause, count(*), count(distinct period_start), count(distinct table_name)
                from meta.restatements
                where version_no = (select max(version_no) from meta.publications)
                group by grouping sets ((), (cause))
                order by cause is not null, cause
                """
            ).fetchall()
        except duckdb.CatalogException:  # of an older flowhouse
            return ""
    (_, values, periods, tables), *causes = found or [(None, 0, 0, 0)]
    if not values:
        return ""
    why = ", ".join(f"{cause.replace('_', ' ')} {count:,}" for cause, count, *_ in causes)
    return (
        f"{values:,} values of {periods:,} past periods in {tables:,} tables are other than in the"
        f" publication before ({why}); rows are in meta.restatements"
    )


def shown(folder: Path) -> list[str]:
    """Return one line per version, the newest first; a star marks the one that readers have."""
    now = linked(folder)
    lines = []
    for version in reversed(versions(folder)):
        try:
            about = facts(version)
        except duckdb.Error:
            lines.append(f"{'*' if version == now else ' '} {number_of(version):>6}  is damaged")
            continue
        says = [
            f"{'*' if version == now else ' '} {number_of(version):>6}",
            f"published {_minute(about.get('published_at'))}",
            f"as of {_minute(about.get('as_of'))}",
            f"flowhouse {about.get('flowhouse_version', 'unknown')}",
        ]
        if "tests" in about:
            says.append(f"{about['tests']:,} tests, {about['warned']:,} warn")
            says.append(f"{about['restated_values']:,} values restated")
        lines.append("  ".join([*says, f"refresh {about.get('refresh_id', 'unknown')}"]))
    back = rolled_back(folder)
    if back:
        lines.append(line_of(back, folder))
    return lines


def line_of(back: dict[str, Any], folder: Path) -> str:
    """Say that readers were taken back, and how that ends."""
    first, last = (number_of(folder / back[name]) for name in ("from", "to"))
    return (
        f"rolled back from version {first} to {last} at {back['at']}; the next refresh that passes"
        " publishes a new one"
    )


def chosen(folder: Path, number: str | None) -> Path:
    """Return the version of a number, or the one before the one that readers have.

    Raises:
        Unknown: There is none, or it cannot be read.
    """
    version = _named(folder, number)
    try:
        facts(version)
    except duckdb.Error:
        others = [str(number_of(one)) for one in versions(folder) if one != version]
        raise Unknown(
            f"version {number_of(version)} is damaged; there are besides: {', '.join(others)}"
        ) from None
    return version


def _named(folder: Path, number: str | None) -> Path:
    there, now = versions(folder), linked(folder)
    if now is None:
        raise Unknown("nothing is published yet; run `flowhouse refresh` first")
    numbers = ", ".join(str(number_of(version)) for version in there)
    if number is None:
        older = [version for version in there if number_of(version) < number_of(now)]
        if not older:
            raise Unknown(f"there is no version before {number_of(now)}; there are: {numbers}")
        return older[-1]
    for version in there:
        if number.isdecimal() and number_of(version) == int(number):
            return version
    raise Unknown(f"there is no published version {number}; there are: {numbers}")


def _minute(moment: Any) -> str:
    return f"{moment:%Y-%m-%d %H:%M}" if moment else "unknown"
