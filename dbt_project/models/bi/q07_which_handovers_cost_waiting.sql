with

waited as (

    select
        items.value_stream_key,
        handovers.from_team_key,
        handovers.to_team_key,
        handovers.stage,
        handovers.handover_key,
        items.item_key,
        case
            when visits.flow_state in ('new', 'wait')
                then {{ days_of(seconds_between(
                    'handovers.handed_over_at', 'coalesce(visits.exited_at, refreshes.as_of)'
                )) }}
            else 0
        end as days

    from {{ ref('fct_handovers') }} as handovers

    inner join {{ ref('dim_work_items') }} as items
        on handovers.work_item_version_key = items.work_item_version_key

    left join {{ ref('fct_stage_visits') }} as visits
        on
            handovers.work_item_key = visits.work_item_key
            and handovers.stage_key = visits.stage_key
            and visits.entered_at <= handovers.handed_over_at
            and coalesce(visits.exited_at, timestamp '9999-12-31') > handovers.handed_over_at

    -- The last one: DuckDB would write another join after it down as something else.
    cross join {{ ref('refreshes') }} as refreshes

),

placed as (

    select
        *,
        row_number() over (
            partition by value_stream_key, from_team_key, to_team_key, stage
            order by days, handover_key
        ) as row_num,
        row_number() over (
            partition by value_stream_key, from_team_key, to_team_key, stage
            order by days desc, handover_key
        ) as place_from_last,
        count(*) over (
            partition by value_stream_key, from_team_key, to_team_key, stage
        ) as n,
        sum(days) over () as all_days

    from waited

),

final as (

    select
        streams.name as value_stream,
        from_teams.name as from_team,
        to_teams.name as to_team,
        placed.stage,
        placed.n,
        count(distinct placed.item_key) as items,
        sum(placed.days) as wait_days,
        sum(placed.days) / nullif(placed.all_days, 0) as wait_share,
        {{ value_at('placed.days', 'placed.row_num', 'placed.n', 0.5) }} as wait_p50_days,
        {{ value_at('placed.days', 'placed.row_num', 'placed.n', 0.5, 'low') }}
            as wait_p50_low_days,
        {{ value_at('placed.days', 'placed.row_num', 'placed.n', 0.5, 'high') }}
            as wait_p50_high_days,
        {{ first_five('placed.item_key', 'placed.place_from_last') }} as evidence_items

    from placed

    inner join {{ ref('dim_value_streams') }} as streams
        on placed.value_stream_key = streams.value_stream_key

    inner join {{ ref('dim_teams') }} as from_teams
        on placed.from_team_key = from_teams.team_key

    inner join {{ ref('dim_teams') }} as to_teams
        on placed.to_team_key = to_teams.team_key

    group by
        streams.name, from_teams.name, to_teams.name, placed.stage, placed.n, placed.all_days,
        placed.value_stream_key, placed.from_team_key, placed.to_team_key

)

select * from final
