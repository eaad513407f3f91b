"""The files of the folder, and their lines as they are."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from extract.api import Unavailable
from extract.sources.feeds.settings import FeedsSettings
from extract.sources.feeds.tables import NAME


class Unreadable(Exception):
    """A file is no CSV file in UTF-8 that can be read; the message says why."""


def files(folder: Path) -> list[Path]:
    """Return the files of the folder that are not hidden.

    Raises:
        Unavailable: The folder cannot be read: no file of it is known to be gone.
    """
    try:
        return [
            path
            for path in sorted(folder.iterdir())
            if path.is_file() and not path.name.startswith(".")
        ]
    except OSError as error:
        raise Unavailable(f"{NAME}: the folder cannot be read ({error.strerror})") from None


def content_of(path: Path) -> bytes:
    """Return a file's content.

    Raises:
        Unreadable: The operating system refuses it.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise Unreadable(f"cannot be read ({error.strerror})") from None


def lines(content: bytes) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of each line that is not empty and its values, the heading first.

    A value in quotes may have line breaks: the number is that of the line where it ends.

    Raises:
        Unreadable: It is not in UTF-8, or a quote is never closed.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Unreadable("is not in UTF-8: save it as CSV UTF-8") from None
    reader = csv.reader(io.StringIO(text.replace("\x00", ""), newline=""), strict=True)
    try:
        for values in reader:
            stripped = [value.strip() for value in values]
            if any(stripped):
                yield reader.line_num, stripped
    except csv.Error:
        raise Unreadable(f"is no CSV from line {reader.line_num} on: see its quotes") from None


def check(config: FeedsSettings) -> None:
    """Ask for nothing: the settings have looked at the folder."""
