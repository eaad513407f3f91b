with

daily as (

    select
        value_stream_key,
        workflow,
        level,
        work_type,
        sum(wip_s) as wip_s

    from {{ ref('fct_daily_flows') }}

    group by 1, 2, 3, 4

),

workflows as (

    select
        work_item_key,
        workflow

    from {{ ref('dim_work_items') }}

    where is_current

),

spans as (

    select
        work_items.work_item_key,
        work_items.value_stream_key,
        workflows.workflow,
        work_items.level,
        work_items.work_type,
        work_items.valid_from,
        coalesce(work_items.valid_to, timestamp '9999-12-31') as valid_to

    from {{ ref('dim_work_items') }} as work_items

    inner join workflows
        on work_items.work_item_key = workflows.work_item_key

),

lives as (

    select
        work_item_key,
        created_at as starts_at,
        coalesce(last_done_at, cancelled_at, deleted_at, {{ as_of() }}) as ends_at,
        1 as sign

    from {{ ref('fct_work_item_flows') }}

    union all

    select
        work_item_key,
        entered_at as starts_at,
        exited_at as ends_at,
        -1 as sign

    from {{ ref('fct_stage_visits') }}

    where flow_state in ('done', 'cancelled') and not is_terminal

),

residence as (

    select
        spans.value_stream_key,
        spans.workflow,
        spans.level,
        spans.work_type,
        sum(
            lives.sign
            * {{ seconds_between(
                'greatest(lives.starts_at, spans.valid_from)',
                'least(lives.ends_at, spans.valid_to)'
            ) }}
        ) as residence_s

    from spans

    inner join lives
        on
            spans.work_item_key = lives.work_item_key
            and lives.starts_at < spans.valid_to
            and lives.ends_at > spans.valid_from

    group by 1, 2, 3, 4

)

select
    coalesce(residence.value_stream_key, daily.value_stream_key) as value_stream_key,
    coalesce(residence.workflow, daily.workflow) as workflow,
    coalesce(residence.level, daily.level) as level,
    coalesce(residence.work_type, daily.work_type) as work_type,
    daily.wip_s,
    residence.residence_s

from residence

full join daily
    on
        residence.value_stream_key = daily.value_stream_key
        and residence.workflow = daily.workflow
        and residence.level = daily.level
        and residence.work_type = daily.work_type

where coalesce(residence.residence_s, 0) <> coalesce(daily.wip_s, 0)
