"""Recounts of waste: item by item, each in the month in which it happened where it was."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime, timedelta

from tests.recount.plain import local_day
from tests.recount.registry import Row, Tables, recounts

VALIDITIES = {
    ("defects", "rework"): "high",
    ("defects", "defect_work"): "medium",
    ("overproduction", "done_and_not_deployed"): "low",
    ("waiting", "waiting"): "high",
    ("waiting", "blocked"): "medium",
    ("talent", "none"): "not_measurable",
    ("transportation", "handovers"): "medium",
    ("inventory", "in_flow"): "medium",
    ("inventory", "backlog"): "low",
    ("motion", "lateral_moves"): "low",
    ("extra_processing", "cancelled_after_start"): "high",
    ("extra_processing", "reopened"): "medium",
}


@recounts("metric_waste")
def wastes(tables: Tables) -> Iterator[Row]:
    """Everything is one event of a place and month, but for stocks, which are of its last day."""
    zones = {row["value_stream_key"]: row["time_zone"] for row in tables.rows("dim_value_streams")}
    versions = tables.by("dim_work_items", "work_item_version_key")
    flows = tables.by("fct_work_item_flows", "work_item_key")
    counts: dict[tuple, int] = defaultdict(int)
    spent: dict[tuple, int] = defaultdict(int)
    places: set[tuple] = set()

    def event(
        place: tuple, moment: datetime | date, waste: str, proxy: str,
        count: int | None = 1, seconds: int | None = None,
    ) -> None:  # fmt: skip
        day = local_day(moment, zones[place[0]]) if isinstance(moment, datetime) else moment
        key = (*place, day.replace(day=1), waste, proxy)
        places.add(key[:4])
        if count is not None:
            counts[key] += count
        if seconds is not None:
            spent[key] += seconds

    def place_of(version_key: str) -> tuple:
        version = versions[version_key]
        return version["value_stream_key"], version["workflow"], version["level"]

    late = []
    deploying = set()
    for row in tables.rows("metric_cycle_times"):
        place = row["value_stream_key"], row["workflow"], row["level"]
        if row["rework_s"] and row["rework_s"] > 0:
            event(place, row["finished_date"], "defects", "rework", seconds=row["rework_s"])
        if row["work_type"] == "defect":
            event(place, row["finished_date"], "defects", "defect_work", seconds=row["active_s"])
        deployed = flows[row["work_item_key"]]["deployed_at"]
        if deployed is not None:
            deploying.add(place)
        limit = row["last_done_at"] + timedelta(days=30)
        if limit <= tables.as_of and (deployed is None or deployed > limit):
            late.append((place, row["finished_date"]))
    for place, day in late:
        if place in deploying:
            event(place, day, "overproduction", "done_and_not_deployed")
    for row in tables.rows("metric_delay_pareto"):
        place = row["value_stream_key"], row["workflow"], row["level"]
        event(place, row["month_start"], "waiting", row["loss_kind"], None, row["lost_s"])
    for row in tables.rows("fct_handovers"):
        place = place_of(row["work_item_version_key"])
        event(place, row["handed_over_at"], "transportation", "handovers")
    names = {
        "lateral": ("motion", "lateral_moves"),
        "reopen": ("extra_processing", "reopened"),
    }
    for row in tables.rows("fct_stage_transitions"):
        if row["direction"] in names:
            stream, _, level = place_of(row["work_item_version_key"])
            event((stream, row["workflow"], level), row["changed_at"], *names[row["direction"]])
    for row in flows.values():
        if row["is_cancelled_after_start"] and row["cancelled_at"] is not None:
            event(
                place_of(row["work_item_version_key"]), row["cancelled_at"],
                "extra_processing", "cancelled_after_start", seconds=row["active_s"],
            )  # fmt: skip
    last: dict[tuple, Row] = {}
    for row in tables.rows("metric_wip_totals"):
        key = (
            row["value_stream_key"],
            row["workflow"],
            row["level"],
            row["date_day"].replace(day=1),
        )
        if key not in last or last[key]["date_day"] < row["date_day"]:
            last[key] = row
    for key, row in last.items():
        for proxy, column in (("in_flow", "in_flow_items"), ("backlog", "backlog_items")):
            if row[column]:
                event(key[:3], key[3], "inventory", proxy, row[column])
    for stream, workflow, level, month in places:
        today = local_day(tables.as_of, zones[stream])
        for (waste, proxy), validity in VALIDITIES.items():
            key = (stream, workflow, level, month, waste, proxy)
            if waste == "talent" or key in counts or key in spent:
                yield {
                    "metric_waste_key": "|".join(
                        [stream, workflow, level, waste, proxy, month.isoformat()]
                    ),
                    "value_stream_key": stream, "workflow": workflow, "level": level,
                    "waste": waste, "proxy": proxy, "validity": validity,
                    "waste_count": counts.get(key), "waste_s": spent.get(key),
                    "is_complete_period": month < today.replace(day=1), "month_start": month,
                }  # fmt: skip
