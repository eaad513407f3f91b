with

raw_items as (

    select
        work_item_key,
        coalesce(created_at, timestamp '0001-01-01') as created_at
    from {{ ref('stg_jira__issues') }}
    union all
    select
        work_item_key,
        coalesce(opened_at, timestamp '0001-01-01') as created_at
    from {{ ref('stg_github__pull_requests') }}
    union all
    select
        work_item_key,
        coalesce(opened_at, timestamp '0001-01-01') as created_at
    from {{ ref('stg_gitlab__merge_requests') }}
    union all
    select
        work_item_key,
        coalesce(created_at, timestamp '0001-01-01') as created_at
    from {{ ref('stg_gitlab__issues') }}
    union all
    select
        work_item_key,
        coalesce(opened_at, created_at, timestamp '0001-01-01') as created_at
    from {{ ref('stg_servicenow__incidents') }}
    union all
    select
        work_item_key,
        coalesce(opened_at, created_at, timestamp '0001-01-01') as created_at
    from {{ ref('stg_servicenow__change_requests') }}

),

-- Of an item without a creation it is not known whether it existed then: both are right.
existing as (

    select
        work_item_key,
        created_at > timestamp '0001-01-01' as is_certain

    from raw_items

    where created_at <= {{ as_of() }}

),

current_items as (

    select
        work_item_key,
        count(*) as items

    from {{ ref('dim_work_items') }}

    where is_current

    group by 1

),

flows as (

    select
        work_item_key,
        count(*) as flows

    from {{ ref('fct_work_item_flows') }}

    group by 1

),

first_visits as (

    select
        work_item_key,
        count(*) as visits

    from {{ ref('fct_stage_visits') }}

    where visit_seq = 1

    group by 1

)

select
    coalesce(existing.work_item_key, current_items.work_item_key) as work_item_key,
    current_items.items,
    flows.flows,
    first_visits.visits

from existing

full join current_items
    on existing.work_item_key = current_items.work_item_key

left join flows
    on coalesce(existing.work_item_key, current_items.work_item_key) = flows.work_item_key

left join first_visits
    on coalesce(existing.work_item_key, current_items.work_item_key) = first_visits.work_item_key

where
    existing.work_item_key is null
    or (current_items.work_item_key is null and existing.is_certain)
    or (
        current_items.work_item_key is not null
        and (
            current_items.items <> 1
            or coalesce(flows.flows, 0) <> 1
            or coalesce(first_visits.visits, 0) <> 1
        )
    )
