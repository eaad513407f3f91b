"""The settings of Jenkins."""

from typing import ClassVar

from dlt.common.configuration import configspec
from dlt.common.typing import TSecretStrValue

from extract.settings import setting_name
from extract.source import ServerSettings
from extract.sources.jenkins.tables import NAME


@configspec
class JenkinsSettings(ServerSettings):
    """The settings of the source."""

    SOURCE: ClassVar[str] = NAME
    PAGES: ClassVar[str] = r"/(job|view|api|blue)(/|$)"

    user: str = None  # type: ignore[assignment]
    api_token: TSecretStrValue = None  # type: ignore[assignment]
    folders: list[str] | None = None

    def complete(self) -> list[str]:
        """Look at the names of folders."""
        faults = super().complete()
        if any(not name.strip("/") for name in self.folders or ()):
            faults.append(f"{setting_name(NAME, 'folders')} has an empty name in it")
        return faults
