"""Whatever is told of an item, or of what its names mean, makes its rows anew; and only its rows.

Tables are made anew for items whose `input_hash` in int_touched_items changed. Here one row after
the other of what the hash is made of is changed, and exactly the items that it speaks of must get
another hash.
"""

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from tests.flow import golden, scratch

HAD_SCOPE = """
    select work_item_key from intermediate.int_work_items_unioned where scope = '{0}'
    union
    select work_item_key from intermediate.int_work_item_attribute_changes_unioned
    where attribute = 'scope' and '{0}' in (from_value, to_value)
"""
HAD_TEAM = HAD_SCOPE.replace("scope =", "team_name =").replace("'scope'", "'team'")
HAD_TYPE = HAD_SCOPE.replace("scope =", "raw_type =").replace("'scope'", "'raw_type'")
OF_SERVICE = """
    select work_item_key from intermediate.int_work_items_unioned where service_name = '{0}'
"""
HAD_STATUS = """
    select work_item_key from intermediate.int_work_items_unioned
    where '{0}' in (lower(trim(source_status)), lower(trim(initial_status)))
    union
    select work_item_key from intermediate.int_status_changes_unioned
    where '{0}' in (lower(trim(from_status)), lower(trim(to_status)))
"""
ALL = "select work_item_key from intermediate.int_work_items_unioned"
CHANGES = "intermediate.int_status_changes_unioned"

NEVER_HAD = """
    insert into intermediate.int_work_item_attribute_changes_unioned
    select
        'late ' || attribute,
        min(work_item_key),
        attribute,
        min(from_value),
        max(value),
        1,
        timestamp '2024-01-01 00:00:01'
    from (
        select work_item_key, attribute, from_value, to_value as value
        from intermediate.int_work_item_attribute_changes_unioned
        where attribute in ('scope', 'team', 'raw_type')
        union all
        select null, 'scope', null, max(scope) from intermediate.int_work_items_unioned
        union all
        select null, 'team', null, max(team_name) from intermediate.int_work_items_unioned
        union all
        select null, 'raw_type', null, max(raw_type) from intermediate.int_work_items_unioned
    ) as known
    group by attribute;

    insert into intermediate.int_status_stages
    select 'unknown', source_system, workflow, scope, 'unknown', stage, valid_from, valid_to
    from intermediate.int_status_stages limit 1
"""
"""Late histories: items were in a scope, a team and of a type that they are not now; and a company
that says what it means if nobody knows a status."""

ONE_ROW = {
    "another status": (CHANGES, "to_status = 'Somewhere'"),
    "another moment": (CHANGES, "changed_at = changed_at + interval '1' second"),
    "another event": (CHANGES, "source_event_id = 'another'"),
    "a change before another one": (CHANGES, "order_no = order_no + 1000"),
    "another actor": (CHANGES, "actor_key = 'another'"),
    "an item's key in its source": ("intermediate.int_work_items_unioned", "item_key = 'X-1'"),
    "an item's end": (
        "intermediate.int_work_items_unioned",
        "ended_at = timestamp '2024-06-01 00:00:00'",
    ),
    "another parent": (
        "intermediate.int_work_items_unioned",
        "parent_work_item_key = 'another'",
    ),
    "a former priority": (
        "intermediate.int_work_item_attribute_changes_unioned",
        "from_value = 'another'",
    ),
    "a block that lasts": ("intermediate.int_blocked_intervals", "blocked_to = null"),
    "a reason": ("intermediate.int_blocked_intervals", "reason = 'another'"),
    "a resolution": ("intermediate.int_jira_resolutions", "outcome = 'another'"),
    "a resolution's time": (
        "intermediate.int_jira_resolutions",
        "valid_from = valid_from + interval '1' second",
    ),
}
"""What is told of one item: (table, what one of its rows says now)."""

MEANINGS = {
    "who owns a scope": ("config.scopes", "scope", "value_stream_key = 'x'", HAD_SCOPE),
    "until when": (
        "config.scopes",
        "scope",
        "valid_to = date '2024-03-01'",
        HAD_SCOPE,
    ),
    "who owns a team": (
        "intermediate.int_teams_unioned",
        "name",
        "value_stream_key = 'x'",
        HAD_TEAM,
    ),
    "who owns a service": (
        "intermediate.int_services_unioned",
        "name",
        "value_stream_key = 'x'",
        OF_SERVICE,
    ),
    "what a type means": ("intermediate.int_work_types", "raw_type", "level = 'x'", HAD_TYPE),
    "what a status means": ("intermediate.int_status_stages", "status", "stage = 'x'", HAD_STATUS),
}
"""What names of many items mean: (table, column of the name, what a line says now, its items)."""


DEPENDENCIES = """
    select source_link_id, to_key, from_key from intermediate.int_work_item_links_unioned
    where link_type = 'blocks' and valid_from is not null
        and from_key in (select work_item_key from intermediate.int_work_items_unioned)
        and to_key in (select work_item_key from intermediate.int_work_items_unioned)
    order by 1
"""


class Warehouse:
    """The golden company's warehouse, to change rows in and look which items are others then."""

    def __init__(self, folder: Path, of: scratch.ScratchWarehouse) -> None:
        shutil.copyfile(of.home / "build.duckdb", folder / "build.duckdb")
        self.link = duckdb.connect(str(folder / "build.duckdb"))
        compiled = "target/compiled/flowhouse/models/intermediate/int_touched_items.sql"
        self.sql = (of.project / compiled).read_text()
        self.link.execute(NEVER_HAD)
        self.before = self.hashes()

    def items(self, sql: str) -> set[str]:
        """Return the items that a query finds."""
        return {key for (key,) in self.link.execute(sql).fetchall()}

    def and_who_waits(self, items: set[str]) -> set[str]:
        """Return items, and those that a link of a known moment lets wait for one of them."""
        links = self.link.execute(f"select to_key, from_key from ({DEPENDENCIES})").fetchall()
        return items | {item for item, other in links if other in items}

    def hashes(self, as_of: str = golden.AS_OF) -> dict[str, str]:
        """Return what the models would read of each item, as one number each."""
        rows = self.link.execute(self.sql.replace(golden.AS_OF, as_of)).fetchall()
        return {key: input_hash for key, input_hash, _ in rows}

    def touched(self, statement: str) -> set[str]:
        """Return the items that are others after a statement, which is taken back."""
        self.link.execute("begin")
        self.link.execute(statement)
        after = self.hashes()
        self.link.execute("rollback")
        assert after.keys() == self.before.keys()
        return {key for key in after if after[key] != self.before[key]}


@pytest.fixture(scope="module")
def warehouse(
    tmp_path_factory: pytest.TempPathFactory, golden_warehouse: scratch.ScratchWarehouse
) -> Iterator[Warehouse]:
    made = Warehouse(tmp_path_factory.mktemp("touched"), golden_warehouse)
    yield made
    made.link.close()


@pytest.mark.parametrize("told", ONE_ROW)
def test_a_record_about_an_item_touches_that_item_alone(warehouse: Warehouse, told: str) -> None:
    table, change = ONE_ROW[told]
    column = change.split(" = ")[0]
    rows = warehouse.link.execute(
        f"select rowid from {table} where {column} is not null order by hash(rowid) limit 5"
    ).fetchall()
    assert rows
    for (row,) in rows:
        item = warehouse.items(f"select work_item_key from {table} where rowid = {row}")
        touched = warehouse.touched(f"update {table} set {change} where rowid = {row}")
        assert touched == warehouse.and_who_waits(item)


def test_a_link_touches_the_item_that_waits(warehouse: Warehouse) -> None:
    links = warehouse.link.execute(DEPENDENCIES).fetchall()
    assert len(links) > 5
    for link, item, _ in links[:5]:
        for change in (
            "valid_from = valid_from + interval '1' second",
            "valid_to = timestamp '2024-06-01 00:00:00.5'",
            "link_type = 'relates'",
        ):
            statement = (
                f"update intermediate.int_work_item_links_unioned set {change}"
                f" where source_link_id = '{link}'"
            )
            assert warehouse.touched(statement) == {item}


@pytest.mark.parametrize("meaning", MEANINGS)
def test_what_a_name_means_touches_all_that_ever_had_it(warehouse: Warehouse, meaning: str) -> None:
    table, column, change, having = MEANINGS[meaning]
    had = 0
    for name, row in warehouse.link.execute(
        f"select {column}, min(rowid) from {table} group by 1 order by 1"
    ).fetchall():
        told = name.replace("'", "''")
        items = warehouse.items(having.format(told))
        if name == "unknown" and column == "status":
            items = warehouse.items(ALL)  # any item may have been born in one
        touched = warehouse.touched(f"update {table} set {change} where rowid = {row}")
        assert touched == warehouse.and_who_waits(items), name
        had += len(items) > 0
    assert had >= 3


def test_a_change_that_is_one_of_many_in_a_second_is_another_one(warehouse: Warehouse) -> None:
    [(item, actor, moment)] = warehouse.link.execute(
        f"select work_item_key, actor_key, changed_at from {CHANGES} as changes where not exists ("
        "select 1 from intermediate.int_bulk_moves as bulks where bulks.actor_key ="
        " changes.actor_key and bulks.second_at = date_trunc('second', changes.changed_at))"
        " and actor_key is not null order by hash(work_item_key) limit 1"
    ).fetchall()
    same_second = warehouse.items(
        f"select work_item_key from {CHANGES} where actor_key = '{actor}'"
        f" and date_trunc('second', changed_at) = date_trunc('second', timestamp '{moment}')"
    )
    assert item in same_second
    statement = (
        "insert into intermediate.int_bulk_moves values"
        f" ('{actor}', date_trunc('second', timestamp '{moment}'))"
    )
    assert warehouse.touched(statement) == same_second


def test_calendars_begin_with_the_first_item(warehouse: Warehouse) -> None:
    first = (
        "select work_item_key from intermediate.int_work_items_unioned order by created_at limit 1"
    )
    earlier = "update intermediate.int_work_items_unioned set created_at = created_at"
    one = f" where work_item_key in ({first})"
    assert len(warehouse.touched(f"{earlier} - interval '1' second{one}")) == 1
    assert warehouse.touched(f"{earlier} - interval '2' year{one}") == warehouse.items(ALL)


@pytest.mark.parametrize(
    ("table", "column"),
    [
        (CHANGES, "changed_at"),
        ("intermediate.int_work_item_attribute_changes_unioned", "changed_at"),
        ("intermediate.int_blocked_intervals", "blocked_from"),
        ("intermediate.int_blocked_intervals", "blocked_to"),
        ("intermediate.int_jira_resolutions", "valid_from"),
        ("intermediate.int_work_items_unioned", "created_at"),
    ],
)
def test_a_moment_that_has_come_touches_the_item(
    warehouse: Warehouse, table: str, column: str
) -> None:
    """What lies behind as_of on one day and before it on the next."""
    rows = warehouse.link.execute(
        f"select work_item_key, {column} from {table} as told"
        f" where {column} > timestamp '2020-01-01' and not exists ("
        "select 1 from intermediate.int_work_items_unioned as items where items.work_item_key ="
        f" told.work_item_key and {column} in (items.updated_at, items.ended_at"
        f"{'' if column == 'created_at' else ', items.created_at'}))"
        " order by hash(work_item_key) limit 5"
    ).fetchall()
    assert rows
    for item, moment in rows:
        before, at, later = (
            warehouse.hashes(str(moment + timedelta(seconds=gap))) for gap in (-1, 0, 1)
        )
        for former, now in ((before, at), (at, later)):
            touched = {key for key in now if now[key] != former[key]}
            assert item in touched
            assert len(touched) < len(now) / 5


def test_the_day_of_another_owner_touches_what_it_owns(warehouse: Warehouse) -> None:
    scope, day = warehouse.link.execute(
        "select scope, min(valid_from) from config.scopes where valid_from is not null"
        " and scope in (select scope from intermediate.int_work_items_unioned)"
        " group by 1 order by 1"
    ).fetchone()
    eve, morning = (
        warehouse.hashes(f"{moment} 00:00:01") for moment in (day - timedelta(days=1), day)
    )
    touched = {key for key in morning if morning[key] != eve[key]}
    assert warehouse.items(HAD_SCOPE.format(scope)) <= touched
