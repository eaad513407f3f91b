with

change_requests as (

    select * from {{ ref('stg_servicenow__tasks') }}
    where table_name = 'change_request'

),

approvals as (

    select * from {{ ref('int_servicenow_approvals') }}

),

close_codes as (

    select * from {{ ref('int_servicenow_fields_then') }}
    where field = 'close_code'

),

final as (

    select
        change_requests.work_item_key,
        coalesce(change_requests.opened_at, change_requests.created_at) as requested_at,
        change_requests.work_end_at,
        change_requests.closed_at,
        change_requests.task_type as change_type,
        change_requests.risk,
        close_codes.value as close_code,
        change_requests.number as change_number,
        change_requests.correlation_id,
        approvals.requested_at as approval_requested_at,
        approvals.approved_at,
        -- A standard change is approved once and for all, by its template.
        coalesce(
            approvals.is_automated,
            case when change_requests.task_type = 'standard' then true end
        ) as is_automated

    from change_requests

    left join approvals
        on change_requests.work_item_key = approvals.work_item_key

    left join close_codes
        on change_requests.work_item_key = close_codes.work_item_key

)

select * from final
