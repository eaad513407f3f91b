-- One row per item of `traces` and step of its way: what it is, when it was, and how we know.
with traced as (
    select
        traces.work_item_key,
        traces.idea_work_item_key,
        traces.built_at,
        items.item_key
    from marts.fct_traces as traces
    inner join items on traces.work_item_key = items.work_item_key
    order by
        coalesce(
            traces.deployed_at, traces.merged_at, traces.first_commit_at, traces.idea_at
        ) desc,
        items.item_key
    limit 4000
),

changes as (
    select
        traced.item_key,
        links.from_key as change_key,
        links.method,
        links.confidence
    from traced
    inner join marts.bridge_work_item_links as links
        on traced.work_item_key = links.to_key and links.link_type = 'implements'
    where links.valid_to is null
    union all
    select
        traced.item_key,
        changes.change_key,
        'itself' as method,
        1.0 as confidence
    from traced
    inner join marts.fct_changes as changes on traced.work_item_key = changes.change_key
),

deployments as (
    select
        changes.item_key,
        bridge.deployment_key,
        min(bridge.method) as method
    from changes
    inner join marts.bridge_deployment_changes as bridge
        on changes.change_key = bridge.change_key
    group by changes.item_key, bridge.deployment_key
)

select
    traced.item_key,
    1 as step_no,
    'Idea' as step,
    ideas.item_key as what,
    ideas.item_url as url,
    ideas.created_at as at,
    if(ideas.item_key = traced.item_key, 'itself', 'link') as known_by,
    null as confidence
from traced
inner join items as ideas on traced.idea_work_item_key = ideas.work_item_key
union all
select
    changes.item_key,
    2,
    'Change',
    coalesce(items.item_key, facts.repository || ' ' || left(facts.merge_commit_sha, 10)),
    items.item_url,
    coalesce(facts.merged_at, facts.opened_at),
    changes.method,
    changes.confidence
from changes
inner join marts.fct_changes as facts on changes.change_key = facts.change_key
left join items on changes.change_key = items.work_item_key
union all
select
    traced.item_key,
    3,
    'Build',
    'CI passed',
    null,
    traced.built_at,
    'commit',
    null
from traced
where traced.built_at is not null
union all
select
    deployments.item_key,
    4,
    'Deployment',
    facts.repository || ' ' || left(facts.sha, 10) || if(facts.is_failed, ' (failed)', ''),
    null,
    facts.finished_at,
    deployments.method,
    null
from deployments
inner join marts.fct_deployments as facts on deployments.deployment_key = facts.deployment_key
union all
select
    deployments.item_key,
    5,
    'Incident',
    items.item_key,
    items.item_url,
    incidents.opened_at,
    causes.method,
    causes.confidence
from deployments
inner join marts.bridge_incident_deployments as causes
    on deployments.deployment_key = causes.deployment_key and causes.is_primary
inner join marts.fct_incidents as incidents
    on causes.work_item_key = incidents.work_item_key
inner join items on causes.work_item_key = items.work_item_key
where not causes.is_false_alarm
order by 1, 2, 6, 4
