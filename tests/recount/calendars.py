"""Recounts of days, working hours and of what a company wrote into its seeds."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import yaml

from tests.recount.registry import Row, Tables, recounts

DAY = timedelta(days=1)
SEMANTIC = Path(__file__).parents[2] / "dbt_project" / "models" / "semantic"


def utc(day: date, clock: str, zone: str) -> datetime:
    """Return the instant at which clocks of a zone show a time of a day."""
    hour, minute = (int(part) for part in clock.split(":"))
    there = datetime(day.year, day.month, day.day, hour, minute, tzinfo=ZoneInfo(zone))
    return there.astimezone(UTC).replace(tzinfo=None)


@recounts("dim_dates")
def dates(tables: Tables) -> Iterator[Row]:
    """Each day from January of the year of the day before the first item, and a year to come."""
    born = [row["created_at"] for row in tables.rows("int_work_items_unioned")]
    last = tables.as_of.date().replace(year=tables.as_of.year + 1)
    day = date((min(born) - DAY).year, 1, 1) if born else last.replace(year=last.year - 1)
    increments = tables.rows("increments")
    while day <= last:
        names = [i["increment_key"] for i in increments if i["starts_on"] <= day <= i["ends_on"]]
        assert len(names) < 2
        yield {
            "date_day": day,
            "iso_week_start": date.fromisocalendar(*day.isocalendar()[:2], 1),
            "month_start": date(day.year, day.month, 1),
            "quarter_start": date(day.year, (day.month - 1) // 3 * 3 + 1, 1),
            "increment_key": names[0] if names else None,
        }
        day += DAY


@recounts("dim_calendars")
def calendars(tables: Tables) -> Iterator[Row]:
    """Day by day the shift that begins on it, and when the one before is over."""
    hours: dict[str, dict[int, tuple[str, str]]] = defaultdict(dict)
    for row in tables.rows("calendars"):
        hours[row["calendar"]][row["iso_weekday"]] = (row["work_start"], row["work_end"])
    standard = {
        row["iso_weekday"]: (row["work_start"], row["work_end"])
        for row in tables.rows("standard_calendar")
    }
    free = {(row["calendar"], row["holiday_date"]): row["name"] for row in tables.rows("holidays")}
    days = sorted(row["date_day"] for row in tables.rows("dim_dates"))
    used = {(row["calendar"], row["time_zone"]) for row in tables.rows("dim_value_streams")}
    for calendar, zone in used:
        worked, before = 0, utc(days[0], "00:00", zone)
        for day in days:
            shift = hours.get(calendar, standard).get(day.isoweekday())
            holiday = free.get((calendar, day))
            opens = closes = utc(day, "00:00", zone)
            if shift and holiday is None:
                start, end = shift
                opens = utc(day, start, zone)
                closes = utc(day if end > start else day + DAY, end, zone)
            seconds = int((closes - opens).total_seconds())
            yield {
                "calendar": calendar, "time_zone": zone, "date_day": day,
                "is_working_day": shift is not None and holiday is None, "holiday_name": holiday,
                "opens_at": opens, "closes_at": closes, "previous_closes_at": before,
                "open_s": seconds, "open_before_s": worked,
            }  # fmt: skip
            worked, before = worked + seconds, closes


@recounts("dim_increments")
def increments(tables: Tables) -> Iterator[Row]:
    """The seed, line by line."""
    for row in tables.rows("increments"):
        yield {name: row[name] for name in ("increment_key", "name", "starts_on", "ends_on")}


@recounts("dim_wip_limits")
def wip_limits(tables: Tables) -> Iterator[Row]:
    """The seed, line by line, with a key that says where and since when."""
    for row in tables.rows("wip_limits"):
        stage = f"{row['workflow']}:{row['stage']}"
        since = row["valid_from"].isoformat() if row["valid_from"] else "always"
        yield {
            "wip_limit_key": "|".join([row["value_stream_key"], row["level"], stage, since]),
            "value_stream_key": row["value_stream_key"], "level": row["level"],
            "stage_key": stage, "wip_limit": row["wip_limit"],
            "valid_from": row["valid_from"], "valid_to": row["valid_to"],
        }  # fmt: skip


@recounts("dim_metrics")
def metrics(tables: Tables) -> Iterator[Row]:
    """Of each metric the latest definition that has begun to hold."""
    today = tables.as_of.date()
    newest: dict[str, Row] = {}
    for row in sorted(tables.rows("metrics"), key=lambda line: line["version"]):
        if row["valid_from"] is None or row["valid_from"] <= today:
            newest[row["metric"]] = row
    in_layer = {
        metric["name"]
        for file in SEMANTIC.glob("*.yml")
        for metric in yaml.safe_load(file.read_text()).get("metrics", [])
    }
    for row in newest.values():
        name = row["metric"]
        yield {**row, "semantic_metric": name if name in in_layer else None}
