"""Recount of critical paths, from the links and moves behind what held items up to the steps.

Told forwards instead of walked back: the path to an item and a moment is the path to what released
it last, and then the item.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from tests.recount.registry import Row, Tables, recounts

SECOND = timedelta(seconds=1)
Leg = tuple[str, datetime, datetime, datetime | None]


class Paths:
    """The paths of a company."""

    def __init__(self, tables: Tables) -> None:
        self.as_of = tables.as_of
        self.flows = tables.by("fct_work_item_flows", "work_item_key")
        self.holds: dict[str, list[Row]] = defaultdict(list)
        for block in tables.rows("fct_blocked_intervals"):
            if block["source"] == "link":
                self.holds[block["work_item_key"]].append(block)

    def end(self, item: str) -> datetime:
        flow = self.flows[item]
        return self.as_of if flow["outcome"] == "open" else flow["last_done_at"]

    def worked_before(self, item: str, moment: datetime) -> bool:
        started = self.flows[item]["started_at"]
        return started is not None and started < moment

    def released(self, item: str, moment: datetime, been: frozenset) -> tuple | None:
        """Return when something released an item last before a moment, since when, and what."""
        found = None
        for block in self.holds[item]:
            since, until = block["blocked_from"], block["blocked_to"] or self.as_of
            by = block["blocking_work_item_key"]
            if since >= moment or until > moment or (by, until) in been:
                continue
            this = until, since, by
            is_later = found is None or until > found[0]
            if is_later or (until == found[0] and (since, by) < found[1:]):
                found = this
        return found

    def path(
        self,
        item: str,
        moment: datetime,
        waiter: tuple | None = None,
        been: frozenset = frozenset(),
    ) -> list[Leg]:
        """Return the legs that lead to an item at a moment; `waiter` waits for it, since when."""
        been |= {(item, moment)}
        last = self.released(item, moment, been)
        since = waiter[1] if waiter else None
        if last:
            until, begins, by = last
            return [*self.path(by, until, (item, begins), been), (item, until, moment, since)]
        if since is None:
            made, started = (self.flows[item][name] for name in ("created_at", "started_at"))
            begin = started if self.worked_before(item, moment) else min(made, moment)
            return [(item, begin, moment, None)]
        if self.worked_before(item, since):
            return [(item, self.flows[item]["started_at"], moment, since)]
        own = [(item, since, moment, since)]
        if (waiter[0], since) in been or not self.worked_before(waiter[0], since):
            return own
        return [*self.path(waiter[0], since, None, been), *own]


@recounts("metric_critical_paths")
def critical_paths(tables: Tables) -> Iterator[Row]:
    """Items with children that are open or done, each with the legs of its path."""
    paths = Paths(tables)
    now = {row["work_item_key"]: row for row in tables.rows("dim_work_items") if row["is_current"]}
    below: dict[str, list[str]] = defaultdict(list)
    for key, row in now.items():
        if row["parent_work_item_key"] and paths.flows[key]["outcome"] in ("open", "done"):
            below[row["parent_work_item_key"]].append(key)
    for epic, children in below.items():
        if epic not in now:
            continue
        begun = [key for key in children if paths.flows[key]["started_at"]]
        if any(paths.flows[key]["outcome"] == "open" for key in begun):
            children = begun
        end = max(paths.end(key) for key in children)
        ways: list[Any] = [
            paths.path(key, end) for key in sorted(children) if paths.end(key) == end
        ]
        legs = min(ways, key=lambda way: way[0][1])
        lengths = [(until - since) // SECOND for _, since, until, _ in legs]
        held = [
            0 if waits is None else (until - max(since, waits)) // SECOND
            for _, since, until, waits in legs
        ]
        for place, (item, since, until, _) in enumerate(legs):
            yield {
                "metric_critical_path_key": f"{epic}|{place + 1}",
                "work_item_key": epic,
                "work_item_version_key": now[epic]["work_item_version_key"],
                "value_stream_key": now[epic]["value_stream_key"],
                "epic_level": now[epic]["level"],
                "outcome": paths.flows[epic]["outcome"],
                "step_no": place + 1,
                "step_work_item_key": item,
                "step_value_stream_key": now[item]["value_stream_key"],
                "level": now[item]["level"],
                "step_s": lengths[place],
                "held_up_s": held[place],
                "step_count": len(legs),
                "path_s": sum(lengths),
                "path_held_up_s": sum(held),
                "is_child": now[item]["parent_work_item_key"] == epic,
                "is_last_step": place + 1 == len(legs),
                "begins_at": since,
                "ends_at": until,
            }
