-- Eight in a row: the last eight points of the chart, this one included, lie on one side. Without
-- limits nobody knows.
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
        is_range_outside,
        is_signal,
        signal,
        side,
        case when centre is not null then side <> 0 and points = 8 and least = most end as has_run,
        value > upper_limit or value < lower_limit as lies_outside,
        moving_range > range_limit as jumps

    from looked_back

)

select *
from expected
where
    is_run is distinct from has_run
    or is_outside is distinct from lies_outside
    or is_range_outside is distinct from jumps
    or is_signal is distinct from (has_run or lies_outside)
    or signal is distinct from case
        when has_run or lies_outside then case when side = 1 then 'higher' else 'lower' end
        when not (has_run or lies_outside) then 'none'
    end
