"""What pages the site has, and what each shows: sections with a picture, or with tables alone.

A section's tables are `tables/<name>.sql`, its picture is `charts/<name>.json`. A row with a column
`stream`, `work` or `range` is shown for that choice; a row with the column named in `at` is shown
where that day is in the chosen range.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Section:
    """One part of a page.

    Attributes:
        name: Its place in the page (`#name`), and its picture where it has one.
        tables: Names of the SQL files; the first one decides whether there is anything to show.
        title: What one sees.
        caption: How it is counted, and its table in the published file.
        empty: What is said where there is no row.
        chart: Whether there is a picture; the tables are then folded under it.
        at: The column of the day by which rows belong to a range, by table.
        links: Where a number leads, by column: a query of the page of items, with `{column}` for
            values of the row.
        labels: How columns are called where their names do not say it.
        hidden: Columns that the picture needs and no reader does.
        only: A column that must be true of the rows that are shown, by table.
    """

    name: str
    tables: tuple[str, ...]
    title: str
    caption: str
    empty: str
    chart: bool = False
    at: dict[str, str] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    hidden: tuple[str, ...] = ()
    only: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Page:
    """One file of the site."""

    name: str
    menu: str
    title: str
    theme: str
    sections: tuple[Section, ...] = ()
    intro: str = ""
    has_works: bool = True
    has_ranges: bool = True
    is_filtered: bool = True

    @property
    def file(self) -> str:
        """Return its name in the folder of the site."""
        return f"{self.name}.html"


FLOW_TIME = (
    "Flow time runs from the first entry of a started stage to the last done, elapsed (nights and "
    "weekends count)."
)
STATIONS = "Median of fewer than ten visits is not shown."

PAGES = (
    Page("index", "Verdicts", "Verdicts", "Overview"),
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
                "the seed stage_targets sets it for today. A gap above zero is too long. " + "
                "STATIONS,
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
                "days. Limits are frozen at their baseline. A point outside, or eight on one side, "
                "is a signal: a question, no proof. Source: metrics.metric_xmr.",
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
                "By drawing days of the last 90 again and again (zero days included): at least so "
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
        "dora",
        "DORA and incidents",
        "Deployments and incidents",
        "Delivery",
        (
            Section(
                "dora",
                ("dora",),
                "The five of DORA, per service and month",
                "A deployment failed where evidence says so: it was rolled back, hotfixed, or an "
                "incident names its change. No percentile of fewer than ten. "
                "Source: metrics.metric_dora.",
                "No service of this value stream was deployed: services.csv says which are its "
                "own.",
                chart=True,
                at={"dora": "month_start"},
                labels={
                    "lead_time_p50_s": "Lead time P50",
                    "recovery_time_p50_s": "Recovery P50",
                    "changes": "Changes (n of lead time)",
                },
            ),
            Section(
                "incidents",
                ("incidents",),
                "Incidents, and the deployment that led to each",
                "The likeliest cause, and how it is known: the incident names the change (1.0), it "
                "was rolled back (0.8) or hotfixed (0.7), or only the same service was deployed "
                "shortly before (0.4, a guess). The newest 1,000. Source: marts.fct_incidents, "
                "marts.bridge_incident_deployments.",
                "No incident was opened in this range.",
                at={"incidents": "opened_at"},
            ),
        ),
        has_works=False,
    ),
    Page(
        "ci",
        "CI health",
        "CI health",
        "Delivery",
        (
            Section(
                "ci",
                ("ci",),
                "Pipelines by month",
                "Attempts with a verdict (n: judged attempts), how many failed, how many were "
                "flaky (the same commit failed and passed), how long runs take and wait. No "
                "percentile of fewer than ten. Source: metrics.metric_ci_health.",
                "No pipeline ran in this range.",
                chart=True,
                at={"ci": "month_start"},
                labels={"run_n": "n of runs", "queue_n": "n of queues"},
            ),
        ),
        has_works=False,
    ),
    Page(
        "changes",
        "Change approval",
        "Change evidence and approval",
        "Delivery",
        (
            Section(
                "evidence",
                ("evidence",),
                "What is proved of the changes in production",
                "Five questions of an auditor, asked of every change that a deployment brought. "
                "Not known is no yes. Source: metrics.metric_change_evidence.",
                "Nothing was deployed to production in this range.",
                labels={"proved_share": "Share proved"},
            ),
            Section(
                "gaps_in_evidence",
                ("gaps_in_evidence",),
                "Changes that lack a proof",
                "Each with the change and the work item it names; the newest 1,000.",
                "No change of this range lacks a proof.",
                at={"gaps_in_evidence": "deployed_date"},
            ),
            Section(
                "approvals",
                ("approvals",),
                "How long change requests waited for approval",
                "From the request for approval to the approval, elapsed. No percentile of fewer "
                "than ten. Source: marts.fct_change_requests.",
                "No change was requested in this range.",
            ),
        ),
        has_works=False,
    ),
    Page(
        "trace",
        "Trace a key",
        "Trace a key",
        "Delivery",
        intro="Type the key of an issue or a pull request: the way from idea to "
        "production, and how each step is known. The newest 4,000 items are here.",
        is_filtered=False,
    ),
    Page(
        "constraint",
        "Constraint",
        "Constraint",
        "Improve",
        (
            Section(
                "constraint",
                ("constraint",),
                "Which station limits the line, week by week",
                "Each row is a station, each column a week over its window of 13 weeks. Filled: "
                "the constraint, by how sure that is. Nothing is said where waits are not "
                "modelled or visits are few. Source: metrics.metric_constraint.",
                "No week of this range has been scored.",
                chart=True,
                at={"constraint": "week_start"},
                hidden=("position", "is_last"),
            ),
            Section(
                "constraint_items",
                ("constraint_items",),
                "The visits that show it",
                "What waited longest in the queue of the present constraint, in its window; the "
                "200 longest. Source: metrics.metric_constraint_visits.",
                "There is no constraint to show visits of.",
            ),
            Section(
                "losses",
                ("losses",),
                "What the delay is made of",
                "Item-days lost per month by waiting and by blocks, the ten largest. "
                "Source: metrics.metric_delay_pareto.",
                "No time was lost in this range.",
                at={"losses": "month_start"},
                labels={"label": "Stage", "loss_rank": "Rank", "lost_share": "Share of all"},
            ),
        ),
    ),
    Page(
        "dependencies",
        "Dependencies",
        "Dependencies",
        "Improve",
        (
            Section(
                "dependencies",
                ("dependencies",),
                "Who holds up this value stream",
                "Pairs of an item that blocks and one that is blocked. The wait is known only "
                "where the source says since when. Source: metrics.metric_dependencies.",
                "No item of this value stream is blocked by another one.",
                labels={
                    "dependency_count": "Dependencies",
                    "open_dependency_count": "Open",
                    "dated_dependency_count": "With a date",
                    "dependency_wait_s": "Wait",
                },
            ),
            Section(
                "open_dependencies",
                ("open_dependencies",),
                "The items behind it",
                "Open ones first; 500 at most. Source: marts.bridge_work_item_links.",
                "No item of this value stream is blocked by another one.",
            ),
        ),
        has_works=False,
        has_ranges=False,
    ),
    Page(
        "epics",
        "Epics",
        "Epics",
        "Plan",
        (
            Section(
                "epics",
                ("epics",),
                "How far, and when done",
                "Done share: children done over children not cancelled. Dates: the day by which "
                "the last open child is done with 50, 85 and 95 % certainty, drawn from what the "
                "value stream finished lately (n). "
                "Source: metrics.metric_epic_progress.",
                "No item of this value stream has children.",
                chart=True,
                links={"children": "parent={item_key}&of={child_work}&alive=yes&any=yes"},
                labels={
                    "done_count": "Done",
                    "open_count": "Open",
                    "window_done_count": "Of them its own",
                },
                hidden=("child_work", "epic_level"),
            ),
        ),
        has_works=False,
        has_ranges=False,
    ),
    Page(
        "targets",
        "Targets",
        "Targets and guardrails",
        "Plan",
        (
            Section(
                "goals",
                ("targets",),
                "Where each goal stands",
                "The last complete period of each KPI and key result; expected is what the number "
                "should be at the end of the period. Source: metrics.metric_targets.",
                "Nobody set a target for this value stream: targets.csv is where.",
                hidden=(
                    "is_last",
                    "kind",
                    "period_start",
                    "is_complete_period",
                    "progress_share",
                    "target",
                ),
                only={"targets": "is_last"},
            ),
            Section(
                "rails",
                ("guardrails",),
                "Where each guardrail stands",
                "The share of what was finished that one type of work had in the last complete "
                "period, beside the least and the most that it should have. "
                "Source: metrics.metric_guardrails.",
                "Nobody set a guardrail for this value stream: guardrails.csv is where.",
                hidden=("is_last", "is_complete_period"),
                only={"guardrails": "is_last"},
            ),
            Section(
                "targets",
                ("targets",),
                "Goals, period by period",
                "Newest first; of one period nobody can say whether it is noise. "
                "Source: metrics.metric_targets.",
                "Nobody set a target for this value stream: targets.csv is where.",
                hidden=("is_last", "kind", "period_end", "owner_team", "better", "target"),
            ),
            Section(
                "guardrails",
                ("guardrails",),
                "Guardrails, period by period",
                "Newest first. Source: metrics.metric_guardrails.",
                "Nobody set a guardrail for this value stream: guardrails.csv is where.",
                hidden=("is_last",),
            ),
        ),
        has_works=False,
        has_ranges=False,
    ),
    Page(
        "items",
        "Items",
        "Items",
        "Data",
        (
            Section(
                "items",
                ("items",),
                "What is behind a number",
                "Each item leads to its ticket, and to its way to production. Source: "
                "marts.dim_work_items, metrics.metric_cycle_times, metrics.metric_aging_wip.",
                "No item is so.",
                at={"items": "finished_date"},
                labels={"label": "Stage now", "is_late": "Late", "start_to_done_s": "Flow time"},
                hidden=("visited", "is_unmapped", "started_date"),
            ),
        ),
    ),
    Page(
        "quality",
        "Data quality",
        "Data quality and freshness",
        "Data",
        (
            Section(
                "flaws",
                ("flaws",),
                "What is measured of the data, by source",
                "How much of each source is so; most are flaws, `history complete` is none. "
                "Source: metrics.metric_data_quality.",
                "No flaw is measured.",
            ),
            Section(
                "unmapped",
                ("unmapped",),
                "Time in statuses without a stage",
                "flowhouse status --seeds prints the lines that map them. "
                "Source: metrics.metric_unmapped_time.",
                "Every status has a stage.",
            ),
            Section(
                "not_known",
                ("not_known",),
                "Times of which nothing is known",
                "Sources that begin later than the rest, or keep nothing for so long. "
                "Source: meta.history_gaps.",
                "No time is missing.",
            ),
            Section(
                "results",
                ("results",),
                "Tests of the last refresh",
                "Source: meta.quality_results.",
                "No test has run.",
                hidden=("results_order",),
            ),
            Section(
                "restatements",
                ("restatements",),
                "Values of the past that are other than before",
                "By the last publication, with what caused it. Source: meta.restatements.",
                "No value of the past is other than in the publication before.",
            ),
        ),
        is_filtered=False,
    ),
    Page("definitions", "Definitions", "Definitions", "Data", is_filtered=False),
)

OWN_SCRIPTS = ("index", "trace")
"""Pages that draw something that is no section."""

MORE_TABLES = {"index": ("figures",), "trace": ("traces", "steps")}
"""Tables of pages that are no section's."""


def themes() -> list[tuple[str, list[Page]]]:
    """Return the pages by theme, in their order."""
    found: dict[str, list[Page]] = {}
    for page in PAGES:
        found.setdefault(page.theme, []).append(page)
    return [*found.items()]
