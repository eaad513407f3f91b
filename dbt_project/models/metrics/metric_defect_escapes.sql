with

defects as (

    select
        *,
        cast(date_trunc('month', cohort_on) as date) as cohort_month,
        cast(date_trunc('month', found_on) as date) as found_month

    from {{ ref('fct_defects') }}

    where not is_withdrawn

),

counted as (

    select
        value_stream_key,
        level,
        cohort_month as month_start,
        count(*) as defects,
        count(distinct coalesce(release_key, deployment_key)) as releases,
        count(case when cohort_method <> 'found' then 1 end) as dated_by_release,
        count(case when not is_escaped then 1 end) as found_before,
        count(
            case
                when is_escaped and days_after_release <= {{ var('defect_maturity_days') }} then 1
            end
        ) as escaped,
        count(
            case
                when is_escaped and days_after_release > {{ var('defect_maturity_days') }} then 1
            end
        ) as escaped_late,
        count(case when is_escaped is null then 1 end) as not_known,
        0 as logged

    from defects

    group by 1, 2, 3

    union all

    select
        value_stream_key,
        level,
        found_month as month_start,
        0 as defects,
        0 as releases,
        0 as dated_by_release,
        0 as found_before,
        0 as escaped,
        0 as escaped_late,
        0 as not_known,
        count(*) as logged

    from defects

    group by 1, 2, 3

),

summed as (

    select
        value_stream_key,
        level,
        month_start,
        sum(defects) as defects,
        sum(releases) as releases,
        sum(dated_by_release) as dated_by_release,
        sum(found_before) as found_before,
        sum(escaped) as escaped,
        sum(escaped_late) as escaped_late,
        sum(not_known) as not_known,
        sum(logged) as logged

    from counted

    group by 1, 2, 3

),

final as (

    select
        summed.value_stream_key || '|' || summed.level || '|'
        || cast(summed.month_start as varchar) as metric_defect_escapes_key,
        summed.value_stream_key,
        summed.level,
        cast(summed.defects as bigint) as defects,
        cast(summed.releases as bigint) as releases,
        cast(summed.dated_by_release as bigint) as dated_by_release,
        cast(summed.found_before as bigint) as found_before,
        cast(summed.escaped as bigint) as escaped,
        cast(summed.escaped_late as bigint) as escaped_late,
        cast(summed.not_known as bigint) as not_known,
        cast(summed.escaped as double) / nullif(summed.escaped + summed.found_before, 0)
            as escape_share,
        cast(summed.logged as bigint) as logged_defects,
        {{ add_seconds(
            "cast(summed.month_start + interval '1' month as timestamp)",
            var('defect_maturity_days') ~ ' * 86400'
        ) }} <= {{ local_time(as_of(), 'value_streams.time_zone') }} as is_mature,
        cast(summed.month_start + interval '1' month as date)
        <= cast({{ local_time(as_of(), 'value_streams.time_zone') }} as date)
            as is_complete_period,
        summed.month_start

    from summed

    inner join {{ ref('dim_value_streams') }} as value_streams
        on summed.value_stream_key = value_streams.value_stream_key

)

select * from final
