"""Jenkins: jobs in folders to any depth, their builds, and the stages of Pipeline builds.

Settings: SOURCES__JENKINS__BASE_URL, USER and API_TOKEN, FOLDERS (JSON list of full names; empty =
everything that the user sees), START_DATE, WEB_URL.

A folder is listed level by level, with the newest build of every job, so a job without news costs
nothing. Builds are read in ranges from the newest back to what is known. A number alone does not
name a build, because a job that was deleted and created starts at 1 again: number and start do.
Builds that run are asked for by number in every load until they have ended. Branches and builds
that vanish from Jenkins stay in the raw tables.
"""

from extract.source import Source
from extract.sources.jenkins.client import check
from extract.sources.jenkins.probes import doctor_probes
from extract.sources.jenkins.reader import build
from extract.sources.jenkins.settings import JenkinsSettings
from extract.sources.jenkins.tables import NAME, TABLES

SOURCE = Source(NAME, "Jenkins", TABLES, JenkinsSettings, check, build, doctor_probes)
