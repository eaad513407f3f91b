-- Eight in a row: the last eight points of the chart, this one included, lie on one side.
with

charts as (

    select
        *,
        case when value > centre then 1 when value < centre then -1 else 0 end as side

    from {{ ref('metric_xmr') }}

),

looked_back as (

    select
        *,
        count(*) over last_eight as points,
        min(side) over last_eight as least,
        max(side) over last_eight as most

    from charts

    window last_eight as (
        partition by metric, value_stream_key, workflow, level, phase_no
        order by point_no
        rows between 7 preceding and current row
    )

),

expected as (

    select
        metric_xmr_key,
        is_run,
        is_outside,
        is_signal,
        signal,
        side <> 0 and points = 8 and least = most as has_run,
        centre is not null and (value > upper_limit or value < lower_limit) as lies_outside

    from looked_back

)

select *
from expected
where
    is_run <> has_run
    or is_outside <> lies_outside
    or is_signal <> (has_run or lies_outside)
    or is_signal = (signal = 'none')
