{{ config(materialized='incremental', incremental_strategy='items') }}

with

visits as (

    select
        *,
        row_number() over (
            partition by work_item_key, stage_key
            order by visit_no desc
        ) as row_num_from_end

    from {{ ref('fct_stage_visits') }}

    where
        not is_terminal
        {{ only_touched('and', ages='is_open', of=ref('fct_stage_visits')) }}

),

final as (

    select
        work_item_key || ':' || stage as work_item_stage_key,
        work_item_key,
        max(case when row_num_from_end = 1 then work_item_version_key end)
            as work_item_version_key,
        stage_key,
        stage,
        flow_state,
        count(*) as visit_count,
        cast(sum(elapsed_s) as bigint) as stage_total_s,
        cast(sum(case when visit_no = 1 then elapsed_s end) as bigint) as first_pass_s,
        cast(sum(active_s) as bigint) as active_s,
        cast(sum(wait_s) as bigint) as wait_s,
        min(entered_at) as first_entered_at,
        max(entered_at) as last_entered_at

    from visits

    group by work_item_key, stage_key, stage, flow_state

)

select * from final
