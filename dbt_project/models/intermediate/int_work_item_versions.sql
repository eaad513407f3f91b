with

work_items as (

    select * from {{ ref('int_work_items_unioned') }}

),

recorded_changes as (

    select * from {{ ref('int_work_item_attribute_changes_unioned') }}

),

-- What is recorded before an item's creation belongs to its creation.
changes as (

    select
        recorded_changes.work_item_key,
        recorded_changes.attribute,
        recorded_changes.from_value,
        recorded_changes.to_value,
        greatest(recorded_changes.changed_at, work_items.created_at) as changed_at,
        row_number() over (
            partition by recorded_changes.work_item_key, recorded_changes.attribute
            order by
                recorded_changes.changed_at,
                recorded_changes.order_no,
                recorded_changes.source_event_id
        ) as change_no

    from recorded_changes

    inner join work_items
        on recorded_changes.work_item_key = work_items.work_item_key

),

-- The values an attribute had: the one before its first change, then one per change.
values_then as (

    select
        changes.work_item_key,
        changes.attribute,
        changes.from_value as value,
        work_items.created_at as valid_from,
        0 as change_no

    from changes

    inner join work_items
        on changes.work_item_key = work_items.work_item_key

    where changes.change_no = 1

    union all

    select
        work_item_key,
        attribute,
        to_value as value,
        changed_at as valid_from,
        change_no

    from changes

),

intervals as (

    select
        work_item_key,
        attribute,
        value,
        valid_from,
        lead(valid_from) over (
            partition by work_item_key, attribute
            order by change_no
        ) as valid_to

    from values_then

),

boundaries as (

    select
        work_item_key,
        created_at as valid_from

    from work_items

    union

    select
        work_item_key,
        changed_at as valid_from

    from changes

),

attributes_then as (

    select
        boundaries.work_item_key,
        boundaries.valid_from,
        max(case when intervals.attribute = 'item_key' then intervals.value end) as item_key,
        max(case when intervals.attribute = 'scope' then intervals.value end) as scope,
        max(case when intervals.attribute = 'raw_type' then intervals.value end) as raw_type,
        max(case when intervals.attribute = 'priority' then intervals.value end) as priority,
        max(case when intervals.attribute = 'points' then intervals.value end) as points,
        max(case when intervals.attribute = 'parent' then intervals.value end) as parent,
        max(case when intervals.attribute = 'team' then intervals.value end) as team,
        count(case when intervals.attribute = 'priority' then 1 end) as priority_count,
        count(case when intervals.attribute = 'points' then 1 end) as points_count,
        count(case when intervals.attribute = 'parent' then 1 end) as parent_count,
        count(case when intervals.attribute = 'team' then 1 end) as team_count

    from boundaries

    left join intervals
        on
            boundaries.work_item_key = intervals.work_item_key
            and {{ valid_at('intervals', 'boundaries.valid_from') }}

    group by 1, 2

),

-- An attribute that never changed always had its present value.
final as (

    select
        attributes_then.work_item_key,
        work_items.source_system,
        work_items.source_id,
        coalesce(attributes_then.item_key, work_items.item_key) as item_key,
        work_items.item_kind,
        coalesce(attributes_then.scope, work_items.scope) as scope,
        coalesce(attributes_then.raw_type, work_items.raw_type) as raw_type,
        work_items.is_subtask,
        case
            when attributes_then.priority_count > 0 then attributes_then.priority
            else work_items.priority
        end as priority,
        case
            when attributes_then.points_count > 0
                then {{ safe_cast_text('attributes_then.points', 'double') }}
            else work_items.points
        end as points,
        case
            when attributes_then.parent_count > 0 then attributes_then.parent
            else work_items.parent_work_item_key
        end as parent_work_item_key,
        case
            when attributes_then.team_count > 0 then attributes_then.team
            else work_items.team_name
        end as team_name,
        work_items.service_name,
        row_number() over (
            partition by attributes_then.work_item_key
            order by attributes_then.valid_from
        ) as version_no,
        attributes_then.valid_from,
        lead(attributes_then.valid_from) over (
            partition by attributes_then.work_item_key
            order by attributes_then.valid_from
        ) as valid_to

    from attributes_then

    inner join work_items
        on attributes_then.work_item_key = work_items.work_item_key

)

select * from final
