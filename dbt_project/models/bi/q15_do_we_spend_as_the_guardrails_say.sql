with

finished as (

    select
        rails.metric_guardrail_key,
        cycle_times.item_key,
        row_number() over (
            partition by rails.metric_guardrail_key
            order by cycle_times.last_done_at, cycle_times.item_key
        ) as row_num

    from {{ ref('metric_guardrails') }} as rails

    inner join {{ ref('dim_dates') }} as dates
        on dates.date_day between rails.period_start and rails.period_end

    inner join {{ ref('metric_cycle_times') }} as cycle_times
        on
            rails.value_stream_key = cycle_times.value_stream_key
            and rails.workflow = cycle_times.workflow
            and rails.level = cycle_times.level
            and rails.work_type = cycle_times.work_type
            and dates.date_day = cycle_times.finished_date

),

evidence as (

    select
        metric_guardrail_key,
        {{ first_five('item_key', 'row_num') }} as evidence_items

    from finished

    group by 1

),

final as (

    select
        rails.guardrail_key as guardrail,
        streams.name as value_stream,
        rails.workflow,
        rails.level,
        rails.work_type,
        rails.basis,
        rails.period_start,
        rails.period_end,
        rails.status,
        rails.actual_share,
        case
            when rails.basis = 'items'
                then {{ share_interval('rails.allocated', 'rails.allocated_of_all', 'low') }}
        end as actual_low_share,
        case
            when rails.basis = 'items'
                then {{ share_interval('rails.allocated', 'rails.allocated_of_all', 'high') }}
        end as actual_high_share,
        rails.min_share,
        rails.max_share,
        rails.n,
        evidence.evidence_items,
        rails.is_complete_period,
        coalesce(
            rails.period_start = max(
                case when rails.is_complete_period then rails.period_start end
            ) over (partition by rails.guardrail_key),
            false
        ) as is_latest

    from {{ ref('metric_guardrails') }} as rails

    inner join {{ ref('dim_value_streams') }} as streams
        on rails.value_stream_key = streams.value_stream_key

    left join evidence
        on rails.metric_guardrail_key = evidence.metric_guardrail_key

)

select * from final
