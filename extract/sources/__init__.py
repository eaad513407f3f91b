"""The sources, by name. A package here has a `SOURCE`, which `extract/source.py` describes."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from extract.source import Source

SWITCHES = {
    "jira": "base_url",
    "github": "base_url",
    "jenkins": "base_url",
    "gitlab": "base_url",
    "servicenow": "base_url",
    "inbox": "path",
    "feeds": "folder",
}
"""Every source, and the setting that turns it on."""

FOLDERS = {"feeds": "feeds"}
"""Folders in FLOWHOUSE_HOME that turn a source on, too. They stand beside the tools: whoever has
configured nothing else has lost the settings."""


class _Sources(Mapping[str, "Source[Any]"]):
    """Sources by name; a package is imported when it is asked for: dlt alone takes a second."""

    def __getitem__(self, name: str) -> "Source[Any]":
        if name not in SWITCHES:
            raise KeyError(name)
        return import_module(f"extract.sources.{name}").SOURCE

    def __contains__(self, name: object) -> bool:
        return name in SWITCHES

    def __iter__(self) -> Iterator[str]:
        return iter(SWITCHES)

    def __len__(self) -> int:
        return len(SWITCHES)


SOURCES = _Sources()
