"""Draws and writes down what the benchmark measured."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import vl_convert

PEERS = (
    ("DevLake: lead time of changes before queries were batched",
     "15 hours and more", "apache/devlake#8726, 2026-02"),
    ("DevLake: one panel, change failure rate (3,193 incidents, 177,462 deployments)",
     "31.7 s", "apache/devlake#8374 and blog.gitcode.com/8295f3ef"),
    ("DevLake: extracting and converting the changelog of Jira",
     "up to 30 minutes; 18 GB of PostgreSQL for 1 GB of data", "apache/devlake#7385"),
    ("DevLake: DORA dashboards", "MySQL at 100 % on 12 cores, time-outs", "apache/devlake#4291"),
)  # fmt: skip


def draw(found: Mapping[str, Any]) -> str:
    """Return a picture of cost against size: the build, the bare statements, the dearest models."""
    last = found["sizes"][-1]["nodes"]
    dearest = sorted(
        (name for name in last if name.startswith("model.")), key=lambda name: -last[name]["cpu_s"]
    )[:6]
    points = []
    for size in found["sizes"]:
        build = next(step for step in size["steps"] if step["name"].startswith("full build"))
        lines = {
            "full build, all tests": build["cpu_s"],
            "all nodes": sum(node["cpu_s"] for node in size["nodes"].values()),
            "bare statements": sum(size["bare"].values()),
            **{name.split(".")[2]: size["nodes"].get(name, {}).get("cpu_s") for name in dearest},
        }
        points += [
            {"items": size["items"], "what": what, "cpu_s": cpu}
            for what, cpu in lines.items()
            if cpu
        ]
    return vl_convert.vegalite_to_svg(
        {
            "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
            "title": f"CPU seconds by work items ({found['machine']['processor']}, "
            f"{found['machine']['cores']} cores)",
            "width": 560,
            "height": 360,
            "data": {"values": points},
            "mark": {"type": "line", "point": True},
            "encoding": {
                "x": {"field": "items", "type": "quantitative", "scale": {"type": "log"},
                      "title": "work items"},
                "y": {"field": "cpu_s", "type": "quantitative", "scale": {"type": "log"},
                      "title": "CPU seconds"},
                "color": {"field": "what", "type": "nominal", "title": None, "sort": None},
            },
        }
    )  # fmt: skip


def write_page(folder: Path, page: Path) -> None:
    """Write RESULTS.md from GOALS.md beside it and the results that are kept in a folder."""
    kept = [json.loads(path.read_text()) for path in folder.glob("*.json")]
    kept.sort(key=lambda found: found["sizes"][-1]["items"])
    lines = [
        "# What flowhouse costs, measured",
        "",
        "Written by `make bench SIZE=... RECORD=1`. A generated company (60 % Jira issues, 25 %"
        " pull requests, 15 % records of ServiceNow; about ten moves per item) is built"
        " with all data tests. Machines are shared: CPU seconds count, wall seconds are beside.",
        "",
        "What was `metric_flow_periods` when this was measured is `measure_flow_periods` now.",
        "",
        (page.parent / "GOALS.md").read_text(),
    ]
    for found in kept:
        lines += _chapter(found)
    lines += [
        "## Beside published figures of a peer",
        "",
        "Other hardware and other data: they say of what kind the difference is, not how large.",
        "",
        "| What | Published | Source |",
        "|---|---|---|",
        *(f"| {what} | {figure} | {source} |" for what, figure, source in PEERS),
        "",
    ]
    page.write_text("\n".join(lines))


def _chapter(found: Mapping[str, Any]) -> list[str]:
    sizes, last = found["sizes"], found["sizes"][-1]
    lines = [
        f"## {found['size']}: {last['items']:,} work items",
        "",
        f"{found['measured_at']}; " + "; ".join(f"{k} {v}" for k, v in found["machine"].items()),
        "",
        f"![cost against size](results/{found['size']}.svg)",
        "",
        "| Items | Step | Wall s | CPU s | Peak MiB | Rows | MB |",
        "|---:|---|---:|---:|---:|---:|---:|",
    ]
    for size in sizes:
        for step in size["steps"]:
            rows = f"{step['rows']:,}" if step["rows"] else ""
            size_mb = f"{step['bytes'] / 1e6:,.0f}" if step["bytes"] else ""
            lines.append(
                f"| {size['items']:,} | {step['name']} | {step['wall_s']:.1f} | {step['cpu_s']:.1f}"
                f" | {step['peak_mib']:,.0f} | {rows} | {size_mb} |"
            )
    nodes = last["nodes"]
    dearest = sorted(nodes, key=lambda name: -nodes[name]["cpu_s"])[:20]
    lines += [
        "",
        "The dearest models and tests (CPU seconds), and how they grow:",
        "",
        "| Node | "
        + " | ".join(f"{size['items']:,}" for size in sizes)
        + " | Exponent | Peak MiB |",
        "|---|" + "---:|" * (len(sizes) + 2),
    ]
    for name in dearest:
        took = " | ".join(f"{size['nodes'].get(name, {}).get('cpu_s', 0):.2f}" for size in sizes)
        slope = found["exponents"].get(name)
        told = f"{slope:.2f}" if slope is not None else ""
        lines.append(f"| {name.split('.')[2]} | {took} | {told} | {nodes[name]['peak_mib']:,.0f} |")
    lines += [
        "",
        "Steeper than n^1.15: "
        + (
            ", ".join(f"{n.split('.')[2]} ({s:.2f})" for n, s in found["too_steep"].items())
            or "none"
        )
        + ".",
        "",
        "Against the least that the engine must do (CPU seconds; `bare.sql`):",
        "",
        "| Table | Own | Bare | Ratio | With all before | Bare with all before |",
        "|---|---:|---:|---:|---:|---:|",
        *(
            f"| {row['table']} | {row['own_s']:.2f} | {row['bare_s']:.2f} | {row['ratio']:.1f}"
            f" | {row['with_all_before_s']:.2f} | {row['bare_with_all_before_s']:.2f} |"
            for row in found["ratios"]
        ),
        "",
    ]
    if found.get("delivery"):  # what was measured before has none
        lines += [
            "What follows work to production, on rows that are made up (CPU seconds):",
            "",
            "| What | Rows | Own | Bare | Ratio | Exponent |",
            "|---|---:|---:|---:|---:|---:|",
            *(
                f"| {row['what']} | {row['rows']:,} | {row['own_s']:.2f} | {row['bare_s']:.2f}"
                f" | {row['ratio']:.1f} | {row['exponent']:.2f} |"
                for row in found["delivery"]
            ),
            "",
        ]
    if last["asked"]:  # not at the size for every change
        told = "; ".join(f"{name} {took:.2f}" for name, took in last["asked"].items())
        lines += [f"Ten BI queries (CPU seconds): {told}.", ""]
    return lines
