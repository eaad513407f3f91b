-- The least that an engine must do for the same questions: one statement per big table, on the same raw
-- files, without checks, other tools, versions of items, working hours, notes on quality and the like.
-- Each may read what the ones before it made. A statement is called by the table it is compared with.

-- fct_status_transitions
create or replace temp table status_transitions as
with jira as (
    select issue_id, id, created_at, unnest(payload.items) as item, payload.author.person_key as actor
    from (
        select
            issue_id, id, created_at,
            from_json(payload, '{
                "author": {"person_key": "VARCHAR"},
                "items": [{"field": "VARCHAR", "fromString": "VARCHAR", "toString": "VARCHAR"}]
            }') as payload
        from raw_jira.jira.histories
    ) as parsed
),

pulls as (
    select id, unnest(payload.events) as event
    from (
        select
            id,
            from_json(payload, '{
                "events": [{"type": "VARCHAR", "at": "VARCHAR", "actor": {"person_key": "VARCHAR"}}]
            }') as payload
        from raw_github.github.pull_requests
    ) as parsed
),

told as (
    select 'jira:' || id as item, created_at as changed_at, 'Backlog' as to_status, null as actor
    from raw_jira.jira.issues
    union all
    select 'jira:' || issue_id, created_at, item.toString, actor from jira where item.field = 'status'
    union all
    select 'github:' || id, created_at, 'open', null from raw_github.github.pull_requests
    union all
    select
        'github:' || id, cast(event.at as timestamptz),
        case event.type when 'merged' then 'merged' when 'closed' then 'closed' else 'in_review' end,
        event.actor.person_key
    from pulls
    union all
    select
        'github:' || pull_request_id, submitted_at, lower(state),
        from_json(payload, '{"author": {"person_key": "VARCHAR"}}').author.person_key
    from raw_github.github.reviews
    union all
    select 'servicenow:' || document_id, sys_created_at, payload.newvalue, payload.user.person_key
    from (
        select
            document_id, sys_created_at,
            from_json(payload, '{"newvalue": "VARCHAR", "user": {"person_key": "VARCHAR"}}') as payload
        from raw_servicenow.servicenow.audits
        where field_name = 'state'
    ) as audits
)

select
    item,
    to_status,
    lag(to_status) over (partition by item order by changed_at) as from_status,
    row_number() over (partition by item order by changed_at) as transition_seq,
    actor,
    changed_at
from told;

-- fct_stage_visits
create or replace temp table stage_visits as
select
    item,
    stage,
    row_number() over (partition by item, stage order by changed_at) as visit_no,
    changed_at as entered_at,
    lead(changed_at) over (partition by item order by changed_at, transition_seq) as exited_at
from status_transitions
left join (
    select status, min(stage) as stage from read_csv('{seeds}/defaults/status_stages.csv') group by 1
) as stages
    on lower(to_status) = stages.status;

-- fct_work_item_flows
create or replace temp table work_item_flows as
select
    item,
    min(entered_at) as created_at,
    min(case when stage in ('in_progress', 'in_review') then entered_at end) as started_at,
    max(case when stage in ('done', 'merged', 'closed', 'resolved') then entered_at end) as done_at,
    sum(case when stage = 'in_progress' then date_diff('second', entered_at, exited_at) end) as active_s,
    sum(case when stage = 'blocked' then date_diff('second', entered_at, exited_at) end) as blocked_s,
    sum(case when visit_no > 1 then date_diff('second', entered_at, exited_at) end) as rework_s,
    count(*) as visits
from stage_visits
group by item;

-- fct_daily_flows
create or replace temp table streams as
select 'jira:' || id as item, project_key as stream from raw_jira.jira.issues
union all
select 'github:' || id, repository from raw_github.github.pull_requests;

create or replace temp table daily_flows as
select
    stream, stage, day,
    sum(arrivals) as arrivals,
    sum(departures) as departures,
    sum(sum(arrivals) - sum(departures)) over (partition by stream, stage order by day) as wip
from (
    select stream, stage, cast(entered_at as date) as day, 1 as arrivals, 0 as departures
    from stage_visits inner join streams using (item)
    union all
    select stream, stage, cast(exited_at as date), 0, 1
    from stage_visits inner join streams using (item)
    where exited_at is not null
) as moves
group by 1, 2, 3;

-- measure_flow_periods
create or replace temp table flow_periods as
select
    stream,
    period,
    date_trunc(period, done_at) as period_start,
    count(*) as velocity,
    quantile_disc(date_diff('second', started_at, done_at), [0.5, 0.85, 0.95]) as flow_time_s,
    sum(active_s) as active_s,
    sum(rework_s) as rework_s
from work_item_flows
inner join streams using (item)
cross join (select unnest(['day', 'week', 'month']) as period) as periods
where done_at is not null
group by 1, 2, 3;

-- fct_ci_runs
create or replace temp table ci_runs as
select
    runs.id, repository, head_sha, conclusion, runs.created_at, run_started_at, updated_at,
    date_diff('second', runs.created_at, first_job_at) as queue_s, jobs
from raw_github.github.workflow_runs as runs
left join (
    select run_id, run_attempt, min(started_at) as first_job_at, count(*) as jobs
    from raw_github.github.jobs
    group by 1, 2
) as jobs
    on runs.id = jobs.run_id and runs.run_attempt = jobs.run_attempt;

-- fct_changes
create or replace temp table changes as
with pulls as (
    select
        id, repository, created_at,
        cast(payload.mergedAt as timestamptz) as merged_at, payload.mergeCommitOid as sha,
        payload.author.person_key as author, payload.additions
    from (
        select
            id, repository, created_at,
            from_json(payload, '{
                "mergedAt": "VARCHAR", "mergeCommitOid": "VARCHAR", "additions": "BIGINT",
                "author": {"person_key": "VARCHAR"}
            }') as payload
        from raw_github.github.pull_requests
    ) as parsed
),

deployed as (
    select pulls.repository, merged_at, min(deployments.created_at) as deployed_at
    from pulls inner join raw_github.github.deployments
        on pulls.repository = deployments.repository and pulls.sha = deployments.sha
    where environment = 'production'
    group by 1, 2
)

select pulls.*, commits.first_commit_at, reviews.first_review_at, deployed.deployed_at
from pulls
left join (
    select pull_request_id, min(authored_at) as first_commit_at
    from raw_github.github.pull_request_commits group by 1
) as commits on pulls.id = commits.pull_request_id
left join (
    select pull_request_id, min(submitted_at) as first_review_at
    from raw_github.github.reviews group by 1
) as reviews on pulls.id = reviews.pull_request_id
asof left join deployed
    on pulls.repository = deployed.repository and pulls.merged_at <= deployed.merged_at;

-- bridge_incident_deployments
create or replace temp table incident_deployments as
with incidents as (
    select
        incidents.sys_id, services.name as service, sys_created_at as opened_at
    from raw_servicenow.servicenow.incidents
    inner join raw_servicenow.servicenow.services
        on incidents.payload ->> '$.business_service' = services.sys_id
),

deployments as (
    select deployments.id, scopes.service_key as service, created_at
    from raw_github.github.deployments
    inner join read_csv('{seeds}/bench/scopes.csv') as scopes on deployments.repository = scopes.scope
    where environment = 'production'
)

select incidents.sys_id, deployments.id
from incidents
asof inner join deployments
    on incidents.service = deployments.service and incidents.opened_at >= deployments.created_at
where incidents.opened_at < deployments.created_at + interval 24 hour;
