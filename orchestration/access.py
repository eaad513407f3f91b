"""The home: who may read it, and the file beside it that says where it is.

Its owner alone reads it, and what is published whoever FLOWHOUSE_READERS names besides.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from extract.redaction import is_secret

READERS = {"": 0, "group": 0o050, "all": 0o055}
"""FLOWHOUSE_READERS, and what others than the owner may do in the folders of what is published."""

PUBLISHED = ("published", "report")
"""Folders of the home that are for readers."""


ENV_FILE = Path(".env")
"""Settings, of the folder that a command is given in, as Dagster would read them."""


def read_env_file() -> None:
    """Read `.env`.

    What the environment says wins. No shell reads the file, so a value may hold any character.
    """
    for name, value in _in_env_file().items():
        os.environ.setdefault(name, value)


def _in_env_file() -> dict[str, str]:
    if not ENV_FILE.is_file():
        return {}
    from dotenv import dotenv_values

    found = dotenv_values(ENV_FILE, interpolate=False)
    return {name: value or "" for name, value in found.items()}


def faults() -> list[str]:
    """Return a line for an `.env` with secrets that is open, and for unknown FLOWHOUSE_READERS."""
    found = []
    if os.environ.get("FLOWHOUSE_READERS", "") not in READERS:
        found += ["FLOWHOUSE_READERS is neither group nor all; empty: the owner alone reads"]
    has_secret = any(is_secret(name, value) for name, value in _in_env_file().items())
    if has_secret and ENV_FILE.stat().st_mode & 0o077:
        found += [f"{ENV_FILE} can be read by others: chmod 600 {ENV_FILE}"]
    return found


def keep_private() -> None:
    """Let whatever is written from now on be its owner's alone."""
    os.umask(0o077)


@contextmanager
def for_readers() -> Iterator[None]:
    """Let what is written meanwhile be read by those who FLOWHOUSE_READERS names."""
    before = os.umask(0o077 & ~_others())
    try:
        yield
    finally:
        os.umask(before)


def repair() -> None:
    """Take from others what an older version, or another tool, let them do in the home.

    Files of somebody else stay as they are: we may not change them.
    """
    from extract.raw_store import home  # imports DuckDB, for which `--help` need not wait

    top, others = home(), _others()
    if not top.is_dir():
        return
    _allow(top, 0o700 | others & 0o011)
    if others:
        for name in PUBLISHED:
            (top / name).mkdir(exist_ok=True)
    group = top.stat().st_gid
    for folder, folders, files in os.walk(top):
        parent = Path(folder)
        is_published = parent.relative_to(top).parts[:1] in [(name,) for name in PUBLISHED]
        if folder != str(top):
            _allow(parent, 0o700 | (others if is_published else 0), group if is_published else None)
        for name in files:
            own = parent / name
            with suppress(OSError):
                mode = own.lstat().st_mode
                if stat.S_ISREG(mode):
                    shown = others & 0o044 if is_published else 0
                    _allow(own, mode & 0o700 | shown, group if is_published else None)
        folders[:] = [name for name in folders if not (parent / name).is_symlink()]


def _others() -> int:
    return READERS.get(os.environ.get("FLOWHOUSE_READERS", ""), 0)


def _allow(path: Path, mode: int, group: int | None = None) -> None:
    """Set a mode, and the group of the home; folders give it to what is made in them."""
    with suppress(PermissionError, FileNotFoundError):
        there = path.stat()
        if group is not None and _others() and there.st_gid != group:
            os.chown(path, -1, group)
            there = path.stat()
        if group is not None and _others() and stat.S_ISDIR(there.st_mode):
            mode |= stat.S_ISGID
        if stat.S_IMODE(there.st_mode) != mode:
            path.chmod(mode)
