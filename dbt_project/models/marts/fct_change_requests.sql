with

change_requests as (

    select * from {{ ref('int_change_requests_described') }}

),

visits as (

    select * from {{ ref('fct_stage_visits') }}

),

flows as (

    select * from {{ ref('fct_work_item_flows') }}

),

approvals as (

    select
        work_item_key,
        sum(case when stage = 'authorize' then elapsed_s else 0 end) as authorize_s,
        min(case when stage in ('scheduled', 'implement') then entered_at end) as scheduled_at,
        max(case when stage = 'implement' then exited_at end) as implemented_at

    from visits

    group by 1

),

final as (

    select
        change_requests.work_item_key,
        flows.work_item_version_key,
        change_requests.change_type,
        change_requests.risk,
        cast(
            coalesce(
                change_requests.approval_wait_s,
                -- Where approvals are not audited, the state tells how long it waited for one.
                case when change_requests.approved_at is null then approvals.authorize_s end,
                0
            ) as bigint
        ) as approval_wait_s,
        change_requests.is_automated,
        case
            when flows.outcome = 'done' then
                lower(coalesce(change_requests.close_code, ''))
                not in ('unsuccessful', 'failed', 'rejected')
        end as is_successful,
        change_requests.requested_at,
        change_requests.approval_requested_at,
        coalesce(change_requests.approved_at, approvals.scheduled_at) as approved_at,
        approvals.implemented_at,
        flows.last_done_at as closed_at

    from change_requests

    inner join flows
        on change_requests.work_item_key = flows.work_item_key

    left join approvals
        on change_requests.work_item_key = approvals.work_item_key

)

select * from final
