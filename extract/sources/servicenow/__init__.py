"""ServiceNow: tasks of every class with their histories, their SLAs, and what they refer to.

Settings: SOURCES__SERVICENOW__BASE_URL, CLIENT_ID and CLIENT_SECRET (OAuth client credentials), or
USER and PASSWORD (Basic, for development), or API_KEY, TABLES (JSON list of the tables to read;
default all that are installed), START_DATE, WEB_URL.

Windows are closed on `sys_updated_on` by the server's clock, two minutes behind it, and reach back
ten minutes; within one, `sys_id` is the page key. A census of every table follows the windows
(`extract/census.py`). Where a table is not audited or sys_audit is not readable, `metric_instance`
takes its place, and every version of a record that a load sees is kept in `record_versions` in any
case.
"""

from extract.source import Source
from extract.sources.servicenow.client import check
from extract.sources.servicenow.probes import doctor_probes
from extract.sources.servicenow.reader import build
from extract.sources.servicenow.settings import ServiceNowSettings
from extract.sources.servicenow.tables import NAME, TABLES

SOURCE = Source(NAME, "ServiceNow", TABLES, ServiceNowSettings, check, build, doctor_probes)
