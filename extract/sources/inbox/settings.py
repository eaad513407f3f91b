"""The settings of the inbox."""

from pathlib import Path
from typing import ClassVar

from dlt.common.configuration import configspec

from extract.settings import setting_name
from extract.source import SourceSettings
from extract.sources.inbox.tables import NAME


@configspec
class InboxSettings(SourceSettings):
    """The settings of the source."""

    SOURCE: ClassVar[str] = NAME

    path: str = None  # type: ignore[assignment]

    def complete(self) -> list[str]:
        """Look at the folder."""
        if Path(self.path).is_dir():
            return []
        return [f"{setting_name(NAME, 'path')} is not a folder that can be read"]
