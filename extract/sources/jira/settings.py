"""The settings of Jira."""

from typing import ClassVar
from urllib.parse import SplitResult, urlsplit

from dlt.common.configuration import configspec
from dlt.common.typing import TSecretStrValue

from extract.settings import setting_name
from extract.source import ServerSettings
from extract.sources.jira.tables import NAME

CHOSEN_ROLES = ("story_points", "team", "flagged")
"""What a setting may name the custom field of."""


@configspec
class JiraSettings(ServerSettings):
    """The settings of the source."""

    SOURCE: ClassVar[str] = NAME
    ROOT_HOSTS: ClassVar[str] = r"\.atlassian\.net"
    PAGES: ClassVar[str] = r"/(rest|browse|secure|wiki)(/|$)"

    api_token: TSecretStrValue | None = None
    email: str | None = None
    client_id: str | None = None
    client_secret: TSecretStrValue | None = None
    projects: list[str] | None = None
    deployment: str | None = None
    titles: bool = False
    fields: list[str] | None = None
    story_points_field: str | None = None
    team_field: str | None = None
    flagged_field: str | None = None
    token_url: str | None = None

    def chosen(self) -> dict[str, str | None]:
        """Return the custom fields that are chosen by hand: role → id."""
        return {role: self[f"{role}_field"] for role in CHOSEN_ROLES}

    def complete(self) -> list[str]:
        """Ask for what belongs together."""
        needed = ["client_secret"] if self.client_id else ["api_token"]
        host = urlsplit(self.base_url).hostname or ""
        if host.endswith(".atlassian.net") and not self.client_id:
            needed.append("email")
        faults = [f"{setting_name(NAME, name)} is not set" for name in needed if not self[name]]
        if self.deployment not in (None, "", "cloud", "datacenter"):
            faults.append(f"{setting_name(NAME, 'deployment')} is neither cloud nor datacenter")
        return faults + super().complete()

    @classmethod
    def web_root(cls, address: SplitResult) -> str | None:
        """Return the address; the root for OAuth clients says nothing of the site."""
        return None if address.path.startswith("/ex/jira/") else super().web_root(address)

    @classmethod
    def path_of_root(cls, address: SplitResult) -> str:
        """Return the path; the root for OAuth clients lies below a host that is not the site's."""
        path = super().path_of_root(address)
        return "" if path.startswith("/ex/jira/") else path
