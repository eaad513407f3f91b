with

incidents as (

    select * from {{ ref('fct_incidents') }}

),

flags as (

    select * from {{ ref('fct_history_flags') }}
    where own_count is not null

),

counters as (

    select
        work_item_key,
        'reassignments' as counter,
        reassignment_count as own_count,
        source_reassignment_count as source_count
    from incidents

    union all

    select
        work_item_key,
        'reopenings' as counter,
        reopen_count as own_count,
        source_reopen_count as source_count
    from incidents

)

select
    counters.work_item_key,
    counters.counter,
    counters.own_count,
    counters.source_count

from counters

left join flags
    on
        counters.work_item_key = flags.work_item_key
        and counters.own_count = flags.own_count
        and counters.source_count = flags.source_count
        and (counters.counter = 'reopenings') = (flags.reason like '%reopening%')
        and flags.reason not like 'updates_%'

where counters.own_count <> counters.source_count and flags.work_item_key is null
