"""Working time: converts between working seconds since the start and epoch seconds."""

import csv
from bisect import bisect_right
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

SEEDS = Path(__file__).parents[1] / "dbt_project" / "seeds" / "demo"


def seed_rows(name: str) -> list[dict[str, str]]:
    """Return the rows of one company seed."""
    with (SEEDS / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


class WorkCalendar:
    """The working hours of one calendar in one time zone, from 2023-12 to 2026-06.

    Args:
        calendar: Name of the calendar in the seeds.
        zone: Time zone that its hours are read in.
    """

    def __init__(self, calendar: str, zone: str) -> None:
        hours = {
            int(row["iso_weekday"]): (row["work_start"], row["work_end"])
            for row in seed_rows("calendars")
            if row["calendar"] == calendar
        }
        free = {row["holiday_date"] for row in seed_rows("holidays") if row["calendar"] == calendar}
        self.zone = ZoneInfo(zone)
        self.starts: list[int] = []
        self.ends: list[int] = []
        self.offsets: list[int] = []
        total, day = 0, date(2023, 12, 1)
        while day < date(2026, 6, 1):
            if day.isoweekday() in hours and day.isoformat() not in free:
                begin, end = (self.epoch(day, text) for text in hours[day.isoweekday()])
                self.starts.append(begin)
                self.ends.append(end)
                self.offsets.append(total)
                total += end - begin
            day += timedelta(days=1)

    def epoch(self, day: date, clock: str) -> int:
        """Return the epoch second of a local time of day."""
        moment = datetime.fromisoformat(f"{day.isoformat()}T{clock}:00")
        return int(moment.replace(tzinfo=self.zone).timestamp())

    def wall(self, work: int) -> int:
        """Return the epoch second after so many working seconds."""
        at = bisect_right(self.offsets, work) - 1
        return self.starts[at] + work - self.offsets[at]

    def work(self, epoch: int) -> int:
        """Return how many working seconds passed before an epoch second."""
        at = bisect_right(self.starts, epoch) - 1
        if at < 0:
            return 0
        return self.offsets[at] + min(epoch, self.ends[at]) - self.starts[at]

    def between(self, begin: int, end: int, share: float) -> int:
        """Return the epoch second at a share of the working time between two others."""
        low, high = self.work(begin), self.work(end)
        if high <= low:
            return begin + int((end - begin) * share)
        return min(max(self.wall(low + int((high - low) * share)), begin), end)

    def later(self, epoch: int, hours: float) -> int:
        """Return the epoch second so many working hours later."""
        return self.wall(self.work(epoch) + int(hours * 3600))


@cache
def calendar_of(calendar: str, zone: str) -> WorkCalendar:
    """Return the calendar, built once."""
    return WorkCalendar(calendar, zone)
