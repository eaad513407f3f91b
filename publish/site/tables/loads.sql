-- One row per team, kind of work and week.
select
    loads.workflow || '/' || loads.level as work,
    loads.value_stream_key as stream,
    teams.name as team,
    loads.week_start,
    loads.mean_active_items,
    loads.available_ftes,
    loads.items_per_fte,
    loads.is_complete_period
from metrics.metric_team_load as loads
inner join marts.dim_teams as teams
    on loads.team_key = teams.team_key
cross join (select min(window_start) as first_day, max(window_end) as end_day from ranges) as widest
where
    loads.week_start >= date_trunc('week', widest.first_day)
    and loads.week_start < widest.end_day
order by work, stream, loads.week_start desc, team
