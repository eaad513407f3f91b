"""ServiceNow: what is loaded, what an access rule hides, and what never gets lost."""

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from extract.api import Refused
from extract.settings import SettingFault
from extract.sources import servicenow

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
    assert len(asked) > 2
    for query in asked:
        [ids] = re.findall(r"documentkey(?:IN|=)([0-9a-f,]+)", query)
        assert len(ids.split(",")) <= 100
        assert "sys_created_on" not in query


@real
def test_a_second_load_asks_little_and_changes_nothing(instance: Any, loaded: Any) -> None:
    home = loaded("servicenow")
    before = [home.content("servicenow", table.name) for table in servicenow.TABLES]
    last = instance.last
    work = home.load("servicenow")
    assert len(instance.requests("servicenow", last)) <= 18
    assert {audit_of(work, name, "incident").extracted for name in ("incidents", "audits")} == {0}
    after = [home.content("servicenow", table.name) for table in servicenow.TABLES]
    assert after == before


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
    monkeypatch.setattr(servicenow, "MOST_IN_WINDOW", 60)
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
    monkeypatch.setattr(servicenow, "PAGE", 5)
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
    assert audit.acl_gap == (0 if stats_after_acl else served - len(visible))


def visible_incidents(instance: Any) -> set[str]:
    """Ids in one page that is large enough for all."""
    api = servicenow._api(servicenow._settings())
    params = {"sysparm_fields": "sys_id", "sysparm_limit": 10_000}
    return {row["sys_id"] for row in api.get("/api/now/table/incident", params).data["result"]}


@real
def test_s2_a_column_that_no_row_has_is_named(early: Any, home: Any) -> None:
    early.scenario("servicenow", field_acl={"incident": ["caller_id"]})
    work = home.load("servicenow")
    assert "caller_id" in audit_of(work, "incidents", "incident").message
    callers = "select count(payload->>'$.caller_id.person_key') from servicenow.incidents"
    assert home.value("servicenow", callers) == 0


@real
def test_s3_a_query_that_the_server_ignores_is_noticed(
    early: Any, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servicenow, "span", lambda window: "sys_updatd_on<2016-03-01 00:00:00")
    monkeypatch.setattr(
        servicenow.Window, "contains", lambda self, at: at < datetime(2016, 3, 1, tzinfo=UTC)
    )
    work = home.load("servicenow")
    audit = audit_of(work, "incidents", "incident")
    assert audit.status == "failed"
    assert "ignored" in audit.message


@real
def test_s5_more_rows_than_a_page_holds(
    early: Any, home: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servicenow, "PAGE", 7)
    monkeypatch.setattr(servicenow, "AUDIT_PAGE", 31)
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
    assert "metric_instance" in audit_of(work, "audits").message
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
    assert audit.acl_gap == early.counts("servicenow")["sys_audit"]
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
def test_nobody_is_named(instance: Any, loaded: Any) -> None:
    home = loaded("servicenow")
    text = home.texts("servicenow")
    assert "@" not in text
    api = servicenow._api(servicenow._settings())
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
    for ask in (servicenow.check, lambda: home.load("servicenow")):
        with pytest.raises(Refused, match="SOURCES__SERVICENOW__PASSWORD") as refused:
            ask()
        assert "a-wrong-password" not in str(refused.value)


class Answer:
    """What the token endpoint says."""

    def __init__(self, status: int, token: str = "") -> None:
        self.status_code = status
        self.token = token

    def raise_for_status(self) -> None:
        assert self.status_code == 200

    def json(self) -> dict[str, Any]:
        return {"access_token": self.token, "expires_in": 1800}


@pytest.fixture
def tokens(monkeypatch: pytest.MonkeyPatch) -> list[Answer]:
    answers: list[Answer] = []
    monkeypatch.setenv("SOURCES__SERVICENOW__CLIENT_ID", "a-client")
    monkeypatch.setenv("SOURCES__SERVICENOW__CLIENT_SECRET", "a-secret")
    monkeypatch.setattr(
        servicenow.requests.Session, "post", lambda self, url, **facts: answers.pop(0)
    )
    return answers


@real
def test_t1_a_token_that_has_expired_is_minted_anew(instance: Any, tokens: list[Answer]) -> None:
    tokens += [Answer(200, "an-old-token"), Answer(200, PASSWORD)]
    servicenow.check()
    assert tokens == []


@real
def test_t1b_a_client_that_is_refused_is_named_by_its_setting(
    instance: Any, tokens: list[Answer]
) -> None:
    tokens.append(Answer(401))
    with pytest.raises(Refused, match="SOURCES__SERVICENOW__CLIENT_SECRET") as refused:
        servicenow.check()
    assert "a-secret" not in str(refused.value)


def test_settings_that_are_missing_or_wrong_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCES__SERVICENOW__BASE_URL", "https://example.service-now.com")
    monkeypatch.setenv("SOURCES__SERVICENOW__TABLES", '["kb_knowledge"]')
    monkeypatch.setenv("SOURCES__SERVICENOW__START_DATE", "soon")
    with pytest.raises(SettingFault) as fault:
        servicenow.check()
    assert [line.split()[0] for line in str(fault.value).splitlines()] == [
        "SOURCES__SERVICENOW__USER",
        "SOURCES__SERVICENOW__PASSWORD",
        "SOURCES__SERVICENOW__TABLES",
        "SOURCES__SERVICENOW__START_DATE",
    ]


def test_an_incident_keeps_what_is_allowed_and_hashes_people() -> None:
    row = servicenow.record_row(
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
    assert (payload["reopen_count"], payload["category"]) == ("0", None)
    assert len(payload["caller_id"]["person_key"]) == 20
    assert payload["assigned_to"] is None
    for secret in ("Mia", "0ff1ce"):
        assert secret not in json.dumps(payload)


def audit_values(name: str, old: str, new: str) -> tuple[Any, Any]:
    row = servicenow.audit_row(
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
    record = servicenow.record_row("incident", {"sys_id": "a1", "assigned_to": "0ff1ce"})
    old, _ = audit_values("assigned_to", "0ff1ce", "")
    assert record["payload"]["assigned_to"]["person_key"] == old


def test_what_people_read_of_a_span_is_loaded_for_states_and_not_for_people() -> None:
    row = {"sys_id": "c1", "definition": "d1", "field_value": "0ff1ce", "value": "Mia Example"}
    person = servicenow.instance_row(row, "assigned_to")["payload"]
    assert person["value"] is None and len(person["field_value"]) == 20
    state = servicenow.instance_row({**row, "field_value": "2", "value": "Active"}, "state")
    assert (state["payload"]["field_value"], state["payload"]["value"]) == ("2", "Active")
    other = servicenow.instance_row(row, "u_reviewer")["payload"]
    assert (other["field_value"], other["value"]) == (None, None)
