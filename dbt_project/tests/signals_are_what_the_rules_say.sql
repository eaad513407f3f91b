-- Eight in a row, counted by looking back from every point.
with

charts as (

    select
        *,
        case when value > centre then 1 when value < centre then -1 else 0 end as side

    from {{ ref('metric_xmr') }}

),

looked_back as (

    select
        points.metric_xmr_key,
        sum(case when earlier.side = points.side then 1 else 0 end) as same_side

    from charts as points

    inner join charts as earlier
        on
            points.metric = earlier.metric
            and points.value_stream_key = earlier.value_stream_key
            and points.workflow = earlier.workflow
            and points.level = earlier.level
            and points.phase_no = earlier.phase_no
            and earlier.point_no between points.point_no - 7 and points.point_no

    where points.side <> 0

    group by 1

),

expected as (

    select
        charts.metric_xmr_key,
        charts.is_run,
        charts.is_outside,
        charts.is_signal,
        charts.signal,
        coalesce(looked_back.same_side = 8, false) as has_run,
        charts.centre is not null
        and (charts.value > charts.upper_limit or charts.value < charts.lower_limit)
            as lies_outside

    from charts

    left join looked_back
        on charts.metric_xmr_key = looked_back.metric_xmr_key

)

select *
from expected
where
    is_run <> has_run
    or is_outside <> lies_outside
    or is_signal <> (has_run or lies_outside)
    or is_signal = (signal = 'none')
