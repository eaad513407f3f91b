"""Recounts of traces: each item walked back to its idea and forward to production, one by one."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date, datetime
from functools import lru_cache

from tests.recount.plain import forward, is_backward, local_day
from tests.recount.registry import Row, Tables, recounts

DESK = ("request", "problem", "incident")
FARTHEST = 6
SUREST_FIRST = ("sha", "descent", "source", "merge_order")


def made_for(tables: Tables, kinds: dict[str, str]) -> dict[str, set[str]]:
    """Return what each item was made for, by the links of today."""
    found = defaultdict(set)
    for link in tables.rows("bridge_work_item_links"):
        begins, ends = link["valid_from"], link["valid_to"]
        if (begins and begins > tables.as_of) or (ends and ends <= tables.as_of):
            continue
        one, other, kind = link["from_key"], link["to_key"], link["link_type"]
        if kind in ("parent", "implements"):
            found[one].add(other)
        elif kind == "duplicates" or (
            kind == "relates"
            and kinds.get(one) in DESK
            and kinds.get(other) in ("issue", "pull_request")
        ):
            found[other].add(one)
    return found


def first_incidents(tables: Tables) -> dict[str, datetime]:
    """Return when the first incident was opened that counts against a release, by deployment."""
    releases = {
        row["deployment_key"]: row["release_deployment_key"]
        for row in tables.rows("fct_deployments")
    }
    opened = {row["work_item_key"]: row["opened_at"] for row in tables.rows("fct_incidents")}
    of_release: dict[str, datetime] = {}
    for row in tables.rows("bridge_incident_deployments"):
        release, at = releases[row["deployment_key"]], opened[row["work_item_key"]]
        if row["is_counted"] and at is not None:
            of_release[release] = min(at, of_release.get(release, at))
    return {key: of_release[name] for key, name in releases.items() if name in of_release}


def implementing(tables: Tables, changes: dict[str, Row]) -> dict[str, dict[str, tuple]]:
    """Return the changes of every item, each with how surely it is one of them."""
    found: dict[str, dict[str, tuple]] = defaultdict(dict)
    for key in changes:
        found[key][key] = (-1.0, "itself")
    for link in tables.rows("bridge_work_item_links"):
        change, item = link["from_key"], link["to_key"]
        if link["link_type"] == "implements" and change in changes:
            way = (-link["confidence"], link["method"])
            found[item][change] = min(way, found[item].get(change, way))
    return found


def least_sure(ways: list[tuple[float, str]]) -> str | None:
    """Return the method of the least confidence, the first by name where several have it."""
    least = max((doubt for doubt, _ in ways), default=None)
    return min((method for doubt, method in ways if doubt == least), default=None)


@lru_cache(maxsize=4)
def traces(tables: Tables) -> list[Row]:
    """Return every issue and pull request from its idea to what it broke."""
    items = {
        row["work_item_key"]: row for row in tables.rows("dim_work_items") if row["is_current"]
    }
    demands = made_for(tables, {key: row["item_kind"] for key, row in items.items()})
    changes = tables.by("fct_changes", "change_key")
    of_items = implementing(tables, changes)
    brought = tables.by("bridge_deployment_changes", "change_key")
    incidents = first_incidents(tables)
    built: dict[tuple, datetime] = {}
    for run in tables.rows("fct_ci_runs"):
        if run["result"] == "success" and run["finished_at"]:
            what = run["repository"], run["head_sha"]
            built[what] = min(run["finished_at"], built.get(what, run["finished_at"]))
    found = []
    for key, item in items.items():
        if item["item_kind"] not in ("issue", "pull_request"):
            continue
        behind: set[str] = set()
        edge = {key}
        for _ in range(FARTHEST):
            edge = {other for one in edge for other in demands.get(one, ()) if other in items}
            behind |= edge
        known = [(items[x]["created_at"], x) for x in behind if items[x]["created_at"]]
        idea = min(known, default=None)
        if item["item_kind"] == "pull_request":
            idea = idea or (None, None)
        elif idea is None or item["created_at"] is None or idea[0] >= item["created_at"]:
            idea = (item["created_at"], key)
        ways = of_items.get(key, {})
        some = [changes[name] for name in ways]
        merged = [c for c in some if c["merged_at"]]
        carried = [brought[name] for name in ways if name in brought]
        builds = [built.get((c["repository"], c["merge_commit_sha"])) for c in merged]
        deployed = [c["deployed_at"] for c in merged]
        moments = {
            "idea_at": idea[0],
            "first_commit_at": min(
                filter(None, (c["first_commit_at"] for c in some)), default=None
            ),
            "opened_at": min(filter(None, (c["opened_at"] for c in some)), default=None),
            "merged_at": max((c["merged_at"] for c in merged), default=None),
            "built_at": max(builds) if builds and None not in builds else None,
            "deployed_at": max(deployed) if deployed and None not in deployed else None,
            "first_incident_at": min(
                (
                    incidents[b["deployment_key"]]
                    for b in carried
                    if b["deployment_key"] in incidents
                ),
                default=None,
            ),
        }
        phases = dict(
            zip(
                ("ideation", "integration", "verification", "delivery", "observation"),
                (
                    ("idea_at", "first_commit_at"),
                    ("first_commit_at", "merged_at"),
                    ("merged_at", "built_at"),
                    ("built_at", "deployed_at"),
                    ("deployed_at", "first_incident_at"),
                ),
                strict=True,
            )
        )
        backward = [p for p, (a, b) in phases.items() if is_backward(moments[a], moments[b])]
        lacks = [
            n for n, at in (("build", "built_at"), ("deployment", "deployed_at")) if not moments[at]
        ]
        if not merged:
            lacks = ["merge"] if some else ["change"]
        lacks = lacks if idea[0] else ["idea", *lacks]
        found.append(
            {
                "work_item_key": key,
                "work_item_version_key": item["work_item_version_key"],
                "idea_work_item_key": idea[1],
                "change_method": least_sure(list(ways.values())),
                "deployment_method": max(
                    (b["method"] for b in carried), key=SUREST_FIRST.index
                )
                if moments["deployed_at"]
                else None,
                **{f"{p}_s": forward(moments[a], moments[b]) for p, (a, b) in phases.items()},
                "change_count": len(some),
                "deployment_count": len({b["deployment_key"] for b in carried}),
                "has_demand": bool(known),
                "is_complete": not lacks,
                "missing_links": ", ".join(lacks) or None,
                "backward_phases": ", ".join(backward) or None,
                **moments,
            }
        )  # fmt: skip
    return found


@recounts("fct_traces")
def traces_of_items(tables: Tables) -> list[Row]:
    """Every issue and pull request."""
    return traces(tables)


def finished(tables: Tables) -> Iterator[tuple[tuple, Row]]:
    """Return the trace of every finished item, with its group and the month of its end."""
    ended = {row["work_item_key"]: row for row in tables.rows("metric_cycle_times")}
    for trace in traces(tables):
        if row := ended.get(trace["work_item_key"]):
            month = row["finished_date"].replace(day=1)
            yield (row["value_stream_key"], row["workflow"], row["level"], month), trace


def is_over(tables: Tables, stream: str, month: date) -> bool:
    """Say whether a month is over somewhere."""
    zone = tables.by("dim_value_streams", "value_stream_key")[stream]["time_zone"]
    today = local_day(tables.as_of, zone)
    return (today.year, today.month) > (month.year, month.month)


@recounts("metric_trace_coverage")
def coverage(tables: Tables) -> Iterator[Row]:
    """How many of the finished items of a month have each link."""
    totals: Counter = Counter()
    linked: Counter = Counter()
    for group, trace in finished(tables):
        lacks = set((trace["missing_links"] or "").split(", "))
        has = {
            "demand": trace["has_demand"],
            "change": "change" not in lacks,
            "merge": not lacks & {"change", "merge"},
            "build": not lacks & {"change", "merge", "build"},
            "deployment": not lacks & {"change", "merge", "deployment"},
            "whole": lacks == {""},
        }
        for link, is_there in has.items():
            totals[*group, link] += 1
            linked[*group, link] += is_there
    for (stream, workflow, level, month, link), total in totals.items():
        found = linked[stream, workflow, level, month, link]
        yield {
            "metric_trace_coverage_key": f"{stream}|{workflow}|{level}|{link}|{month}",
            "value_stream_key": stream,
            "workflow": workflow,
            "level": level,
            "link": link,
            "linked_items": found,
            "finished_items": total,
            "linked_share": found / total,
            "is_complete_period": is_over(tables, stream, month),
            "month_start": month,
        }


@recounts("metric_trace_methods")
def methods(tables: Tables) -> Iterator[Row]:
    """The finished items of a month by how their links are known."""
    totals: Counter = Counter()
    known: Counter = Counter()
    for group, trace in finished(tables):
        totals[group] += 1
        for link in ("change", "deployment"):
            known[*group, link, trace[f"{link}_method"] or "missing"] += 1
    for (stream, workflow, level, month, link, method), count in known.items():
        total = totals[stream, workflow, level, month]
        yield {
            "metric_trace_methods_key": f"{stream}|{workflow}|{level}|{link}|{method}|{month}",
            "value_stream_key": stream,
            "workflow": workflow,
            "level": level,
            "link": link,
            "method": method,
            "method_items": count,
            "finished_items": total,
            "method_share": count / total,
            "is_complete_period": is_over(tables, stream, month),
            "month_start": month,
        }
