"""The drop folder."""

from pathlib import Path

from extract.sources.inbox.settings import InboxSettings


def files(folder: Path) -> list[Path]:
    """Return the files of events, in any depth."""
    return [path for path in sorted(folder.rglob("*.jsonl")) if path.is_file()]


def check(config: InboxSettings) -> None:
    """Ask for nothing: the settings have looked at the folder."""
