with

events as (

    select
        'inbox:incident:' || producer || ':' || incident_id as work_item_key,
        inbox_event_key,
        producer,
        incident_id,
        split_part(event_type, '.', 2) as status,
        service_name,
        severity,
        raw_environment,
        started_at,
        occurred_at

    from {{ ref('stg_inbox__events') }}

    where event_type like 'incident.%'

),

-- Of one moment the end comes last.
numbered as (

    select
        *,
        row_number() over (
            partition by work_item_key
            order by
                occurred_at,
                case status when 'detected' then 1 when 'reported' then 2 else 3 end,
                inbox_event_key
        ) as event_no

    from events

),

final as (

    select
        *,
        -- An end that comes first ends what nobody saw begin, unless it says when that was.
        coalesce(
            lag(status) over (
                partition by work_item_key
                order by event_no
            ),
            case
                when status = 'resolved' and started_at is not null then 'detected'
                when status = 'resolved' then 'unknown'
            end
        ) as previous_status

    from numbered

)

select * from final
