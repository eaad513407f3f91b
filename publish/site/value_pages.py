"""The pages on what came of the work: speed beside quality, and what the feeds say."""

from publish.site.parts import Page, Section

FEED = "docs/feeds.md says how to write it."

PAIRS = Page(
    "pairs",
    "Speed and quality",
    "Speed and quality",
    "Improve",
    (
        Section(
            "speed",
            ("pairs",),
            "What is finished, month by month",
            "Items finished; of a month that is not over the bar is hollow. Read it beside the "
            "picture below: speed at the price of quality shows as both going up. "
            "Source: metrics.metric_flow_month_totals.",
            "Nothing was finished in this range.",
            chart=True,
            at={"pairs": "month_start"},
            links={"velocity": "state=finished&month={month_start}"},
            labels={"velocity": "Items finished", "month_start": "Month", "n": "n of times"},
            hidden=(
                *("deployments", "failed_deployments", "change_fail_share", "escaped"),
                *("found_before", "escape_share", "is_mature"),
            ),
        ),
        Section(
            "quality",
            ("pairs",),
            "What breaks, month by month",
            "The share of deployments that failed by evidence, and of the defects of the month's "
            "releases that were found in production only; the second one can still grow until 30 "
            "days after the month. A hollow point is of fewer than ten. "
            "Source: metrics.metric_dora, metrics.metric_defect_escapes.",
            "Nothing was finished in this range.",
            chart=True,
            at={"pairs": "month_start"},
            labels={"month_start": "Month", "is_mature": "Defects had their 30 days"},
            hidden=("velocity", "flow_time_p85_s", "n"),
        ),
    ),
)

VALUE = Page(
    "value",
    "Value and money",
    "Value and money",
    "Value",
    (
        Section(
            "values",
            ("values",),
            "What customers got, and what the month cost",
            "Each measure with its first month as 100; spend and value per spend are in the table. "
            "What a month cost seldom is what made its value. Source: "
            "metrics.metric_value_per_spend.",
            f"Nobody feeds a measure of value of this value stream. {FEED}",
            chart=True,
            at={"values": "month_start"},
            labels={"measured_value": "Value", "month_start": "Month"},
            hidden=("of_first",),
        ),
        Section(
            "money",
            ("money",),
            "Budget, spend and revenue",
            "Currencies are never added. Source: marts.fct_stream_financials.",
            f"Nobody feeds the money of this value stream. {FEED}",
            at={"money": "month_start"},
            labels={"month_start": "Month"},
        ),
    ),
    has_works=False,
)

LEARNING = Page(
    "learning",
    "Experiments and risks",
    "Experiments, risks and assessments",
    "Value",
    (
        Section(
            "learnings",
            ("learnings",),
            "How long from an idea to knowing what it was worth",
            "Experiments by the month in which it was known how they were received; of a few the "
            "mean is theirs and no more. Source: metrics.metric_time_to_learning.",
            f"Nobody feeds an experiment of this value stream. {FEED}",
            labels={
                "month_start": "Month",
                "conceived_experiments": "Conceived",
                "learned_experiments": "Learned",
                "mean_learning_days": "Mean days to learning",
                "supported_experiments": "Supported",
                "refuted_experiments": "Refuted",
                "supported_share": "Share supported",
            },
        ),
        Section(
            "experiments",
            ("experiments",),
            "Experiments",
            "The newest first. Source: marts.fct_experiments.",
            f"Nobody feeds an experiment of this value stream. {FEED}",
            labels={
                "expected_delta": "Expected",
                "observed_delta": "Observed",
                "idea_on": "Idea",
                "released_on": "Released",
                "learned_on": "Learned",
                "idea_to_learned_days": "Days to learning",
            },
        ),
        Section(
            "risks",
            ("risks",),
            "Risks, as they were assessed last",
            "Exposure: likelihood times impact, 1 to 25; it ranks risks and says nothing of money. "
            "Source: marts.fct_risks.",
            f"Nobody feeds a risk of this value stream. {FEED}",
        ),
        Section(
            "assessments",
            ("assessments",),
            "Assessments",
            "Without the scores of fewer than five people. Source: marts.fct_assessments.",
            f"Nobody feeds an assessment of this value stream. {FEED}",
            labels={"score_share": "Of the best"},
        ),
    ),
    has_works=False,
    has_ranges=False,
)

LOADS = Page(
    "loads",
    "Load of teams",
    "Load of teams",
    "Value",
    (
        Section(
            "loads",
            ("loads",),
            "Items in active stages at once, by team and week",
            "The mean over every second of the week, blocked items too; beside the capacity of the "
            "feed team_capacities, where there is one. A proxy: an item in an active stage is not "
            "always in somebody's hands. Source: metrics.metric_team_load.",
            "No team of this value stream had an item in an active stage in this range.",
            chart=True,
            at={"loads": "week_start"},
            labels={
                "week_start": "Week",
                "available_ftes": "FTE there",
                "items_per_fte": "Per FTE",
            },
        ),
    ),
)
