with

requests as (

    select
        items.value_stream_key,
        facts.change_type,
        case
            when facts.is_automated then 'a program'
            when not facts.is_automated then 'people'
            else 'not known'
        end as approved_by,
        items.item_key,
        facts.is_successful,
        {{ days_of('facts.approval_wait_s') }} as days

    from {{ ref('fct_change_requests') }} as facts

    inner join {{ ref('dim_work_items') }} as items
        on facts.work_item_key = items.work_item_key and items.is_current

),

placed as (

    select
        *,
        row_number() over (
            partition by value_stream_key, change_type, approved_by
            order by days nulls last, item_key
        ) as row_num,
        row_number() over (
            partition by value_stream_key, change_type, approved_by
            order by days desc nulls last, item_key
        ) as place_from_last,
        count(days) over (partition by value_stream_key, change_type, approved_by) as waited

    from requests

),

counted as (

    select
        value_stream_key,
        change_type,
        approved_by,
        waited,
        count(*) as n,
        {{ value_at('days', 'row_num', 'waited', 0.5) }} as approval_wait_p50_days,
        {{ value_at('days', 'row_num', 'waited', 0.5, 'low') }} as approval_wait_p50_low_days,
        {{ value_at('days', 'row_num', 'waited', 0.5, 'high') }} as approval_wait_p50_high_days,
        {{ value_at('days', 'row_num', 'waited', 0.85) }} as approval_wait_p85_days,
        coalesce(sum(days), 0) as saved_days,
        avg(days) as saved_mean_days,
        count(is_successful) as judged,
        count(case when is_successful then 1 end) as succeeded,
        {{ first_five('case when days is not null then item_key end', 'place_from_last') }}
            as evidence_items

    from placed

    group by 1, 2, 3, 4

),

final as (

    select
        streams.name as value_stream,
        counted.change_type,
        counted.approved_by,
        counted.n,
        counted.waited,
        counted.approval_wait_p50_days,
        counted.approval_wait_p50_low_days,
        counted.approval_wait_p50_high_days,
        counted.approval_wait_p85_days,
        counted.saved_days,
        counted.saved_mean_days,
        counted.judged,
        cast(counted.succeeded as double) / nullif(counted.judged, 0) as success_share,
        {{ share_interval('counted.succeeded', 'counted.judged', 'low') }} as success_low_share,
        {{ share_interval('counted.succeeded', 'counted.judged', 'high') }} as success_high_share,
        counted.evidence_items

    from counted

    inner join {{ ref('dim_value_streams') }} as streams
        on counted.value_stream_key = streams.value_stream_key

)

select * from final
