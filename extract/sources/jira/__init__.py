"""Jira: issues with their change histories, and the dimensions they refer to.

Settings: SOURCES__JIRA__BASE_URL, EMAIL and API_TOKEN (Cloud) or API_TOKEN alone (a bearer token:
personal access token of a Data Center) or CLIENT_ID and CLIENT_SECRET (OAuth of a service account
of a Cloud, whose base is https://api.atlassian.com/ex/jira/{cloudId}), PROJECTS (JSON list; empty =
all visible), DEPLOYMENT (cloud or datacenter; default: asked from the server), START_DATE, WEB_URL,
TITLES (true loads the titles of issues), FIELDS (JSON list: ids of custom fields that are loaded
besides, filled in for all issues), STORY_POINTS_FIELD, TEAM_FIELD and FLAGGED_FIELD (id of the
custom field where several could be meant, or none is known by its name; `flowhouse doctor` lists
them), TOKEN_URL (where the token of CLIENT_ID is minted; default: /oauth/token of BASE_URL's host).

Windows are closed on `updated` by the server's clock, five minutes behind it because the search
index lags, and reach back half an hour. Bounds are epoch milliseconds: a date in quotes would be
read in the searching user's time zone. On Cloud, search gives ids only; bodies and histories are
then read by id, where nothing lags, and only where the version that we have is another one. A
census of all ids follows the windows (`extract/census.py`): it finds what the index hid, and what
is gone. Issues that vanish from the source stay in the raw tables and get a tombstone.
"""

from extract.source import Source
from extract.sources.jira.client import check
from extract.sources.jira.probes import doctor_probes
from extract.sources.jira.reader import build
from extract.sources.jira.settings import JiraSettings
from extract.sources.jira.tables import NAME, TABLES

SOURCE = Source(NAME, "Jira", TABLES, JiraSettings, check, build, doctor_probes)
