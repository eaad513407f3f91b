"""Recounts of what seeds alone decide, and of the chart that is cut from another one."""

from collections.abc import Iterator

from tests.recount.registry import Row, Tables, recounts


@recounts("metric_throughput_xmr")
def throughput_charts(tables: Tables) -> Iterator[Row]:
    """The chart of velocity of `metric_xmr`, under the name that the contract gives it."""
    for chart in tables.rows("metric_xmr"):
        if chart["metric"] != "velocity":
            continue
        group = [chart["value_stream_key"], chart["workflow"], chart["level"]]
        yield {
            "metric_throughput_xmr_key": "|".join([*group, chart["week_start"].isoformat()]),
            "value_stream_key": group[0],
            "workflow": group[1],
            "level": group[2],
            "velocity": chart["n"],
            **{
                name: chart[name]
                for name in (
                    "point_no", "phase_no", "baseline_n", "centre", "upper_limit", "lower_limit",
                    "is_baseline", "is_signal", "signal", "week_start",
                )
            },
        }  # fmt: skip
