with

defects as (

    select
        facts.value_stream_key,
        facts.level,
        coalesce(
            releases.name,
            case when facts.cohort_method = 'found' then 'found in ' else 'deployed in ' end
            || substr(cast(facts.cohort_on as varchar), 1, 7)
        ) as release,
        facts.cohort_on,
        facts.found_on,
        items.item_key,
        case
            when facts.is_escaped and facts.days_after_release <= {{ var('defect_maturity_days') }}
                then 'escaped'
            when facts.is_escaped then 'late'
            when not facts.is_escaped then 'before'
            else 'not known'
        end as found

    from {{ ref('fct_defects') }} as facts

    inner join {{ ref('dim_work_items') }} as items
        on facts.work_item_key = items.work_item_key and items.is_current

    left join {{ ref('dim_releases') }} as releases
        on facts.release_key = releases.release_key

    where not facts.is_withdrawn

),

placed as (

    select
        *,
        row_number() over (
            partition by value_stream_key, level, release, found
            order by found_on desc, item_key
        ) as row_num

    from defects

),

counted as (

    select
        value_stream_key,
        level,
        release,
        count(*) as n,
        count(case when found = 'escaped' then 1 end) as escaped,
        count(case when found = 'before' then 1 end) as found_before,
        count(case when found = 'late' then 1 end) as escaped_late,
        count(case when found = 'not known' then 1 end) as not_known,
        {{ first_five("case when found = 'escaped' then item_key end", 'row_num') }}
            as evidence_items,
        min(cohort_on) as first_day,
        max(cohort_on) as last_day

    from placed

    group by 1, 2, 3

),

final as (

    select
        streams.name as value_stream,
        counted.level,
        counted.release,
        counted.n,
        counted.escaped,
        counted.found_before,
        counted.escaped_late,
        counted.not_known,
        cast(counted.escaped as double) / nullif(counted.escaped + counted.found_before, 0)
            as escape_share,
        {{ share_interval(
            'counted.escaped', '(counted.escaped + counted.found_before)', 'low'
        ) }} as escape_low_share,
        {{ share_interval(
            'counted.escaped', '(counted.escaped + counted.found_before)', 'high'
        ) }} as escape_high_share,
        {{ add_seconds(
            'cast(counted.last_day as timestamp)',
            '(' ~ var('defect_maturity_days') ~ ' + 1) * 86400'
        ) }} <= {{ local_time('refreshes.as_of', 'streams.time_zone') }} as is_mature,
        counted.evidence_items,
        counted.first_day,
        counted.last_day

    from counted

    inner join {{ ref('dim_value_streams') }} as streams
        on counted.value_stream_key = streams.value_stream_key

    cross join {{ ref('refreshes') }} as refreshes

)

select * from final
