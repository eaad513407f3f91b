"""The sources we load, by name. A module here has what `SourceModule` says."""

from collections.abc import Mapping
from types import ModuleType

from extract.sources import github, gitlab, inbox, jenkins, jira, servicenow

SOURCES: Mapping[str, ModuleType] = {
    "jira": jira,
    "github": github,
    "jenkins": jenkins,
    "gitlab": gitlab,
    "servicenow": servicenow,
    "inbox": inbox,
}
