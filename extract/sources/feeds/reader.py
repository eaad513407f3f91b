"""What stands in the feeds, and which of their lines break the contract."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import dlt
from dlt.sources import DltSource

from extract import raw_store
from extract.run import LoadRun
from extract.sources.feeds.client import Unreadable, content_of, files, lines
from extract.sources.feeds.rows import FEEDS, Feed, Rejected, heading_of, raw_row, values_of
from extract.sources.feeds.settings import FeedsSettings
from extract.sources.feeds.tables import FILES, NAME, QUARANTINES, TABLES
from extract.tables import Batch, resource

MOST_NAMED = 5
"""Bad lines of a file that an audit names; `feeds.quarantines` has all of them."""


@dataclass(frozen=True)
class File:
    """What was read of a file: its rows by key, and what is wrong with its other lines."""

    sha256: str
    lines: int
    rows: dict[tuple[Any, ...], dict[str, Any]]
    faults: list[tuple[int, str]]
    unknown: list[str]


def read(feed: Feed, path: Path) -> File:
    """Read a file and hold its lines against the contract of its feed.

    Raises:
        Unreadable: It is no CSV file with the columns of the feed.
    """
    content = content_of(path)
    (_, first), *others = list(lines(content)) or [(1, [""])]
    heading, unknown = heading_of(feed, first)
    file = File(hashlib.sha256(content).hexdigest(), len(others), {}, [], unknown)
    first_of: dict[tuple[Any, ...], tuple[dict[str, Any], int]] = {}
    for line_no, values in others:
        try:
            row = raw_row(feed, values_of(feed, heading, values), file.sha256, line_no)
            key = tuple(row[column] for column in feed.table.key)
            if key in file.rows:
                names, line = ", ".join(feed.table.key), file.rows[key]["line_no"]
                raise Rejected(f"{names} are those of line {line}")
            group = tuple(row["payload"][column] for column in feed.agree[0])
            said, line = first_of.setdefault(group, (row["payload"], line_no))
            odd = next((name for name in feed.agree[1] if row["payload"][name] != said[name]), None)
            if odd:
                raise Rejected(f"{odd} is not that of line {line} ({', '.join(feed.agree[0])})")
            file.rows[key] = row
        except Rejected as fault:
            file.faults.append((line_no, str(fault)))
    return file


@dataclass
class Reader:
    """Reads all files, and yields the rows of those that are not as they were."""

    run: LoadRun
    folder: Path

    def everything(self) -> Iterator[Batch]:
        """Yield the rows of each file that changed, its bad lines, and that it was read."""
        found, strangers = found_in(self.folder)
        known = dict(
            raw_store.rows(
                NAME, f"select feed, sha256 from {NAME}.files where {raw_store.committed(NAME)}"
            )
        )
        for name, feed in FEEDS.items():
            if name in found:
                yield from self._feed(feed, found[name], known.get(name))
            elif known.get(name):
                yield FILES, FILES.batch([_file_row(name, "", 0, 0)])
                self.run.audit(name, message=f"{name}.csv is gone: its lines are not published now")
        self.run.audit(
            FILES.name,
            api_count=len(found) + len(strangers),
            extracted=len(found),
            rejected=len(strangers),
            status="incomplete" if strangers else "complete",
            message="; ".join(strangers),
        )

    def _feed(self, feed: Feed, path: Path, known: str | None) -> Iterator[Batch]:
        name = feed.table.name
        try:
            file = read(feed, path)
        except Unreadable as fault:
            said = f"{path.name} {fault}; what was read of it before stays"
            self.run.audit(name, status="failed", message=said)
            return
        is_new = file.sha256 != known or self.run.is_full_read
        if is_new:
            yield feed.table, feed.table.batch(file.rows.values())
            yield QUARANTINES, QUARANTINES.batch(
                {
                    "feed": name, "sha256": file.sha256, "line_no": line_no, "reason": reason,
                    "payload": {},
                }
                for line_no, reason in file.faults
            )  # fmt: skip
            yield FILES, FILES.batch([_file_row(name, file.sha256, file.lines, len(file.faults))])
        self.run.audit(
            name,
            api_count=file.lines,
            extracted=len(file.rows),
            loaded=len(file.rows) if is_new else 0,
            rejected=len(file.faults),
            status="incomplete" if file.faults else "complete",
            message="; ".join(_said(path.name, file)),
        )


def _file_row(feed: str, sha256: str, lines: int, rejected: int) -> dict[str, Any]:
    return {
        "feed": feed, "sha256": sha256, "lines": lines, "rejected": rejected, "payload": {},
    }  # fmt: skip


def _said(name: str, file: File) -> Iterator[str]:
    for line_no, reason in file.faults[:MOST_NAMED]:
        yield f"{name} line {line_no}: {reason}"
    if len(file.faults) > MOST_NAMED:
        yield f"and {len(file.faults) - MOST_NAMED:,} lines more, see feeds.quarantines"
    if file.unknown:
        yield f"{name}: {len(file.unknown)} columns are of no feed and are not loaded"


def found_in(folder: Path) -> tuple[dict[str, Path], list[str]]:
    """Return the file of each feed that has one, and a line for each that seems to be meant as one.

    A spreadsheet and a name in capitals are told: whoever put them there believes they are read.
    """
    feeds, strangers = {}, []
    for path in files(folder):
        if path.suffix == ".csv" and path.stem in FEEDS:
            feeds[path.stem] = path
        elif path.suffix.lower() == ".csv" or path.stem.lower() in FEEDS:
            near = get_close_matches(path.stem.lower(), FEEDS, n=1)
            strangers.append(
                f"{path.name} is no feed; "
                + (f"did you mean {near[0]}.csv?" if near else f"there are {', '.join(FEEDS)}")
            )
    return feeds, strangers


def build(run: LoadRun, config: FeedsSettings) -> DltSource:
    """Return the source with the lines of every feed that changed."""
    reader = Reader(run, Path(config.folder))

    @dlt.source(name=NAME, max_table_nesting=0)
    def feeds() -> Iterator[Any]:
        yield resource("lines", TABLES, reader.everything)

    return feeds()
