"""Recounts of lost time: every second of every item goes to one cause."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime

from tests.recount.calendars import utc
from tests.recount.plain import valid
from tests.recount.registry import Row, Tables, recounts
from tests.recount.stocks import local_day, pieces, second

Span = tuple[int, int]


def months(start: datetime, end: datetime, zone: str) -> Iterator[tuple[date, int, int]]:
    """Yield the months that a time touches, with their first second and the next one's."""
    month = local_day(start, zone).replace(day=1)
    last = local_day(end, zone)
    while month <= last:
        following = date(month.year + month.month // 12, month.month % 12 + 1, 1)
        yield (
            month,
            second(utc(month, "00:00", zone)),
            second(utc(following, "00:00", zone)),
        )
        month = following


def causes_at(blocks: list[Row], moments: list[datetime]) -> list[Row | None]:
    """Return for each stretch between two moments the block that began first of those that last."""
    found = []
    for start in moments[:-1]:
        there = [row for row in blocks if row["from"] <= start < row["to"]]
        found.append(min(there, key=lambda row: (row["from"], row["key"]), default=None))
    return found


@recounts("metric_delay_pareto")
def delays(tables: Tables) -> Iterator[Row]:
    """Every stay is cut wherever anything begins or ends that blocks its item."""
    blocks: dict[str, list[Row]] = defaultdict(list)
    for row in tables.rows("fct_blocked_intervals"):
        blocks[row["work_item_key"]].append(
            {
                "key": row["blocked_interval_key"], "reason": row["reason"],
                "source": row["source"], "from": row["blocked_from"],
                "to": row["blocked_to"] or tables.as_of,
            }
        )  # fmt: skip
    parents: dict[str, list[Row]] = defaultdict(list)
    for row in tables.rows("dim_work_items"):
        parents[row["work_item_key"]].append(row)
    lost: dict[tuple, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    above: dict[tuple, dict[str, set]] = defaultdict(lambda: defaultdict(set))
    zones = {}
    for piece in pieces(tables):
        state = piece.stage["flow_state"]
        end = tables.as_of if piece.end is None else piece.end
        if state not in ("wait", "active") or piece.start >= end:
            continue
        zones[piece.place] = piece.zone
        own = [row for row in blocks[piece.item] if row["from"] < end and row["to"] > piece.start]
        cuts = {piece.start, end}
        for row in own:
            cuts |= {at for at in (row["from"], row["to"]) if piece.start < at < end}
        moments = sorted(cuts)
        version = valid(parents[piece.item], piece.start)
        for start, stop, cause in zip(
            moments[:-1], moments[1:], causes_at(own, moments), strict=True
        ):
            if cause is None and state == "active":
                continue
            why = (
                ("blocked", cause["reason"], cause["source"]) if cause else ("waiting", None, None)
            )
            for month, begins, ends in months(start, stop, piece.zone):
                spent = min(second(stop), ends) - max(second(start), begins)
                if spent > 0:
                    key = (
                        *piece.place,
                        piece.stage["stage_key"],
                        piece.stage["stage"],
                        *why,
                        month,
                    )
                    lost[key][piece.item] += spent
                    above[key][piece.item].add(
                        (version["work_item_version_key"], version["parent_work_item_key"])
                    )
    months_of: dict[tuple, list[Row]] = defaultdict(list)
    for key, items in lost.items():
        stream, workflow, level, stage_key, stage, kind, reason, source, month = key
        # Of an item that was there in several versions the last one in the order of keys counts.
        over = {max(versions)[1] for versions in above[key].values()} - {None}
        months_of[stream, workflow, level, month].append(
            {
                "metric_delay_pareto_key": "|".join(
                    [stream, level, stage_key, kind, source or "-", reason or "-", str(month)]
                ),
                "value_stream_key": stream, "workflow": workflow, "level": level,
                "loss_kind": kind, "stage_key": stage_key, "stage": stage, "reason": reason,
                "source": source, "delayed_items": len(items), "delayed_parents": len(over),
                "lost_s": sum(items.values()), "month_start": month,
            }
        )  # fmt: skip
    for (stream, workflow, level, month), rows in months_of.items():
        rates = [
            row
            for row in tables.rows("cost_of_delay")
            if (row["value_stream_key"], row["workflow"], row["level"]) == (stream, workflow, level)
        ]
        rate = valid(rates, month)
        total, so_far = sum(row["lost_s"] for row in rows), 0
        today = local_day(tables.as_of, zones[stream, workflow, level])
        rows.sort(key=lambda row: (-row["lost_s"], row["metric_delay_pareto_key"]))
        for no, row in enumerate(rows, 1):
            so_far += row["lost_s"]
            days = row["lost_s"] / 86400
            yield row | {
                "loss_rank": no, "lost_item_days": days, "all_lost_s": total,
                "lost_share": row["lost_s"] / total, "cumulative_lost_s": so_far,
                "cumulative_lost_share": so_far / total,
                "cost_of_delay": days * rate["cost_per_item_day"] if rate else None,
                "currency": rate["currency"] if rate else None,
                "is_complete_period": month < today.replace(day=1),
            }  # fmt: skip
