with

placed as (

    select
        finished.value_stream_key,
        finished.workflow,
        finished.level,
        dates.increment_key,
        finished.item_key,
        {{ days_of('finished.start_to_done_s') }} as days,
        row_number() over (
            partition by
                finished.value_stream_key, finished.workflow, finished.level, dates.increment_key
            order by finished.start_to_done_s, finished.item_key
        ) as row_num,
        row_number() over (
            partition by
                finished.value_stream_key, finished.workflow, finished.level, dates.increment_key
            order by finished.start_to_done_s desc, finished.item_key
        ) as place_from_last,
        count(*) over (
            partition by
                finished.value_stream_key, finished.workflow, finished.level, dates.increment_key
        ) as n

    from {{ ref('metric_cycle_times') }} as finished

    inner join {{ ref('dim_dates') }} as dates
        on finished.finished_date = dates.date_day

    where finished.start_to_done_s is not null

),

bounds as (

    select
        value_stream_key,
        workflow,
        level,
        increment_key,
        {{ value_at('days', 'row_num', 'n', 0.5, 'low') }} as flow_time_p50_low_days,
        {{ value_at('days', 'row_num', 'n', 0.5, 'high') }} as flow_time_p50_high_days,
        {{ value_at('days', 'row_num', 'n', 0.85, 'low') }} as flow_time_p85_low_days,
        {{ value_at('days', 'row_num', 'n', 0.85, 'high') }} as flow_time_p85_high_days,
        {{ first_five('item_key', 'place_from_last') }} as evidence_items

    from placed

    group by 1, 2, 3, 4

),

final as (

    select
        streams.name as value_stream,
        totals.workflow,
        totals.level,
        increments.name as increment,
        totals.n,
        {{ days_of('totals.flow_time_p50_s') }} as flow_time_p50_days,
        bounds.flow_time_p50_low_days,
        bounds.flow_time_p50_high_days,
        {{ days_of('totals.flow_time_p85_s') }} as flow_time_p85_days,
        bounds.flow_time_p85_low_days,
        bounds.flow_time_p85_high_days,
        {{ days_of('totals.flow_time_p95_s') }} as flow_time_p95_days,
        bounds.evidence_items,
        totals.is_marked,
        totals.is_complete_period,
        totals.increment_start as starts_on,
        totals.increment_end as ends_on

    from {{ ref('metric_flow_increment_totals') }} as totals

    inner join {{ ref('dim_value_streams') }} as streams
        on totals.value_stream_key = streams.value_stream_key

    inner join {{ ref('dim_increments') }} as increments
        on totals.increment_key = increments.increment_key

    left join bounds
        on
            totals.value_stream_key = bounds.value_stream_key
            and totals.workflow = bounds.workflow
            and totals.level = bounds.level
            and totals.increment_key = bounds.increment_key

    where totals.n > 0

)

select * from final
