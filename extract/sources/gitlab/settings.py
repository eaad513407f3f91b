"""The settings of GitLab."""

import re
from typing import ClassVar
from urllib.parse import SplitResult

from dlt.common.configuration import configspec
from dlt.common.typing import TSecretStrValue

from extract.settings import setting_name
from extract.source import ServerSettings
from extract.sources.gitlab.tables import NAME


@configspec
class GitLabSettings(ServerSettings):
    """The settings of the source."""

    SOURCE: ClassVar[str] = NAME
    ROOT_HOSTS: ClassVar[str] = r"gitlab\.com"
    PAGES: ClassVar[str] = r"/(api/v4/.+|-|groups|explore)(/|$)"

    token: TSecretStrValue = None  # type: ignore[assignment]
    projects: list[str] | None = None

    def complete(self) -> list[str]:
        """Look at the names of projects."""
        faults = super().complete()
        if any(not re.fullmatch(r"\d+|[^/\s]+(/[^/\s]+)+", name) for name in self.projects or ()):
            name = setting_name(NAME, "projects")
            faults.append(f"{name} takes paths of projects, ids, and group/*")
        return faults

    @classmethod
    def path_of_root(cls, address: SplitResult) -> str:
        """Return the path; the root may be that of the API."""
        return super().path_of_root(address).removesuffix("/api/v4")
