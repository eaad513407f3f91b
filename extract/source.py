"""The contract of a source: what a package in extract/sources/ gives to everything else.

A package has one `SOURCE`, of the class `Source`, and the rooms that tests/extract/test_sources.py
lists. Whoever loads, checks, probes or lists sources uses this class and nothing else of a package.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar
from urllib.parse import SplitResult, urlsplit

from dlt.common.configuration import configspec
from dlt.common.configuration.specs import BaseConfiguration

from extract.run import LoadRun
from extract.settings import SettingFault, is_on, read_settings, start_of
from extract.tables import RawTable

if TYPE_CHECKING:
    from dlt.sources import DltSource

    from extract.probes import Probe


@configspec
class SourceSettings(BaseConfiguration):
    """The settings of a source, read by dlt's rules; each field is one setting.

    Attributes:
        SOURCE: Name of the source.
        start: Where the first load begins, once `complete` has read it; None reads everything.
    """

    SOURCE: ClassVar[str] = ""
    start: ClassVar[datetime | None] = None

    @property
    def web_address(self) -> str | None:
        """Where people open items, without a slash at the end; None where nothing tells."""
        return None

    def complete(self) -> list[str]:
        """Make of texts what they mean, and return a line for each fault that one of them has.

        It is called once, when each value has the form that it should have.
        """
        return []


@configspec
class ServerSettings(SourceSettings):
    """The settings of a source that is a server.

    Attributes:
        ROOT_HOSTS: Pattern of the hosts that have no path before the API's.
        PAGES: Pattern of the paths that lead into the tool, past the root of its API.
        web_url: Where people open items, if `base_url` does not tell.
    """

    ROOT_HOSTS: ClassVar[str] = r"(?!)"
    PAGES: ClassVar[str] = r"(?!)"

    base_url: str = None  # type: ignore[assignment]
    web_url: str | None = None
    start_date: str | None = None

    def complete(self) -> list[str]:
        """Read the start date."""
        try:
            self.start = start_of(self.SOURCE, self.start_date)
        except SettingFault as fault:
            return [str(fault)]
        return []

    @classmethod
    def fault_of_root(cls, address: SplitResult) -> str | None:
        """Return what is wrong with an address that is good as such, and not the root of an API."""
        path = cls.path_of_root(address)
        is_page = re.search(cls.PAGES, path) or (
            path and re.search(rf"{cls.ROOT_HOSTS}$", address.hostname or "")
        )
        if is_page or address.query or address.fragment:
            return (
                "leads into the tool: name its root alone, without the path of a page or of its API"
            )
        return None

    @property
    def web_address(self) -> str | None:
        """Return what WEB_URL says, else the site that belongs to the root of the API.

        A server on this machine is one for tests, or behind a proxy: nobody else can open it.
        """
        address = urlsplit(self.base_url)
        if self.web_url:
            return self.web_url.rstrip("/")
        if (address.hostname or "") in ("localhost", "127.0.0.1", "::1"):
            return None
        return self.web_root(address)

    @classmethod
    def web_root(cls, address: SplitResult) -> str | None:
        """Return the address of the tool's pages that belongs to the root of its API."""
        return f"{address.scheme}://{address.netloc}{cls.path_of_root(address)}"

    @classmethod
    def path_of_root(cls, address: SplitResult) -> str:
        """Return the path of an address as far as it may lead into the tool."""
        return address.path.rstrip("/")


Settings = TypeVar("Settings", bound=SourceSettings)


@dataclass(frozen=True)
class Source(Generic[Settings]):
    """One source.

    Attributes:
        name: What it is called everywhere: its package, schema, pipeline, group of assets and job.
        title: What people call it.
        tables: Its raw tables.
        settings: The class of its settings.
        check: Asks as little as shows that settings and credentials are good. It raises a
            `SettingFault` or a `SourceError` where they are not.
        build: Returns the dlt source that reads the next window of a run, and notes in the run what
            it has read. It raises a `SourceError` where the source cannot be read.
        probes: Asks what only this instance can answer, for `flowhouse doctor`.
    """

    name: str
    title: str
    tables: tuple[RawTable, ...]
    settings: type[Settings]
    check: Callable[[Settings], object]
    build: Callable[[LoadRun, Settings], "DltSource"]
    probes: Callable[[Settings], Iterator["Probe"]]

    @property
    def is_on(self) -> bool:
        """Whether it is configured."""
        return is_on(self.name)

    def read_settings(self) -> Any:
        """Read its settings.

        Raises:
            SettingFault: One line per faulty setting.
        """
        return read_settings(self.settings)

    def checked_settings(self) -> Any:
        """Read its settings and show that they are good.

        Raises:
            SettingFault: A setting is missing or wrong.
            SourceError: The source refuses the credentials, or gives no answer.
        """
        settings = self.read_settings()
        self.check(settings)
        return settings
