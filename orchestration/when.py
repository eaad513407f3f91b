"""When the daily refresh runs: a cron line, in the time zone of those who read its numbers."""

import csv
import os
from collections import Counter
from zoneinfo import ZoneInfo

from orchestration.seeds import FOLDER

CRON = "0 4 * * *"


def schedule() -> tuple[str, str]:
    """Return the cron line and the time zone of the daily refresh.

    Where one of them is none, it is another time at which the gate refuses the refresh for it: with
    no schedule at all nobody would be told.
    """
    if faults():
        return CRON, "UTC"
    return _cron() or CRON, _zone()


def _cron() -> str:
    """Return the cron line that is set; docker leaves the quotes that a shell needs."""
    return os.environ.get("FLOWHOUSE_SCHEDULE", "").strip("'\"")


def faults() -> list[str]:
    """Return one line per faulty setting."""
    found = []
    if cron := _cron():
        from dagster._utils.schedules import is_valid_cron_schedule

        if not is_valid_cron_schedule(cron):
            found.append(f"FLOWHOUSE_SCHEDULE is not a cron line, for example {CRON}")
    try:
        ZoneInfo(os.environ.get("FLOWHOUSE_TIME_ZONE") or "UTC")
    except (ValueError, OSError, KeyError):  # not found, or no name of a zone at all
        found.append("FLOWHOUSE_TIME_ZONE is not a time zone, for example Europe/Berlin")
    return found


def _zone() -> str:
    """Return the time zone that is set, else the one of most value streams, else UTC."""
    if zone := os.environ.get("FLOWHOUSE_TIME_ZONE"):
        return zone
    # A company's folder may lie anywhere: joined to an absolute path, the other one is left out.
    seed = FOLDER / (os.environ.get("FLOWHOUSE_COMPANY") or "company") / "value_streams.csv"
    if not seed.exists():
        return "UTC"
    with seed.open(newline="") as file:
        zones = Counter(
            line["time_zone"]
            for line in csv.DictReader(file)
            if line.get("time_zone") and not line.get("valid_to")
        )
    return zones.most_common(1)[0][0] if zones else "UTC"
