"""Which items in a row decided when an epic ended, walked back from its end.

The path begins with the child that ended last; of an open epic, with the one that is under way for
longest. Before the last moment at which a dated link held it up, the item that it waited for
decided, and before that what held that one up. Who waited for something that was not begun yet was
itself what mattered before it had to wait.

A place on a path is an item and the moment until which it mattered. No path comes to a place twice
and moments only get earlier, so links that go round in circles end it. Each place is looked at
once: that, and that a step needs the one before, is why this is Python.
"""

import collections
import datetime
from typing import NamedTuple

import pyarrow as pa

RIVALS = """
with

children as (

    select
        known.*,
        outcome = 'open' as is_open,
        case when outcome <> 'open' then coalesce(last_done_at, created_at) end as ended_at,
        bool_or(outcome = 'open' and started_at is not null)
            over (partition by parent_work_item_key) as is_under_way

    from known

    where
        outcome in ('open', 'done')
        and parent_work_item_key in (select work_item_key from known)

),

-- Of an open epic those that are under way, if any is.
rivals as (

    select
        parent_work_item_key,
        work_item_key,
        is_open,
        coalesce(ended_at, timestamp '9999-12-31') as ends_at

    from children

    where not is_under_way or started_at is not null

),

latest as (

    select
        *,
        max(ends_at) over (partition by parent_work_item_key) as last_ends_at

    from rivals

)

select
    parent_work_item_key,
    work_item_key

from latest

where ends_at = last_ends_at

order by 1, 2
"""
"""The children that may have ended an item last, of all items that have children."""

MOST_STEPS = 100
"""A path that is longer begins with what is told of it."""

SCHEMA = pa.schema(
    [
        ("work_item_key", pa.string()),
        ("step_no", pa.int64()),
        ("step_work_item_key", pa.string()),
        ("begins_at", pa.timestamp("us")),
        ("ends_at", pa.timestamp("us")),
        ("held_up_from_at", pa.timestamp("us")),
    ]
)

Moment = datetime.datetime
GOES_ON = Moment.max
"""When what has not ended ends."""


class Item(NamedTuple):
    """When an item came to be, was started, and ended."""

    created_at: Moment
    started_at: Moment | None
    ends_at: Moment
    is_open: bool


class Block(NamedTuple):
    """From when to when an item waited for another one; of several the first one is the longest."""

    since: Moment
    until: Moment
    by: str


class Step(NamedTuple):
    """A part of a path; `held_up_from` is since when the next one waited for it."""

    item: str
    begins_at: Moment
    ends_at: Moment
    held_up_from: Moment | None


def ended(moment: Moment) -> Moment | None:
    """Return a moment; nothing for one that has not come."""
    return None if moment == GOES_ON else moment


def begin_of(item: Item, until: Moment, waited_from: Moment | None = None) -> Moment:
    """Return from when on an item mattered: when it was started, or else when it was made.

    If another one waited for it, it mattered from then on if it was not under way before.
    """
    if item.started_at and item.started_at < until:
        return min(item.started_at, waited_from or until)
    return waited_from or min(item.created_at, until)


def path_back(key: str, items: dict[str, Item], blocks: dict[str, list[Block]]) -> list[Step]:
    """Return the steps that led to the end of an item, the first one first.

    Args:
        key: The item.
        items: All items.
        blocks: What held each up.
    """
    steps: list[Step] = []
    seen = set()
    until, held_up_from = items[key].ends_at, None
    waiter = key
    while len(steps) < MOST_STEPS:
        seen.add((key, until))
        holders = [
            block
            for block in blocks.get(key, [])
            if block.since < until >= block.until and (block.by, block.until) not in seen
        ]
        if holders:
            latest = max(block.until for block in holders)
            last = min(block for block in holders if block.until == latest)
            steps.append(Step(key, last.until, until, held_up_from))
            waiter, key, until, held_up_from = key, last.by, last.until, last.since
            continue
        begin = begin_of(items[key], until, held_up_from)
        steps.append(Step(key, begin, until, held_up_from))
        # Whoever waits is the path again where what it waited for was not under way before.
        before = items[waiter].started_at
        if begin != held_up_from or (waiter, begin) in seen or before is None or before >= begin:
            break
        key, until, held_up_from = waiter, begin, None
    return steps[::-1]


def path_of(
    rivals: list[str], items: dict[str, Item], blocks: dict[str, list[Block]]
) -> list[Step]:
    """Return the path to the end of the child that ended last; of several the longest."""
    paths = [path_back(key, items, blocks) for key in rivals]
    return min(paths, key=lambda steps: (steps[0].begins_at, steps[-1].item))


def model(dbt, session):  # noqa: ANN001, ANN201 (dbt's own signature)
    """Walk back from the end of every item that has children."""
    flows = dbt.ref("fct_work_item_flows").set_alias("flows")
    current = dbt.ref("dim_work_items").filter("is_current").set_alias("current")
    known = flows.join(current, "flows.work_item_key = current.work_item_key").project(
        "flows.work_item_key, current.parent_work_item_key, flows.outcome, flows.created_at,"
        " flows.started_at, flows.last_done_at"
    )
    rivals, blocks = collections.defaultdict(list), collections.defaultdict(list)
    for epic, key in known.query("known", RIVALS).fetchall():
        rivals[epic].append(key)
    dated = dbt.ref("fct_blocked_intervals").filter("source = 'link'").set_alias("dated")
    dated = dated.join(
        known.set_alias("holders"), "dated.blocking_work_item_key = holders.work_item_key"
    ).project("dated.work_item_key, blocking_work_item_key, blocked_from, blocked_to")
    for key, by, since, until in dated.fetchall():
        blocks[key].append(Block(since, until or GOES_ON, by))
    # No step is of any other item: a million of them need not come to Python.
    held = {block.by for of in blocks.values() for block in of} | blocks.keys()
    wanted = pa.table({"wanted": sorted(held.union(*rivals.values()))})  # noqa: F841 (DuckDB's)
    rows = known.query(
        "known",
        "select work_item_key, outcome, created_at, started_at, last_done_at from known"
        " where work_item_key in (select wanted from wanted)",
    )
    items = {}
    for key, outcome, created, started, done in rows.fetchall():
        is_open = outcome == "open"
        items[key] = Item(created, started, GOES_ON if is_open else done or created, is_open)
    found = [
        (epic, no, step.item, ended(step.begins_at), ended(step.ends_at), step.held_up_from)
        for epic, keys in rivals.items()
        for no, step in enumerate(path_of(keys, items, blocks), start=1)
    ]
    columns = zip(*found, strict=True) if found else [[]] * len(SCHEMA)
    return pa.table([pa.array(list(c), t.type) for c, t in zip(columns, SCHEMA)], schema=SCHEMA)
