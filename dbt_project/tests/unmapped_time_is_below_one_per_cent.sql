{{ config(severity='warn') }}

-- The statuses are what somebody has to map; a stream that has none of them is a fault of ours.
with

streams as (

    select
        work_items.value_stream_key,
        sum(case when visits.stage = 'unmapped' then visits.elapsed_s else 0 end) as unmapped_s,
        sum(visits.elapsed_s) as elapsed_s

    from {{ ref('fct_stage_visits') }} as visits

    inner join {{ ref('dim_work_items') }} as work_items
        on visits.work_item_version_key = work_items.work_item_version_key

    inner join {{ ref('fct_work_item_flows') }} as flows
        on visits.work_item_key = flows.work_item_key

    inner join {{ ref('dim_value_streams') }} as value_streams
        on work_items.value_stream_key = value_streams.value_stream_key

    where
        not visits.is_terminal
        and not value_streams.is_default
        and work_items.value_stream_key <> 'unassigned'
        and flows.history_quality not in ('snapshot_only', 'truncated')

    group by 1

    having
        sum(case when visits.stage = 'unmapped' then visits.elapsed_s else 0 end)
        > 0.01 * sum(visits.elapsed_s)

),

statuses as (

    select distinct
        work_items.value_stream_key,
        work_items.source_system,
        lower(transitions.to_status) as status

    from {{ ref('fct_stage_transitions') }} as transitions

    inner join {{ ref('dim_work_items') }} as work_items
        on transitions.work_item_version_key = work_items.work_item_version_key

    where transitions.to_stage = 'unmapped'

)

select
    streams.value_stream_key,
    statuses.source_system,
    statuses.status,
    streams.unmapped_s,
    streams.elapsed_s

from streams

left join statuses
    on streams.value_stream_key = statuses.value_stream_key
