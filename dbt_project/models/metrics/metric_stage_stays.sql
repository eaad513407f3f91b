{{ config(materialized='incremental', incremental_strategy='items') }}

with

visits as (

    select
        *,
        flow_state not in ('done', 'cancelled')
        and exited_at is not null
        and elapsed_s < {{ var('bounce_s') }} as is_bounce

    from {{ ref('fct_stage_visits') }}

    where
        not is_terminal
        {{ only_touched('and', ages='is_open') }}

),

-- A bounce belongs to the stay before it, the first ones to the first real stay.
homed as (

    select
        *,
        greatest(
            sum(case when is_bounce then 0 else 1 end) over (
                partition by work_item_key
                order by visit_seq
                rows between unbounded preceding and current row
            ),
            1
        ) as home_no

    from visits

),

-- Where every visit is a bounce, the first one stands for all.
homes as (

    select
        *,
        row_number() over (
            partition by work_item_key, home_no
            order by is_bounce, visit_seq
        ) as row_num

    from homed

),

labelled as (

    select
        homed.*,
        homes.stage_key as home_stage_key,
        homes.stage as home_stage,
        homes.flow_state as home_flow_state,
        homes.work_item_version_key as home_version_key,
        homes.attempt_no as home_attempt_no

    from homed

    inner join homes
        on
            homed.work_item_key = homes.work_item_key
            and homed.home_no = homes.home_no
            and homes.row_num = 1

),

changes as (

    select
        *,
        case
            when home_stage_key = lag(home_stage_key) over in_order then 0
            else 1
        end as is_new_stay

    from labelled

    window in_order as (
        partition by work_item_key
        order by visit_seq
    )

),

numbered as (

    select
        *,
        sum(is_new_stay) over (
            partition by work_item_key
            order by visit_seq
            rows between unbounded preceding and current row
        ) as stay_no

    from changes

),

final as (

    select
        numbered.work_item_key || ':' || numbered.stay_no as stage_stay_key,
        numbered.work_item_key,
        max(case when numbered.is_new_stay = 1 then numbered.home_version_key end)
            as work_item_version_key,
        cast(numbered.stay_no as bigint) as stay_no,
        cast(numbered.home_attempt_no as bigint) as attempt_no,
        numbered.home_stage_key as stage_key,
        numbered.home_stage as stage,
        numbered.home_flow_state as flow_state,
        count(case when numbered.is_bounce then 1 end) as bounce_count,
        cast(sum(numbered.elapsed_s) as bigint) as elapsed_s,
        cast(sum(numbered.active_s) as bigint) as active_s,
        cast(sum(numbered.wait_s) as bigint) as wait_s,
        cast(sum(numbered.blocked_s) as bigint) as blocked_s,
        bool_or(numbered.is_open) as is_open,
        bool_or(numbered.is_rework and not numbered.is_bounce) as is_rework,
        min(numbered.entered_at) as entered_at,
        case when not bool_or(numbered.is_open) then max(numbered.exited_at) end as exited_at

    from numbered

    group by
        numbered.work_item_key, numbered.stay_no, numbered.home_attempt_no,
        numbered.home_stage_key, numbered.home_stage, numbered.home_flow_state

)

select * from final
