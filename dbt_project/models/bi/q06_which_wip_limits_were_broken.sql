with

days as (

    select
        *,
        row_number() over (
            partition by value_stream_key, workflow, level, stage_key, wip_limit
            order by wip_eod desc, date_day
        ) as row_num

    from {{ ref('metric_wip') }}

    where wip_limit is not null and is_complete_period

),

counted as (

    select
        value_stream_key,
        workflow,
        level,
        stage,
        wip_limit,
        count(*) as n,
        count(case when is_breach then 1 end) as breach_days,
        avg(case when is_breach then cast(wip_eod - wip_limit as double) end)
            as mean_excess_items,
        max(wip_eod) as worst_items,
        max(case when row_num = 1 then date_day end) as worst_day,
        min(case when is_breach then date_day end) as first_breach_day,
        max(case when is_breach then date_day end) as last_breach_day,
        {{ first_five("case when is_breach then cast(date_day as varchar) end", 'row_num') }}
            as evidence_days

    from days

    group by 1, 2, 3, 4, 5

),

final as (

    select
        streams.name as value_stream,
        counted.workflow,
        counted.level,
        counted.stage,
        counted.wip_limit,
        counted.n,
        counted.breach_days,
        cast(counted.breach_days as double) / counted.n as breach_share,
        counted.mean_excess_items,
        counted.worst_items,
        greatest(counted.worst_items - counted.wip_limit, 0) as worst_excess_items,
        counted.worst_day,
        counted.first_breach_day,
        counted.last_breach_day,
        counted.evidence_days

    from counted

    inner join {{ ref('dim_value_streams') }} as streams
        on counted.value_stream_key = streams.value_stream_key

)

select * from final
