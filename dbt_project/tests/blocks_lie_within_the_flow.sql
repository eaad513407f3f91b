with

covered as (

    select
        intervals.blocked_interval_key,
        sum({{ seconds_between(
            'greatest(intervals.blocked_from, visits.entered_at)',
            'least(coalesce(intervals.blocked_to, ' ~ as_of() ~ '), coalesce(visits.exited_at, '
            ~ as_of() ~ '))'
        ) }}) as in_flow_s

    from {{ ref('fct_blocked_intervals') }} as intervals

    inner join {{ ref('fct_stage_visits') }} as visits
        on
            intervals.work_item_key = visits.work_item_key
            and visits.entered_at < coalesce(intervals.blocked_to, {{ as_of() }})
            and coalesce(visits.exited_at, {{ as_of() }}) > intervals.blocked_from

    where visits.flow_state in ('wait', 'active')

    group by 1

)

select intervals.blocked_interval_key

from {{ ref('fct_blocked_intervals') }} as intervals

left join covered
    on intervals.blocked_interval_key = covered.blocked_interval_key

where
    intervals.blocked_to <= intervals.blocked_from
    or coalesce(covered.in_flow_s, 0)
    <> {{ seconds_between(
        'intervals.blocked_from', 'coalesce(intervals.blocked_to, ' ~ as_of() ~ ')'
    ) }}
