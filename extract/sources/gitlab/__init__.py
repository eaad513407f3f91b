"""GitLab: pipelines with jobs and bridges, deployments, merge requests, issues with their events.

Settings: SOURCES__GITLAB__BASE_URL (with or without /api/v4), TOKEN (scope read_api), PROJECTS
(JSON list of paths, ids and group/*; empty = every project that the token is a member of),
START_DATE, WEB_URL.

What changed is listed by closed windows on `updated_at`. GitLab refuses to page past an offset of
50,000, so windows are halved until they are short; a window counts as read when as many rows came
as GitLab counts. Child pipelines are hidden from the plain listing and asked for by their source.
What runs when it is loaded is read by id until it has ended. A project that was renamed is read
again, so that all its rows carry the new path.
"""

from extract.source import Source
from extract.sources.gitlab.client import check
from extract.sources.gitlab.probes import doctor_probes
from extract.sources.gitlab.reader import build
from extract.sources.gitlab.settings import GitLabSettings
from extract.sources.gitlab.tables import NAME, TABLES

SOURCE = Source(NAME, "GitLab", TABLES, GitLabSettings, check, build, doctor_probes)
