with

flags as (

    select * from {{ ref('int_servicenow_history_flags') }}

),

flows as (

    select * from {{ ref('fct_work_item_flows') }}

),

final as (

    select
        flags.history_flag_key,
        flags.work_item_key,
        flows.work_item_version_key,
        flags.reason,
        flags.history_quality

    from flags

    inner join flows
        on flags.work_item_key = flows.work_item_key

)

select * from final
