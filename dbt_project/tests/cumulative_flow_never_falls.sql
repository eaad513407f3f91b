with

days as (

    select
        *,
        lag(cfd_highwater) over (
            partition by value_stream_key, level, stage_key
            order by date_day
        ) as day_before,
        lag(cfd_highwater) over (
            partition by value_stream_key, workflow, level, date_day
            order by ordinal
        ) as stage_before

    from {{ ref('metric_cumulative_flow') }}

)

select metric_cumulative_flow_key

from days

where cfd_highwater < day_before or cfd_highwater > stage_before
