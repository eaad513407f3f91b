"""The settings of ServiceNow."""

from typing import ClassVar

from dlt.common.configuration import configspec
from dlt.common.typing import TSecretStrValue

from extract.settings import setting_name
from extract.source import ServerSettings
from extract.sources.servicenow.tables import NAME, RECORD_TABLES


@configspec
class ServiceNowSettings(ServerSettings):
    """The settings of the source."""

    SOURCE: ClassVar[str] = NAME
    ROOT_HOSTS: ClassVar[str] = r"\.service-now\.com"
    PAGES: ClassVar[str] = r"/(api|now|[^/]+\.do)(/|$)"

    user: str | None = None
    password: TSecretStrValue | None = None
    client_id: str | None = None
    client_secret: TSecretStrValue | None = None
    api_key: TSecretStrValue | None = None
    tables: list[str] | None = None

    def complete(self) -> list[str]:
        """Ask for what belongs together."""
        pair = ("client_id", "client_secret") if self.client_id else ("user", "password")
        faults = [f"{setting_name(NAME, name)} is not set" for name in pair if not self[name]]
        if self.api_key:
            names = ("user", "password", "client_id", "client_secret")
            faults = [
                f"{setting_name(NAME, name)} and {setting_name(NAME, 'api_key')} are both set;"
                " remove one of them"
                for name in names
                if self[name]
            ]
        if set(self.tables or ()) - set(RECORD_TABLES):
            faults.append(f"{setting_name(NAME, 'tables')} knows {', '.join(RECORD_TABLES)} only")
        return faults + super().complete()
