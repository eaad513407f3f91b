with

flags as (

    select * from {{ ref('int_servicenow_history_flags') }}

),

flows as (

    select * from {{ ref('fct_work_item_flows') }}

),

-- The source counts reopenings by its states, the flow by its stages.
reopenings as (

    select
        incidents.work_item_key || ':reopenings' as history_flag_key,
        incidents.work_item_key,
        case
            when incidents.reopen_count > incidents.source_reopen_count
                then 'reopening_not_counted'
            else 'counted_without_a_reopening'
        end as reason,
        cast(null as varchar) as history_quality,
        incidents.reopen_count as own_count,
        incidents.source_reopen_count as source_count

    from {{ ref('fct_incidents') }} as incidents

    where incidents.reopen_count <> incidents.source_reopen_count

),

unioned as (

    select * from flags
    union all
    select * from reopenings

),

final as (

    select
        unioned.history_flag_key,
        unioned.work_item_key,
        flows.work_item_version_key,
        unioned.reason,
        unioned.history_quality,
        cast(unioned.own_count as bigint) as own_count,
        cast(unioned.source_count as bigint) as source_count

    from unioned

    inner join flows
        on unioned.work_item_key = flows.work_item_key

)

select * from final
