-- One row per goal and period. A goal of a service is the goal of its value stream; what names
-- neither is that of the team that answers for it.
select
    case
        when goals.value_stream_key <> 'all' then goals.value_stream_key
        when goals.entity_type = 'service' then services.value_stream_key
        else coalesce(teams.value_stream_key, 'unassigned')
    end as stream,
    goals.goal_key as goal,
    goals.kind,
    goals.metric,
    goals.entity_key as of,
    goals.period_start,
    goals.period_end,
    goals.value,
    goals.n,
    goals.expected,
    goals.target,
    goals.better,
    goals.trend,
    goals.progress_share,
    replace(goals.status, '_', ' ') as status,
    coalesce(teams.name, goals.owner_team_key) as owner_team,
    goals.is_complete_period,
    row_number() over (
        partition by goals.goal_key
        order by coalesce(goals.is_complete_period, false) desc, goals.period_start desc
    ) = 1 as is_last
from metrics.metric_targets as goals
left join marts.dim_services as services
    on
        goals.entity_type = 'service'
        and goals.entity_key = services.service_key
        and services.is_current
left join marts.dim_teams as teams
    on goals.owner_team_key = teams.team_key and teams.is_current
order by stream, goal, goals.period_start desc
