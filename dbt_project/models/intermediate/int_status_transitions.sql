{{ config(materialized='incremental', incremental_strategy='items') }}

with

work_items as (

    select * from {{ ref('int_work_items_unioned') }}
    {{ only_touched() }}

),

all_changes as (

    select * from {{ ref('int_status_changes_unioned') }}
    {{ only_touched() }}

),

recorded_changes as (

    select * from all_changes
    where has_happened

),

first_statuses as (

    select
        work_item_key,
        from_status

    from (
        select
            work_item_key,
            from_status,
            row_number() over (
                partition by work_item_key
                order by changed_at, order_no, order_in_event, source_event_id
            ) as row_num

        from all_changes
    ) as placed

    where row_num = 1

),

bulk_moves as (

    select * from {{ ref('int_bulk_moves') }}

),

-- No item changes before it exists: such changes are counted from its creation, and flagged.
changes as (

    select
        recorded_changes.source_event_id,
        recorded_changes.work_item_key,
        recorded_changes.from_status as recorded_from_status,
        recorded_changes.to_status,
        recorded_changes.actor_key,
        recorded_changes.actor_type,
        bulk_moves.actor_key is not null as is_bulk,
        recorded_changes.changed_at < work_items.created_at as is_before_creation,
        greatest(recorded_changes.changed_at, work_items.created_at) as changed_at,
        row_number() over in_order as change_no,
        lag(recorded_changes.to_status) over in_order as previous_status

    from recorded_changes

    inner join work_items
        on recorded_changes.work_item_key = work_items.work_item_key

    left join bulk_moves
        on
            recorded_changes.actor_key = bulk_moves.actor_key
            and date_trunc('second', recorded_changes.changed_at) = bulk_moves.second_at

    window in_order as (
        partition by recorded_changes.work_item_key
        order by
            recorded_changes.changed_at,
            recorded_changes.order_no,
            recorded_changes.order_in_event,
            recorded_changes.source_event_id
    )

),

-- Sources log moves only. An item was born in the status that its first move left. One that has
-- ended and has no move at all was not born there: its history is lost but for its end.
creations as (

    select
        work_items.work_item_key || ':created' as source_event_id,
        work_items.work_item_key,
        cast(null as varchar) as recorded_from_status,
        coalesce(
            first_statuses.from_status,
            work_items.initial_status,
            case
                when not coalesce(work_items.ended_at > work_items.created_at, false)
                    then work_items.source_status
            end,
            'unknown'
        ) as to_status,
        cast(null as varchar) as actor_key,
        cast(null as varchar) as actor_type,
        false as is_bulk,
        false as is_before_creation,
        work_items.created_at as changed_at,
        0 as change_no,
        cast(null as varchar) as previous_status,
        true as is_synthetic,
        false as is_gap,
        false as is_drift,
        false as is_end_only,
        false as is_deletion

    from work_items

    left join first_statuses
        on work_items.work_item_key = first_statuses.work_item_key

),

moves as (

    select
        source_event_id,
        work_item_key,
        recorded_from_status,
        to_status,
        actor_key,
        actor_type,
        is_bulk,
        is_before_creation,
        changed_at,
        change_no,
        coalesce(previous_status, recorded_from_status) as previous_status,
        false as is_synthetic,
        coalesce(previous_status <> recorded_from_status, false) as is_gap,
        false as is_drift,
        false as is_end_only,
        false as is_deletion

    from changes

),

last_moves as (

    select
        work_item_key,
        max(change_no) as change_no,
        max(changed_at) as changed_at

    from changes

    group by 1

),

-- The source shows another status than its history ends with: the move was not recorded.
drifts as (

    select
        work_items.work_item_key || ':drift' as source_event_id,
        work_items.work_item_key,
        moves.to_status as recorded_from_status,
        work_items.source_status as to_status,
        cast(null as varchar) as actor_key,
        cast(null as varchar) as actor_type,
        false as is_bulk,
        false as is_before_creation,
        greatest(work_items.updated_at, last_moves.changed_at) as changed_at,
        last_moves.change_no + 1 as change_no,
        moves.to_status as previous_status,
        true as is_synthetic,
        false as is_gap,
        true as is_drift,
        false as is_end_only,
        false as is_deletion

    from work_items

    inner join last_moves
        on work_items.work_item_key = last_moves.work_item_key

    inner join moves
        on
            last_moves.work_item_key = moves.work_item_key
            and last_moves.change_no = moves.change_no

    where
        work_items.source_status <> moves.to_status
        and work_items.updated_at <= {{ as_of() }}

),

ends as (

    select
        work_items.work_item_key || ':ended' as source_event_id,
        work_items.work_item_key,
        creations.to_status as recorded_from_status,
        work_items.source_status as to_status,
        cast(null as varchar) as actor_key,
        cast(null as varchar) as actor_type,
        false as is_bulk,
        false as is_before_creation,
        work_items.ended_at as changed_at,
        1 as change_no,
        creations.to_status as previous_status,
        true as is_synthetic,
        false as is_gap,
        false as is_drift,
        true as is_end_only,
        false as is_deletion

    from work_items

    inner join creations
        on work_items.work_item_key = creations.work_item_key

    where
        work_items.ended_at > work_items.created_at
        and work_items.ended_at <= {{ as_of() }}
        and work_items.source_status is not null
        and not exists (
            select 1 from last_moves
            where last_moves.work_item_key = work_items.work_item_key
        )

),

before_deletion as (

    select * from creations
    union all
    select * from moves
    union all
    select * from drifts
    union all
    select * from ends

),

-- What the source no longer has ends on the day on which that was seen.
deletions as (

    select
        work_items.work_item_key || ':deleted' as source_event_id,
        work_items.work_item_key,
        last_of.to_status as recorded_from_status,
        'deleted' as to_status,
        cast(null as varchar) as actor_key,
        cast(null as varchar) as actor_type,
        false as is_bulk,
        false as is_before_creation,
        greatest(work_items.deleted_at, last_of.changed_at) as changed_at,
        last_of.change_no + 1 as change_no,
        last_of.to_status as previous_status,
        true as is_synthetic,
        false as is_gap,
        false as is_drift,
        false as is_end_only,
        true as is_deletion

    from work_items

    inner join (
        select
            *,
            row_number() over (
                partition by work_item_key
                order by change_no desc
            ) as row_num

        from before_deletion
    ) as last_of
        on work_items.work_item_key = last_of.work_item_key and last_of.row_num = 1

    where work_items.deleted_at <= {{ as_of() }}

),

unioned as (

    select * from before_deletion
    union all
    select * from deletions

),

-- A move to the status that the item has already is not a move.
final as (

    select
        source_event_id,
        work_item_key,
        row_number() over (
            partition by work_item_key
            order by change_no
        ) as transition_seq,
        previous_status as from_status,
        to_status,
        actor_key,
        actor_type,
        is_bulk,
        is_synthetic,
        is_gap,
        is_drift,
        is_end_only,
        is_deletion,
        is_before_creation,
        changed_at

    from unioned

    where is_deletion or to_status is distinct from previous_status

)

select * from final
