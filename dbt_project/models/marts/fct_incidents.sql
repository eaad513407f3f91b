with

incidents as (

    select * from {{ ref('int_incidents_described') }}

),

work_items as (

    select * from {{ ref('dim_work_items') }}
    where is_current

),

flows as (

    select * from {{ ref('fct_work_item_flows') }}

),

first_touches as (

    select
        work_item_key,
        min(changed_at) as acknowledged_at

    from {{ ref('fct_status_transitions') }}

    where not is_synthetic

    group by 1

),

final as (

    select
        incidents.work_item_key,
        work_items.work_item_version_key,
        work_items.service_key,
        incidents.severity,
        incidents.priority,
        incidents.reassignment_count,
        cast(flows.reopen_count as bigint) as reopen_count,
        cast({{ seconds_between('incidents.opened_at', 'flows.last_done_at') }} as bigint)
            as time_to_resolve_s,
        incidents.made_sla,
        incidents.opened_at,
        first_touches.acknowledged_at,
        flows.last_done_at as resolved_at,
        case when incidents.closed_at <= {{ as_of() }} then incidents.closed_at end as closed_at

    from incidents

    inner join work_items
        on incidents.work_item_key = work_items.work_item_key

    inner join flows
        on incidents.work_item_key = flows.work_item_key

    left join first_touches
        on incidents.work_item_key = first_touches.work_item_key

)

select * from final
