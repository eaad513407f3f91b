"""Golden cases of the feeds: what no tool of the pipeline knows.

The value stream `reef` keeps UTC and hours of its own, Monday to Friday, 9 to 17; it closes from
20 to 24 May. `past` keeps the time of Auckland, twelve hours ahead: what is deployed there at 23:30
UTC is deployed on the next day.
"""

from typing import Any

from tests.flow.golden import Case, day
from tests.flow.scratch import Delivery, Fed, Issue

REEF = "lab/reef"
NOT_YET = (None,) * 6
"""What comes of an experiment: first use, learning, verdict, delta, decision and its day."""

EXPERIMENTS = """\
experiment_key,value_stream_key,hypothesis,measure,better,expected_delta,work_item,owner_team_key,\
conceived_on,first_use_on,due_on,learned_on,observed_delta,verdict,decided_on,decision
one-click,reef,"If paying takes one click, then more orders are paid",conversion,higher,2,tid-1,\
hands,2024-05-10,2024-06-06,2024-06-10,2024-06-20,2.5,supported,2024-06-24,keep
late,reef,If we write then they answer,answers,higher,10,,strangers,2024-06-01,,2024-06-15,,,,,
fewer-fields,reef,If forms are short then fewer give up,given up,lower,-5,,,\
2024-05-20,2024-06-01,2024-07-01,2024-06-30,1,refuted,,
to-come,nowhere,If it is quick then it is used,use,higher,3,,,2024-06-02,2024-06-20,2024-06-20,\
2024-07-15,4,supported,2024-07-16,keep
unborn,reef,Nobody has thought of it yet,use,higher,3,,,2024-07-05,,2024-08-01,,,,,
no-item,reef,If it is blue then they like it,likes,higher,3,XXX-1,hands,\
2024-06-03,,2024-06-12,2024-06-10,,inconclusive,2024-06-10,stop
abroad,past,If it works here then it works there,conversion,higher,1,TID-1,hands,\
2024-05-11,,2024-07-01,,,,,
lost,nowhere,If it is lost then nobody knows,use,higher,3,TID-1,,2024-06-02,,2024-07-20,,,,,
second,reef,If it is done twice then it is sure,use,higher,3,,,\
2024-06-04,,2024-07-30,2024-06-14,,supported,,
third,reef,If it is done thrice then it is surer,use,higher,3,,,\
2024-06-05,,2024-07-30,2024-06-25,,refuted,,
west,strait,If the sun sets later then they stay,use,higher,3,,,2024-06-10,,2024-08-01,,,,,
due-today,reef,If we ask then we know,answers,higher,1,,,2024-06-30,,2024-07-01,,,,,
"""

MEASURES = """\
value_stream_key,measure,measured_on,value,kind,unit,better,measured_by,owner_team_key
reef,conversion,2024-02-29,0.05,level,share,higher,shop,hands
reef,conversion,2024-04-30,0.10,level,share,higher,shop,hands
reef,conversion,2024-05-31,0.12,level,share,higher,shop,hands
reef,conversion,2024-05-15,0.2,level,share,higher,shop,hands
reef,conversion,2024-06-30,0.15,level,share,higher,shop,hands
reef,orders,2024-04-10,50,amount,orders,higher,,
reef,orders,2024-05-10,100,amount,orders,higher,,
reef,orders,2024-05-20,150,amount,orders,higher,,
reef,orders,2024-06-05,300,amount,orders,higher,,
reef,orders,2024-07-02,900,amount,orders,higher,,
reef,complaints,2024-05-31,8,amount,letters,lower,,
reef,complaints,2024-06-30,5,amount,letters,lower,,
strait,conversion,2024-03-15,0.35,level,share,higher,shop,hands
strait,conversion,2024-04-15,0.4,level,share,higher,shop,hands
strait,conversion,2024-06-10,0.5,level,share,higher,shop,hands
nowhere,orders,2024-06-05,7,amount,orders,higher,,strangers
"""

FINANCIALS = """\
value_stream_key,month_start,currency,budget,spend,revenue
reef,2024-03-01,EUR,100,100,
reef,2024-04-01,EUR,100,0,
reef,2024-05-01,EUR,1000,500,700
reef,2024-05-01,USD,,50,
reef,2024-06-01,EUR,100,150,
reef,2024-07-01,EUR,100,,
reef,2024-08-01,EUR,100,,
nowhere,2024-06-01,EUR,,10,
"""

RISKS = """\
risk,value_stream_key,name,category,work_item,assessed_on,likelihood,impact,status,response,\
owner_team_key,due_on
lock-in,reef,The one supplier leaves,supplier,Tid-1,2024-06-01,2,5,mitigated,A second one,hands,
lock-in,reef,The one supplier leaves,supplier,Tid-1,2024-05-01,4,5,open,,hands,2024-08-01
lock-in,reef,The one supplier leaves,supplier,,2024-07-05,1,5,closed,,hands,
old,reef,The old one breaks,supplier,,2024-06-11,2,2,accepted,,,
peak,strait,It does not stand the peak,integration,,2024-06-10,1,4,open,,strangers,
sprints,nowhere,Sprints do not match,planning,,2024-06-15,3,3,closed,,,
"""

ASSESSMENTS = """\
assessment,value_stream_key,dimension,assessed_on,score,best_score,respondents
lpm,reef,strategy,2024-03-01,2,5,4
lpm,reef,strategy,2024-06-01,3,5,5
survey,reef,strategy,2024-06-20,6,10,6
lpm,reef,operations,2024-06-01,4,5,
lpm,nowhere,strategy,2024-06-01,1,5,9
lpm,reef,strategy,2024-07-02,5,5,9
"""

CAPACITIES = """\
team_key,role,week_start,available_hours
hands,developer,2024-04-29,64
hands,developer,2024-05-20,40
hands,developer,2024-06-03,80
hands,tester,2024-06-03,40
hands,developer,2024-06-24,0
hands,developer,2024-07-01,40
hands,developer,2024-07-08,40
strangers,developer,2024-06-03,40
"""


def worked(number: int, begun: str, done: str | None, **more: Any) -> Issue:
    """Return an item of the hands that was created where it is worked on."""
    history = f"2024-{begun} created in In Progress" + (f"\n2024-{done} Done" if done else "")
    return Issue(f"TID-{number}", history, team="Hands", **more)


CASES: list[Case] = [
    Case(
        "what a feed says is known from its day on, and of the file that is there now",
        [
            Issue(
                "TID-1",
                """
                2024-05-01 13:00 created in Backlog
                2024-06-03 00:00 In Progress
                2024-06-04 00:00 points: 5
                2024-06-05 00:00 Done
                """,
                team="Hands",
            ),
            Delivery(
                7980,
                (),
                "2024-05-31 08:00",
                "2024-05-31 08:00",
                "2024-05-31 09:00",
                "2024-06-01 09:00",
                REEF,
            ),
            Delivery(
                7981,
                ("TID-1",),
                "2024-06-04 08:00",
                "2024-06-04 08:00",
                "2024-06-04 09:00",
                "2024-06-05 23:30",
                REEF,
            ),
            Fed("experiments", EXPERIMENTS),
            Fed("value_measures", MEASURES),
            # It stood in the file before; nobody measured it after all.
            Fed(
                "value_measures",
                "value_stream_key,measure,measured_on,value,kind,unit,better\n"
                "reef,orders,2024-05-25,1000,amount,orders,higher\n",
                is_there=False,
            ),
            Fed("stream_financials", FINANCIALS),
            Fed("risks", RISKS),
            Fed("assessments", ASSESSMENTS),
            Fed("team_capacities", CAPACITIES),
        ],
        rows={
            # In Auckland TID-1 was created on 2 May and deployed on 6 June.
            """select experiment_key, value_stream_key, work_item_key, owner_team_key, idea_on,
                   released_on, first_use_on, learned_on, verdict, observed_delta, decided_on,
                   decision
               from marts.fct_experiments order by 1""": [
                ("abroad", "past", "jira:TID-1", "hands", day("05-02"), day("06-06"), *NOT_YET),
                ("due-today", "reef", None, None, day("06-30"), None, *NOT_YET),
                ("fewer-fields", "reef", None, None, day("05-20"), None,
                 day("06-01"), day("06-30"), "refuted", 1.0, None, None),
                ("late", "reef", None, "unassigned", day("06-01"), None, *NOT_YET),
                # Of a value stream that is none, days are those of UTC.
                ("lost", "unassigned", "jira:TID-1", None, day("05-01"), day("06-05"), *NOT_YET),
                ("no-item", "reef", None, "hands", day("06-03"), None,
                 None, day("06-10"), "inconclusive", None, day("06-10"), "stop"),
                ("one-click", "reef", "jira:TID-1", "hands", day("05-01"), day("06-05"),
                 day("06-06"), day("06-20"), "supported", 2.5, day("06-24"), "keep"),
                ("second", "reef", None, None, day("06-04"), None,
                 None, day("06-14"), "supported", None, None, None),
                ("third", "reef", None, None, day("06-05"), None,
                 None, day("06-25"), "refuted", None, None, None),
                ("to-come", "unassigned", None, None, day("06-02"), None,
                 day("06-20"), None, None, None, None, None),
                ("west", "strait", None, None, day("06-10"), None, *NOT_YET),
            ],
            # From 1 May to 5, 6, 20 and 24 June. It is Monday 1 July: what is due today is not
            # overdue, and what is to be learned on the 15th is not learned.
            """select experiment_key, idea_to_release_days, idea_to_first_use_days,
                   idea_to_learned_days, idea_to_decided_days, is_overdue
               from marts.fct_experiments order by 1""": [
                ("abroad", 35, None, None, None, False),
                ("due-today", None, None, None, None, False),
                ("fewer-fields", None, 12, 41, None, False),
                ("late", None, None, None, None, True),
                ("lost", 35, None, None, None, False),
                ("no-item", None, None, 7, 7, False),
                ("one-click", 35, 36, 50, 54, False),
                ("second", None, None, 10, None, False),
                ("third", None, None, 20, None, False),
                ("to-come", None, 18, None, None, True),
                ("west", None, None, None, None, False),
            ],
            # 50 + 41 + 7 + 10 + 20 days. In Los Angeles June is not over.
            """select value_stream_key, month_start, conceived_experiments, learned_experiments,
                   supported_experiments, refuted_experiments, learning_days, mean_learning_days,
                   supported_share, is_complete_period
               from metrics.metric_time_to_learning order by 1, 2""": [
                ("past", day("05-01"), 1, 0, 0, 0, 0, None, None, True),
                ("reef", day("05-01"), 2, 0, 0, 0, 0, None, None, True),
                ("reef", day("06-01"), 5, 5, 2, 2, 128, 25.6, 0.5, True),
                ("strait", day("06-01"), 1, 0, 0, 0, 0, None, None, False),
                ("unassigned", day("06-01"), 2, 0, 0, 0, 0, None, None, True),
            ],
            # Nobody measured conversion in March: April has no month before. The 25 May of the
            # former file and what is of July do not count.
            """select measure, month_start, currency, measured_days, measured_value,
                   round(previous_value, 9), round(improvement, 9), spend, value_per_spend
               from metrics.metric_value_per_spend
               where value_stream_key = 'reef' order by 1, 2, 3""": [
                ("complaints", day("05-01"), "EUR", 1, 8.0, None, None, 500.0, None),
                ("complaints", day("05-01"), "USD", 1, 8.0, None, None, 50.0, None),
                ("complaints", day("06-01"), "EUR", 1, 5.0, 8.0, 3.0, 150.0, None),
                ("conversion", day("02-01"), None, 1, 0.05, None, None, None, None),
                ("conversion", day("04-01"), "EUR", 1, 0.10, None, None, 0.0, None),
                ("conversion", day("05-01"), "EUR", 2, 0.12, 0.10, 0.02, 500.0, None),
                ("conversion", day("05-01"), "USD", 2, 0.12, 0.10, 0.02, 50.0, None),
                ("conversion", day("06-01"), "EUR", 1, 0.15, 0.12, 0.03, 150.0, None),
                ("orders", day("04-01"), "EUR", 1, 50.0, None, None, 0.0, None),
                ("orders", day("05-01"), "EUR", 2, 250.0, 50.0, 200.0, 500.0, 0.5),
                ("orders", day("05-01"), "USD", 2, 250.0, 50.0, 200.0, 50.0, 5.0),
                ("orders", day("06-01"), "EUR", 1, 300.0, 250.0, 50.0, 150.0, 2.0),
            ],
            # What is of no value stream stands in the fact alone.
            "select count(*) from metrics.metric_value_per_spend": [(15,)],
            """select month_start, measured_value, previous_value, is_complete_period
               from metrics.metric_value_per_spend
               where value_stream_key = 'strait' order by 1""": [
                (day("03-01"), 0.35, None, True),
                (day("04-01"), 0.4, 0.35, True),
                (day("06-01"), 0.5, None, False),
            ],
            "select count(*) from marts.fct_value_measures where owner_team_key = 'hands'": [(8,)],
            """select value_stream_key, named_value_stream, owner_team_key, named_team, value
               from marts.fct_value_measures where named_value_stream = 'nowhere'""": [
                ("unassigned", "nowhere", "unassigned", "strangers", 7.0)
            ],
            """select part, period_start, value, numerator, denominator, n
               from marts.fct_metric_observations
               where metric in ('improvement', 'value_per_spend') and entity_key = 'reef'
                 and part like 'orders%' order by 1, 2""": [
                ("orders", day("04-01"), None, None, None, 1),
                ("orders", day("05-01"), 200.0, None, None, 2),
                ("orders", day("06-01"), 50.0, None, None, 1),
                ("orders|EUR", day("05-01"), 0.5, 250.0, 500.0, 2),
                ("orders|EUR", day("06-01"), 2.0, 300.0, 150.0, 1),
                ("orders|USD", day("05-01"), 5.0, 250.0, 50.0, 2),
            ],
            """select value_stream_key, month_start, currency, budget, spend, revenue, margin,
                   is_over_budget
               from marts.fct_stream_financials order by 1, 2, 3""": [
                ("reef", day("03-01"), "EUR", 100.0, 100.0, None, None, False),
                ("reef", day("04-01"), "EUR", 100.0, 0.0, None, None, False),
                ("reef", day("05-01"), "EUR", 1000.0, 500.0, 700.0, 200.0, False),
                ("reef", day("05-01"), "USD", None, 50.0, None, None, None),
                ("reef", day("06-01"), "EUR", 100.0, 150.0, None, None, True),
                ("reef", day("07-01"), "EUR", 100.0, None, None, None, None),
                ("unassigned", day("06-01"), "EUR", None, 10.0, None, None, None),
            ],
            # On 5 July it will be closed.
            """select risk, value_stream_key, assessed_on, exposure, status, work_item_key,
                   named_item, owner_team_key, is_latest, is_open
               from marts.fct_risks order by 1, 3""": [
                (
                    "lock-in",
                    "reef",
                    day("05-01"),
                    20,
                    "open",
                    "jira:TID-1",
                    "Tid-1",
                    "hands",
                    False,
                    False,
                ),
                (
                    "lock-in",
                    "reef",
                    day("06-01"),
                    10,
                    "mitigated",
                    "jira:TID-1",
                    "Tid-1",
                    "hands",
                    True,
                    True,
                ),
                ("old", "reef", day("06-11"), 4, "accepted", None, None, None, True, True),
                ("peak", "strait", day("06-10"), 4, "open", None, None, "unassigned", True, True),
                ("sprints", "unassigned", day("06-15"), 9, "closed", None, None, None, True, False),
            ],
            # Four people are too few to show what they said.
            """select value_stream_key, dimension, assessed_on, score, best_score, score_share,
                   respondents, is_latest
               from marts.fct_assessments order by 1, 2, 3""": [
                ("reef", "operations", day("06-01"), 4.0, 5.0, 0.8, None, True),
                ("reef", "strategy", day("03-01"), None, 5.0, None, None, False),
                ("reef", "strategy", day("06-01"), 3.0, 5.0, 0.6, 5, True),
                ("reef", "strategy", day("06-20"), 6.0, 10.0, 0.6, 6, True),
                ("unassigned", "strategy", day("06-01"), 1.0, 5.0, 0.2, 9, True),
            ],
        },
    ),
    Case(
        "a team's load is how many items lay in active stages at once, beside who was there",
        [
            # TID-1 above lay there for two days of the week from 3 June on.
            worked(2, "04-29 00:00", "04-30 00:00"),
            worked(3, "06-06 12:00", "06-10 12:00"),
            worked(4, "06-25 00:00", None),
            worked(5, "06-09 00:00", "06-09 12:00", kind="Sub-task"),
            # On 31 March the clocks of Berlin go from 2 to 3: a day of 23 hours, a week of 167.
            Issue(
                "CAY-1",
                """
                2024-03-30 23:00 created in In Progress
                2024-03-31 22:00 Done
                """,
                team="Oars",
            ),
        ],
        rows={
            # 2 + 3.5 item-days of 7 in the week from 3 June on, half a day in the next, 6 in the
            # last; of a week that begins at as_of there is nothing yet.
            """select level, week_start, round(mean_active_items * 7, 6), is_complete_period
               from metrics.metric_team_load
               where team_key = 'hands' and mean_active_items > 0 order by 1 desc, 2""": [
                ("task", day("06-03"), 0.5, True),
                ("story", day("04-29"), 1.0, True),
                ("story", day("06-03"), 5.5, True),
                ("story", day("06-10"), 0.5, True),
                ("story", day("06-24"), 6.0, True),
            ],
            """select min(week_start), max(week_start), count(*), sum(mean_active_items) > 0
               from metrics.metric_team_load where team_key = 'hands' and level = 'story'""": [
                (day("04-29"), day("06-24"), 9, True)
            ],
            # 1 May is a holiday: 64 hours are two people of that week. In the one from 20 May on
            # nobody works. Two roles are one team.
            """select week_start, available_hours, available_ftes,
                   round(items_per_fte * 21, 6)
               from metrics.metric_team_load
               where team_key = 'hands' and level = 'story' and available_hours is not null
               order by 1""": [
                (day("04-29"), 64.0, 2.0, 1.5),
                (day("05-20"), 40.0, None, None),
                (day("06-03"), 120.0, 3.0, 5.5),
                (day("06-24"), 0.0, 0.0, None),
            ],
            """select team_key, named_team, role, week_start, available_hours
               from marts.fct_team_capacities
               where week_start >= date '2024-06-24' or named_team = 'strangers'
               order by 1, 4""": [
                ("hands", "hands", "developer", day("06-24"), 0.0),
                ("hands", "hands", "developer", day("07-01"), 40.0),
                ("unassigned", "strangers", "developer", day("06-03"), 40.0),
            ],
            """select week_start, round(mean_active_items * 167, 6)
               from metrics.metric_team_load
               where team_key = 'oars' and mean_active_items > 0 order by 1""": [
                (day("03-25"), 23.0)
            ],
            # Whoever has no feed still has a load.
            """select mean_active_items > 0, available_ftes, items_per_fte
               from metrics.metric_team_load
               where team_key = 'alpha' and mean_active_items > 0 limit 1""": [(True, None, None)],
        },
    ),
]  # fmt: skip
