"""The settings of GitHub."""

import re
from typing import ClassVar
from urllib.parse import SplitResult

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from dlt.common.configuration import configspec
from dlt.common.typing import TSecretStrValue

from extract.settings import setting_name
from extract.source import ServerSettings
from extract.sources.github.tables import NAME


@configspec
class GitHubSettings(ServerSettings):
    """The settings of the source."""

    SOURCE: ClassVar[str] = NAME
    ROOT_HOSTS: ClassVar[str] = r"api\.github\.com"
    PAGES: ClassVar[str] = r"/(repos|orgs|users?|graphql)(/|$)"

    token: TSecretStrValue | None = None
    app_id: str | None = None
    installation_id: str | None = None
    private_key: TSecretStrValue | None = None
    repositories: list[str] | None = None

    def complete(self) -> list[str]:
        """Ask for what belongs together."""
        faults = []
        if self.app_id or self.installation_id or self.private_key:
            names = ("app_id", "installation_id", "private_key")
            faults += [f"{setting_name(NAME, name)} is not set" for name in names if not self[name]]
            if self.private_key and private_key_of(str(self.private_key)) is None:
                faults.append(f"{setting_name(NAME, 'private_key')} is not an RSA key in PEM form")
        elif not self.token:
            faults.append(f"{setting_name(NAME, 'token')} is not set")
        if any(not re.fullmatch(r"[^/\s]+/[^/\s]+", name) for name in self.repositories or ()):
            faults.append(f"{setting_name(NAME, 'repositories')} takes owner/name and owner/*")
        return faults + super().complete()

    @classmethod
    def web_root(cls, address: SplitResult) -> str | None:
        """Return the site of an API: api.github.com, api.company.ghe.com, a server's /api/v3."""
        root = super().web_root(address).removesuffix("/api/v3")
        return re.sub(r"^(https?://)api\.", r"\1", root)

    @classmethod
    def fault_of_root(cls, address: SplitResult) -> str | None:
        """Tell the web site from the API."""
        if address.hostname in ("github.com", "www.github.com"):
            return "names the web site; the API is https://api.github.com"
        return super().fault_of_root(address)


def private_key_of(text: str) -> rsa.RSAPrivateKey | None:
    """Read a PEM key; environment variables often carry its line ends as backslash and n."""
    try:
        key = serialization.load_pem_private_key(text.replace("\\n", "\n").encode(), password=None)
    except (ValueError, TypeError):
        return None
    return key if isinstance(key, rsa.RSAPrivateKey) else None
