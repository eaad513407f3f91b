"""The settings of the feeds."""

from typing import ClassVar

from dlt.common.configuration import configspec

from extract.settings import fault_of_folder, folder_of
from extract.source import SourceSettings
from extract.sources.feeds.tables import NAME


@configspec
class FeedsSettings(SourceSettings):
    """The settings of the source."""

    SOURCE: ClassVar[str] = NAME

    folder: str = ""

    def complete(self) -> list[str]:
        """Look at the folder; without a setting it is the one in FLOWHOUSE_HOME.

        It is not called `path`: dlt would take PATH of the environment for one that is not set.
        """
        self.folder = self.folder or str(folder_of(NAME))
        return fault_of_folder(NAME, "folder", self.folder)
