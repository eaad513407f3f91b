"""Recounts of releases and of defects: each one looked at for itself."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import lru_cache

from tests.recount.delivery import holds, moment_text
from tests.recount.plain import local_day, staged, version_at, versions
from tests.recount.registry import Row, Tables, recounts

PATIENCE = timedelta(days=30)
SURE = {"field": 1.0, "label": 0.9, "incident": 0.8, "release": 0.6}


@recounts("dim_releases")
def releases(tables: Tables) -> Iterator[Row]:
    """Versions of Jira."""
    for row in staged(tables, "stg_jira__versions"):
        yield {
            "release_key": row["release_key"],
            "source_system": "jira",
            "scope": row["project_key"],
            **{name: row[name] for name in ("name", "is_released", "starts_on", "release_on")},
        }


@recounts("bridge_work_item_releases")
def contents(tables: Tables) -> Iterator[Row]:
    """What is in a release, switch by switch."""
    of_items = versions(tables)
    known = {row["release_key"]: row for row in staged(tables, "stg_jira__versions")}
    born = {row["work_item_key"]: row["created_at"] for row in staged(tables, "stg_jira__issues")}
    shown = {
        (row["work_item_key"], row["release_key"], row["link_role"])
        for row in staged(tables, "stg_jira__issue_versions")
    }
    switches: dict[tuple, list[tuple]] = defaultdict(list)
    for row in tables.rows("int_jira_changes"):
        role = {"fixVersions": "fix", "versions": "affects"}.get(row["field"])
        if role and row["changed_at"] <= tables.as_of:
            for side, is_on in (("from_id", False), ("to_id", True)):
                if row[side] is not None:
                    name = row["work_item_key"], f"jira:{row[side]}", role
                    switches[name].append((row["changed_at"], is_on, row["issue_change_id"]))
    for name in shown | set(switches):
        item, release, role = name
        if release not in known or item not in of_items:
            continue
        own_switches = sorted(switches.get(name, []))
        spans: list[list[datetime | None]] = []
        if not own_switches or not own_switches[0][1]:
            spans.append([born[item], own_switches[0][0] if own_switches else None])
        for no, (when, is_on, _) in enumerate(own_switches):
            if is_on:
                spans.append(
                    [when, own_switches[no + 1][0] if no + 1 < len(own_switches) else None]
                )
        for begins, ends in spans:
            version = version_at(of_items[item], begins)
            if version is None or (ends is None and name not in shown):
                continue
            starts = known[release]["starts_on"]
            yield {
                "work_item_release_key": f"{item}>{role}>{release}>{moment_text(begins)}",
                "work_item_key": item,
                "work_item_version_key": version,
                "release_key": release,
                "link_role": role,
                "is_added_late": role == "fix" and starts is not None and begins.date() > starts,
                "valid_from": begins,
                "valid_to": ends,
            }


@lru_cache(maxsize=4)
def found(tables: Tables) -> list[Row]:
    """Return every defect with where it was found and the day that it is counted with."""
    items = {
        row["work_item_key"]: row for row in tables.rows("dim_work_items") if row["is_current"]
    }
    zones = {row["value_stream_key"]: row["time_zone"] for row in tables.rows("dim_value_streams")}
    texts = tables.by("int_defect_texts", "work_item_key")
    incidents = tables.by("fct_incidents", "work_item_key")
    outcomes = {row["work_item_key"]: row["outcome"] for row in tables.rows("fct_work_item_flows")}
    ends = {row["deployment_key"]: row["finished_at"] for row in tables.rows("fct_deployments")}
    causes = {
        row["work_item_key"]: row["deployment_key"]
        for row in tables.rows("bridge_incident_deployments")
        if row["is_counted"]
    }
    linked = defaultdict(set)
    for link in tables.rows("bridge_work_item_links"):
        if link["from_key"] in incidents and holds(link, tables.as_of):
            linked[link["to_key"]].add(link["from_key"])
    out = tables.by("dim_releases", "release_key")
    named = defaultdict(list)
    for row in tables.rows("bridge_work_item_releases"):
        if row["valid_to"] is None:
            named[row["work_item_key"], row["link_role"]].append(out[row["release_key"]])
    rows = []
    for key, item in items.items():
        if item["work_type"] != "defect" or item["item_kind"] != "issue":
            continue
        zone = zones[item["value_stream_key"]]
        day = local_day(item["created_at"], zone)
        incident = min(linked[key], key=lambda i: (incidents[i]["opened_at"], i), default=None)
        affected = min(
            named[key, "affects"],
            key=lambda r: (not r["is_released"], r["release_on"] or date.max, r["release_key"]),
            default=None,
        )
        text = texts.get(key)
        method, is_escaped = None, None
        if text:
            method, is_escaped = text["method"], text["is_production"]
        elif incident:
            method, is_escaped = "incident", True
        elif affected and not affected["is_released"]:
            method, is_escaped = "release", False
        elif affected and affected["release_on"]:
            method, is_escaped = "release", day > affected["release_on"]
        deployment = causes.get(incident) if incident else None
        mended = [
            r
            for r in named[key, "fix"]
            if r["is_released"] and r["release_on"] and r["release_on"] >= day
        ]
        cohort: tuple = ("found", None, None, day)
        if affected and affected["is_released"] and affected["release_on"]:
            cohort = ("release", affected["release_key"], None, affected["release_on"])
        elif deployment and ends[deployment]:
            cohort = ("deployment", None, deployment, local_day(ends[deployment], zone))
        elif is_escaped is False and mended:
            first = min(mended, key=lambda r: (r["release_on"], r["release_key"]))
            cohort = ("fix", first["release_key"], None, first["release_on"])
        rows.append(
            {
                **{
                    name: item[name]
                    for name in (
                        "work_item_key", "work_item_version_key", "source_system",
                        "value_stream_key", "level", "priority",
                    )
                },
                "detection_method": method,
                "detection_confidence": SURE.get(method or ""),
                "environment_key": text and text["environment_key"],
                "is_escaped": is_escaped,
                "incident_work_item_key": incident,
                "release_key": cohort[1],
                "deployment_key": cohort[2],
                "cohort_method": cohort[0],
                "cohort_on": cohort[3],
                "found_on": day,
                "days_after_release": (day - cohort[3]).days,
                "is_withdrawn": outcomes[key] in ("cancelled", "deleted"),
            }
        )  # fmt: skip
    return rows


@recounts("fct_defects")
def defects(tables: Tables) -> Iterator[Row]:
    """Defects, where they were found and what they are counted with."""
    yield from found(tables)


@recounts("metric_defect_escapes")
def escapes(tables: Tables) -> Iterator[Row]:
    """Months of releases, and how many of their defects came to production."""
    zones = {row["value_stream_key"]: row["time_zone"] for row in tables.rows("dim_value_streams")}
    of_month: dict[tuple, list[Row]] = defaultdict(list)
    logged: Counter = Counter()
    for row in found(tables):
        if not row["is_withdrawn"]:
            place = row["value_stream_key"], row["level"]
            of_month[*place, row["cohort_on"].replace(day=1)].append(row)
            logged[*place, row["found_on"].replace(day=1)] += 1
    for stream, level, month in set(of_month) | set(logged):
        some = of_month.get((stream, level, month), [])
        after = (month + timedelta(days=31)).replace(day=1)
        today = local_day(tables.as_of, zones[stream])
        waited = [timedelta(days=row["days_after_release"]) for row in some if row["is_escaped"]]
        escaped = sum(days <= PATIENCE for days in waited)
        before = sum(row["is_escaped"] is False for row in some)
        yield {
            "metric_defect_escapes_key": f"{stream}|{level}|{month}",
            "value_stream_key": stream,
            "level": level,
            "defects": len(some),
            "releases": len({row["release_key"] or row["deployment_key"] for row in some} - {None}),
            "dated_by_release": sum(row["cohort_method"] != "found" for row in some),
            "found_before": before,
            "escaped": escaped,
            "escaped_late": len(waited) - escaped,
            "not_known": sum(row["is_escaped"] is None for row in some),
            "escape_share": escaped / (escaped + before) if escaped + before else None,
            "logged_defects": logged[stream, level, month],
            "is_mature": after + PATIENCE <= today,
            "is_complete_period": after <= today,
            "month_start": month,
        }
