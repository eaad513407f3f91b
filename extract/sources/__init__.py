"""The sources we load, by name. A module here has what `SourceModule` says."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from types import ModuleType

NAMES = ("jira", "github", "jenkins", "gitlab", "servicenow", "inbox")


class _Sources(Mapping[str, ModuleType]):
    """Modules by name, imported when they are asked for: dlt alone takes a second."""

    def __getitem__(self, name: str) -> ModuleType:
        if name not in NAMES:
            raise KeyError(name)
        return import_module(f"extract.sources.{name}")

    def __contains__(self, name: object) -> bool:
        return name in NAMES

    def __iter__(self) -> Iterator[str]:
        return iter(NAMES)

    def __len__(self) -> int:
        return len(NAMES)


SOURCES = _Sources()
