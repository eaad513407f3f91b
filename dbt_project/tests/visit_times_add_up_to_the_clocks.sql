with

sums as (

    select
        visits.work_item_key,
        sum(visits.elapsed_s) as created_to_done_s,
        sum(case when visits.entered_at >= flows.started_at then visits.elapsed_s end)
        as start_to_done_s

    from {{ ref('fct_stage_visits') }} as visits

    inner join {{ ref('fct_work_item_flows') }} as flows
        on visits.work_item_key = flows.work_item_key

    where not visits.is_terminal

    group by 1

)

select flows.work_item_key

from {{ ref('fct_work_item_flows') }} as flows

left join sums
    on flows.work_item_key = sums.work_item_key

where
    flows.outcome = 'done'
    and (
        flows.created_to_done_s <> coalesce(sums.created_to_done_s, 0)
        or coalesce(flows.start_to_done_s, 0) <> coalesce(sums.start_to_done_s, 0)
    )
