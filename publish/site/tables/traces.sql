-- One row per issue and pull request: how its way to production is known. The newest 4,000.
select
    items.item_key,
    items.item_url,
    traces.is_complete,
    traces.missing_links,
    traces.idea_at,
    traces.first_commit_at,
    traces.merged_at,
    traces.built_at,
    traces.deployed_at,
    traces.first_incident_at,
    traces.ideation_s,
    traces.integration_s,
    traces.verification_s,
    traces.delivery_s
from marts.fct_traces as traces
inner join items on traces.work_item_key = items.work_item_key
order by
    coalesce(traces.deployed_at, traces.merged_at, traces.first_commit_at, traces.idea_at) desc,
    items.item_key
limit 4000
