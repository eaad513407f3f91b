"""The settings of the inbox."""

from typing import ClassVar

from dlt.common.configuration import configspec

from extract.settings import fault_of_folder
from extract.source import SourceSettings
from extract.sources.inbox.tables import NAME


@configspec
class InboxSettings(SourceSettings):
    """The settings of the source."""

    SOURCE: ClassVar[str] = NAME

    path: str = None  # type: ignore[assignment]

    def complete(self) -> list[str]:
        """Look at the folder."""
        return fault_of_folder(NAME, "path", self.path)
