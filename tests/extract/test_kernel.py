"""Times, texts, people and windows: the small parts that every source rests on."""

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dlt.common.typing
import pytest
from dlt.common import validation
from dlt.common.normalizers.json.relational import RelationalNormalizerConfig
from dlt.common.schema.typing import TColumnSchema, TStoredSchema, TTableSchema

from extract import raw_store
from extract.privacy import DROP, KEEP, person, person_key, pick
from extract.run import Audit, merged
from extract.tables import BIGINT, TEXT, TIMESTAMP, RawTable, encode, instant
from extract.windows import Window, close_window, forget_backfills, next_window


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-03-31T03:10:00.000+0200", datetime(2024, 3, 31, 1, 10, tzinfo=UTC)),
        ("2024-03-31T01:20:00.000+0000", datetime(2024, 3, 31, 1, 20, tzinfo=UTC)),
        ("2024-03-31T01:20:00Z", datetime(2024, 3, 31, 1, 20, tzinfo=UTC)),
        (1711848000000, datetime(2024, 3, 31, 1, 20, tzinfo=UTC)),
        ("1711848000000", datetime(2024, 3, 31, 1, 20, tzinfo=UTC)),
        ("2024-03-31 01:20:00", datetime(2024, 3, 31, 1, 20, tzinfo=UTC)),
        ("", None),
        (None, None),
        ("soon", None),
    ],
)
def test_c8_every_spelling_of_a_time_is_one_instant(text: object, expected: object) -> None:
    assert instant(text) == expected


def test_v4_texts_that_databases_cannot_hold_are_cleaned() -> None:
    payload = {"a": "x\x00y", "b": "z\ud83d", "c": "מזל 🎉"}
    assert json.loads(encode(payload)) == {"a": "xy", "b": "z?", "c": "מזל 🎉"}


def test_an_escaped_text_that_only_looks_like_nul_stays() -> None:
    assert json.loads(encode({"a": "\\u0000"})) == {"a": "\\u0000"}


def test_a_person_is_a_keyed_hash_of_the_immutable_id(monkeypatch: pytest.MonkeyPatch) -> None:
    # HMAC-SHA256("k", "jira:5b10a2844c20165700ede21g") by openssl, base32, first 20 characters.
    monkeypatch.setenv("FLOWHOUSE_PSEUDONYM_KEY", "k")
    first = person_key("jira", "5b10a2844c20165700ede21g")
    assert first == "xpybok3jeyynkhzociii"
    monkeypatch.setenv("FLOWHOUSE_PSEUDONYM_KEY", "another")
    assert person_key("jira", "5b10a2844c20165700ede21g") != first


def test_a_missing_account_has_no_person_key() -> None:
    assert person("jira", None) is None
    assert person("jira", "") is None


def test_only_allowed_fields_leave_a_source_and_unknown_ones_are_named() -> None:
    unknown: set[str] = set()
    value = {
        "id": "1",
        "summary": "call Ada",
        "surprise": {"x": 1},
        "labels": None,
        "status": {"id": "3", "self": "http://x"},
        "name": ["not", "a", "scalar"],
    }
    shape = {
        "id": KEEP,
        "summary": DROP,
        "labels": [KEEP],
        "status": {"id": KEEP, "self": DROP},
        "name": KEEP,
    }
    assert pick(value, shape, unknown) == {
        "id": "1",
        "labels": [],
        "status": {"id": "3"},
        "name": None,
    }
    assert unknown == {"surprise"}


def test_a_window_is_closed_behind_the_servers_clock_and_overlaps_the_last_one() -> None:
    state: dict = {}
    now = datetime(2026, 1, 1, 12, tzinfo=UTC)
    rules = {"overlap": timedelta(minutes=30), "safety_lag": timedelta(minutes=5)}
    first = next_window(state, "", now, **rules)
    assert first == Window(None, datetime(2026, 1, 1, 11, 55, tzinfo=UTC))
    assert next_window(state, "", now, **rules) == first
    close_window(state, "", first)
    second = next_window(state, "", now + timedelta(hours=1), **rules)
    assert second == Window(
        datetime(2026, 1, 1, 11, 25, tzinfo=UTC), datetime(2026, 1, 1, 12, 55, tzinfo=UTC)
    )
    assert next_window(state, "", now, full=True, **rules).lo is None


def test_a_backfill_has_marks_of_its_own_and_ends_where_it_should() -> None:
    state: dict = {}
    now = datetime(2026, 1, 1, 12, tzinfo=UTC)
    rules = {"overlap": timedelta(minutes=30), "safety_lag": timedelta(minutes=5)}
    close_window(state, "", Window(None, now))
    span = Window(datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 3, 1, tzinfo=UTC))
    assert next_window(state, "", now, span=span, **rules) == span
    half = Window(span.lo, datetime(2024, 2, 1, tzinfo=UTC))
    close_window(state, "", half, span)
    assert next_window(state, "", now, span=span, **rules) == Window(half.hi, span.hi)
    assert next_window(state, "", now, **rules).lo == now - timedelta(minutes=30)
    longer = Window(span.lo, now + timedelta(days=1))
    assert next_window(state, "", now, span=longer, **rules).hi == now - timedelta(minutes=5)
    forget_backfills({"resources": {"issues": state}})
    assert next_window(state, "", now, span=span, **rules) == span
    assert list(state) == ["watermarks"]


def test_the_windows_of_one_load_are_one_audit() -> None:
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    first = Audit("jira", "issues", window_to=noon, extracted=10, loaded=4, api_count=10)
    second = Audit("jira", "issues", extracted=5, api_count=5, deleted=1, message="x")
    [audit] = merged([first, second])
    assert (audit.extracted, audit.written, audit.api_count, audit.deleted) == (15, 9, 15, 1)
    assert (audit.message, audit.window_to) == ("x", noon)
    assert merged([first, second]) == [audit]
    assert (first.extracted, second.extracted) == (10, 5)


def test_v3_a_batch_has_the_declared_columns_whatever_is_missing() -> None:
    table = RawTable("issues", "/x", ("id",), {"id": TEXT, "n": BIGINT, "at": TIMESTAMP})
    batch = table.batch([{"id": "1", "payload": {"a": None}}], scope="PAY")
    assert batch.column_names == ["id", "n", "at", "payload", "_scope", "_fetched_at"]
    assert batch.slice(0, 1).to_pylist()[0] | {"_fetched_at": None} == {
        "id": "1",
        "n": None,
        "at": None,
        "payload": '{"a":null}',
        "_scope": "PAY",
        "_fetched_at": None,
    }
    assert table.batch([]).num_rows == 0


@pytest.mark.parametrize(
    "of", [TTableSchema, TColumnSchema, TStoredSchema, RelationalNormalizerConfig]
)
def test_what_dlt_says_of_its_types_is_read_once_and_the_same(
    of: type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOWHOUSE_HOME", str(tmp_path))
    raw_store.pipeline_for("jira")
    names = vars(sys.modules[of.__module__])
    found = validation.get_type_hints(of, globalns=names)
    assert found == dlt.common.typing.get_type_hints(of, globalns=names)
    assert validation.get_type_hints(of, globalns=names) is found
