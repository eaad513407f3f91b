with

daily as (

    select
        value_stream_key,
        workflow,
        sum(wip_s) as wip_s

    from {{ ref('fct_daily_flows') }}

    group by 1, 2

),

-- From the item's own moments, never from its visits.
residence as (

    select
        work_items.value_stream_key,
        work_items.workflow,
        sum(
            {{ seconds_between(
                'flows.created_at',
                'coalesce(flows.last_done_at, flows.cancelled_at, ' ~ as_of() ~ ')'
            ) }}
            - flows.done_gap_s
        ) as residence_s

    from {{ ref('fct_work_item_flows') }} as flows

    inner join {{ ref('dim_work_items') }} as work_items
        on flows.work_item_key = work_items.work_item_key and work_items.is_current

    group by 1, 2

)

select
    residence.value_stream_key,
    residence.workflow,
    daily.wip_s,
    residence.residence_s

from residence

full join daily
    on
        residence.value_stream_key = daily.value_stream_key
        and residence.workflow = daily.workflow

where residence.residence_s is distinct from daily.wip_s
