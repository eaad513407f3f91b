"""`flowhouse publish postgres` on a real server: whole, exact, at once, and nobody is disturbed."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import psycopg
import pyodbc
import pytest

from publish import postgres as copies
from publish.postgres import MARK, NotCopied, copy, fault_of, keys_of, probe
from publish.snapshot import publish
from tests.publish.published_file import write_published_file
from tests.serving.server import PASSWORD, Server

FLOWHOUSE = Path(sys.executable).with_name("flowhouse")
DEMO = Path(__file__).parents[2] / ".flowhouse" / "demo"

NUMBER = """
create schema marts; create schema metrics;
create table marts.items as select i as item_key, {n} as version from range({n}) as of (i);
create table marts.visits as select i as visit_key, {n} as version from range(2 * {n}) as of (i);
create table metrics.totals as select {n} as version, {n} as items, 2 * {n} as visits;
"""


def numbered(folder: Path, number: int, more: str = "") -> Path:
    """A published file that is the same number in three tables of two schemas."""
    path = folder / f"warehouse-{number:06}-x.duckdb"
    with duckdb.connect(str(path)) as file:
        file.execute(NUMBER.format(n=number) + more)
    return path


def one(link: psycopg.Connection, query: str) -> tuple:
    [row] = link.execute(query).fetchall()
    return row


# Everything arrives


ZOO = """
create schema zoo;
create type zoo.colour as enum ('red', 'green');
create table zoo.kinds (
    "order" bigint, "A ""b"" c" varchar, small tinyint, big hugeint, price decimal(18, 3),
    ratio double, is_on boolean, day date, moment timestamp, at_zone timestamptz, clock time,
    id uuid, raw blob, list varchar[], pair struct(a bigint, b varchar), said json,
    colour zoo.colour, span interval
);
insert into zoo.kinds values
(1, 'a "b", c\n; \\. \\N ü 漢 ''x''', -128, 170141183460469231731687303715884105727, 12.345,
 0.1, true, '1970-01-01', '2024-02-29 23:59:59.999999', '2024-06-01 12:00:00+02', '23:59:59.5',
 '0b1c2d3e-0000-4000-8000-000000000001', '\\x00\\xFF'::blob, ['x', null, 'y"z'],
 {'a': 1, 'b': null}, '{"k": [1, 2]}', 'green', interval 90 minute),
(2, '', 127, -5, -0.001, 'nan', false, '9999-12-31', '0001-01-01', null, '00:00:00', null,
 ''::blob, [], null, 'null', null, null),
(3, null, null, null, null, '-inf', null, null, null, null, null, null, null, null, null, null,
 null, null),
(4, 'nul' || chr(0) || 'l', 0, 0, 0, 1e-310, true, '2024-12-31', '2024-01-01', null, null, null,
 null, null, null, null, null, null);
comment on table zoo.kinds is 'One row per animal''s "kind"; 100 %.';
comment on column zoo.kinds."A ""b"" c" is 'Text; with signs.';
create view zoo.sums as select count(*) as kinds, sum("order") as total from zoo.kinds;
"""


def test_values_of_every_kind_arrive_as_they_are(postgres: Server, tmp_path: Path) -> None:
    path = tmp_path / "beasts.duckdb"
    with duckdb.connect(str(path)) as file:
        file.execute(ZOO)
    done = copy(path, postgres.url(), {("zoo", "kinds"): ["order"]})
    assert (done.tables, done.rows, done.without_key) == (2, 5, ["zoo.sums"])
    with postgres.connect() as link:
        rows = link.execute(
            """
            select
                "A ""b"" c", small, big::text, price::text, ratio, is_on, day, moment::text,
                at_zone at time zone 'UTC' = '2024-06-01 10:00', clock::text, id::text,
                encode(raw, 'hex'), list ->> 2, pair ->> 'a', said -> 'k' ->> 1, colour, span
            from zoo.kinds order by "order"
            """
        ).fetchall()
        assert [str(value) for value in rows[0]] == [
            "a \"b\", c\n; \\. \\N ü 漢 'x'", "-128", "170141183460469231731687303715884105727",
            "12.345", "0.1", "True", "1970-01-01", "2024-02-29 23:59:59.999999", "True",
            "23:59:59.5", "0b1c2d3e-0000-4000-8000-000000000001", "00ff", 'y"z', "1", "2", "green",
            "01:30:00",
        ]  # fmt: skip
        assert rows[1][0] == "" and str(rows[1][4]) == "nan" and rows[1][7] == "0001-01-01 00:00:00"
        assert rows[2] == (None,) * 4 + (float("-inf"),) + (None,) * 12
        assert (rows[3][0], rows[3][4]) == ("null", 1e-310)
        assert one(link, "select kinds, total from zoo.sums") == (4, 10)
        assert one(link, "select obj_description('zoo.kinds'::regclass)") == (
            'One row per animal\'s "kind"; 100 %.',
        )
        assert one(link, "select col_description('zoo.kinds'::regclass, 2)") == (
            "Text; with signs.",
        )
        with pytest.raises(psycopg.errors.UniqueViolation):
            link.execute('insert into zoo.kinds ("order") values (1)')


def test_everything_of_the_demo_company_arrives(reader: Server) -> None:
    """Counts, keys, sums and lengths of every column, as both engines find them."""
    file = DEMO / "published" / "warehouse.duckdb"
    if not file.exists():
        pytest.skip("the demo company is not published here: make demo")
    import json

    manifest = json.loads((DEMO / "dbt" / "target" / "manifest.json").read_text())
    done = copy(file, reader.url(), keys_of(manifest))
    with duckdb.connect(str(file), read_only=True) as there, reader.connect("reader") as here:
        tables = there.execute(
            "select schema_name, table_name, list([column_name, data_type] order by column_index)"
            " from duckdb_columns() where not internal group by all"
        ).fetchall()
        assert len(tables) == done.tables > 80
        for schema, table, columns in tables:
            asked = ["count(*)"]
            for name, kind in columns:
                asked += [f'count("{name}")', f'count(distinct "{name}")']
                if kind in ("BIGINT", "INTEGER", "HUGEINT"):
                    asked.append(f'cast(sum("{name}") as decimal(38, 0))')
                elif kind == "VARCHAR":
                    asked.append(f'cast(sum(length("{name}")) as bigint)')
                elif kind in ("DATE", "TIMESTAMP"):
                    asked += [f'min("{name}")', f'max("{name}")']
            query = f'select {", ".join(asked)} from {schema}."{table}"'
            assert there.execute(query).fetchall() == here.execute(query).fetchall(), table
        keyed = here.execute(
            "select conrelid::regclass::text from pg_constraint"
            " where contype in ('p', 'u') and connamespace::regnamespace::text !~ '^pg_'"
        ).fetchall()
        own = {"meta.publications", "meta.restatements", "meta.table_versions"}
        own |= {"meta.quality_results"}  # results of tests, which no model makes
        assert {*done.without_key} <= own | {f"bi.{t}" for s, t, _ in tables if s == "bi"}
        assert len(keyed) == done.tables - len(done.without_key)
        undescribed = here.execute(
            "select relname from pg_class join pg_namespace as of on of.oid = relnamespace"
            " where nspname in ('marts', 'metrics') and relkind = 'r'"
            " and obj_description(pg_class.oid) is null"
        ).fetchall()
        assert undescribed == []


def test_a_key_that_is_none_is_left_out_and_the_rows_are_there(
    postgres: Server, tmp_path: Path
) -> None:
    more = """
    create table marts.twice as select * from (values (1, 'a'), (1, 'b')) as of (k, v);
    create table marts.holes as select * from (values (1, null), (1, 'b')) as of (k, v);
    create table marts.other as select 1 as a;
    """
    keys = {
        ("marts", "items"): ["item_key"], ("marts", "twice"): ["k"], ("marts", "holes"): ["k", "v"],
        ("marts", "other"): ["gone"],
    }  # fmt: skip
    done = copy(numbered(tmp_path, 3, more), postgres.url(), keys)
    assert done.without_key == ["marts.other", "marts.twice", "marts.visits", "metrics.totals"]
    with postgres.connect() as link:
        kinds = dict(
            link.execute("select conrelid::regclass::text, contype from pg_constraint"
                         " where connamespace = 'marts'::regnamespace").fetchall()
        )  # fmt: skip
        assert kinds == {"marts.items": "p", "marts.holes": "u"}
        assert one(link, "select count(*) from marts.twice") == (2,)


# Who may what


def test_readers_read_all_and_change_nothing(reader: Server, tmp_path: Path) -> None:
    copy(numbered(tmp_path, 5), reader.url())
    copy(numbered(tmp_path, 6), reader.url())
    with reader.connect("reader", autocommit=True) as link:
        assert one(link, "select count(*), max(version) from marts.items") == (6, 6)
        assert one(link, "select visits from metrics.totals") == (12,)
        for statement in (
            "insert into marts.items values (1, 1)", "update marts.items set version = 0",
            "delete from marts.items", "truncate marts.items", "drop table marts.items",
            "create table marts.mine (a int)", "alter table marts.items add b int",
        ):  # fmt: skip
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                link.execute(statement)


def test_who_is_no_member_reads_nothing(reader: Server, tmp_path: Path) -> None:
    copy(numbered(tmp_path, 5), reader.url())
    reader.as_admin("revoke bi_reader from reader")
    with (
        reader.connect("reader") as link,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        link.execute("select * from marts.items")


def test_the_role_is_made_where_it_may_be_and_asked_for_where_not(
    postgres: Server, tmp_path: Path
) -> None:
    path = numbered(tmp_path, 5)
    postgres.as_admin("alter role flowhouse nocreaterole")
    try:
        for ask in (lambda: copy(path, postgres.url()), lambda: probe(postgres.url())):
            with pytest.raises(NotCopied, match="may not create the role bi_reader: create role"):
                ask()
    finally:
        postgres.as_admin("alter role flowhouse createrole")
    assert probe(postgres.url()).startswith("PostgreSQL 1")
    copy(path, postgres.url())
    with postgres.connect() as link:
        assert one(link, "select rolcanlogin from pg_roles where rolname = 'bi_reader'") == (False,)


def test_a_schema_of_somebody_else_is_left_alone(postgres: Server, tmp_path: Path) -> None:
    postgres.as_admin("create schema metrics; create table metrics.theirs (a int)")
    with pytest.raises(NotCopied, match="its schema metrics is not ours"):
        copy(numbered(tmp_path, 5), postgres.url())
    with postgres.connect("postgres") as link:
        assert schemas(link) == ["metrics"]
        assert one(link, "select count(*) from metrics.theirs") == (0,)


def test_a_view_that_rests_on_the_copy_is_not_dropped(postgres: Server, tmp_path: Path) -> None:
    copy(numbered(tmp_path, 5), postgres.url())
    postgres.as_admin("create schema mine; create view mine.v as select * from marts.items")
    says = "view mine.v depends on table marts.items; take it away"
    with pytest.raises(NotCopied, match=says):
        copy(numbered(tmp_path, 6), postgres.url())
    with postgres.connect("postgres") as link:
        assert one(link, "select count(*) from mine.v") == (5,)
        assert schemas(link) == ["marts", "metrics", "mine"]


def schemas(link: psycopg.Connection) -> list[str]:
    return [
        name
        for (name,) in link.execute(
            "select nspname from pg_namespace where nspname !~ '^pg_'"
            " and nspname not in ('public', 'information_schema') order by 1"
        ).fetchall()
    ]


def test_a_schema_that_is_published_no_more_goes(postgres: Server, tmp_path: Path) -> None:
    more = "create schema bi; create view bi.items as select * from marts.items;"
    copy(numbered(tmp_path, 5, more), postgres.url())
    with postgres.connect() as link:
        assert one(link, "select count(*) from bi.items") == (5,)
        text = one(link, "select obj_description('bi'::regnamespace)")[0]
        assert text.startswith(MARK) and "warehouse-000005" in text
    copy(numbered(tmp_path, 6), postgres.url())
    with postgres.connect() as link:
        assert schemas(link) == ["marts", "metrics"]


# Readers during the swap


class Watcher(threading.Thread):
    """A reader who asks without a pause, each time in one of the ways that tools ask."""

    JOINED = """
        select a, b, c.version, c.items, c.visits from
        (select count(*) as a from {first}) as one, (select count(*) as b from {second}) as two,
        metrics.totals as c
    """

    def __init__(self, server: Server, number: int, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.server, self.number, self.stop = server, number, stop
        self.reads, self.wrong, self.slowest_s = 0, [], 0.0
        self.versions: list[int] = []

    def run(self) -> None:
        try:
            with self.server.connect("reader", autocommit=True) as link:
                while not self.stop.is_set():
                    began = time.monotonic()
                    self.look(link, self.reads % 3)
                    self.slowest_s = max(self.slowest_s, time.monotonic() - began)
                    self.reads += 1
        except Exception as error:
            self.wrong.append(repr(error))

    def look(self, link: psycopg.Connection, way: int) -> None:
        # Half of them read the tables in the other order, as those do who deadlock each other.
        names = ["marts.items", "marts.visits"][:: 1 if self.number % 2 else -1]
        if way == 0:  # one statement
            found = one(link, self.JOINED.format(first=names[0], second=names[1]))
            counts, totals = dict(zip(names, found[:2])), found[2:]
        elif way == 1:  # one transaction of several statements
            with link.transaction():
                counts = {name: one(link, f"select count(*) from {name}")[0] for name in names}
                totals = one(link, "select version, items, visits from metrics.totals")
        else:  # one snapshot, taken before the first table is touched
            with link.transaction():
                link.execute("set transaction isolation level repeatable read read only")
                link.execute("select 1")
                time.sleep(0.005)
                counts = {name: one(link, f"select count(*) from {name}")[0] for name in names}
                totals = one(link, "select version, items, visits from metrics.totals")
        version = totals[0]
        want = (version, version, 2 * version)
        if (totals, counts["marts.items"], counts["marts.visits"]) != (want, *want[1:]):
            self.wrong.append(f"{way}: {totals} {counts}")
        self.versions.append(version)


def test_twenty_publications_under_six_readers(reader: Server, tmp_path: Path) -> None:
    keys = {("marts", "items"): ["item_key"], ("marts", "visits"): ["visit_key"]}
    copy(numbered(tmp_path, 100), reader.url(), keys)
    stop = threading.Event()
    watchers = [Watcher(reader, number, stop) for number in range(6)]
    for watcher in watchers:
        watcher.start()
    for number in range(101, 121):
        copy(numbered(tmp_path, number), reader.url(), keys)
        with reader.connect("reader") as link:
            assert one(link, "select version from metrics.totals") == (number,)
    stop.set()
    for watcher in watchers:
        watcher.join(30)
    assert [watcher.wrong for watcher in watchers] == [[]] * 6
    seen = {version for watcher in watchers for version in watcher.versions}
    assert len(seen) > 10 and all(watcher.reads > 40 for watcher in watchers)
    for watcher in watchers:
        assert watcher.versions == sorted(watcher.versions)
    reads = sum(watcher.reads for watcher in watchers)
    slowest = max(watcher.slowest_s for watcher in watchers)
    print(f"{reads:,} reads of {len(seen)} versions, the slowest took {slowest:.2f} s")
    assert slowest < 5


def test_a_reader_who_joins_what_is_locked_is_no_victim(reader: Server, tmp_path: Path) -> None:
    """He holds one table and asks for another, of which the swap holds the first: it gives way."""
    copy(numbered(tmp_path, 100), reader.url())
    waits = "select count(*) from pg_stat_activity where application_name = 'flowhouse'" \
        " and wait_event_type = 'Lock'"  # fmt: skip
    with reader.connect("reader") as link, reader.connect("postgres", autocommit=True) as admin:
        assert one(link, "select count(*) from metrics.totals") == (1,)
        done = []
        thread = threading.Thread(
            target=lambda: done.append(copy(numbered(tmp_path, 101), reader.url()))
        )
        thread.start()
        until = time.monotonic() + 30
        while one(admin, waits) == (0,):
            assert time.monotonic() < until
        # Items and visits are locked by now, or were a moment ago.
        assert one(link, "select count(*) from marts.items") == (100,)
        time.sleep(1.5)
        assert one(link, "select count(*) from marts.visits") == (200,)
        assert not done
        link.rollback()
        thread.join(30)
        assert done and one(link, "select count(*) from marts.items") == (101,)


def test_readers_who_never_let_go_keep_the_old_copy(
    reader: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy(numbered(tmp_path, 100), reader.url())
    monkeypatch.setattr(copies, "PATIENCE_S", 1)
    with reader.connect("reader") as link:
        assert one(link, "select count(*) from marts.items") == (100,)
        with pytest.raises(NotCopied, match="readers have held tables of the old copy"):
            copy(numbered(tmp_path, 101), reader.url())
        assert one(link, "select count(*) from marts.visits") == (200,)


# Killed, beside another, and when something is wrong


SLOWLY = """
import sys, time
from pathlib import Path
from publish import postgres
filled = postgres._fill
def fill(file, link, table, address):
    rows = filled(file, link, table, address)
    if table.name == "visits":
        print("half", flush=True)
        time.sleep(120)
    return rows
postgres._fill = fill
postgres.copy(Path(sys.argv[1]), sys.argv[2])
"""


@pytest.fixture
def halfway(reader: Server, tmp_path: Path) -> Iterator[subprocess.Popen]:
    """A process in the middle of copying version 101, where readers have 100."""
    copy(numbered(tmp_path, 100), reader.url())
    words = [sys.executable, "-c", SLOWLY, str(numbered(tmp_path, 101)), reader.url()]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "half\n"
        yield process
        process.kill()


def test_who_is_killed_midway_leaves_the_old_copy_and_nothing_else(
    halfway: subprocess.Popen, reader: Server, tmp_path: Path
) -> None:
    halfway.send_signal(signal.SIGKILL)
    halfway.wait()
    with reader.connect("reader", autocommit=True) as link:
        assert schemas(link) == ["marts", "metrics"]
        assert one(link, "select count(*) from marts.items") == (100,)
    copy(numbered(tmp_path, 102), reader.url())
    with reader.connect("reader") as link:
        assert schemas(link) == ["marts", "metrics"]
        assert one(link, "select count(*) from marts.items") == (102,)


def test_two_copies_are_not_made_at_once(
    halfway: subprocess.Popen, reader: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "LOCK_S", 1)
    with pytest.raises(NotCopied, match="another copy to PostgreSQL is being made"):
        copy(numbered(tmp_path, 102), reader.url())


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("postgresql://flowhouse:secret-1@127.0.0.1:{port}/warehouse",
         "password authentication failed for user …"),
        ("postgresql://nobody:secret-1@127.0.0.1:{port}/warehouse",
         "password authentication failed for user …"),
        ("{good}-2", "database … does not exist"),
        ("postgresql://flowhouse:secret-1@127.0.0.1:9/warehouse", "Connection refused"),
        ("postgresql://flowhouse:secret-1@no.such.host.invalid/warehouse", "resolve host …"),
    ],
)  # fmt: skip
def test_what_a_server_refuses_is_one_line_without_a_password(
    postgres: Server, tmp_path: Path, url: str, says: str
) -> None:
    url = url.format(port=postgres.port, good=postgres.url())
    with pytest.raises(NotCopied) as stopped:
        copy(numbered(tmp_path, 5), url)
    line = str(stopped.value)
    assert line.startswith("FLOWHOUSE_POSTGRES_URL: ") and says in line, line
    assert "\n" not in line and "secret" not in line and PASSWORD not in line


@pytest.mark.parametrize(
    "url",
    ["mysql://u:secret-1@h/d", "postgresql://u:secret-1@h", "postgresql://u:secret-1@h/",
     "h:5432/d", "postgresql://u:secret-1@h:port/d", "postgresql://u:s@cret-1/x@h/d"],
)  # fmt: skip
def test_what_is_no_address_is_told_by_its_form_alone(url: str) -> None:
    assert fault_of(url) == copies.FORM and "secret" not in copies.FORM


# The command


def flowhouse(home: Path, *words: str, **settings: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [FLOWHOUSE, *words],
        env={**os.environ, "FLOWHOUSE_HOME": str(home), **settings},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_copies_what_is_published(reader: Server, tmp_path: Path) -> None:
    command = ("publish", "postgres")
    done = flowhouse(tmp_path, *command)
    assert (done.returncode, done.stderr) == (
        2, "flowhouse: FLOWHOUSE_POSTGRES_URL is not set\n",
    )  # fmt: skip
    done = flowhouse(tmp_path, *command, FLOWHOUSE_POSTGRES_URL="postgres://u:hush-1@h:p/d")
    assert (done.returncode, done.stderr) == (2, f"flowhouse: {copies.FORM}\n")
    setting = {"FLOWHOUSE_POSTGRES_URL": reader.url()}
    done = flowhouse(tmp_path, *command, **setting)
    assert (done.returncode, done.stderr) == (
        1, "flowhouse: nothing is published yet; run `flowhouse refresh` first\n",
    )  # fmt: skip
    version = publish(write_published_file(tmp_path / "built.duckdb"), tmp_path / "published")
    done = flowhouse(tmp_path, *command, **setting)
    assert done.returncode == 0, done.stderr
    assert re.match(rf"postgres   {version.name}: \d+ tables, \d+ rows in ", done.stdout)
    with reader.connect("reader") as link, duckdb.connect(str(version), read_only=True) as file:
        query = "select item_key, level from marts.dim_work_items order by work_item_version_key"
        assert link.execute(query).fetchall() == file.execute(query).fetchall()
    done = flowhouse(tmp_path, *command, FLOWHOUSE_POSTGRES_URL="postgres://u:hush-1@127.0.0.1:9/d")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "flowhouse: FLOWHOUSE_POSTGRES_URL: Connection refused\n"


def test_a_rollback_takes_the_copy_back_too(reader: Server, tmp_path: Path) -> None:
    build = write_published_file(tmp_path / "built.duckdb")
    for _ in range(2):
        publish(build, tmp_path / "published")
        with duckdb.connect(str(build)) as file:
            file.execute("insert into meta.refreshes values ('another', '2026-01-08')")
    setting = {"FLOWHOUSE_POSTGRES_URL": reader.url()}
    query = "select count(*) from meta.refreshes"
    assert flowhouse(tmp_path, "publish", "postgres", **setting).returncode == 0
    with reader.connect("reader", autocommit=True) as link:
        assert one(link, query) == (2,)
        done = flowhouse(tmp_path, "rollback", **setting)
        assert done.returncode == 0, done.stderr
        assert one(link, query) == (1,)
    done = flowhouse(
        tmp_path, "rollback", "2", FLOWHOUSE_POSTGRES_URL="postgres://u:h@127.0.0.1:9/d"
    )
    assert done.returncode == 3 and "run `flowhouse publish postgres`" in done.stderr


def test_the_doctor_asks_the_server(reader: Server, tmp_path: Path) -> None:
    own = {"SOURCES__INBOX__PATH": str(tmp_path)}
    done = flowhouse(tmp_path, "doctor", FLOWHOUSE_POSTGRES_URL=reader.url(), **own)
    assert re.search(r"ok    postgres    PostgreSQL \d+\S*: its user may", done.stdout)
    done = flowhouse(tmp_path, "doctor", FLOWHOUSE_POSTGRES_URL="postgres://h:9/d", **own)
    assert "FAIL  postgres    FLOWHOUSE_POSTGRES_URL: " in done.stdout and done.returncode == 1


# What tools speak


def test_odbc_lists_tables_and_reads_them(reader: Server, tmp_path: Path) -> None:
    copy(numbered(tmp_path, 100), reader.url(), {("marts", "items"): ["item_key"]})
    drivers = [name for name in pyodbc.drivers() if name.startswith("PostgreSQL")]
    assert drivers, "there is no psqlODBC here: apt-get install odbc-postgresql"
    link = pyodbc.connect(
        f"DRIVER={{PostgreSQL Unicode}};SERVER=127.0.0.1;PORT={reader.port};DATABASE=warehouse;"
        f"UID=reader;PWD={{{PASSWORD}}}",
        readonly=True,
    )
    try:
        with link.cursor() as cursor:
            found = {(row.table_schem, row.table_name) for row in cursor.tables(tableType="TABLE")}
            assert {("marts", "items"), ("marts", "visits"), ("metrics", "totals")} <= found
            keys = [row.column_name for row in cursor.primaryKeys(table="items", schema="marts")]
            assert keys == ["item_key"]
            [found] = cursor.execute("select count(*), max(version) from marts.items").fetchall()
            assert tuple(found) == (100, 100)
    finally:
        link.close()


def test_the_lines_of_the_connection_page_run(reader: Server, tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "connect.md").read_text()
    lines = text.split("## Python\n")[1].split("## R\n")[0].splitlines()
    code = "\n".join(line[4:] for line in lines if line.startswith("    "))
    file = write_published_file(tmp_path / "warehouse.duckdb")
    copy(file, reader.url())
    for shown, real in (
        (".flowhouse/published/warehouse.duckdb", str(file)),
        ("postgresql://reader:...@db.example.com/warehouse", reader.url("reader")),
    ):
        assert shown in code
        code = code.replace(shown, real)
    found: dict = {}
    exec(code, found)
    assert len(found["rows"]) == len(found["frame"]) == 10
