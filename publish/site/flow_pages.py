"""The pages on how work flows."""

from publish.site.parts import Page, Section

FLOW_TIME = (
    "Flow time runs from the first entry of a started stage to the last done, elapsed (nights and "
    "weekends count)."
)

FLOW_PAGES = (
    Page(
        "map",
        "Value stream map",
        "Value stream map",
        "Flow",
        (
            Section(
                "map",
                ("map",),
                "Where finished work waited and where it was touched",
                "Boxes: stages in order, with wait and touch time of items finished in the range "
                "(P50 per visit, where there are ten of them, and total), items there now (WIP) "
                "and the share of visits that were rework. A visit counts for the value stream "
                "that the item was in then. Ladder: mean wait and touch per finished item. Its "
                "share of touch differs from the flow efficiency of the first page where items "
                "changed their value stream: that counts every finished item whole, this one the "
                "stays in this value stream. Source: marts.fct_stage_visits.",
                "No item was finished or is under way in this range.",
                chart=True,
                links={
                    "items": "visited={label}&state=finished",
                    "wip": "label={label}&state=in progress",
                },
                labels={
                    "label": "Stage",
                    "wait_p50_s": "Wait P50",
                    "touch_p50_s": "Touch P50",
                    "wip": "WIP",
                },
                hidden=("position", "is_longest_wait"),
            ),
            Section(
                "gap",
                ("targets_of_stages",),
                "Current, target and gap",
                "Medians of the visits of the range beside the most that a visit should take, as "
                "the seed stage_targets sets it for today. A gap above zero is too long. "
                "Median of fewer than ten visits is not shown.",
                "Nobody set a target for a stage of this work: stage_targets.csv is where.",
                labels={"label": "Stage"},
                hidden=("position",),
            ),
        ),
    ),
    Page(
        "cumulative",
        "Cumulative flow",
        "Cumulative flow",
        "Flow",
        (
            Section(
                "cumulative",
                ("cumulative",),
                "Items in each stage at the end of the day",
                "Net count per stage (wip_by_stage), so a band gets thinner when work moves back. "
                "Backlog is left out, and done counts what was finished since the range began: "
                "neither drowns what is in between. Of a year the last day of each week is drawn. "
                "Source: metrics.metric_cumulative_flow.",
                "No item was in any stage in this range.",
                chart=True,
                labels={"label": "Stage", "date_day": "Day"},
                hidden=("position",),
            ),
        ),
    ),
    Page(
        "times",
        "Cycle time",
        "Cycle time",
        "Flow",
        (
            Section(
                "times",
                ("times", "percentiles"),
                "Flow time of every finished item",
                FLOW_TIME + " Percentiles are nearest-rank: each is the time of a real item; of "
                "fewer than ten items there is none. The newest 5,000 points of a value stream and "
                "kind of work are drawn; percentiles use all. Items that were never started have "
                "no flow time. Source: metrics.metric_cycle_times.",
                "No item with a flow time was finished in this range.",
                chart=True,
                at={"times": "finished_date"},
                links={"finished_items": "state=finished&timed=yes"},
                labels={"start_to_done_s": "Flow time"},
            ),
            Section(
                "xmr",
                ("xmr",),
                "Flow time per week, with the limits of its baseline",
                "Mean of the logarithms of the hours of the items finished in the week, drawn in "
                "days. Band and dashed line: limits and centre, frozen at their baseline. A "
                "triangle is a signal, a point outside or eight on one side: a question, no proof. "
                "Source: metrics.metric_xmr.",
                "No week of this range has a value.",
                chart=True,
                at={"xmr": "week_start"},
                links={"n": "state=finished&week={week_start}"},
                labels={"mean_s": "Mean flow time", "centre_s": "Centre"},
            ),
        ),
    ),
    Page(
        "aging",
        "Aging work",
        "Aging work in progress",
        "Flow",
        (
            Section(
                "aging",
                ("aging", "pace"),
                "Age of open items against the pace of finished ones",
                "Age since start, not time in the stage. Bands: age at which finished items left "
                "that stage of the value stream for the last time, where at least ten did. A "
                "triangle is older than 85 % of its own value stream's finished items were. The "
                "oldest 5,000 points are drawn. Source: metrics.metric_aging_wip.",
                "Nothing is in progress.",
                chart=True,
                labels={"label": "Stage", "is_late": "Late"},
                hidden=("position",),
            ),
        ),
        has_ranges=False,
    ),
    Page(
        "throughput",
        "Throughput",
        "Throughput",
        "Flow",
        (
            Section(
                "throughput",
                ("throughput",),
                "Items finished per week, with the limits of their baseline",
                "Exact counts of items by the week of last done, Monday to Sunday in the value "
                "stream's time zone; weeks without any are zero. A bar with a dashed edge is a "
                "week that is not over. Lines: centre and limits of the control chart, frozen at "
                "their baseline; a bar in red is a signal: a question, no proof. "
                "Source: metrics.metric_flow_totals and metrics.metric_throughput_xmr.",
                "No item was finished in this range.",
                chart=True,
                at={"throughput": "week_start"},
                links={"velocity": "state=finished&week={week_start}"},
                labels={"velocity": "Items finished", "is_complete_week": "Week is over"},
            ),
        ),
    ),
    Page(
        "forecast",
        "Forecast",
        "Forecast",
        "Flow",
        (
            Section(
                "forecast",
                ("forecast",),
                "How many, and when",
                "By drawing the last 13 weeks again and again, each as a whole: at least so "
                "many items in so many days, or at most so many days until what is in flow is "
                "finished, with that certainty. It says what is likely if the next weeks are like "
                "the last ones. Source: metrics.metric_forecast.",
                "We do not know: fewer than 28 days or ten finished items to draw from.",
                chart=True,
                hidden=("kind", "trials", "window_days"),
                labels={
                    "percentile": "Certainty %",
                    "items": "At least items",
                    "days": "At most days",
                    "horizon_days": "Within days",
                    "origin_date": "Counted from",
                    "forecast_date": "By",
                },
            ),
            Section(
                "calibration",
                ("calibration",),
                "How forecasts of the past held",
                "Each is a forecast of how many, made as of a past day with what was known then, "
                "against what came. A certainty of 85 % should hold about 85 times in 100; of few "
                "forecasts that says little. Source: metrics.metric_forecast_calibration.",
                "No past day has enough history before it and after it.",
                labels={
                    "percentile": "Certainty %",
                    "hits": "Held",
                    "n": "Forecasts",
                    "coverage_share": "Share that held",
                    "first_origin_date": "First",
                    "last_origin_date": "Last",
                },
            ),
        ),
        has_ranges=False,
    ),
    Page(
        "distribution",
        "Distribution",
        "Distribution of work",
        "Flow",
        (
            Section(
                "distribution",
                ("distribution",),
                "Types of work among what was finished per week",
                "Items finished in the week by type of work. Source: metrics.metric_flow.",
                "No item was finished in this range.",
                chart=True,
                at={"distribution": "week_start"},
                links={"velocity": "state=finished&week={week_start}&work_type={work_type}"},
                labels={"velocity": "Items finished"},
            ),
            Section(
                "types",
                ("types",),
                "Types of work in the range",
                "n: items with a flow time. No percentile of fewer than ten. "
                "Source: metrics.metric_cycle_times.",
                "No item was finished in this range.",
                links={"finished_items": "state=finished&work_type={work_type}"},
            ),
        ),
    ),
    Page(
        "months",
        "By month",
        "By month",
        "Flow",
        (
            Section(
                "months",
                ("months",),
                "The metrics of flow, month by month",
                "What MetricFlow, the dashboards and the MCP server say too. Months are those of "
                "the value stream's time zone. n: finished items with a flow time; no percentile "
                "of fewer than ten. Load is what was in flow on the last day of the month. "
                "Source: metrics.metric_flow_month_totals.",
                "Nothing of this work happened in this range.",
                at={"months": "month_start"},
                links={"velocity": "state=finished&month={month_start}"},
                labels={"velocity": "Items finished", "month_start": "Month"},
            ),
        ),
    ),
)
