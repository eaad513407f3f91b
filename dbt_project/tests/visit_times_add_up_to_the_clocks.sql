with

sums as (

    select
        visits.work_item_key,
        sum(visits.elapsed_s) as lived_s,
        sum(visits.business_s) as lived_business_s,
        sum(case when visits.entered_at >= flows.started_at then visits.elapsed_s else 0 end)
            as since_start_s,
        sum(
            case
                when
                    visits.entered_at >= flows.started_at
                    and visits.flow_state in ('done', 'cancelled')
                    then visits.elapsed_s
                else 0
            end
        ) as gaps_since_start_s

    from {{ ref('fct_stage_visits') }} as visits

    inner join {{ ref('fct_work_item_flows') }} as flows
        on visits.work_item_key = flows.work_item_key

    where not visits.is_terminal

    group by 1

)

select
    flows.work_item_key,
    flows.created_to_done_s,
    flows.start_to_done_s,
    flows.in_flow_s,
    sums.lived_s,
    sums.since_start_s

from {{ ref('fct_work_item_flows') }} as flows

left join sums
    on flows.work_item_key = sums.work_item_key

where
    (flows.outcome = 'done' and flows.created_to_done_s <> coalesce(sums.lived_s, 0))
    or (
        flows.outcome = 'done'
        and flows.created_to_done_business_s <> coalesce(sums.lived_business_s, 0)
    )
    or (
        flows.outcome = 'done'
        and coalesce(flows.start_to_done_s, 0) <> coalesce(sums.since_start_s, 0)
    )
    or coalesce(flows.in_flow_s, 0)
    <> coalesce(sums.since_start_s, 0) - coalesce(sums.gaps_since_start_s, 0)
    or flows.active_s + flows.wait_s <> coalesce(flows.in_flow_s, 0)
    or flows.active_business_s + flows.wait_business_s <> coalesce(flows.in_flow_business_s, 0)
    or flows.rework_s > coalesce(flows.in_flow_s, 0)
    or flows.blocked_s > flows.wait_s
