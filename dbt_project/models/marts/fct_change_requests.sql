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

stays as (

    select
        visits.work_item_key,
        visits.stage,
        visits.elapsed_s,
        visits.entered_at,
        visits.exited_at,
        count(case when visits.stage = 'authorize' then 1 end) over (
            partition by visits.work_item_key
        ) > 0 as was_in_authorisation,
        row_number() over (
            partition by visits.work_item_key
            order by visits.visit_seq desc
        ) as row_num_from_end

    from visits

    inner join change_requests
        on visits.work_item_key = change_requests.work_item_key

),

stages as (

    select
        work_item_key,
        sum(case when stage = 'authorize' then elapsed_s end) as authorize_s,
        min(
            case
                when was_in_authorisation and stage in ('scheduled', 'implement') then entered_at
            end
        ) as scheduled_at,
        max(case when stage = 'implement' then exited_at end) as left_implementation_at

    from stays

    group by 1

),

approval_requests as (

    select * from {{ ref('int_servicenow_approval_requests') }}

),

-- Who asked waits until it is decided, and no longer than the change is open.
approval_waits as (

    select
        approval_requests.work_item_key,
        sum(
            case
                when visits.flow_state not in ('done', 'cancelled')
                    then greatest(
                        {{ seconds_between(
                            'greatest(approval_requests.requested_at, visits.entered_at)',
                            'least(approval_requests.decided_at, visits.exited_at, ' ~ as_of() ~ ')'
                        ) }},
                        0
                    )
                else 0
            end
        ) as approval_wait_s

    from approval_requests

    inner join visits
        on approval_requests.work_item_key = visits.work_item_key

    group by 1

),

present as (

    select
        work_item_key,
        stage

    from stays

    where row_num_from_end = 1

),

final as (

    select
        change_requests.work_item_key,
        flows.work_item_version_key,
        change_requests.change_type,
        change_requests.risk,
        lower(change_requests.close_code) as close_code,
        cast(
            coalesce(
                approval_waits.approval_wait_s,
                -- Where approvals are not audited, the state tells how long it waited for one.
                case when change_requests.approved_at is null then stages.authorize_s end
            ) as bigint
        ) as approval_wait_s,
        change_requests.is_automated,
        case
            when flows.outcome = 'done'
                then
                    case
                        when
                            {{ plain_code('change_requests.close_code') }} in (
                                'successful', 'successful_issues', 'successful_with_issues'
                            )
                            then true
                        when
                            {{ plain_code('change_requests.close_code') }} like 'unsuccessful%'
                            or {{ plain_code('change_requests.close_code') }} like '%backed_out%'
                            or {{ plain_code('change_requests.close_code') }} like 'failed%'
                            or {{ plain_code('change_requests.close_code') }} = 'rejected'
                            then false
                    end
        end as is_successful,
        change_requests.requested_at,
        change_requests.approval_requested_at,
        coalesce(change_requests.approved_at, stages.scheduled_at) as approved_at,
        case
            when present.stage in ('review', 'closed') then stages.left_implementation_at
        end as implemented_at,
        flows.last_done_at as closed_at

    from change_requests

    inner join flows
        on change_requests.work_item_key = flows.work_item_key

    inner join stages
        on change_requests.work_item_key = stages.work_item_key

    left join approval_waits
        on change_requests.work_item_key = approval_waits.work_item_key

    inner join present
        on change_requests.work_item_key = present.work_item_key

)

select * from final
