with

transitions as (

    select * from {{ ref('int_status_transitions') }}

),

work_items as (

    select * from {{ ref('dim_work_items') }}
    where is_current

),

status_stages as (

    select * from {{ ref('status_stages') }}

),

stages as (

    select * from {{ ref('dim_stages') }}

),

staged as (

    select
        transitions.work_item_key,
        transitions.transition_seq,
        transitions.to_status,
        transitions.changed_at,
        work_items.workflow,
        coalesce(status_stages.stage, 'unmapped') as stage

    from transitions

    inner join work_items
        on transitions.work_item_key = work_items.work_item_key

    left join status_stages
        on
            work_items.source_system = status_stages.source_system
            and work_items.workflow = status_stages.workflow
            and lower(transitions.to_status) = status_stages.status
            and cast(transitions.changed_at as date)
            >= coalesce(status_stages.valid_from, date '0001-01-01')
            and cast(transitions.changed_at as date)
            < coalesce(status_stages.valid_to, date '9999-12-31')

),

chained as (

    select
        *,
        lag(stage) over (
            partition by work_item_key
            order by transition_seq
        ) as from_stage

    from staged

),

-- Statuses of one stage are one stay.
moves as (

    select
        chained.work_item_key,
        row_number() over (
            partition by chained.work_item_key
            order by chained.transition_seq
        ) as transition_seq,
        chained.workflow,
        chained.from_stage,
        chained.stage as to_stage,
        chained.to_status,
        chained.changed_at

    from chained

    where chained.from_stage is null or chained.from_stage <> chained.stage

),

final as (

    select
        moves.work_item_key || ':' || moves.transition_seq as stage_transition_key,
        moves.work_item_key,
        cast(moves.transition_seq as bigint) as transition_seq,
        moves.workflow,
        moves.from_stage,
        moves.to_stage,
        moves.to_status,
        case
            when moves.from_stage is null then 'new'
            when to_stages.flow_state = 'cancelled' then 'cancel'
            when to_stages.flow_state = 'done' then 'finish'
            when from_stages.flow_state in ('done', 'cancelled') then 'reopen'
            when moves.from_stage = 'unmapped' or moves.to_stage = 'unmapped' then 'lateral'
            when to_stages.ordinal > from_stages.ordinal then 'forward'
            when to_stages.ordinal < from_stages.ordinal then 'backward'
            else 'lateral'
        end as direction,
        moves.changed_at

    from moves

    inner join stages as to_stages
        on
            moves.workflow = to_stages.workflow
            and moves.to_stage = to_stages.stage

    left join stages as from_stages
        on
            moves.workflow = from_stages.workflow
            and moves.from_stage = from_stages.stage

)

select * from final
