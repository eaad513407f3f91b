with

flows as (

    select * from {{ ref('fct_work_item_flows') }}
    where outcome = 'done'

),

attempts as (

    select * from {{ ref('fct_flow_attempts') }}
    where is_latest

),

-- As it was when it was finished: later moves change nothing that is past.
work_items as (

    select * from {{ ref('dim_work_items') }}

),

-- Its workflow is that of its present type, as in every fact.
workflows as (

    select
        work_item_key,
        workflow

    from work_items

    where is_current

),

value_streams as (

    select * from {{ ref('dim_value_streams') }}

),

stays as (

    select
        work_item_key,
        attempt_no,
        max(stays_in_stage) as most_stays

    from (
        select
            work_item_key,
            attempt_no,
            stage_key,
            count(*) as stays_in_stage

        from {{ ref('metric_stage_stays') }}

        where flow_state not in ('done', 'cancelled')

        group by 1, 2, 3
    ) as counted

    group by 1, 2

),

waits as (

    select distinct workflow from {{ ref('dim_stages') }}
    where flow_state = 'wait' and ordinal <> 0

),

final as (

    select
        flows.work_item_key,
        work_items.work_item_version_key,
        work_items.item_key,
        work_items.value_stream_key,
        work_items.team_key,
        workflows.workflow,
        work_items.level,
        work_items.work_type,
        attempts.start_to_done_s,
        attempts.start_to_done_business_s,
        flows.created_to_done_s,
        attempts.in_flow_s,
        attempts.active_s,
        attempts.wait_s,
        attempts.rework_s,
        coalesce(stays.most_stays = 1, true) as is_first_pass,
        waits.workflow is not null as has_modelled_waits,
        flows.last_done_at,
        cast({{ local_time('flows.last_done_at', 'value_streams.time_zone') }} as date)
            as finished_date

    from flows

    inner join attempts
        on flows.work_item_key = attempts.work_item_key

    inner join work_items
        on attempts.work_item_version_key = work_items.work_item_version_key

    inner join workflows
        on flows.work_item_key = workflows.work_item_key

    inner join value_streams
        on work_items.value_stream_key = value_streams.value_stream_key

    left join waits
        on workflows.workflow = waits.workflow

    left join stays
        on
            attempts.work_item_key = stays.work_item_key
            and attempts.attempt_no = stays.attempt_no

)

select * from final
