with

incidents as (

    select * from {{ ref('fct_incidents') }}

),

flags as (

    select * from {{ ref('fct_history_flags') }}
    where own_count is not null and reason not like 'updates_%'

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

    union all

    -- Records of other kinds have no counters in their facts, only what is odd about them.
    select
        flags.work_item_key,
        'reassignments' as counter,
        flags.own_count,
        flags.source_count
    from flags
    left join incidents
        on flags.work_item_key = incidents.work_item_key
    where incidents.work_item_key is null and flags.reason = 'reassignments_differ_unexplained'

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
        -- That nothing explains it does not excuse it.
        and flags.reason <> 'reassignments_differ_unexplained'

where counters.own_count <> counters.source_count and flags.work_item_key is null
