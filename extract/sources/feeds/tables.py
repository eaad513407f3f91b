"""The raw tables of the feeds. What the lines must hold is in `rows.py`."""

from extract.tables import BIGINT, TEXT, RawTable

NAME = "feeds"


def feed(name: str, *key: str) -> RawTable:
    """Return the raw table of a feed: one row per key, as the file that it was last in has it."""
    columns = {**dict.fromkeys(key, TEXT), "sha256": TEXT, "line_no": BIGINT}
    return RawTable(name, f"SOURCES__FEEDS__FOLDER/{name}.csv", key, columns)


EXPERIMENTS = feed("experiments", "experiment_key")
VALUE_MEASURES = feed("value_measures", "value_stream_key", "measure", "measured_on")
STREAM_FINANCIALS = feed("stream_financials", "value_stream_key", "month_start", "currency")
RISKS = feed("risks", "risk", "assessed_on")
ASSESSMENTS = feed("assessments", "assessment", "value_stream_key", "dimension", "assessed_on")
TEAM_CAPACITIES = feed("team_capacities", "team_key", "role", "week_start")

FILES = RawTable(
    "files",
    "SOURCES__FEEDS__FOLDER/*.csv",
    ("feed",),
    {"feed": TEXT, "sha256": TEXT, "lines": BIGINT, "rejected": BIGINT},
)

QUARANTINES = RawTable(
    "quarantines",
    "SOURCES__FEEDS__FOLDER/*.csv",
    ("feed", "sha256", "line_no"),
    {"feed": TEXT, "sha256": TEXT, "line_no": BIGINT, "reason": TEXT},
)

TABLES = (
    *(EXPERIMENTS, VALUE_MEASURES, STREAM_FINANCIALS, RISKS, ASSESSMENTS, TEAM_CAPACITIES),
    *(FILES, QUARANTINES),
)
