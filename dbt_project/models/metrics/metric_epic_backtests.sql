with

stays as (

    select * from {{ ref('measure_child_stays') }}

),

open_stays as (

    select
        *,
        coalesce(until_date, date '9999-12-31') as last_until_date

    from stays

    where not is_done

),

epics as (

    select
        epic_children_key,
        parent_work_item_key,
        value_stream_key,
        workflow,
        level

    from stays

    group by 1, 2, 3, 4, 5

),

forecasts as (

    select * from {{ ref('sim_epics') }}
    where is_backtest

),

dated as (

    {%- for percentile in (50, 85, 95) %}
        {{ 'union all' if not loop.first }}

        select
            epic_children_key,
            {{ percentile }} as percentile,
            open_count,
            window_done_count,
            n,
            origin_date,
            cast(
                {{ add_seconds(
                    'cast(origin_date as timestamp)', 'days_p' ~ percentile ~ ' * 86400'
                ) }} as date
            ) as forecast_date

        from forecasts
    {%- endfor %}

),

-- A date is judged when it is over: who comes in time before would be counted, who is late not yet.
judged as (

    select
        dated.*,
        epics.parent_work_item_key as work_item_key,
        epics.value_stream_key,
        epics.workflow,
        epics.level

    from dated

    inner join epics
        on dated.epic_children_key = epics.epic_children_key

    inner join {{ ref('dim_value_streams') }} as streams
        on epics.value_stream_key = streams.value_stream_key

    where dated.forecast_date < cast({{ local_time(as_of(), 'streams.time_zone') }} as date)

),

late as (

    select
        judged.epic_children_key,
        judged.percentile,
        judged.origin_date,
        count(*) as late_count

    from judged

    inner join open_stays as earlier
        on
            judged.epic_children_key = earlier.epic_children_key
            and judged.origin_date >= earlier.since_date
            and judged.origin_date < earlier.last_until_date

    inner join open_stays as later
        on
            earlier.epic_children_key = later.epic_children_key
            and earlier.work_item_key = later.work_item_key
            and judged.forecast_date >= later.since_date
            and judged.forecast_date < later.last_until_date

    group by 1, 2, 3

),

final as (

    select
        judged.epic_children_key || '|' || cast(judged.percentile as varchar) || '|'
        || cast(judged.origin_date as varchar) as metric_epic_backtest_key,
        judged.work_item_key,
        judged.value_stream_key,
        judged.workflow,
        judged.level,
        cast(judged.percentile as bigint) as percentile,
        judged.open_count,
        coalesce(late.late_count, 0) as late_count,
        judged.n,
        judged.window_done_count,
        late.late_count is null as is_hit,
        judged.origin_date,
        judged.forecast_date

    from judged

    left join late
        on
            judged.epic_children_key = late.epic_children_key
            and judged.percentile = late.percentile
            and judged.origin_date = late.origin_date

)

select * from final
