"""GitHub: issues and projects, pull requests with reviews, Actions runs, deployments, releases.

Settings: SOURCES__GITHUB__BASE_URL (API root; of an Enterprise Server https://HOST/api/v3), TOKEN,
or APP_ID, INSTALLATION_ID and PRIVATE_KEY of a GitHub App, REPOSITORIES (JSON list of owner/name
and owner/*; empty = all that the token sees), START_DATE, WEB_URL.

Titles, texts, labels and branch names are read to see issue keys, reverts and hotfixes, and are
not loaded: they name people. How each object is read stands in the room of its name.
"""

from extract.source import Source
from extract.sources.github.client import check
from extract.sources.github.probes import doctor_probes
from extract.sources.github.reader import build
from extract.sources.github.settings import GitHubSettings
from extract.sources.github.tables import NAME, TABLES

SOURCE = Source(NAME, "GitHub", TABLES, GitHubSettings, check, build, doctor_probes)
