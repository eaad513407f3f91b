"""The contract of every feed: its columns, what their values must be, and what must hold of a line.

What is wrong is said with the name of the column and what should stand there, never with the value:
money and risks are nobody's business but the reader's.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from difflib import get_close_matches
from itertools import pairwise
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from extract.privacy import without_mail
from extract.sources.feeds.client import Unreadable
from extract.sources.feeds.tables import (
    ASSESSMENTS,
    EXPERIMENTS,
    NAME,
    RISKS,
    STREAM_FINANCIALS,
    TEAM_CAPACITIES,
    VALUE_MEASURES,
)
from extract.tables import RawTable


@dataclass(frozen=True)
class Form:
    """What a value must be, as a type that msgspec converts texts to, and in words."""

    type: Any
    words: str


Row = dict[str, Any]

_MOST = 1e15

KEY = Form(
    Annotated[str, Meta(pattern=r"^[^|:]+$", max_length=200)],
    "a key of up to 200 signs without | and :",
)
TEXT = Form(Annotated[str, Meta(max_length=2000)], "a text of up to 2,000 signs")
DAY = Form(date, "a day, for example 2026-01-31")
NUMBER = Form(Annotated[float, Meta(ge=-_MOST, le=_MOST)], "a number, for example 1234.5")
AMOUNT = Form(Annotated[float, Meta(ge=0, le=_MOST)], "a number of 0 or more, for example 1234.5")
BEST = Form(Annotated[float, Meta(gt=0, le=_MOST)], "a positive number, for example 5")
COUNT = Form(Annotated[int, Meta(ge=1, le=10**9)], "a whole number of 1 or more")
DEGREE = Form(Annotated[int, Meta(ge=1, le=5)], "a whole number from 1 to 5")
CURRENCY = Form(Annotated[str, Meta(pattern=r"^[A-Z]{3}$")], "a currency, for example EUR")


def one_of(*words: str) -> Form:
    """Return the form of a value that is one of some words."""
    return Form(Literal[words], f"one of {', '.join(words)}")


@dataclass(frozen=True)
class Feed:
    """The contract of one feed.

    Attributes:
        table: Its raw table, with its key.
        needed: Columns that every line has a value in.
        optional: Columns that a line may leave empty, and a file leave out.
        rule: Returns what is wrong with a line whose values have their forms, or None.
        agree: Columns, and those that all lines with the same values of them agree on.
    """

    table: RawTable
    needed: Mapping[str, Form]
    optional: Mapping[str, Form] = field(default_factory=dict)
    rule: Callable[[Row], str | None] = lambda row: None
    agree: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())

    @property
    def columns(self) -> dict[str, Form]:
        """All columns, in the order in which docs/feeds.md has them."""
        return {**self.needed, **self.optional}


def in_order(row: Row, *names: str) -> str | None:
    """Return which of two days comes before the one that it must follow."""
    known = [name for name in names if row.get(name)]
    for earlier, later in pairwise(known):
        if row[later] < row[earlier]:
            return f"{later} lies before {earlier}"
    return None


def both_or_none(row: Row, first: str, second: str) -> str | None:
    """Return which of two columns is empty although the other is filled."""
    if bool(row.get(first)) == bool(row.get(second)):
        return None
    return f"{first if row.get(second) else second} is empty, but the other one of the two is not"


def _experiment(row: Row) -> str | None:
    return (
        in_order(row, "conceived_on", "first_use_on", "learned_on", "decided_on")
        or in_order(row, "conceived_on", "due_on")
        or both_or_none(row, "learned_on", "verdict")
        or both_or_none(row, "decided_on", "decision")
        or _hasty(row)
    )


def _hasty(row: Row) -> str | None:
    is_hasty = row.get("decided_on") and not row.get("learned_on")
    return "learned_on is empty, but decided_on is not" if is_hasty else None


def _month(row: Row) -> str | None:
    if row["month_start"].day != 1:
        return "month_start is not the first day of a month"
    if all(row.get(name) is None for name in ("budget", "spend", "revenue")):
        return "budget, spend and revenue are all empty"
    return None


def _week(row: Row) -> str | None:
    return None if row["week_start"].weekday() == 0 else "week_start is not a Monday"


def _score(row: Row) -> str | None:
    return None if row["score"] <= row["best_score"] else "score is higher than best_score"


FEEDS = {
    feed.table.name: feed
    for feed in (
        Feed(
            EXPERIMENTS,
            {
                "experiment_key": KEY, "value_stream_key": KEY, "hypothesis": TEXT,
                "measure": KEY, "better": one_of("higher", "lower"), "expected_delta": NUMBER,
                "conceived_on": DAY, "due_on": DAY,
            },
            {
                "work_item": KEY, "owner_team_key": KEY, "first_use_on": DAY, "learned_on": DAY,
                "observed_delta": NUMBER, "verdict": one_of("supported", "refuted", "inconclusive"),
                "decided_on": DAY, "decision": one_of("keep", "change", "stop"),
            },
            _experiment,
        ),
        Feed(
            VALUE_MEASURES,
            {
                "value_stream_key": KEY, "measure": KEY, "measured_on": DAY, "value": NUMBER,
                "kind": one_of("amount", "level"), "unit": KEY,
                "better": one_of("higher", "lower"),
            },
            {"measured_by": KEY, "owner_team_key": KEY},
            agree=(("value_stream_key", "measure"), ("kind", "unit", "better")),
        ),
        Feed(
            STREAM_FINANCIALS,
            {"value_stream_key": KEY, "month_start": DAY, "currency": CURRENCY},
            {"budget": AMOUNT, "spend": AMOUNT, "revenue": AMOUNT},
            _month,
        ),
        Feed(
            RISKS,
            {
                "risk": KEY, "value_stream_key": KEY, "name": TEXT, "category": KEY,
                "assessed_on": DAY, "likelihood": DEGREE, "impact": DEGREE,
                "status": one_of("open", "mitigated", "accepted", "occurred", "closed"),
            },
            {"work_item": KEY, "response": TEXT, "owner_team_key": KEY, "due_on": DAY},
        ),
        Feed(
            ASSESSMENTS,
            {
                "assessment": KEY, "value_stream_key": KEY, "dimension": KEY, "assessed_on": DAY,
                "score": AMOUNT, "best_score": BEST,
            },
            {"respondents": COUNT},
            _score,
            agree=(("assessment", "dimension"), ("best_score",)),
        ),
        Feed(
            TEAM_CAPACITIES,
            {"team_key": KEY, "role": KEY, "week_start": DAY, "available_hours": AMOUNT},
            {},
            _week,
        ),
    )
}  # fmt: skip
"""Every feed by its name."""

EARLIEST, AHEAD = date(1990, 1, 1), timedelta(days=3660)
"""Days outside are slips: a year of two digits, a zero too many."""


class Rejected(Exception):
    """A line breaks the contract of its feed; the message says where and quotes nothing of it."""


def heading_of(feed: Feed, names: list[str]) -> tuple[list[str], list[str]]:
    """Return the columns of a file's first line in plain lower case, and those of no feed.

    Raises:
        Unreadable: A column is missing, or there twice.
    """
    heading = [re.sub(r"\W+", "_", name.lower()).strip("_") for name in names]
    missing = [name for name in feed.needed if name not in heading]
    if missing and len(heading) == 1:
        what = "is not separated by commas" if heading[0] else "is empty"
        raise Unreadable(f"{what}: its first line needs {','.join(feed.needed)}")
    unknown = [name for name in heading if name not in feed.columns]
    if missing:
        near = get_close_matches(missing[0], unknown, n=1)
        raise Unreadable(
            f"has no column {', '.join(missing)}" + (f"; is it what {near[0]} is?" if near else "")
        )
    doubled = sorted({name for name in feed.columns if heading.count(name) > 1})
    if doubled:
        raise Unreadable(f"has the column {', '.join(doubled)} twice")
    return heading, unknown


def values_of(feed: Feed, heading: list[str], values: list[str]) -> Row:
    """Return the values of a line by column, each as its form makes it; empty ones are left out.

    Raises:
        Rejected: The line breaks the contract.
    """
    if len(values) != len(heading):
        raise Rejected(f"has {len(values)} values, and the first line {len(heading)} columns")
    texts = {name: text for name, text in zip(heading, values, strict=True) if text}
    row: Row = {}
    for name, form in feed.columns.items():
        text = texts.get(name)
        if text is None:
            if name in feed.needed:
                raise Rejected(f"{name} is empty")
            continue
        try:
            row[name] = msgspec.convert(text, form.type, strict=False)
        except msgspec.ValidationError:
            raise Rejected(f"{name} is not {form.words}") from None
        if form is DAY and not EARLIEST <= row[name] <= date.today() + AHEAD:
            raise Rejected(f"{name} is not a day from {EARLIEST.year} to ten years from now")
    if fault := feed.rule(row):
        raise Rejected(fault)
    return row


def raw_row(feed: Feed, row: Row, sha256: str, line_no: int) -> dict[str, Any]:
    """Return the raw row of a line; mail addresses in its texts are hashed."""
    payload = {
        name: without_mail(NAME, value) if isinstance(value, str) else value
        for name, value in msgspec.to_builtins(row).items()
    }
    key = {name: payload[name] for name in feed.table.key}
    return {**key, "sha256": sha256, "line_no": line_no, "payload": payload}
