with

events as (

    select * from {{ ref('int_inbox_incident_events') }}

),

-- Of several words on one thing the last one counts.
final as (

    select
        work_item_key,
        producer || ':' || incident_id as source_id,
        incident_id,
        producer,
        max(case when row_num = 1 then status end) as source_status,
        max(case when event_no = 1 then coalesce(previous_status, status) end) as initial_status,
        max(case when service_place = 1 then service_name end) as service_name,
        max(case when severity_place = 1 then severity end) as severity,
        max(case when environment_place = 1 then raw_environment end) as raw_environment,
        max(case when previous_status = 'unknown' then 1 else 0 end) = 0 as has_known_start,
        least(min(started_at), min(occurred_at)) as opened_at,
        max(occurred_at) as updated_at

    from (
        select
            *,
            row_number() over (
                partition by work_item_key
                order by event_no desc
            ) as row_num,
            row_number() over (
                partition by work_item_key
                order by case when service_name is null then 1 else 0 end, event_no desc
            ) as service_place,
            row_number() over (
                partition by work_item_key
                order by case when severity is null then 1 else 0 end, event_no desc
            ) as severity_place,
            row_number() over (
                partition by work_item_key
                order by case when raw_environment is null then 1 else 0 end, event_no desc
            ) as environment_place
        from events
    ) as placed

    group by 1, 2, 3, 4

)

select * from final
