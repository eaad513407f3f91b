-- One row per risk.
select
    risks.value_stream_key as stream,
    risks.name as risk,
    risks.category,
    risks.likelihood,
    risks.impact,
    risks.exposure,
    risks.status,
    risks.assessed_on,
    risks.due_on,
    risks.response,
    items.item_key,
    coalesce(teams.name, risks.named_team) as owner_team
from marts.fct_risks as risks
left join marts.dim_work_items as items
    on risks.work_item_key = items.work_item_key and items.is_current
left join marts.dim_teams as teams
    on risks.owner_team_key = teams.team_key
where risks.is_latest
order by stream, risks.is_open desc, risks.exposure desc, risks.risk
