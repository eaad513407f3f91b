"""A fault of a seed is one line that says where, what, and what to do, before anything is read."""

import csv
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
import yaml

from orchestration import seeds

ROOT = Path(__file__).parents[1]

OWN = {
    "value_streams": """\
value_stream_key,name,kind,time_zone,calendar,valid_from,valid_to
shop,Shop,core,Europe/Berlin,office,,
bank,Bank,supporting,,,,
""",
    "teams": """\
team_key,name,value_stream_key,valid_from,valid_to
alpha,Alpha,shop,,2024-04-15
alpha,Alpha,bank,2024-04-15,
beta,Beta,bank,,
""",
    "services": """\
service_key,name,value_stream_key,team_key,valid_from,valid_to
checkout,Checkout,shop,alpha,,
""",
    "scopes": """\
source_system,scope,value_stream_key,team_key,service_key,valid_from,valid_to
jira,SHOP,shop,,,,
github,shop/web,shop,alpha,checkout,,2024-05-01
github,shop/web,bank,beta,checkout,2024-05-01,
""",
    # The night of Tuesday ends when Wednesday begins; Saturday has all hours.
    "calendars": """\
calendar,iso_weekday,work_start,work_end
office,1,09:00,17:00
office,2,22:00,06:00
office,3,06:00,14:00
office,6,00:00,24:00
office,7,20:00,00:00
""",
    "holidays": """\
calendar,holiday_date,name
office,2024-05-01,"Labour Day, at home"
""",
    "environments": """\
source_system,pattern,environment_key,name,tier,is_production
github,prod%,production,Production,production,true
gitlab,prod%,production,Live,production,TRUE
""",
    "increments": """\
increment_key,name,starts_on,ends_on
spring,Spring,2024-03-01,2024-05-31
summer,Summer,2024-06-01,2024-08-31
""",
    "wip_limits": """\
value_stream_key,workflow,level,stage,wip_limit,valid_from,valid_to
shop,software,story,review,3,,
""",
    "runner_rates": """\
source_system,label,cost_per_minute,valid_from,valid_to
github,*,0.008,,2024-05-01
github,*,0.01,2024-05-01,
gitlab,instance_type,0,,
""",
    "xmr_baselines": """\
metric,value_stream_key,workflow,level,baseline_start,baseline_end
velocity,shop,software,story,2024-01-01,2024-05-19
velocity,shop,software,story,2024-06-03,2024-10-20
""",
    "interventions": """\
intervention_key,name,value_stream_key,workflow,level,stage,starts_on,measure,expected_effect,\
cost,currency
twice,"A second reviewer, for good",shop,software,story,review,2024-06-03,output,0.5,1000,EUR
once,Fewer questions,bank,software,story,in_progress,2024-06-05,work_time,-0.2,,
""",
    "scenarios": """\
scenario_key,name,value_stream_key,workflow,level,change,stage,amount,cost,currency
one-more,"One more, for good",shop,software,story,capacity,review,1,1000,EUR
one-less,One less,shop,software,story,capacity,review,-1,,
quick,Quicker,bank,software,story,faster,in_progress,0.25,,
free,No board,bank,software,story,no_wait,waiting_release,,,
few,Not too many,bank,software,story,wip_limit,,12,,
together,By tens,bank,software,story,batch_size,review,10,,
""",
    "targets": """\
target_key,metric,entity_type,entity_key,value_stream_key,workflow,level,work_type,part,period,\
better,target,owner_team_key,valid_from,valid_to
quick,flow_time_p85_s,value_stream,shop,,software,story,,,month,lower,86400,alpha,,2024-06-01
quick,flow_time_p85_s,value_stream,shop,,software,story,,,month,lower,43200.5,alpha,2024-06-01,
log,wip_items,value_stream,shop,,software,story,,,week,lower,-1.5,,,
free,met_share,value_stream,bank,,,task,,1|resolution,month,higher,,,,
""",
    "objectives": """\
objective_key,name,parent_objective_key,value_stream_key,owner_team_key,starts_on,ends_on
fast,Faster,,shop,alpha,2024-01-01,2024-12-31
faster,Faster still,fast,,,2024-06-01,2024-12-31
""",
    "key_results": """\
key_result_key,objective_key,name,metric,entity_type,entity_key,value_stream_key,workflow,level,\
work_type,part,period,better,baseline,target
many,fast,"Many, and more",velocity,team,alpha,shop,software,story,defect,,month,higher,0,40
liked,faster,Liked,,,,,,,,,,lower,10,2
""",
    "guardrails": """\
guardrail_key,value_stream_key,workflow,level,work_type,basis,period,min_share,max_share,\
valid_from,valid_to
debt,shop,software,story,debt,items,month,0.1,,,2024-06-01
debt,shop,software,story,debt,items,month,0.1,0.2,2024-06-01,
features,bank,software,story,feature,active_time,increment,,0.7,,
""",
    "key_result_values": """\
key_result_key,measured_on,value
liked,2024-06-30,7.5
liked,2024-07-31,-1
""",
}
"""A company without a fault, with what is easily taken for one."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of seeds, with the company `own`."""
    shutil.copytree(ROOT / "dbt_project" / "seeds" / "defaults", tmp_path / "defaults")
    write_company(tmp_path / "own", OWN)
    return tmp_path


def write_company(folder: Path, texts: dict[str, str]) -> None:
    """Write a company; a seed that it has nothing to say in has its first line alone."""
    folder.mkdir()
    for name, seed in seeds.SEEDS.items():
        if not seed.is_default:
            text = texts.get(name, ",".join(seed.columns) + "\n")
            (folder / f"{name}.csv").write_text(text)


def faults(folder: Path) -> list[str]:
    return seeds.checked(folder, "own").faults


def test_a_good_company_has_no_fault(folder: Path) -> None:
    found = seeds.checked(folder, "own")
    assert (found.files, found.faults) == (len(seeds.SEEDS), [])
    assert found.lines > 400


@pytest.mark.parametrize("company", ["company", "demo"])
def test_the_seeds_of_the_repository_have_no_fault_and_are_checked_at_once(company: str) -> None:
    began = time.process_time()
    assert seeds.checked(company=company).faults == []
    assert time.process_time() - began < 0.3


METRICS = (ROOT / "dbt_project/seeds/defaults/metrics.csv").read_text().splitlines(keepends=True)
LOAD, LOG = (
    next(line for line in METRICS if line.startswith(name)) for name in ("load,", "flow_time_log_h")
)

D, C = "dbt_project/seeds/defaults", "dbt_project/seeds/own"

# Name, file, the text that is there, the text that comes in its place ("" is appended), the lines.
ONE_FAULT: list[tuple[str, str, str, str, list[str]]] = [
    (
        "a share above all", "own/guardrails", "0.1,0.2", "0.1,1.2",
        [f"{C}/guardrails.csv line 3: max_share '1.2' is out of range; it must be 0 to 1"],
    ),
    (
        "a least share above the most", "own/guardrails", "0.1,0.2", "0.3,0.2",
        [f"{C}/guardrails.csv line 3: min_share 0.3 is above max_share 0.2; swap them"],
    ),
    (
        "a guardrail that guards nothing", "own/guardrails", "increment,,0.7", "increment,,",
        [f"{C}/guardrails.csv line 4: neither min_share nor max_share is filled"],
    ),
    (
        "two guardrails on one day", "own/guardrails", "0.2,2024-06-01", "0.2,2024-05-01",
        [f"{C}/guardrails.csv line 3: guardrail_key 'debt' is in line 2 already, and both hold on"
         " 2024-05-01; give the older one a valid_to that is the valid_from of the newer one"],
    ),
    (
        "a workflow of a guardrail", "own/guardrails", "bank,software", "bank,softwares",
        [f"{C}/guardrails.csv line 4: workflow 'softwares' is not in stages.csv;"
         " did you mean 'software'? Otherwise add it there"],
    ),
    (
        "a capacity of no more", "own/scenarios", "capacity,review,1,", "capacity,review,0,",
        [f"{C}/scenarios.csv line 2: amount '0' of capacity must be a whole number that is not 0,"
         " of people or places more"],
    ),
    (
        "all work saved", "own/scenarios", "in_progress,0.25", "in_progress,1",
        [f"{C}/scenarios.csv line 4: amount '1' of faster must be the share that is saved, above 0"
         " and below 1"],
    ),
    (
        "an amount of a gate", "own/scenarios", "waiting_release,,", "waiting_release,1,",
        [f"{C}/scenarios.csv line 5: amount '1' of no_wait must be empty"],
    ),
    (
        "a limit of nothing", "own/scenarios", "wip_limit,,12", "wip_limit,,0",
        [f"{C}/scenarios.csv line 6: amount '0' of wip_limit must be a whole number of items, 1 or"
         " more"],
    ),
    (
        "a limit of a stage", "own/scenarios", "wip_limit,,12", "wip_limit,review,12",
        [f"{C}/scenarios.csv line 6: stage 'review' of wip_limit must be empty: it is of all"
         " stages together"],
    ),
    (
        "a batch of one", "own/scenarios", "review,10", "review,1",
        [f"{C}/scenarios.csv line 7: amount '1' of batch_size must be a whole number of items, 2 or"
         " more"],
    ),
    (
        "a batch of no stage", "own/scenarios", "review,10", ",10",
        [f"{C}/scenarios.csv line 7: stage '' of batch_size must be filled"],
    ),
    (
        "a cost of a scenario", "own/scenarios", "1000,EUR", "1000,",
        [f"{C}/scenarios.csv line 2: cost is filled, but currency is not; fill both or none"],
    ),
    (
        "a scenario as it is", "own/scenarios", "few,Not", "as_is,Not",
        [f"{C}/scenarios.csv line 6: scenario_key 'as_is' is a name that flowhouse gives itself;"
         " choose another, or leave the line out"],
    ),
    (
        "an effect that is none", "own/interventions", "work_time,-0.2", "work_time,0.0",
        [f"{C}/interventions.csv line 3: expected_effect 0.0 must be above -1 and not 0; it is the"
         " change as a share of what was, -0.25 for a quarter less"],
    ),
    (
        "an effect that leaves nothing", "own/interventions", "work_time,-0.2", "work_time,-1",
        [f"{C}/interventions.csv line 3: expected_effect -1 must be above -1 and not 0; it is the"
         " change as a share of what was, -0.25 for a quarter less"],
    ),
    (
        "a cost of no currency", "own/interventions", "1000,EUR", "1000,",
        [f"{C}/interventions.csv line 2: cost is filled, but currency is not; fill both or none"],
    ),
    (
        "a currency of no cost", "own/interventions", "1000,EUR", ",EUR",
        [f"{C}/interventions.csv line 2: currency is filled, but cost is not; fill both or none"],
    ),
    (
        "a stage of an intervention", "own/interventions", "review,2024", "revue,2024",
        [f"{C}/interventions.csv line 2: stage 'revue' is not in stages.csv for workflow"
         " 'software'; did you mean 'review'? Otherwise add it there"],
    ),
    (
        "an intervention twice", "own/interventions", "once,Fewer", "twice,Fewer",
        [f"{C}/interventions.csv line 3: intervention_key 'twice' is in line 2 already;"
         " remove one"],
    ),
    (
        "a measure of an intervention", "own/interventions", "output,0.5", "outputs,0.5",
        [f"{C}/interventions.csv line 2: measure 'outputs' is not one of work_time, output,"
         " flow_time, velocity; did you mean 'output'?"],
    ),
    (
        "a metric of a target", "own/targets", "log,wip_items", "log,wip_itms",
        [f"{C}/targets.csv line 4: metric 'wip_itms' is not in metrics.csv;"
         " did you mean 'wip_items'? Otherwise add it there"],
    ),
    (
        "two targets of one KPI on one day", "own/targets",
        "alpha,2024-06-01,", "alpha,2024-05-01,",
        [f"{C}/targets.csv line 3: target_key 'quick' is in line 2 already, and both hold on"
         " 2024-05-01; give the older one a valid_to that is the valid_from of the newer one"],
    ),
    (
        "an owner of a target", "own/targets", "86400,alpha", "86400,alfa",
        [f"{C}/targets.csv line 2: owner_team_key 'alfa' is not in teams.csv;"
         " did you mean 'alpha'? Otherwise add it there"],
    ),
    (
        "a period of a target", "own/targets", "story,,,week", "story,,,weekly",
        [f"{C}/targets.csv line 4: period 'weekly' is not one of week, month, increment, as_of;"
         " did you mean 'week'?"],
    ),
    (
        "an objective above", "own/objectives", "still,fast", "still,fats",
        [f"{C}/objectives.csv line 3: parent_objective_key 'fats' is not in objectives.csv;"
         " did you mean 'fast'? Otherwise add it there"],
    ),
    (
        "an objective that ends before it starts", "own/objectives", "2024-01-01", "2025-01-01",
        [f"{C}/objectives.csv line 2: ends_on '2024-12-31' lies before starts_on '2025-01-01'"],
    ),
    (
        "an objective of a key result", "own/key_results", "liked,faster", "liked,fastr",
        [f"{C}/key_results.csv line 3: objective_key 'fastr' is not in objectives.csv;"
         " did you mean 'faster'? Otherwise add it there"],
    ),
    (
        "a key result of half a number", "own/key_results", "velocity,team,alpha,", "velocity,,,",
        [f"{C}/key_results.csv line 2: entity_type and entity_key are empty; a number of"
         " fct_metric_observations has metric, entity_type, entity_key, period, and loaded values"
         " have none"],
    ),
    (
        "a loaded key result of a level", "own/key_results", "Liked,,,,,,", "Liked,,,,,,story",
        [f"{C}/key_results.csv line 3: level is filled, but no metric; loaded values are of no part"
         " of it"],
    ),
    (
        "a key result that goes the wrong way", "own/key_results", "lower,10,2", "lower,2,10",
        [f"{C}/key_results.csv line 3: from baseline 2 to target 10 is not lower; correct one of"
         " the three"],
    ),
    (
        "a key result that goes nowhere", "own/key_results", "lower,10,2", "lower,2,2.0",
        [f"{C}/key_results.csv line 3: from baseline 2 to target 2.0 is not lower; correct one of"
         " the three"],
    ),
    (
        "a value of no key result", "own/key_result_values", "liked,2024-06-30", "likd,2024-06-30",
        [f"{C}/key_result_values.csv line 2: key_result_key 'likd' is not in key_results.csv;"
         " did you mean 'liked'? Otherwise add it there"],
    ),
    (
        "two values of one day", "own/key_result_values", "2024-07-31", "2024-06-30",
        [f"{C}/key_result_values.csv line 3: key_result_key 'liked', measured_on '2024-06-30' is in"
         " line 2 already; remove one"],
    ),
    (
        "a service that is not there", "own/scopes", "alpha,checkout,", "alpha,checkuot,",
        [f"{C}/scopes.csv line 3: service_key 'checkuot' is not in services.csv;"
         " did you mean 'checkout'? Otherwise add it there"],
    ),
    (
        "a service like none", "own/scopes", "alpha,checkout,", "alpha,x,",
        [f"{C}/scopes.csv line 3: service_key 'x' is not in services.csv;"
         " add it there or correct it"],
    ),
    (
        "a team of a scope", "own/scopes", "bank,beta,", "bank,betta,",
        [f"{C}/scopes.csv line 4: team_key 'betta' is not in teams.csv;"
         " did you mean 'beta'? Otherwise add it there"],
    ),
    (
        "a value stream of a scope", "own/scopes", "SHOP,shop", "SHOP,shoop",
        [f"{C}/scopes.csv line 2: value_stream_key 'shoop' is not in value_streams.csv;"
         " did you mean 'shop'? Otherwise add it there"],
    ),
    (
        "a value stream of a team", "own/teams", "Beta,bank", "Beta,bnk",
        [f"{C}/teams.csv line 4: value_stream_key 'bnk' is not in value_streams.csv;"
         " did you mean 'bank'? Otherwise add it there"],
    ),
    (
        "a team of a service", "own/services", "shop,alpha", "shop,gamma",
        [f"{C}/services.csv line 2: team_key 'gamma' is not in teams.csv;"
         " add it there or correct it"],
    ),
    (
        "a value stream of a limit", "own/wip_limits", "shop,software", "unassigned,software",
        [f"{C}/wip_limits.csv line 2: value_stream_key 'unassigned' is not in value_streams.csv;"
         " add it there or correct it"],
    ),
    (
        "a value stream of a baseline", "own/xmr_baselines",
        "velocity,shop,software,story,2024-06-03", "velocity,shp,software,story,2024-06-03",
        [f"{C}/xmr_baselines.csv line 3: value_stream_key 'shp' is not in value_streams.csv;"
         " did you mean 'shop'? Otherwise add it there"],
    ),
    (
        "a stage of a status", "defaults/status_stages", "jira,software,to do,backlog",
        "jira,software,to do,baklog",
        [f"{D}/status_stages.csv line 5: stage 'baklog' is not in stages.csv"
         " for workflow 'software'; did you mean 'backlog'? Otherwise add it there"],
    ),
    (
        "a stage of another workflow", "defaults/status_stages", "jira,software,to do,backlog",
        "jira,software,to do,merged",
        [f"{D}/status_stages.csv line 5: stage 'merged' is not in stages.csv"
         " for workflow 'software'; add it there or correct it"],
    ),
    (
        "a workflow of a status", "defaults/status_stages", "jira,software,to do,",
        "jira,sofware,to do,",
        [f"{D}/status_stages.csv line 5: workflow 'sofware' is not in stages.csv;"
         " did you mean 'software'? Otherwise add it there"],
    ),
    (
        "a workflow of a type", "defaults/workflows", "jira,issue,Epic,epic",
        "jira,issue,Epic,epics",
        [f"{D}/workflows.csv line 3: workflow 'epics' is not in stages.csv;"
         " did you mean 'epic'? Otherwise add it there"],
    ),
    (
        "a stage of a limit", "own/wip_limits", "story,review", "story,revue",
        [f"{C}/wip_limits.csv line 2: stage 'revue' is not in stages.csv for workflow 'software';"
         " did you mean 'review'? Otherwise add it there"],
    ),
    (
        "a workflow of a baseline", "own/xmr_baselines",
        "velocity,shop,software,story,2024-06-03", "velocity,shop,softwares,story,2024-06-03",
        [f"{C}/xmr_baselines.csv line 3: workflow 'softwares' is not in stages.csv;"
         " did you mean 'software'? Otherwise add it there"],
    ),
    (
        "a calendar of a value stream", "own/value_streams", "Berlin,office", "Berlin,ofice",
        [f"{C}/value_streams.csv line 2: calendar 'ofice' is not in calendars.csv or holidays.csv;"
         " did you mean 'office'? Otherwise add it there"],
    ),
    (
        "a calendar of a holiday", "own/holidays", "", "offise,2024-12-25,Christmas\n",
        [f"{C}/holidays.csv line 3: calendar 'offise' is not in calendars.csv or"
         " value_streams.csv; did you mean 'office'? Otherwise add it there"],
    ),
    (
        "a source", "own/scopes", "jira,SHOP", "jria,SHOP",
        [f"{C}/scopes.csv line 2: source_system 'jria' is not one of jira, github, jenkins,"
         " gitlab, servicenow, inbox, feeds; did you mean 'jira'?"],
    ),
    (
        "a work type", "defaults/work_types", "jira,issue,Bug,defect,", "jira,issue,Bug,defekt,",
        [f"{D}/work_types.csv line 11: work_type 'defekt' is not one of feature, defect, risk,"
         " debt, improvement, unassigned; did you mean 'defect'?"],
    ),
    (
        "a level", "own/wip_limits", "software,story", "software,storey",
        [f"{C}/wip_limits.csv line 2: level 'storey' is not one of portfolio, epic, feature,"
         " story, task; did you mean 'story'?"],
    ),
    (
        "a kind of item", "defaults/workflows", "servicenow,problem,*", "servicenow,problems,*",
        [f"{D}/workflows.csv line 15: item_kind 'problems' is not one of issue, pull_request,"
         " incident, change_request, problem, request; did you mean 'problem'?"],
    ),
    (
        "a flow state", "defaults/stages", "software,review,5,active", "software,review,5,aktive",
        [f"{D}/stages.csv line 6: flow_state 'aktive' is not one of new, wait, active, done,"
         " cancelled; did you mean 'active'?"],
    ),
    (
        "a class of value", "defaults/stages", "software,review,5,active,necessary",
        "software,review,5,active,value_added",
        [f"{D}/stages.csv line 6: value_class 'value_added' is not one of value_adding, necessary,"
         " waste; did you mean 'value_adding'?"],
    ),
    (
        "a kind of value stream", "own/value_streams", "Shop,core", "Shop,main",
        [f"{C}/value_streams.csv line 2: kind 'main' is not one of core, supporting"],
    ),
    (
        "a direction", "defaults/metrics", "done),items,higher", "done),items,up",
        [f"{D}/metrics.csv line 2: better 'up' is not one of higher, lower, neither"],
    ),
    (
        "a metric without a chart", "own/xmr_baselines", "velocity,shop,software,story,2024-06-03",
        "load,shop,software,story,2024-06-03",
        [f"{C}/xmr_baselines.csv line 3: metric 'load' is not one of velocity, flow_time_log_h"],
    ),
    (
        "lines of one scope that overlap", "own/scopes", "checkout,2024-05-01,",
        "checkout,2024-04-30,",
        [f"{C}/scopes.csv line 4: source_system 'github', scope 'shop/web' is in line 3 already,"
         " and both hold on 2024-04-30; give the older one a valid_to that is the valid_from of"
         " the newer one"],
    ),
    (
        "lines of one status for ever", "defaults/status_stages", "",
        "jira,software,to do,selected,,\n",
        [f"{D}/status_stages.csv line 258: source_system 'jira', workflow 'software',"
         " status 'to do' is in line 5 already, and both hold from ever on; give the older one a"
         " valid_to that is the valid_from of the newer one"],
    ),
    (
        "a line that overlaps the last but one", "own/teams", "", "alpha,Alpha,bank,2024-01-01,\n",
        [f"{C}/teams.csv line 5: team_key 'alpha' is in line 2 already, and both hold on"
         " 2024-01-01; give the older one a valid_to that is the valid_from of the newer one"],
    ),
    (
        "one name of two teams", "own/teams", "beta,Beta", "beta,Alpha",
        [f"{C}/teams.csv line 4: name 'Alpha' is in line 2 already, and both hold from ever on;"
         " give the older one a valid_to that is the valid_from of the newer one"],
    ),
    (
        "limits that overlap", "own/wip_limits", "", "shop,software,story,review,4,2024-01-01,\n",
        [f"{C}/wip_limits.csv line 3: value_stream_key 'shop', workflow 'software', level 'story',"
         " stage 'review' is in line 2 already, and both hold on 2024-01-01; give the older one a"
         " valid_to that is the valid_from of the newer one"],
    ),
    (
        "increments that overlap", "own/increments", "2024-06-01", "2024-05-31",
        [f"{C}/increments.csv line 3: the period is in line 2 already, and both hold on"
         " 2024-05-31; let one end before the other begins"],
    ),
    (
        "baselines that overlap", "own/xmr_baselines", "2024-05-19", "2024-06-09",
        [f"{C}/xmr_baselines.csv line 3: metric 'velocity', value_stream_key 'shop',"
         " workflow 'software', level 'story' is in line 2 already, and both hold on 2024-06-03;"
         " let one end before the other begins"],
    ),
    (
        "a line twice", "own/calendars", "", "office,1,09:00,17:00\n",
        [f"{C}/calendars.csv line 7: calendar 'office', iso_weekday '1' is in line 2 already;"
         " remove one"],
    ),
    (
        "a holiday twice", "own/holidays", "", "office,2024-05-01,May Day\n",
        [f"{C}/holidays.csv line 3: calendar 'office', holiday_date '2024-05-01' is in line 2"
         " already; remove one"],
    ),
    (
        "a value stream twice", "own/value_streams", "", "shop,Shop,core,,,2025-01-01,\n",
        [f"{C}/value_streams.csv line 4: value_stream_key 'shop' is in line 2 already;"
         " remove one"],
    ),
    (
        "a type twice", "defaults/workflows", "", "jira,issue,Epic,software\n",
        [f"{D}/workflows.csv line 18: source_system 'jira', item_kind 'issue', raw_type 'Epic'"
         " is in line 3 already; remove one"],
    ),
    (
        "a pattern twice", "own/environments", "gitlab,prod%", "github,prod%",
        [f"{C}/environments.csv line 3: source_system 'github', pattern 'prod%' is in line 2"
         " already; remove one"],
    ),
    (
        "a version twice", "defaults/metrics", "", "load,1,Items,items,lower,no target,flow,\n",
        [f"{D}/metrics.csv line {len(METRICS) + 1}: metric 'load', version '1' is in line 8"
         " already; remove one"],
    ),
    (
        "a value stream that is called all", "own/value_streams", "",
        "all,Everything,core,,,,\n",
        [f"{C}/value_streams.csv line 4: value_stream_key 'all' is a name that flowhouse"
         " gives itself; choose another, or leave the line out"],
    ),
    (
        "a team that is called all", "own/teams", "", "all,Everybody,shop,,\n",
        [f"{C}/teams.csv line 5: team_key 'all' is a name that flowhouse gives itself;"
         " choose another, or leave the line out"],
    ),
    (
        "a service that is called all", "own/services", "", "all,Everything,shop,,,\n",
        [f"{C}/services.csv line 3: service_key 'all' is a name that flowhouse gives itself;"
         " choose another, or leave the line out"],
    ),
    (
        "an environment that is called all", "own/environments", "",
        "jira,prod%,all,Everything,,true\n",
        [f"{C}/environments.csv line 4: environment_key 'all' is a name that flowhouse gives"
         " itself; choose another, or leave the line out"],
    ),
    (
        "an increment that is called all", "own/increments", "",
        "all,Everything,2025-01-01,2025-02-01\n",
        [f"{C}/increments.csv line 4: increment_key 'all' is a name that flowhouse gives"
         " itself; choose another, or leave the line out"],
    ),
    (
        "a workflow that is called all", "defaults/stages", "",
        "all,do,1,active,necessary,true,false,false,\n"
        "all,done,2,done,necessary,false,false,true,\n",
        [f"{D}/stages.csv line {line}: workflow 'all' is a name that flowhouse gives itself;"
         " choose another, or leave the line out" for line in (56, 57)],
    ),
    (
        "a value stream that is called unassigned", "own/value_streams", "",
        "unassigned,Everything,core,,,,\n",
        [f"{C}/value_streams.csv line 4: value_stream_key 'unassigned' is a name that flowhouse"
         " gives itself; choose another, or leave the line out"],
    ),
    (
        "a team that is called unassigned", "own/teams", "", "unassigned,Everybody,shop,,\n",
        [f"{C}/teams.csv line 5: team_key 'unassigned' is a name that flowhouse gives itself;"
         " choose another, or leave the line out"],
    ),
    (
        "a service that is called unassigned", "own/services", "",
        "unassigned,Everything,shop,,,\n",
        [f"{C}/services.csv line 3: service_key 'unassigned' is a name that flowhouse gives itself;"
         " choose another, or leave the line out"],
    ),
    (
        "an environment that is called unassigned", "own/environments", "",
        "jira,prod%,unassigned,Everything,,true\n",
        [f"{C}/environments.csv line 4: environment_key 'unassigned' is a name that flowhouse gives"
         " itself; choose another, or leave the line out"],
    ),
    (
        "an increment that is called unassigned", "own/increments", "",
        "unassigned,Everything,2025-01-01,2025-02-01\n",
        [f"{C}/increments.csv line 4: increment_key 'unassigned' is a name that flowhouse gives"
         " itself; choose another, or leave the line out"],
    ),
    (
        "a workflow that is called unassigned", "defaults/stages", "",
        "unassigned,do,1,active,necessary,true,false,false,\n"
        "unassigned,done,2,done,necessary,false,false,true,\n",
        [f"{D}/stages.csv line {line}: workflow 'unassigned' is a name that flowhouse gives itself;"
         " choose another, or leave the line out" for line in (56, 57)],
    ),
    (
        "a value stream that is called unmapped", "own/value_streams", "",
        "unmapped,Everything,core,,,,\n",
        [f"{C}/value_streams.csv line 4: value_stream_key 'unmapped' is a name that flowhouse"
         " gives itself; choose another, or leave the line out"],
    ),
    (
        "a team that is called unmapped", "own/teams", "", "unmapped,Everybody,shop,,\n",
        [f"{C}/teams.csv line 5: team_key 'unmapped' is a name that flowhouse gives itself;"
         " choose another, or leave the line out"],
    ),
    (
        "a service that is called unmapped", "own/services", "", "unmapped,Everything,shop,,,\n",
        [f"{C}/services.csv line 3: service_key 'unmapped' is a name that flowhouse gives itself;"
         " choose another, or leave the line out"],
    ),
    (
        "an environment that is called unmapped", "own/environments", "",
        "jira,prod%,unmapped,Everything,,true\n",
        [f"{C}/environments.csv line 4: environment_key 'unmapped' is a name that flowhouse gives"
         " itself; choose another, or leave the line out"],
    ),
    (
        "an increment that is called unmapped", "own/increments", "",
        "unmapped,Everything,2025-01-01,2025-02-01\n",
        [f"{C}/increments.csv line 4: increment_key 'unmapped' is a name that flowhouse gives"
         " itself; choose another, or leave the line out"],
    ),
    (
        "a workflow that is called unmapped", "defaults/stages", "",
        "unmapped,do,1,active,necessary,true,false,false,\n"
        "unmapped,done,2,done,necessary,false,false,true,\n",
        [f"{D}/stages.csv line {line}: workflow 'unmapped' is a name that flowhouse gives itself;"
         " choose another, or leave the line out" for line in (56, 57)],
    ),
    (
        "a key with a sign that joins keys", "own/teams", "", "gam|ma,Gamma,shop,,\n",
        [f"{C}/teams.csv line 5: team_key 'gam|ma' has the sign |, which flowhouse joins keys"
         " with; choose another"],
    ),
    (
        "a stage with a sign that joins keys", "defaults/stages", "",
        "request,on:hold,0,wait,waste,false,false,false,true\n",
        [f"{D}/stages.csv line 56: stage 'on:hold' has the sign :, which flowhouse joins keys"
         " with; choose another"],
    ),
    (
        "a workflow in which nothing is done", "defaults/stages", "request,closed,3,done",
        "request,closed,3,active",
        [f"{D}/stages.csv line 51: workflow 'request' has no stage whose flow_state is done",
         f"{D}/stages.csv line 54: is_finished_boundary is true, but flow_state is active;"
         " it must be done"],
    ),
    (
        "work that is finished while it waits", "defaults/stages",
        "software,waiting_release,8,wait,waste,false,true,false",
        "software,waiting_release,8,wait,waste,false,true,true",
        [f"{D}/stages.csv line 9: is_finished_boundary is true, but flow_state is wait;"
         " it must be done"],
    ),
    (
        "open work after work that is done", "defaults/stages",
        "problem,root_cause_analysis,3,active", "problem,root_cause_analysis,3,done",
        [f"{D}/stages.csv line 47: stage 'fix_in_progress' is open and must come before"
         " 'root_cause_analysis', which is done; see their ordinals"],
    ),
    (
        "blocked work that is worked on", "defaults/stages",
        "software,review,5,active,necessary,false,false,false,false",
        "software,review,5,active,necessary,false,false,false,true",
        [f"{D}/stages.csv line 6: is_blocked is true, but flow_state is active; it must be wait"],
    ),
    (
        "blocked work that is done", "defaults/stages",
        "software,done,9,done,necessary,false,false,true,false",
        "software,done,9,done,necessary,false,false,true,true",
        [f"{D}/stages.csv line 11: is_blocked is true, but flow_state is done; it must be wait"],
    ),
    (
        "a stage without an ordinal", "defaults/stages", "software,review,5,", "software,review,,",
        [f"{D}/stages.csv line 6: ordinal is empty, and must not be"],
    ),
    (
        "an ordinal that is too large", "defaults/stages", "software,review,5,",
        "software,review,5000000000,",
        [f"{D}/stages.csv line 6: ordinal '5000000000' is not a whole number"],
    ),
    (
        "a pattern that is empty", "own/environments", "github,prod%", "github,",
        [f"{C}/environments.csv line 2: pattern is empty, and must not be"],
    ),
    (
        "a metric that is misspelt", "defaults/metrics", "\nload,", "\nlaod,",
        [f"{D}/metrics.csv line 8: metric 'laod' is in no table of metrics; did you mean 'load'?"],
    ),
    (
        "a metric of nothing", "defaults/metrics", "",
        "happiness,1,Smiles,smiles,higher,no target,flow,\n",
        [f"{D}/metrics.csv line {len(METRICS) + 1}: metric 'happiness' is in no table of metrics;"
         " remove the line"],
    ),
    (
        "a metric that is left out", "defaults/metrics", LOAD, "",
        [f"{D}/metrics.csv: metric 'load' of metric_flow has no line; add it"],
    ),
    (
        "a number of a chart that is left out", "defaults/metrics", LOG, "",
        [f"{D}/metrics.csv: metric 'flow_time_log_h' of metric_xmr has no line; add it"],
    ),
    (
        "seconds that are called hours", "defaults/metrics", "finished in the period,s,lower",
        "finished in the period,h,lower",
        [f"{D}/metrics.csv line 4: metric 'flow_time_p50_s' has the unit 'h'; it must be 's'"],
    ),
    (
        "a share that is called per cent", "defaults/metrics", "known,share,", "known,%,",
        [f"{D}/metrics.csv line 10: metric 'started_share' has the unit '%';"
         " it must be 'share'"],
    ),
    (
        "items that are called seconds", "defaults/metrics", "done),items,", "done),s,",
        [f"{D}/metrics.csv line 2: unit 's' is for metrics whose name ends in _s alone"],
    ),
    (
        "a metric that is not described yet", "defaults/metrics", "period,items,lower,no target,"
        "flow,\n", "period,items,lower,no target,flow,2024-01-01\n",
        [f"{D}/metrics.csv line 8: metric 'load' is not described before 2024-01-01;"
         " leave the valid_from of its first version empty"],
    ),
    (
        "a version of nought", "defaults/metrics", "velocity,1,", "velocity,0,",
        [f"{D}/metrics.csv line 2: version '0' is out of range; it must be 1 or more"],
    ),
    (
        "an environment that is production and is not", "own/environments", "TRUE", "false",
        [f"{C}/environments.csv line 3: environment_key 'production' has is_production 'false'"
         " here and 'true' in line 2; they must agree"],
    ),
    (
        "a German date", "own/scopes", ",,2024-05-01", ",,01.05.2024",
        [f"{C}/scopes.csv line 3: valid_to '01.05.2024' is not a date; write it as"
         " YYYY-MM-DD, for example 2024-01-31"],
    ),
    (
        "a day that does not exist", "own/holidays", "2024-05-01", "2023-02-29",
        [f"{C}/holidays.csv line 2: holiday_date '2023-02-29' is not a date; write it as"
         " YYYY-MM-DD, for example 2024-01-31"],
    ),
    (
        "a period that ends before it begins", "own/scopes", "SHOP,shop,,,,",
        "SHOP,shop,,,2024-05-01,2024-04-01",
        [f"{C}/scopes.csv line 2: valid_to '2024-04-01' must lie after valid_from '2024-05-01'"],
    ),
    (
        "a period of no day", "own/scopes", "SHOP,shop,,,,", "SHOP,shop,,,2024-05-01,2024-05-01",
        [f"{C}/scopes.csv line 2: valid_to '2024-05-01' must lie after valid_from '2024-05-01'"],
    ),
    (
        "an increment that ends before it begins", "own/increments", "2024-08-31", "2023-08-31",
        [f"{C}/increments.csv line 3: ends_on '2023-08-31' lies before starts_on '2024-06-01'"],
    ),
    (
        "an hour of Excel", "own/calendars", "1,09:00", "1,9:00",
        [f"{C}/calendars.csv line 2: work_start '9:00' is not a time of day; write hours and"
         " minutes, 00:00 to 23:59, for example 09:00"],
    ),
    (
        "an hour that does not exist", "own/calendars", "09:00,17:00", "09:00,24:01",
        [f"{C}/calendars.csv line 2: work_end '24:01' is not a time of day; write hours and"
         " minutes, 00:00 to 23:59, for example 09:00"],
    ),
    (
        "a day that begins at its end", "own/calendars", "09:00,17:00", "24:00,17:00",
        [f"{C}/calendars.csv line 2: work_start '24:00' is not a time of day; write hours and"
         " minutes, 00:00 to 23:59, for example 09:00"],
    ),
    (
        "a day of no hours", "own/calendars", "1,09:00,17:00", "1,09:00,09:00",
        [f"{C}/calendars.csv line 2: work_start and work_end are both 09:00;"
         " a day has hours or no line"],
    ),
    (
        "a night that ends after the next day begins", "own/calendars", "22:00,06:00",
        "22:00,06:01",
        [f"{C}/calendars.csv line 3: ends on the next day at 06:01, and line 4 begins then at"
         " 06:00; let hours not overlap"],
    ),
    (
        "a standard day of no hours", "defaults/standard_calendar", "5,09:00,17:00",
        "5,17:00,17:00",
        [f"{D}/standard_calendar.csv line 6: work_start and work_end are both 17:00;"
         " a day has hours or no line"],
    ),
    (
        "a day of the week", "own/calendars", "office,7", "office,8",
        [f"{C}/calendars.csv line 6: iso_weekday '8' is out of range; it must be 1 to 7"],
    ),
    (
        "a time zone", "own/value_streams", "Europe/Berlin", "Europe/Belin",
        [f"{C}/value_streams.csv line 2: time_zone 'Europe/Belin' is not a time zone;"
         " did you mean 'Europe/Berlin'?"],
    ),
    (
        "a time zone in lower case", "own/value_streams", "Europe/Berlin", "europe/berlin",
        [f"{C}/value_streams.csv line 2: time_zone 'europe/berlin' is not a time zone;"
         " did you mean 'Europe/Berlin'?"],
    ),
    (
        "a time zone like none", "own/value_streams", "Europe/Berlin", "here",
        [f"{C}/value_streams.csv line 2: time_zone 'here' is not a time zone;"
         " write for example Europe/Berlin or UTC"],
    ),
    (
        "a number", "own/wip_limits", "review,3", "review,three",
        [f"{C}/wip_limits.csv line 2: wip_limit 'three' is not a whole number"],
    ),
    (
        "a rate below none", "own/runner_rates", "instance_type,0,", "instance_type,-1,",
        [f"{C}/runner_rates.csv line 4: cost_per_minute '-1' is out of range;"
         " it must be 0 or more"],
    ),
    (
        "a label that is never met", "own/runner_rates", "instance_type,0,", "Instance,0,",
        [f"{C}/runner_rates.csv line 4: label 'Instance' is never met: write it in lower case,"
         " 'instance'"],
    ),
    (
        "rates that overlap", "own/runner_rates", "0.008,,2024-05-01", "0.008,,2024-06-01",
        [f"{C}/runner_rates.csv line 3: source_system 'github', label '*' is in line 2 already, and"
         " both hold on 2024-05-01; give the older one a valid_to that is the valid_from of the"
         " newer one"],
    ),
    (
        "half a number", "own/wip_limits", "review,3", "review,2.5",
        [f"{C}/wip_limits.csv line 2: wip_limit '2.5' is not a whole number"],
    ),
    (
        "a number with a nought before it", "own/calendars", "office,7", "office,07",
        [f"{C}/calendars.csv line 6: iso_weekday '07' is not a whole number"],
    ),
    (
        "a blank that does not break", "own/teams", "beta,Beta", "beta,Be\u00a0ta",
        [f"{C}/teams.csv line 4: name 'Be\\xa0ta' holds a character that nobody sees; remove it"],
    ),
    (
        "a single quotation mark", "own/teams", "beta,Beta", "beta,'Beta'",
        [f"{C}/teams.csv line 4: name 'Beta' begins with ', which may be taken for quotes;"
         " remove it"],
    ),
    (
        "a number below none", "own/wip_limits", "review,3", "review,-1",
        [f"{C}/wip_limits.csv line 2: wip_limit '-1' is out of range; it must be 0 or more"],
    ),
    (
        "a boolean", "own/environments", "TRUE", "yes",
        [f"{C}/environments.csv line 3: is_production 'yes' is neither true nor false",
         f"{C}/environments.csv line 3: environment_key 'production' has is_production 'yes'"
         " here and 'true' in line 2; they must agree"],
    ),
    (
        "an empty key", "own/services", "checkout,Checkout,shop,alpha,,\n",
        "checkout,Checkout,shop,alpha,,\n,Search,shop,alpha,,\n",
        [f"{C}/services.csv line 3: service_key is empty, and must not be"],
    ),
    (
        "an empty limit", "own/wip_limits", "review,3", "review,",
        [f"{C}/wip_limits.csv line 2: wip_limit is empty, and must not be"],
    ),
    (
        "a metric without an owner", "defaults/metrics", "items,higher,no target,flow",
        "items,higher,no target,",
        [f"{D}/metrics.csv line 2: owner is empty, and must not be"],
    ),
    (
        "a blank behind a value", "own/teams", "Beta,bank", "Beta,bank ",
        [f"{C}/teams.csv line 4: value_stream_key 'bank ' has a blank at its beginning or end;"
         " remove it"],
    ),
    (
        "a status in capitals, which is the same", "defaults/status_stages", "",
        "jira,software,To Do,backlog,,\n",
        [f"{D}/status_stages.csv line 258: source_system 'jira', workflow 'software',"
         " status 'to do' is in line 5 already, and both hold from ever on; give the older one a"
         " valid_to that is the valid_from of the newer one"],
    ),
    (
        "an environment in capitals", "own/environments", "github,prod%", "github,PROD%",
        [f"{C}/environments.csv line 2: pattern 'PROD%' is never met: write it in lower case,"
         " 'prod%'"],
    ),
    (
        "a label in capitals", "defaults/work_types", "github,issue,bug,", "github,issue,Bug,",
        [f"{D}/work_types.csv line 37: raw_type 'Bug' is never met: write it in lower case,"
         " 'bug'"],
    ),
    (
        "a name that the models give", "own/teams", "beta,Beta", "unassigned,Beta",
        [f"{C}/teams.csv line 4: team_key 'unassigned' is a name that flowhouse gives itself;"
         " choose another, or leave the line out",
         f"{C}/scopes.csv line 4: team_key 'beta' is not in teams.csv;"
         " add it there or correct it"],
    ),
    (
        "a stage that the models add", "defaults/stages", "",
        "software,unmapped,0,wait,waste,false,false,false,false\n",
        [f"{D}/stages.csv line 56: stage 'unmapped' is a name that flowhouse gives itself;"
         " choose another, or leave the line out"],
    ),
    (
        "a workflow without a beginning", "defaults/stages",
        "request,in_progress,2,active,value_adding,true",
        "request,in_progress,2,active,value_adding,false",
        [f"{D}/stages.csv line 51: workflow 'request' has no stage whose is_started_boundary"
         " is true"],
    ),
    (
        "a workflow without an end", "defaults/stages", "request,closed,3,done,necessary,false,"
        "true,true", "request,closed,3,done,necessary,false,true,false",
        [f"{D}/stages.csv line 51: workflow 'request' has no stage whose is_finished_boundary"
         " is true"],
    ),
    (
        "a workflow that ends before it begins", "defaults/stages", "request,in_progress,2",
        "request,in_progress,3",
        [f"{D}/stages.csv line 51: workflow 'request' is finished before it is started;"
         " see its ordinals",
         f"{D}/stages.csv line 52: stage 'in_progress' is open and must come before 'closed',"
         " which is done; see their ordinals"],
    ),
    (
        "a baseline of 19 weeks", "own/xmr_baselines", "2024-05-19", "2024-05-18",
        [f"{C}/xmr_baselines.csv line 2: the baseline 2024-01-01 to 2024-05-18 has 19 full"
         " weeks; limits of fewer than 20 points are not to be trusted: choose a longer stretch"],
    ),
    (
        "a baseline from a Tuesday", "own/xmr_baselines", "2024-01-01", "2024-01-02",
        [f"{C}/xmr_baselines.csv line 2: baseline_start '2024-01-02' is not a Monday;"
         " did you mean '2024-01-08'?"],
    ),
    (
        "a column that is misspelt", "own/scopes", "service_key", "service",
        [f"{C}/scopes.csv line 1: column 'service' is not known; did you mean 'service_key'?"],
    ),
    (
        "a column too many", "own/holidays", "date,name", "date,name,country",
        [f"{C}/holidays.csv line 1: column 'country' is not known;"
         " there are calendar, holiday_date, name"],
    ),
    (
        "a column too few", "own/increments", ",ends_on", "",
        [f"{C}/increments.csv line 1: column 'ends_on' is missing"],
    ),
    (
        "a column twice", "own/holidays", "date,name", "date,name,name",
        [f"{C}/holidays.csv line 1: column 'name' is there twice"],
    ),
    (
        "a value too few", "own/scopes", "SHOP,shop,,,,", "SHOP,shop,,,",
        [f"{C}/scopes.csv line 2: has 6 values where the first line names 7 columns"],
    ),
    (
        "a comma in a value", "own/holidays", '"Labour Day, at home"', "Labour Day, at home",
        [f"{C}/holidays.csv line 2: has 4 values where the first line names 3 columns;"
         ' a value with a comma needs quotes (")'],
    ),
    (
        "a line without values", "own/holidays", "", ",,\n",
        [f"{C}/holidays.csv line 3: the line has no values; remove it"],
    ),
    (
        "a quote without an end", "own/holidays", 'home"', "home",
        [f"{C}/holidays.csv line 2: cannot be read as CSV: unexpected end of data"],
    ),
    (
        "semicolons", "own/increments", OWN["increments"], OWN["increments"].replace(",", ";"),
        [f"{C}/increments.csv line 1: values are separated by semicolons;"
         " save the file as 'CSV UTF-8 (comma delimited)'"],
    ),
    (
        "tabs", "own/increments", OWN["increments"], OWN["increments"].replace(",", "\t"),
        [f"{C}/increments.csv line 1: values are separated by tabs;"
         " save the file as 'CSV UTF-8 (comma delimited)'"],
    ),
    (
        "an empty file", "own/holidays", OWN["holidays"], "",
        [f"{C}/holidays.csv: the file is empty; its first line must be"
         " calendar,holiday_date,name"],
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("file", "text", "instead", "says"),
    [case[1:] for case in ONE_FAULT],
    ids=[case[0] for case in ONE_FAULT],
)
def test_a_fault_is_reported_with_its_place_and_what_to_do(
    folder: Path, file: str, text: str, instead: str, says: list[str]
) -> None:
    path = folder / f"{file}.csv"
    before = path.read_text()
    if text:
        assert before.count(text) >= 1
        path.write_text(before.replace(text, instead, 1))
    else:
        path.write_text(before + instead)
    assert faults(folder) == says


def latin(folder: Path) -> None:
    path = folder / "own" / "teams.csv"
    path.write_bytes(path.read_text().replace("Beta", "Bêta").encode("latin-1"))


def utf_16(folder: Path) -> None:
    path = folder / "own" / "holidays.csv"
    path.write_bytes(path.read_text().encode("utf-16"))


def missing(folder: Path) -> None:
    (folder / "own" / "increments.csv").unlink()


def misnamed(folder: Path) -> None:
    (folder / "own" / "service.csv").write_text("service_key,name\n")


def misplaced(folder: Path) -> None:
    shutil.copy(folder / "defaults" / "work_types.csv", folder / "own")


def below(folder: Path) -> None:
    (folder / "own" / "old").mkdir()
    shutil.copy(folder / "own" / "teams.csv", folder / "own" / "old")


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (
            latin,
            f"{C}/teams.csv line 4: is not UTF-8; save the file as 'CSV UTF-8 (comma delimited)'",
        ),
        (
            utf_16,
            f"{C}/holidays.csv line 1: is not UTF-8;"
            " save the file as 'CSV UTF-8 (comma delimited)'",
        ),
        (
            missing,
            f"{C}/increments.csv: the file is missing;"
            " its first line must be increment_key,name,starts_on,ends_on",
        ),
        (misnamed, f"{C}/service.csv: there is no such seed; did you mean services.csv?"),
        (
            misplaced,
            f"{C}/work_types.csv: the seed work_types lies in defaults; your lines, which win, are"
            " those of own_work_types.csv",
        ),
        (
            below,
            f"{C}/old/teams.csv: the seed teams lies in the company's folder;"
            " write its lines there",
        ),
    ],
    ids=["latin-1", "utf-16", "missing", "misnamed", "misplaced", "below"],
)
def test_a_file_that_cannot_be_read_is_reported(
    folder: Path, damage: Callable[[Path], None], says: str
) -> None:
    damage(folder)
    assert faults(folder) == [says]


def test_the_folder_of_a_company_may_lie_anywhere(folder: Path, tmp_path: Path) -> None:
    elsewhere = shutil.move(folder / "own", tmp_path / "elsewhere")
    assert seeds.checked(folder, str(elsewhere)).faults == []
    with (elsewhere / "own_status_stages.csv").open("a") as file:
        file.write("jira,software,QA Lane,tset,,\n")
    assert seeds.checked(folder, str(elsewhere)).faults == [
        f"{elsewhere}/own_status_stages.csv line 2: stage 'tset' is not in stages.csv for workflow"
        " 'software'; did you mean 'test'? Otherwise add it there"
    ]


def test_the_first_line_of_a_company_is_held_against_seeds_that_have_none(folder: Path) -> None:
    shutil.copytree(seeds.FOLDER / "company", folder / "fresh")
    with (folder / "fresh" / "scopes.csv").open("a") as scopes:
        scopes.write("jira,SHOP,shop,alpha,checkout,,\n")
    assert seeds.checked(folder, "fresh").faults == [
        f"dbt_project/seeds/fresh/scopes.csv line 2: {name} '{value}' is not in {file}.csv; add it"
        " there or correct it"
        for name, value, file in (
            ("value_stream_key", "shop", "value_streams"),
            ("team_key", "alpha", "teams"),
            ("service_key", "checkout", "services"),
        )
    ]


def test_a_stage_of_ones_own_is_held_to_the_rules_of_its_workflow(folder: Path) -> None:
    own = folder / "own" / "own_stages.csv"
    heading = own.read_text()
    own.write_text(heading + "software,uat,4,active,value_adding,true,false,false,\n")
    assert faults(folder) == []
    own.write_text(heading + "software,uat,99,active,value_adding,true,false,false,\n")
    [fault] = faults(folder)
    assert fault.startswith("dbt_project/seeds/own/own_stages.csv line 2: stage 'uat' is open and")


@pytest.mark.parametrize("name", ["nowhere", "..", "../seeds/../.."])
def test_a_company_without_a_folder_of_its_own_is_reported(folder: Path, name: str) -> None:
    assert seeds.checked(folder, name).faults == [
        "FLOWHOUSE_COMPANY names no folder of dbt_project/seeds; there are own, and any folder by"
        " its absolute path"
    ]


def test_only_the_first_twenty_faults_are_shown_and_the_others_are_counted(folder: Path) -> None:
    path = folder / "own" / "holidays.csv"
    path.write_text("calendar,holiday_date,name\n" + "office,soon,\n" * 25)
    found = seeds.checked(folder, "own")
    # The date of each line, and that it is there already from the second one on.
    assert len(found.faults) == 25 + 24
    assert found.lines_shown() == [*found.faults[:20], "and 29 more in the seeds"]


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("24", None),
        ("0.5", None),
        ("1.", "is not a number; write for example 1.5"),
        ("1e3", "is not a number; write for example 1.5"),
        ("-0.5", "is out of range; it must be 0 or more"),
    ],
)
def test_a_number_with_a_fraction_has_a_point(value: str, says: str | None) -> None:
    assert seeds._fault_of(seeds.Column("double"), value) == says


def as_excel(text: str) -> bytes:
    return b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode()


@pytest.mark.parametrize(
    "written",
    [str.encode, as_excel, lambda text: text.replace("\n", "\n\n").encode()],
    ids=["as it is", "byte order mark and CRLF", "blank lines"],
)
def test_the_check_reads_what_the_warehouse_reads(
    folder: Path, written: Callable[[str], bytes]
) -> None:
    """dbt-duckdb loads a seed with COPY, whatever dbt's own reader makes of it."""
    for name, text in OWN.items():
        path = folder / "own" / f"{name}.csv"
        path.write_bytes(written(text))
        file = seeds._read(seeds.File(name, name, seeds.SEEDS[name]), path)
        with duckdb.connect() as build:
            columns = ", ".join(f"{column} varchar" for column in seeds.SEEDS[name].columns)
            build.execute(f"create table seed ({columns})")
            build.execute(f"copy seed from '{path}' (format csv, header true, delimiter ',')")
            loaded = build.execute("select * from seed").fetchall()
        read = [tuple(value or None for value in row.values()) for _, row in file.lines]
        assert read == loaded and loaded
    assert faults(folder) == []


# The rules and dbt's own description of the seeds


def described() -> dict[str, dict]:
    text = (ROOT / "dbt_project" / "seeds" / "defaults" / "_seeds.yml").read_text()
    return {seed["name"]: seed for seed in yaml.safe_load(text)["seeds"]}


def test_every_seed_is_checked_and_described() -> None:
    folder = ROOT / "dbt_project" / "seeds"
    for company in ("company", "demo"):
        files = {path.stem for path in (folder / company).glob("*.csv")}
        assert files == {name for name, seed in seeds.SEEDS.items() if not seed.is_default}
    files = {path.stem for path in (folder / "defaults").glob("*.csv")}
    assert files == {name for name, seed in seeds.SEEDS.items() if seed.is_default}
    assert set(described()) == set(seeds.SEEDS)


@pytest.mark.parametrize("name", seeds.SEEDS)
def test_the_columns_of_a_seed_are_those_that_dbt_knows(name: str) -> None:
    declared = {column: rule.type for column, rule in seeds.SEEDS[name].columns.items()}
    assert list(declared.items()) == list(described()[name]["config"]["column_types"].items())
    for part in ("defaults", "company", "demo"):
        path = ROOT / "dbt_project" / "seeds" / part / f"{name}.csv"
        if path.exists():
            with path.open(newline="") as file:
                assert next(csv.reader(file)) == list(declared)


def test_the_numbers_that_are_no_measures_are_those_of_the_invariant() -> None:
    text = (ROOT / "dbt_project" / "tests" / "every_metric_says_what_it_is.sql").read_text()
    listed = text.partition("are_no_measures = [")[2].partition("]")[0]
    assert set(yaml.safe_load(f"[{listed}]")) == seeds.NO_MEASURES


@pytest.mark.parametrize("name", seeds.SEEDS)
def test_the_values_of_a_seed_are_those_that_dbt_accepts(name: str) -> None:
    for column in described()[name].get("columns", []):
        for test in column.get("data_tests", []):
            rule = seeds.SEEDS[name].columns[column["name"]]
            if test in ("not_null", "primary_key"):
                assert rule.is_needed, column["name"]
            elif "accepted_values" in test:
                values = test["accepted_values"]["arguments"]["values"]
                assert values == list(rule.one_of), column["name"]


# Through the command


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the product whose seeds may be spoilt, with two faults in the company's."""
    copy = tmp_path_factory.mktemp("installation")
    for part in ("extract", "orchestration", "publish", "dbt_project"):
        shutil.copytree(ROOT / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
    spoilt = {
        name: text.replace("alpha,checkout,", "alpha,checkuot,").replace("22:00", "22.00")
        for name, text in OWN.items()
    }
    write_company(copy / "dbt_project" / "seeds" / "mine", spoilt)
    return copy


SAYS = [
    "dbt_project/seeds/mine/scopes.csv line 3: service_key 'checkuot' is not in services.csv;"
    " did you mean 'checkout'? Otherwise add it there",
    "dbt_project/seeds/mine/calendars.csv line 3: work_start '22.00' is not a time of day;"
    " write hours and minutes, 00:00 to 23:59, for example 09:00",
]


def flowhouse(installation: Path, *words: str, **settings: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [Path(sys.executable).with_name("flowhouse"), *words],
        env={
            **os.environ,
            "PYTHONPATH": str(installation),
            "FLOWHOUSE_HOME": str(installation / "home"),
            "FLOWHOUSE_COMPANY": "mine",
            **settings,
        },
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_refresh_stops_before_anything_is_read_or_written(installation: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        done = flowhouse(
            installation,
            "refresh",
            SOURCES__JENKINS__BASE_URL=address,
            SOURCES__JENKINS__USER="someone",
            SOURCES__JENKINS__API_TOKEN="hush-hush",
        )
        assert (done.returncode, done.stderr.splitlines()) == (
            2,
            [f"flowhouse: {line}" for line in SAYS],
        )
        done = flowhouse(installation, "refresh", SOURCES__JENKINS__BASE_URL=address)
        assert done.stderr.splitlines() == [
            "flowhouse: SOURCES__JENKINS__USER is not set",
            "flowhouse: SOURCES__JENKINS__API_TOKEN is not set",
            *(f"flowhouse: {line}" for line in SAYS),
        ]
        server.setblocking(False)
        with pytest.raises(BlockingIOError):  # nobody has called
            server.accept()
    assert not (installation / "home").exists()


def test_the_doctor_tells_the_faults_of_the_seeds(installation: Path, tmp_path: Path) -> None:
    done = flowhouse(installation, "doctor", SOURCES__INBOX__PATH=str(tmp_path))
    assert done.returncode == 1
    told = [line for line in done.stdout.splitlines() if " seeds " in line]
    assert told == [f"FAIL  seeds       {line}" for line in SAYS]
    done = flowhouse(
        installation, "doctor", SOURCES__INBOX__PATH=str(tmp_path), FLOWHOUSE_COMPANY="demo"
    )
    [told] = [line for line in done.stdout.splitlines() if " seeds " in line]
    assert told.startswith(f"ok    seeds       {len(seeds.SEEDS)} files with ") and told.endswith(
        " lines are good"
    )


def test_names_of_one_environment_say_the_same() -> None:
    file = ROOT / "dbt_project" / "seeds" / "defaults" / "environment_names.csv"
    with file.open() as lines:
        said = {tuple(line.values())[1:] for line in csv.DictReader(lines)}
    assert len({key for key, *_ in said}) == len(said)
