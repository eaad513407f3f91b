"""ServiceNow: what is loaded, what an access rule hides, and what never gets lost."""

import io
import json
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from demo.servicenow import API_KEY
from extract.api import Unauthorized
from extract.settings import SettingFault
from extract.sources import servicenow
from extract.sources.servicenow.client import IDS_PER_REQUEST, connect
from extract.sources.servicenow.rows import audit_row, instance_row, record_row
from extract.sources.servicenow.tables import TABLES, TASK_TABLES
from extract.windows import Window
from tests.extract.bounds import set_bound
from tests.extract.made_servicenow import GROUPS, Instance, serving, stamp

real = pytest.mark.real
USER, PASSWORD = "replay", "replay-token"


@pytest.fixture
def instance(replay: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("SOURCES__SERVICENOW__BASE_URL", replay.url("servicenow"))
    monkeypatch.setenv("SOURCES__SERVICENOW__USER", USER)
    monkeypatch.setenv("SOURCES__SERVICENOW__PASSWORD", PASSWORD)
    return replay


@pytest.fixture
def early(instance: Any) -> Any:
    """The instance after its first days: a few hundred incidents, most of them open."""
    instance.clock = "2016-03-03T00:00:00Z"
    return instance


def audit_of(work: Any, table: str, scope: str = "") -> Any:
    [audit] = [a for a in work.audits if (a.object, a.scope) == (table, scope)]
    return audit


def count(home: Any, table: str) -> int:
    return home.value("servicenow", f"select count(*) from servicenow.{table}")


def queries(requests: list[dict[str, Any]], table: str) -> list[str]:
    """The encoded queries that a table was asked with."""
    return [
        request["query"]["sysparm_query"][0]
        for request in requests
        if request["path"].endswith(f"/table/{table}")
    ]


@real
def test_everything_that_servicenow_holds_is_loaded(instance: Any, loaded: Any) -> None:
    home = loaded("servicenow")
    served = instance.counts("servicenow")
    tables = {
        "incidents": "incident",
        "change_requests": "change_request",
        "audits": "sys_audit",
        "metric_definitions": "metric_definition",
        "choices": "sys_choice",
        "groups": "sys_user_group",
        "services": "cmdb_ci_service",
    }
    assert {raw: count(home, raw) for raw in tables} == {
        raw: served[table] for raw, table in tables.items()
    }


@real
def test_h10_audit_rows_are_read_by_the_ids_of_records_only(early: Any, home: Any) -> None:
    home.load("servicenow")
    asked = queries(early.requests("servicenow"), "sys_audit")
    assert len(asked) >= 2
    for query in asked:
        [ids] = re.findall(r"documentkey(?:IN|=)([0-9a-f,]+)", query)
        assert len(ids.split(",")) <= 100
        assert "sys_created_on" not in query


@real
def test_a_second_load_asks_little_and_changes_nothing(instance: Any, loaded: Any) -> None:
    home = loaded("servicenow")
    before = [home.content("servicenow", table.name) for table in TABLES]
    last = instance.last
    work = home.load("servicenow")
    assert len(instance.requests("servicenow", last)) <= 28
    assert {audit_of(work, name, "incident").extracted for name in ("incidents", "audits")} == {0}
    after = [home.content("servicenow", table.name) for table in TABLES]
    assert after == before


@real
@pytest.mark.parametrize(
    ("table", "object", "scope"),
    [("problem", "problems", "problem"), ("sys_audit", "audits", "")],
)
def test_t4_a_table_that_gives_no_answer_holds_up_no_other(
    early: Any, home: Any, waits: list[float], table: str, object: str, scope: str
) -> None:
    early.fault("servicenow", f"table/{table}\\?", times=1000, status=500)
    audit = audit_of(home.load("servicenow"), object, scope)
    assert audit.status == "failed" and "no answer" in audit.message
    assert count(home, "incidents") == early.counts("servicenow")["incident"]
    early.control("DELETE", "faults")
    home.load("servicenow")
    assert count(home, "problems") == early.counts("servicenow")["problem"]
    assert count(home, "audits") == early.counts("servicenow")["sys_audit"]


@real
def test_t4_an_instance_that_gives_no_answer_is_not_asked_for_every_table(
    early: Any, home: Any, waits: list[float]
) -> None:
    home.load("servicenow")
    before = [home.content("servicenow", table.name) for table in TABLES]
    early.fault("servicenow", "table/(?!sys_dictionary|sys_user)", times=1000, status=500)
    last = early.last
    audit = audit_of(home.load("servicenow"), "*")
    assert audit.status == "failed" and "no answer" in audit.message
    asked = {request["path"] for request in early.requests("servicenow", last)}
    assert len(asked) < 8
    assert [home.content("servicenow", table.name) for table in TABLES] == before


@real
def test_only_what_changed_is_read_again(early: Any, home: Any) -> None:
    home.load("servicenow")
    audits = home.content("servicenow", "audits")
    [(sys_id, number)] = home.rows(
        "servicenow", "select sys_id, number from servicenow.incidents order by 1 limit 1"
    )
    # Nothing is recorded in this quarter of an hour but our touch.
    early.clock = "2016-03-03T00:05:00Z"
    early.mutate("servicenow", "touch", number)
    early.clock = "2016-03-03T00:10:00Z"
    last = early.last
    work = home.load("servicenow")
    assert audit_of(work, "incidents", "incident").extracted == 1
    asked = early.requests("servicenow", last)
    read = [query for query in queries(asked, "sys_audit") if "documentkeyIN" in query]
    assert all(query.startswith(f"documentkeyIN{sys_id}^") for query in read) and read
    updated = f"select sys_updated_at from servicenow.incidents where number = '{number}'"
    assert home.value("servicenow", updated) == datetime(2016, 3, 3, 0, 5, tzinfo=UTC)
    assert home.content("servicenow", "audits") == audits


@real
def test_a_warehouse_that_follows_day_by_day_ends_like_one_that_reads_it_all(
    early: Any, home: Any
) -> None:
    for day in ("2016-03-03", "2016-03-04", "2016-03-05", "2016-03-12"):
        early.clock = f"{day}T00:00:00Z"
        home.load("servicenow")
    served = early.counts("servicenow")
    # Two minutes at the end are not due yet; the log has none there.
    assert count(home, "incidents") == served["incident"]
    assert count(home, "audits") == served["sys_audit"]
    assert count(home, "change_requests") == served["change_request"]


@real
def test_a_long_history_is_read_window_by_window(
    early: Any, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_bound(monkeypatch, "servicenow", "MOST_IN_WINDOW", 60)
    work = home.load("servicenow")
    assert work.windows >= 3
    served = early.counts("servicenow")
    assert count(home, "incidents") == served["incident"]
    assert count(home, "audits") == served["sys_audit"]
    assert audit_of(work, "groups").extracted == served["sys_user_group"]


@real
@pytest.mark.parametrize("stats_after_acl", [False, True])
def test_s1_hidden_rows_and_pages_are_a_gap_and_no_end(
    early: Any, home: Any, monkeypatch: pytest.MonkeyPatch, stats_after_acl: bool
) -> None:
    set_bound(monkeypatch, "servicenow", "PAGE", 5)
    rule = {"fraction": 0.4, "prefix": "0"}
    early.scenario("servicenow", acl_hide=rule, stats_after_acl=stats_after_acl)
    work = home.load("servicenow")
    found = {i for (i,) in home.rows("servicenow", "select sys_id from servicenow.incidents")}
    served = early.counts("servicenow")["incident"]
    visible = visible_incidents(early)
    assert found == visible
    assert 0 < len(visible) < served
    assert not any(sys_id.startswith("0") for sys_id in visible)
    audit = audit_of(work, "incidents", "incident")
    assert audit.status == "complete"
    assert audit.acl_gap == served - len(visible)
    assert f"{served - len(visible)} of {served} rows are hidden from this user" in audit.message
    again = audit_of(home.load("servicenow"), "incidents", "incident")
    assert (again.acl_gap, again.status) == (served - len(visible), "complete")


@real
def test_s1_status_says_how_many_rows_are_hidden(
    early: Any, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_bound(monkeypatch, "servicenow", "PAGE", 5)
    early.scenario("servicenow", acl_hide={"fraction": 0.4, "prefix": "0"})
    home.load("servicenow")
    hidden = early.counts("servicenow")["incident"] - len(visible_incidents(early))

    def flowhouse(*words: str) -> str:
        command = [Path(sys.executable).with_name("flowhouse"), "status", *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    [status] = [
        source
        for source in json.loads(flowhouse("--json"))["sources"]
        if source["source"] == "servicenow"
    ]
    assert status["hidden"] == hidden > 0
    assert f"{hidden} of" in flowhouse() and "hidden from this user" in flowhouse()


def visible_incidents(instance: Any) -> set[str]:
    """Ids in one page that is large enough for all."""
    api = connect(servicenow.SOURCE.read_settings())
    params = {"sysparm_fields": "sys_id", "sysparm_limit": 10_000}
    return {row["sys_id"] for row in api.get("/api/now/table/incident", params).data["result"]}


@real
def test_s2_a_column_that_no_row_has_is_named(early: Any, home: Any) -> None:
    early.scenario("servicenow", field_acl={"incident": ["caller_id"]})
    work = home.load("servicenow")
    message = audit_of(work, "incidents", "incident").message
    assert message == "field_gap: columns not readable: caller_id"
    callers = "select count(payload->>'$.caller_id.person_key') from servicenow.incidents"
    assert home.value("servicenow", callers) == 0


@real
def test_s3_a_query_that_the_server_ignores_is_noticed(
    early: Any, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_bound(monkeypatch, "servicenow", "span", lambda window: "sys_updatd_on<2016-03-01 00:00:00")
    monkeypatch.setattr(Window, "contains", lambda self, at: at < datetime(2016, 3, 1, tzinfo=UTC))
    work = home.load("servicenow")
    audit = audit_of(work, "incidents", "incident")
    assert audit.status == "failed"
    assert "ignored" in audit.message


@real
def test_s5_more_rows_than_a_page_holds(
    early: Any, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_bound(monkeypatch, "servicenow", "PAGE", 7)
    set_bound(monkeypatch, "servicenow", "AUDIT_PAGE", 31)
    home.load("servicenow")
    served = early.counts("servicenow")
    assert count(home, "incidents") == served["incident"]
    assert count(home, "audits") == served["sys_audit"]


@real
def test_t5_a_page_that_was_cut_off_is_asked_again_in_halves(early: Any, home: Any) -> None:
    early.fault(
        "servicenow", "table/incident", skip=1, times=2, merge={"error": {"message": "cancelled"}}
    )
    work = home.load("servicenow")
    assert audit_of(work, "incidents", "incident").status == "complete"
    assert count(home, "incidents") == early.counts("servicenow")["incident"]


@real
def test_s8_the_users_time_zone_does_not_matter(early: Any, home: Any) -> None:
    early.scenario("servicenow", user_timezone="Asia/Kolkata")
    home.load("servicenow")
    assert count(home, "incidents") == early.counts("servicenow")["incident"]


@real
def test_s9_a_table_that_is_not_installed_is_no_failure(early: Any, home: Any) -> None:
    early.scenario("servicenow", missing_tables=["cmdb_ci_service", "change_request"])
    work = home.load("servicenow")
    for table, scope in (("services", ""), ("change_requests", "change_request")):
        audit = audit_of(work, table, scope)
        assert audit.status == "complete"
        assert "not installed" in audit.message
    assert count(home, "incidents") == early.counts("servicenow")["incident"]


@real
def test_a_forbidden_table_fails_alone_and_is_read_when_it_is_granted(
    early: Any, home: Any
) -> None:
    early.mutate("servicenow", "hide_scope", "table:sys_user_group")
    early.mutate("servicenow", "hide_scope", "table:incident")
    work = home.load("servicenow")
    assert audit_of(work, "groups").status == "failed"
    assert audit_of(work, "incidents", "incident").status == "failed"
    assert count(home, "change_requests") == early.counts("servicenow")["change_request"]
    early.control("POST", "mutate", {"api": "servicenow", "op": "restore"})
    home.load("servicenow")
    served = early.counts("servicenow")
    assert count(home, "incidents") == served["incident"]
    assert count(home, "audits") == served["sys_audit"]


@real
def test_metric_instances_take_the_place_of_forbidden_audit_rows(early: Any, home: Any) -> None:
    early.mutate("servicenow", "hide_scope", "table:sys_audit")
    work = home.load("servicenow")
    served = early.counts("servicenow")
    assert count(home, "audits") == 0
    assert count(home, "metric_instances") == served["metric_instance"]
    assert "metric_instance" in audit_of(work, "audits", "incident").message
    states = home.rows(
        "servicenow",
        """
        select distinct i.payload->>'$.value' from servicenow.metric_instances as i
        join servicenow.metric_definitions as d on d.sys_id = i.definition_id
        where d.field_name = 'incident_state'
        """,
    )
    assert {"New", "Active"} <= {state for (state,) in states}
    early.control("POST", "mutate", {"api": "servicenow", "op": "restore"})
    home.load("servicenow")
    assert count(home, "audits") == served["sys_audit"]


@real
def test_audit_rows_that_are_all_hidden_are_incomplete(early: Any, home: Any) -> None:
    early.scenario("servicenow", hide_tables=["sys_audit"], hidden_table_status=200)
    audit = audit_of(home.load("servicenow"), "audits", "incident")
    assert (audit.status, audit.extracted) == ("incomplete", 0)
    assert audit.acl_gap > 0
    early.scenario("servicenow")
    home.load("servicenow")
    assert count(home, "audits") == early.counts("servicenow")["sys_audit"]


@real
def test_one_table_is_enough(early: Any, home: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCES__SERVICENOW__TABLES", '["incident"]')
    home.load("servicenow")
    assert count(home, "change_requests") == 0
    assert not queries(early.requests("servicenow"), "change_request")


@real
def test_no_person_is_named(instance: Any, loaded: Any) -> None:
    home = loaded("servicenow")
    text = home.texts("servicenow")
    assert "@" not in text
    api = connect(servicenow.SOURCE.read_settings())
    params = {"sysparm_fields": "sys_id,name", "sysparm_limit": 10_000}
    users = api.get("/api/now/table/sys_user", params).data["result"]
    assert len(users) > 2000
    words = set(re.findall(r"\w+", text))
    assert {user["sys_id"] for user in users} & words == set()
    # "Caller 2403", "Opened by 8": the log names people by what they did, and a number.
    kinds = {re.sub(r"\d+$", "", user["name"]) for user in users}
    assert 1 < len(kinds) < 10
    assert {kind for kind in kinds if kind in text} == set()
    people = """
        select count(distinct payload->>'$.user.person_key'),
            bool_and(length(payload->>'$.user.person_key') = 20)
        from servicenow.audits
    """
    [(found, is_hashed)] = home.rows("servicenow", people)
    assert found > 50 and is_hashed


@real
def test_a_wrong_password_is_refused_by_the_name_of_its_setting(
    instance: Any, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__SERVICENOW__PASSWORD", "a-wrong-password")
    with pytest.raises(Unauthorized, match="SOURCES__SERVICENOW__PASSWORD") as refused:
        servicenow.SOURCE.checked_settings()
    for said in (str(refused.value), home.why_not("servicenow")):
        assert "SOURCES__SERVICENOW__PASSWORD" in said and "a-wrong-password" not in said


def answer(status: int, token: str = "") -> requests.Response:
    """Return what the token endpoint says."""
    reply = requests.Response()
    reply.status_code = status
    reply.raw = io.BytesIO(json.dumps({"access_token": token, "expires_in": 1800}).encode())
    return reply


@pytest.fixture
def tokens(monkeypatch: pytest.MonkeyPatch) -> list[requests.Response]:
    answers: list[requests.Response] = []
    monkeypatch.setenv("SOURCES__SERVICENOW__CLIENT_ID", "a-client")
    monkeypatch.setenv("SOURCES__SERVICENOW__CLIENT_SECRET", "a-secret")
    monkeypatch.setattr(requests.Session, "post", lambda self, url, **facts: answers.pop(0))
    return answers


@real
def test_t1_an_expired_token_is_minted_again(
    instance: Any, tokens: list[requests.Response]
) -> None:
    tokens += [answer(200, "an-old-token"), answer(200, PASSWORD)]
    servicenow.SOURCE.checked_settings()
    assert tokens == []


@real
def test_t1b_a_client_that_is_refused_is_named_by_its_setting(
    instance: Any, tokens: list[requests.Response]
) -> None:
    tokens.append(answer(401))
    with pytest.raises(Unauthorized, match="SOURCES__SERVICENOW__CLIENT_SECRET") as refused:
        servicenow.SOURCE.checked_settings()
    assert "a-secret" not in str(refused.value)


def test_an_inbound_api_key_is_a_credential_and_the_only_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SOURCES__SERVICENOW__API_KEY", API_KEY)
    with serving(Instance()) as instance:
        monkeypatch.setenv("SOURCES__SERVICENOW__BASE_URL", instance.url)
        servicenow.SOURCE.checked_settings()
        monkeypatch.setenv("SOURCES__SERVICENOW__API_KEY", "a-wrong-key")
        with pytest.raises(Unauthorized, match="SOURCES__SERVICENOW__API_KEY") as refused:
            servicenow.SOURCE.checked_settings()
        assert "a-wrong-key" not in str(refused.value)
        monkeypatch.setenv("SOURCES__SERVICENOW__USER", "somebody")
        with pytest.raises(SettingFault, match=r"USER and \S+API_KEY are both set"):
            servicenow.SOURCE.checked_settings()


def test_settings_that_are_missing_or_wrong_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCES__SERVICENOW__BASE_URL", "https://example.service-now.com")
    monkeypatch.setenv("SOURCES__SERVICENOW__TABLES", '["kb_knowledge"]')
    monkeypatch.setenv("SOURCES__SERVICENOW__START_DATE", "soon")
    with pytest.raises(SettingFault) as fault:
        servicenow.SOURCE.checked_settings()
    assert [line.split()[0] for line in str(fault.value).splitlines()] == [
        "SOURCES__SERVICENOW__USER",
        "SOURCES__SERVICENOW__PASSWORD",
        "SOURCES__SERVICENOW__TABLES",
        "SOURCES__SERVICENOW__START_DATE",
    ]


def test_an_incident_keeps_what_is_allowed_and_hashes_people() -> None:
    row = record_row(
        "incident",
        {
            "sys_id": "a1",
            "number": "INC0000007",
            "sys_created_on": "2024-03-31 01:20:00",
            "sys_updated_on": "",
            "sys_mod_count": "4",
            "short_description": "Mia's laptop",
            "caller_id": "0ff1ce",
            "assigned_to": "",
            "assignment_group": {"link": "https://x", "value": "9a"},
            "reopen_count": "0",
            "category": None,
        },
    )
    payload = row["payload"]
    assert row["sys_created_at"] == datetime(2024, 3, 31, 1, 20, tzinfo=UTC)
    assert (row["sys_updated_at"], row["sys_mod_count"]) == (None, 4)
    assert payload["assignment_group"] == "9a"
    assert (payload["reopen_count"], payload["category"]) == (0, None)
    assert len(payload["caller_id"]["person_key"]) == 20
    assert payload["assigned_to"] is None
    for secret in ("Mia", "0ff1ce"):
        assert secret not in json.dumps(payload)


def audit_values(name: str, old: str, new: str) -> tuple[Any, Any]:
    row = audit_row(
        {
            "sys_id": "b1",
            "tablename": "incident",
            "documentkey": "a1",
            "fieldname": name,
            "oldvalue": old,
            "newvalue": new,
            "user": "mia.example",
            "record_checkpoint": "x",
            "sys_created_on": "2024-03-31 01:20:00",
        }
    )
    assert row["record_checkpoint"] is None
    assert "mia.example" not in json.dumps(row["payload"])
    return row["payload"]["oldvalue"], row["payload"]["newvalue"]


def test_a_change_keeps_values_of_allowed_fields_only() -> None:
    assert audit_values("state", "1", "2") == ("1", "2")
    assert audit_values("short_description", "Mia's laptop", "") == (None, None)
    assert audit_values("u_symptom", "x", "y") == (None, None)
    old, new = audit_values("assigned_to", "0ff1ce", "")
    assert len(old) == 20 and new is None


def test_a_person_is_the_same_in_a_record_and_in_its_changes() -> None:
    record = record_row("incident", {"sys_id": "a1", "assigned_to": "0ff1ce"})
    old, _ = audit_values("assigned_to", "0ff1ce", "")
    assert record["payload"]["assigned_to"]["person_key"] == old


def test_what_people_read_of_a_span_is_loaded_for_states_and_not_for_people() -> None:
    row = {"sys_id": "c1", "definition": "d1", "field_value": "0ff1ce", "value": "Mia Example"}
    person = instance_row(row, "assigned_to")["payload"]
    assert person["value"] is None and len(person["field_value"]) == 20
    state = instance_row({**row, "field_value": "2", "value": "Active"}, "state")
    assert (state["payload"]["field_value"], state["payload"]["value"]) == ("2", "Active")
    other = instance_row(row, "u_reviewer")["payload"]
    assert (other["field_value"], other["value"]) == (None, None)


# A made-up instance: what the recorded one cannot show.


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Iterator[Instance]:
    """An instance with a hundred incidents, which all have a history."""
    instance, rng = Instance(), random.Random(3)
    for number in range(100):
        instance.live(rng, number)
    with serving(instance):
        for name, value in instance.settings.items():
            monkeypatch.setenv(name, value)
        yield instance


def tombstones(home: Any) -> dict[str, tuple[str, datetime | None]]:
    rows = home.rows("servicenow", "select id, state, gone_at from servicenow.tombstones")
    return {row_id: (state, gone_at) for row_id, state, gone_at in rows}


def asked(instance: Instance, table: str) -> int:
    return sum(path.endswith(f"/table/{table}") for _, _, path in instance.journal)


def test_the_tables_of_every_class_are_read(made: Instance, home: Any) -> None:
    classes = ("change_request", "change_task", "problem", "sc_req_item", "sc_task", "rm_story")
    for place, table in enumerate(classes[:-1]):
        for number in range(place + 2):
            made.record(table, number)
    work = home.load("servicenow")
    for place, table in enumerate(classes[:-1]):
        assert count(home, TASK_TABLES[table].name) == place + 2
    assert "not installed" in audit_of(work, "stories", "rm_story").message
    versions = home.rows(
        "servicenow", "select table_name, count(*) from servicenow.record_versions group by 1"
    )
    assert dict(versions) == {"incident": 100, **{t: p + 2 for p, t in enumerate(classes[:-1])}}


def test_s4_a_reference_is_its_sys_id_whether_it_comes_as_text_or_as_object(
    made: Instance, home: Any
) -> None:
    made.links = True
    made.rows_of["incident"][0]["assignment_group"] = ""
    home.load("servicenow")
    groups = {
        group
        for (group,) in home.rows(
            "servicenow", "select payload->>'$.assignment_group' from servicenow.incidents"
        )
    }
    assert None in groups and groups - {None} <= set(GROUPS)
    columns = home.rows(
        "servicenow",
        "select column_name from duckdb_columns() where table_name = 'incidents' "
        "and column_name like '%\\_\\_v\\_%' escape '\\'",
    )
    assert columns == []


def test_s5_twenty_five_thousand_rows_are_read_with_few_requests(
    home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance = Instance()
    instance.rows_of["sys_dictionary"][0]["audit"] = "false"
    for number in range(25_000):
        instance.record("incident", number)
    with serving(instance):
        for name, value in instance.settings.items():
            monkeypatch.setenv(name, value)
        work = home.load("servicenow")
        assert count(home, "incidents") == 25_000
        assert work.windows >= 3
        assert len(instance.journal) < 120
        asked_before = len(instance.journal)
        instance.update(instance.rows_of["incident"][7], instance.now + timedelta(hours=1))
        instance.clock.advance(86_400)
        home.load("servicenow")
        assert len(instance.journal) - asked_before < 40


def test_s6_a_logged_deletion_is_a_tombstone_with_its_time(made: Instance, home: Any) -> None:
    home.load("servicenow")
    sys_id = made.rows_of["incident"][5]["sys_id"]
    made.delete("incident", sys_id, made.now + timedelta(hours=2))
    made.clock.advance(86_400)
    work = home.load("servicenow")
    assert tombstones(home) == {sys_id: ("deleted", datetime(2026, 3, 2, 14, tzinfo=UTC))}
    assert audit_of(work, "incidents", "incident").deleted == 1
    assert count(home, "incidents") == 100
    home.load("servicenow")
    assert tombstones(home) == {sys_id: ("deleted", datetime(2026, 3, 2, 14, tzinfo=UTC))}


def test_s6_an_archived_record_is_logged_like_a_deleted_one_and_is_not_deleted(
    made: Instance, home: Any
) -> None:
    made.absent.discard("ar_incident")
    home.load("servicenow")
    sys_id = made.rows_of["incident"][5]["sys_id"]
    row = made.delete("incident", sys_id, made.now)
    made.rows_of["ar_incident"].append(row)
    made.clock.advance(86_400)
    work = home.load("servicenow")
    assert tombstones(home)[sys_id][0] == "archived"
    assert audit_of(work, "incidents", "incident").deleted == 0


@pytest.mark.parametrize("grant", ["none", "empty"])
def test_s6_without_the_log_two_censuses_and_a_read_by_id_decide(
    made: Instance, home: Any, grant: str
) -> None:
    if grant == "none":
        made.api.forbidden_tables.add("sys_audit_delete")
    home.load("servicenow")
    sys_id = made.rows_of["incident"][5]["sys_id"]
    made.delete("incident", sys_id, made.now, logged=False)
    for state in ("missed", "deleted"):
        made.clock.advance(3_600)
        home.load("servicenow")
        assert tombstones(home)[sys_id][0] == state


def test_s6_what_is_only_hidden_is_not_deleted(made: Instance, home: Any) -> None:
    home.load("servicenow")
    sys_id = made.rows_of["incident"][5]["sys_id"]
    made.api.hidden.add(sys_id)
    for state in ("missed", "no_access"):
        made.clock.advance(3_600)
        home.load("servicenow")
        assert tombstones(home)[sys_id][0] == state
    made.api.hidden.clear()
    home.load("servicenow")
    assert tombstones(home)[sys_id][0] == "present"


def test_s6_where_deletions_are_logged_one_that_is_not_is_unknown(
    made: Instance, home: Any
) -> None:
    home.load("servicenow")
    known, lost = (made.rows_of["incident"][place]["sys_id"] for place in (5, 6))
    made.delete("incident", known, made.now)
    made.delete("incident", lost, made.now, logged=False)
    for _ in range(2):
        made.clock.advance(3_600)
        home.load("servicenow")
    assert {i: state for i, (state, _) in tombstones(home).items()} == {
        known: "deleted", lost: "unknown",
    }  # fmt: skip


def test_s6_a_record_that_changed_its_class_has_moved(made: Instance, home: Any) -> None:
    home.load("servicenow")
    row = made.rows_of["incident"].pop(5)
    made.rows_of["sc_req_item"].append(row | {"sys_class_name": "sc_req_item"})
    made.rows_of["task"].append(row)
    made.api.hidden -= {row["sys_id"]}
    for _ in range(2):
        made.clock.advance(3_600)
        home.load("servicenow")
    assert tombstones(home)[row["sys_id"]][0] == "moved"
    audits = "select count(*) from servicenow.audits where _scope = 'sc_req_item'"
    assert home.value("servicenow", audits) > 0


def test_s7_an_update_that_is_dated_back_is_found_with_its_history(
    made: Instance, home: Any
) -> None:
    home.load("servicenow")
    row = made.rows_of["incident"][5]
    made.clock.advance(86_400)
    made.update(row, made.now - timedelta(days=90), state="2")
    new = made.record("incident", 500, sys_updated_on=stamp(made.now - timedelta(days=80)))
    work = home.load("servicenow")
    states = dict(
        home.rows("servicenow", "select sys_id, payload->>'$.state' from servicenow.incidents")
    )
    assert (states[row["sys_id"]], states[new["sys_id"]]) == ("2", "1")
    assert "the census found 2 rows" in audit_of(work, "incidents", "incident").message
    assert count(home, "audits") == len(made.rows_of["sys_audit"])


def test_s10_a_throttle_in_the_middle_of_a_window_is_waited_for(
    made: Instance, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_bound(monkeypatch, "servicenow", "PAGE", 30)
    made.faults.add("servicenow", "table/incident", 429, skip=2, headers={"Retry-After": "1"})
    work = home.load("servicenow")
    assert count(home, "incidents") == 100
    assert {audit.status for audit in work.audits} == {"complete"}


def test_s10_a_throttle_for_longer_than_a_run_leaves_the_rest_to_the_next_one(
    made: Instance, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_bound(monkeypatch, "servicenow", "PAGE", 30)
    made.faults.add("servicenow", "table/incident", 429, skip=2, headers={"Retry-After": "36000"})
    work = home.load("servicenow")
    assert audit_of(work, "*").status == "partial"
    assert count(home, "incidents") == 0
    home.load("servicenow")
    assert count(home, "incidents") == 100
    assert count(home, "audits") == len(made.rows_of["sys_audit"])


def test_h10_without_audit_and_metric_every_version_that_a_load_saw_is_kept(
    made: Instance, home: Any
) -> None:
    made.rows_of["sys_dictionary"][0]["audit"] = "false"
    work = home.load("servicenow")
    assert asked(made, "sys_audit") == 1  # whether it is allowed at all
    assert "not audited" in audit_of(work, "audits", "incident").message
    assert "only what loads see" in audit_of(work, "metric_instances", "incident").message
    row = made.record("incident", 900)
    made.clock.advance(86_400)
    home.load("servicenow")
    for state in ("2", "3", "6"):
        made.update(row, made.now - timedelta(hours=1), audited=False, state=state)
    made.clock.advance(86_400)
    home.load("servicenow")
    seen = home.rows(
        "servicenow",
        f"""
        select sys_mod_count, payload->>'$.state' from servicenow.record_versions
        where sys_id = '{row["sys_id"]}' order by 1
        """,
    )
    assert seen == [(0, "1"), (3, "6")]


def test_h10_audit_rows_of_a_class_that_a_record_had_before_are_its_own(
    made: Instance, home: Any
) -> None:
    row = made.rows_of["incident"][0]
    for audit in made.rows_of["sys_audit"]:
        if audit["documentkey"] == row["sys_id"]:
            audit["tablename"] = "u_incident_of_old"
    home.load("servicenow")
    assert count(home, "audits") == len(made.rows_of["sys_audit"])


def test_audit_rows_follow_the_version_of_their_record(made: Instance, home: Any) -> None:
    home.load("servicenow")
    before = asked(made, "sys_audit")
    row = made.rows_of["incident"][8]
    made.clock.advance(3_600)
    made.update(row, made.now - timedelta(minutes=20), priority="1")
    home.load("servicenow")
    assert asked(made, "sys_audit") - before == 2  # whether it is allowed, and one record
    assert count(home, "audits") == len(made.rows_of["sys_audit"])
    assert home.value("servicenow", "select min(audit_count) from servicenow.history_checks") >= 5


def test_r2_a_backfill_reads_the_records_of_its_span_again_and_moves_no_watermark(
    made: Instance, home: Any
) -> None:
    from extract.load import load
    from extract.windows import Window

    home.load("servicenow")
    span = Window(datetime(2025, 3, 1, tzinfo=UTC), datetime(2025, 3, 1, 12, tzinfo=UTC))
    rows = [row for row in made.rows_of["incident"] if row["sys_updated_on"] < stamp(span.hi)]
    assert 5 < len(rows) < 95
    wrong = made.rows_of["sys_audit"]
    for row in wrong:
        row["user"] = "another.example"
    people = "select count(distinct payload->>'$.user.person_key') from servicenow.audits"
    assert home.value("servicenow", people) == 1
    work = load("servicenow", "a-backfill", span=span)
    assert audit_of(work, "incidents", "incident").extracted == len(rows)
    assert home.value("servicenow", people) == 2
    work = home.load("servicenow")
    assert audit_of(work, "incidents", "incident").extracted == 0


def sla(made: Instance, number: int, **values: str) -> dict[str, str]:
    task = made.rows_of["incident"][number]
    row = made.record("task_sla", number, **{
        "task": task["sys_id"], "sla": "a" * 32, "stage": "in_progress", "active": "true",
        "has_breached": "false", "start_time": task["opened_at"], "end_time": "",
        "duration": "1970-01-02 01:00:05", "business_duration": "1970-01-01 08:00:00", **values,
    })  # fmt: skip
    return row


def test_durations_and_booleans_of_an_agreement_are_typed(made: Instance, home: Any) -> None:
    sla(made, 1)
    sla(made, 2, active="false", has_breached="true", duration="", end_time="2025-04-01 10:00:00")
    home.load("servicenow")
    columns = "is_active, has_breached, duration_s, business_duration_s, ended_at"
    rows = home.rows("servicenow", f"select {columns} from servicenow.task_slas order by sys_id")
    assert set(rows) == {
        (True, False, 90_005, 28_800, None),
        (False, True, None, 28_800, datetime(2025, 4, 1, 10, tzinfo=UTC)),
    }


def test_a_running_agreement_is_read_by_its_id_until_it_ends(made: Instance, home: Any) -> None:
    row = sla(made, 1)
    home.load("servicenow")
    row |= {"active": "false", "stage": "completed", "end_time": "2026-03-02 13:00:00"}
    made.clock.advance(86_400)
    home.load("servicenow")
    ended = "select is_active, stage from servicenow.task_slas"
    assert home.rows("servicenow", ended) == [(False, "completed")]
    before = asked(made, "task_sla")
    home.load("servicenow")
    assert asked(made, "task_sla") - before == 1  # the census alone


def test_x1_a_table_that_shows_nothing_any_more_lost_its_permission(
    made: Instance, home: Any
) -> None:
    home.load("servicenow")
    made.api.hidden |= {row["sys_id"] for row in made.rows_of["incident"]}
    made.clock.advance(86_400)
    audit = audit_of(home.load("servicenow"), "incidents", "incident")
    assert audit.status == "incomplete"
    assert "permission_or_scope_loss: 100 of 100 incidents" in audit.message
    assert (tombstones(home), count(home, "incidents")) == ({}, 100)


def test_x2_a_dimension_that_shows_nothing_keeps_its_rows(made: Instance, home: Any) -> None:
    made.rows_of["sys_user_group"] = [{"sys_id": GROUPS[0], "name": "Network"}]
    home.load("servicenow")
    made.rows_of["sys_user_group"] = []
    home.load("servicenow")
    assert home.rows("servicenow", "select name from servicenow.groups") == [("Network",)]


def test_x3_three_in_a_hundred_are_tombstones_and_half_of_all_is_a_stop(
    made: Instance, home: Any
) -> None:
    rng = random.Random(4)
    for number in range(100, 200):
        made.live(rng, number)
    home.load("servicenow")
    gone = [row["sys_id"] for row in made.rows_of["incident"][:6]]
    for sys_id in gone:
        made.delete("incident", sys_id, made.now, logged=False)
    for _ in range(2):
        made.clock.advance(3_600)
        work = home.load("servicenow")
    assert {i: s for i, (s, _) in tombstones(home).items()} == dict.fromkeys(gone, "deleted")
    assert audit_of(work, "incidents", "incident").deleted == 6
    for row in made.rows_of["incident"][:60]:
        made.delete("incident", row["sys_id"], made.now, logged=False)
    made.clock.advance(3_600)
    audit = audit_of(home.load("servicenow"), "incidents", "incident")
    assert audit.status == "incomplete"
    assert "permission_or_scope_loss: 60 of 194 incidents" in audit.message
    assert len(tombstones(home)) == 6


def test_x4_what_is_restored_loses_its_tombstone_and_keeps_its_history(
    made: Instance, home: Any
) -> None:
    home.load("servicenow")
    audits = home.content("servicenow", "audits")
    row = made.delete("incident", made.rows_of["incident"][5]["sys_id"], made.now)
    made.clock.advance(3_600)
    home.load("servicenow")
    assert tombstones(home)[row["sys_id"]][0] == "deleted"
    made.rows_of["incident"].append(row)
    made.clock.advance(3_600)
    home.load("servicenow")
    assert tombstones(home)[row["sys_id"]][0] == "present"
    assert home.content("servicenow", "audits") == audits
    assert count(home, "incidents") == 100


def test_programs_are_no_people(made: Instance, home: Any) -> None:
    made.dictionary("sys_user", "web_service_access_only")
    made.rows_of["sys_user"] = [
        {"sys_id": "1" * 32, "user_name": "robot.deploy", "web_service_access_only": "true"},
        {"sys_id": "2" * 32, "user_name": "mia.example", "web_service_access_only": "false"},
    ]
    made.rows_of["sys_audit"][0]["user"] = "robot.deploy"
    home.load("servicenow")
    kinds = home.rows(
        "servicenow",
        "select payload->>'$.user.actor_type', count(*) from servicenow.audits group by 1",
    )
    assert dict(kinds) == {"bot": 1, "human": len(made.rows_of["sys_audit"]) - 1}
    assert "robot.deploy" not in home.texts("servicenow")


def test_s1_an_empty_page_that_is_counted_is_asked_again(made: Instance, home: Any) -> None:
    there = len(made.rows_of["sys_audit"])
    shows_nothing(made, "sys_audit", there, times=1)
    audit = audit_of(home.load("servicenow"), "audits", "incident")
    assert (audit.status, audit.api_count, audit.extracted) == ("complete", there, there)
    assert count(home, "audits") == there


def test_s1_audit_rows_that_are_counted_and_not_shown_stay_due(made: Instance, home: Any) -> None:
    rng = random.Random(4)
    for number in range(100, 150):  # another batch, of which every row is shown
        made.live(rng, number)
    assert IDS_PER_REQUEST == 100
    there = len(made.rows_of["sys_audit"])
    first = sorted(row["sys_id"] for row in made.rows_of["incident"])[0]
    shows_nothing(made, f"sys_audit.*{first}", 500, times=2)
    audit = audit_of(home.load("servicenow"), "audits", "incident")
    assert audit.status == "incomplete"
    assert audit.extracted < audit.api_count
    assert f"{500:,} of {audit.api_count:,} rows are not shown" in audit.message
    made.faults.clear()
    again = audit_of(home.load("servicenow"), "audits", "incident")
    assert (again.status, again.extracted) == ("complete", again.api_count)
    assert count(home, "audits") == there
    last = audit_of(home.load("servicenow"), "audits", "incident")
    assert (last.status, last.extracted) == ("complete", 0)


def test_s1_other_tables_ask_an_empty_page_again_too(made: Instance, home: Any) -> None:
    shows_nothing(made, "incident", len(made.rows_of["incident"]), times=1)
    shows_nothing(made, "sys_choice", len(made.rows_of["sys_choice"]), times=1)
    work = home.load("servicenow")
    assert count(home, "incidents") == len(made.rows_of["incident"]) > 0
    assert "the census found" not in audit_of(work, "incidents", "incident").message
    assert count(home, "choices") == len(made.rows_of["sys_choice"]) > 0
    assert audit_of(work, "choices", "").acl_gap == 0


def shows_nothing(made: Instance, table: str, counted: int, times: int) -> None:
    """Let a table answer 200 with its count and no row; the look whether it may be read is none."""
    made.faults.add(
        "servicenow", f"table/{table}(?!.*documentkey%3D0)", 200, times=times,
        headers={"X-Total-Count": str(counted)}, body={"result": []},
    )  # fmt: skip
