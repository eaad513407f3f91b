"""How numbers, days and addresses are written in the sentences of the site."""

import re
from datetime import date, datetime

DASH = "\u2013"
"""What stands where there is no number."""


def duration(seconds: float | None) -> str:
    """Return seconds in the unit that a person would choose; `site.js` does the same."""
    if seconds is None:
        return DASH
    minutes = seconds / 60
    if minutes < 1:
        return f"{seconds:.0f} s"
    if minutes < 60:
        return f"{minutes:.0f} min"
    if minutes < 48 * 60:
        return f"{minutes / 60:.1f} h"
    days = minutes / 1440
    return f"{days:.1f} days" if days < 100 else f"{days:,.0f} days"


def share(value: float | None) -> str:
    """Return a share from 0 to 1 in per cent."""
    if value is None:
        return DASH
    percent = 100 * value
    return f"{percent:.0f} %" if percent >= 10 or percent == 0 else f"{percent:.1f} %"


def change(value: float | None) -> str:
    """Return a relative change in per cent, with its sign."""
    return DASH if value is None else f"{100 * value:+.0f} %".replace("-", "\u2212")


def number(value: float | None) -> str:
    """Return a count."""
    return DASH if value is None else f"{value:,.0f}"


def day(value: date | None) -> str:
    """Return a day as people write it."""
    return f"{value.day} {value:%B %Y}" if value else "never"


def month(value: date | None) -> str:
    """Return a month as people write it."""
    return f"{value:%B %Y}" if value else "never"


def instant(moment: datetime | None) -> str:
    """Return a moment to the minute."""
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else "never"


def measure(value: float | None, metric: str | None) -> str:
    """Return the value of a metric; the end of its name says what it is."""
    if value is None:
        return DASH
    if metric and metric.endswith("_s"):
        return duration(value)
    if metric and metric.endswith("_share"):
        return share(value)
    return f"{value:,.2f}".rstrip("0").rstrip(".")


def is_web(address: str | None) -> bool:
    """Return whether an address that a source told is one of a page, and runs nothing."""
    return bool(address and re.match(r"https?://[^\s]+$", address))


FILTERS = {
    "change": change, "duration": duration, "share": share, "number": number, "day": day,
    "month": month, "instant": instant, "measure": measure, "is_web": is_web,
}  # fmt: skip
