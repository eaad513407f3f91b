"""What pages the site has, and what each shows: sections with a picture, or with tables alone.

A section's tables are `tables/<name>.sql`, its picture is `charts/<name>.json`. A row with a column
`stream`, `work` or `range` is shown for that choice; a row with the column named in `at` is shown
where that day is in the chosen range.
"""

from publish.site.flow_pages import FLOW_PAGES
from publish.site.parts import Page, Section
from publish.site.value_pages import LEARNING, LOADS, PAIRS, VALUE

PAGES = (
    Page("index", "Verdicts", "Verdicts", "Overview"),
    *FLOW_PAGES,
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
                    "lead_time_p85_s": "Lead time P85",
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
            Section(
                "agreements",
                ("agreements",),
                "Agreements of incidents, month by month",
                "By priority and by what was agreed: a response or a resolution in time, or the "
                "incident as a whole. n: agreements that ended in the month and were judged. "
                "Source: metrics.metric_incident_sla.",
                "No agreement of an incident was open in this range.",
                at={"agreements": "month_start"},
                labels={"month_start": "Month", "ended": "n"},
                hidden=("level",),
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
                "flaky (the same commit failed and passed), how long runs take and wait. A hollow "
                "point is of fewer than ten attempts and on no line; no percentile of fewer than "
                "ten. Source: metrics.metric_ci_health.",
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
    PAIRS,
    Page(
        "interventions",
        "Interventions",
        "Interventions",
        "Improve",
        (
            Section(
                "interventions",
                ("interventions",),
                "Whether each helped",
                "Judged by its own station first (work time, what left it, its queue) against a "
                "baseline frozen before it began; the flow time of the line confirms it later, "
                "since a draining queue makes it look worse for months. Shares: change of the "
                "measure, with its 95 % interval. Source: metrics.metric_interventions.",
                "Nobody wrote down an intervention for this value stream: interventions.csv is "
                "where.",
            ),
        ),
        has_works=False,
        has_ranges=False,
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
                "value stream finished lately (n), and no sooner than its own work takes. How "
                "often such days held is in metrics.metric_epic_backtests. "
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
    VALUE,
    LEARNING,
    LOADS,
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
                "How much of each source is so; most are flaws, history complete is none. "
                "Source: metrics.metric_data_quality.",
                "No flaw is measured.",
                labels={"affected_share": "Share"},
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
                "By the last publication, with what caused it; old and new are those of the period"
                " that changed most. Source: meta.restatements.",
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
