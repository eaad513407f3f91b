with

periods as (

    select * from {{ ref('measure_flow_periods') }}
    where team_key = 'all' and period <> 'day'

),

guardrails as (

    select
        *,
        coalesce(valid_from, date '0001-01-01') as first_day,
        coalesce(valid_to, date '9999-12-31') as end_day

    from {{ ref('guardrails') }}

),

-- A type of work that nobody finished has a share of nothing, where anything was finished.
shared as (

    select
        guardrails.*,
        all_work.period_start,
        all_work.period_end,
        all_work.is_complete_period,
        all_work.velocity as n,
        case guardrails.basis
            when 'items' then coalesce(one_type.velocity, 0)
            else coalesce(one_type.active_s, 0)
        end as allocated,
        case guardrails.basis
            when 'items' then all_work.velocity
            else all_work.active_s
        end as allocated_of_all

    from guardrails

    inner join periods as all_work
        on
            guardrails.value_stream_key = all_work.value_stream_key
            and guardrails.workflow = all_work.workflow
            and guardrails.level = all_work.level
            and guardrails.period = all_work.period
            and all_work.work_type = 'all'
            and all_work.period_start >= guardrails.first_day
            and all_work.period_start < guardrails.end_day

    left join periods as one_type
        on
            guardrails.value_stream_key = one_type.value_stream_key
            and guardrails.workflow = one_type.workflow
            and guardrails.level = one_type.level
            and guardrails.work_type = one_type.work_type
            and guardrails.period = one_type.period
            and all_work.period_start = one_type.period_start

),

measured as (

    select
        *,
        cast(allocated as double) / nullif(allocated_of_all, 0) as actual_share

    from shared

),

final as (

    select
        guardrail_key || '|' || cast(period_start as varchar) as metric_guardrail_key,
        guardrail_key,
        value_stream_key,
        workflow,
        level,
        work_type,
        basis,
        period,
        n,
        cast(allocated as bigint) as allocated,
        cast(allocated_of_all as bigint) as allocated_of_all,
        actual_share,
        min_share,
        max_share,
        case
            when actual_share is null then 'not_known'
            when actual_share < min_share then 'below'
            when actual_share > max_share then 'above'
            else 'within'
        end as status,
        is_complete_period,
        period_start,
        period_end

    from measured

)

select * from final
