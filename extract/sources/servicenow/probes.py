"""What `flowhouse doctor` asks of a ServiceNow instance."""

import time
from collections.abc import Iterator

from extract.api import Api, Forbidden
from extract.probes import Probe, clock
from extract.sources.servicenow.client import (
    Listing,
    NotInstalled,
    connect,
    count_rows,
    server_time,
)
from extract.sources.servicenow.settings import ServiceNowSettings
from extract.sources.servicenow.tables import RECORD_TABLES


def doctor_probes(config: ServiceNowSettings) -> Iterator[Probe]:
    """Ask what only this instance can answer; `flowhouse doctor` prints it."""
    api = connect(config)
    yield clock(server_time(api))
    for table in config.tables or RECORD_TABLES:
        yield _table_probe(api, table)
    for table, why in (
        ("sys_dictionary", "which tables are audited is not known without it"),
        ("sys_audit", "histories come from metric_instance or from what loads see"),
        ("sys_audit_delete", "a deletion takes two counts to be believed"),
        ("metric_instance", "histories come from sys_audit or from what loads see"),
    ):
        # By a key that nobody has: the index answers at once, whatever the size.
        query = f"{'documentkey' if 'audit' in table else 'sys_id'}={'0' * 32}"
        began = time.monotonic()
        try:
            list(Listing(api, table, query, ("sys_id",), page=1).pages())
        except (NotInstalled, Forbidden) as fault:
            yield Probe(True, f"{table}: not readable ({type(fault).__name__.lower()}); {why}")
        else:
            yield Probe(True, f"{table}: readable, by key in {time.monotonic() - began:.1f} s")


def _table_probe(api: Api, table: str) -> Probe:
    """Compare what an instance counts in a table with what it shows of the first page."""
    try:
        counted = count_rows(api, table, "")
        listing = Listing(api, table, "", ("sys_id",))
        shown = len(next(listing.pages(), ()))
    except NotInstalled:
        return Probe(True, f"{table}: not installed")
    except Forbidden as fault:
        return Probe(False, f"{table}: {fault}")
    total = max(counted, listing.count or 0)
    hidden = min(total, listing.page) - shown
    line = f"{table}: {total:,} rows"
    if hidden > 0:
        line += f", of the first {min(total, listing.page):,} are {hidden:,} hidden from this user"
    return Probe(hidden <= 0, line)
