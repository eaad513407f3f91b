with

valued as (

    select
        streams.name as value_stream,
        items.workflow,
        items.level,
        increments.name as increment,
        increments.starts_on,
        increments.ends_on,
        increments.ends_on < cast(
            {{ local_time('refreshes.as_of', 'streams.time_zone') }} as date
        ) as is_complete_period,
        items.item_key,
        {{ days_of(seconds_between('traces.idea_at', 'traces.deployed_at')) }} as days

    from {{ ref('fct_traces') }} as traces

    inner join {{ ref('dim_work_items') }} as items
        on traces.work_item_version_key = items.work_item_version_key

    inner join {{ ref('dim_value_streams') }} as streams
        on items.value_stream_key = streams.value_stream_key

    inner join {{ ref('dim_dates') }} as dates
        on
            cast({{ local_time('traces.deployed_at', 'streams.time_zone') }} as date)
            = dates.date_day

    inner join {{ ref('dim_increments') }} as increments
        on dates.increment_key = increments.increment_key

    cross join {{ ref('refreshes') }} as refreshes

    where traces.idea_at <= traces.deployed_at

),

placed as (

    select
        *,
        row_number() over (
            partition by value_stream, workflow, level, increment
            order by days, item_key
        ) as row_num,
        row_number() over (
            partition by value_stream, workflow, level, increment
            order by days desc, item_key
        ) as place_from_last,
        count(*) over (partition by value_stream, workflow, level, increment) as n

    from valued

),

measured as (

    select
        value_stream,
        workflow,
        level,
        increment,
        n,
        {{ value_at('days', 'row_num', 'n', 0.5) }} as idea_to_value_p50_days,
        {{ value_at('days', 'row_num', 'n', 0.5, 'low') }} as idea_to_value_p50_low_days,
        {{ value_at('days', 'row_num', 'n', 0.5, 'high') }} as idea_to_value_p50_high_days,
        {{ value_at('days', 'row_num', 'n', 0.85) }} as idea_to_value_p85_days,
        {{ value_at('days', 'row_num', 'n', 0.85, 'low') }} as idea_to_value_p85_low_days,
        {{ value_at('days', 'row_num', 'n', 0.85, 'high') }} as idea_to_value_p85_high_days,
        {{ first_five('item_key', 'place_from_last') }} as evidence_items,
        is_complete_period,
        starts_on,
        ends_on

    from placed

    group by
        value_stream, workflow, level, increment, n, is_complete_period, starts_on, ends_on

),

compared as (

    select
        *,
        lag(idea_to_value_p50_days) over lines as p50_before,
        lag(idea_to_value_p50_low_days) over lines as low_before,
        lag(idea_to_value_p50_high_days) over lines as high_before

    from measured

    window lines as (partition by value_stream, workflow, level order by starts_on)

),

final as (

    select
        value_stream,
        workflow,
        level,
        increment,
        n,
        idea_to_value_p50_days,
        idea_to_value_p50_low_days,
        idea_to_value_p50_high_days,
        idea_to_value_p85_days,
        idea_to_value_p85_low_days,
        idea_to_value_p85_high_days,
        idea_to_value_p50_days - p50_before as change_days,
        case
            when idea_to_value_p50_high_days < low_before then 'shorter'
            when idea_to_value_p50_low_days > high_before then 'longer'
            when
                idea_to_value_p50_low_days is not null
                and idea_to_value_p50_high_days is not null
                and low_before is not null
                and high_before is not null
                then 'no clear change'
            else 'not known'
        end as heading,
        evidence_items,
        is_complete_period,
        starts_on,
        ends_on

    from compared

)

select * from final
