with

experiments as (

    select * from {{ ref('int_experiments_known') }}

),

value_streams as (

    select * from {{ ref('dim_value_streams') }}

),

teams as (

    select * from {{ ref('dim_teams') }}

),

items as (

    select * from {{ ref('dim_work_items') }}
    where is_current

),

traces as (

    select * from {{ ref('fct_traces') }}

),

joined as (

    select
        experiments.*,
        coalesce(value_streams.value_stream_key, 'unassigned') as known_value_stream_key,
        coalesce(value_streams.time_zone, 'UTC') as time_zone,
        items.work_item_version_key,
        traces.idea_at,
        traces.deployed_at

    from experiments

    left join value_streams
        on experiments.value_stream_key = value_streams.value_stream_key

    left join items
        on experiments.work_item_key = items.work_item_key

    left join traces
        on items.work_item_key = traces.work_item_key

),

-- An idea is as old as the experiment or, where that is older, as the item that builds it.
dated as (

    select
        *,
        least(conceived_on, cast({{ local_time('idea_at', 'time_zone') }} as date)) as idea_on,
        cast({{ local_time('deployed_at', 'time_zone') }} as date) as released_on

    from joined

),

final as (

    select
        dated.experiment_key,
        dated.known_value_stream_key as value_stream_key,
        dated.value_stream_key as named_value_stream,
        dated.hypothesis,
        dated.measure,
        dated.better,
        dated.expected_delta,
        dated.observed_delta,
        dated.work_item_key,
        dated.work_item_version_key,
        dated.work_item as named_item,
        case when dated.owner_team_key is not null then coalesce(teams.team_key, 'unassigned') end
            as owner_team_key,
        dated.owner_team_key as named_team,
        dated.conceived_on,
        dated.idea_on,
        dated.released_on,
        dated.first_use_on,
        dated.due_on,
        dated.learned_on,
        dated.verdict,
        dated.decided_on,
        dated.decision,
        {{ days_between('dated.idea_on', 'dated.released_on') }} as idea_to_release_days,
        {{ days_between('dated.idea_on', 'dated.first_use_on') }} as idea_to_first_use_days,
        {{ days_between('dated.idea_on', 'dated.learned_on') }} as idea_to_learned_days,
        {{ days_between('dated.idea_on', 'dated.decided_on') }} as idea_to_decided_days,
        dated.is_overdue

    from dated

    left join teams
        on dated.owner_team_key = teams.team_key

)

select * from final
