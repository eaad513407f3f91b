{{ config(materialized='incremental', incremental_strategy='items') }}

with

work_items as (

    select * from {{ ref('int_work_items_unioned') }}
    {{ only_touched() }}

),

recorded_changes as (

    select * from {{ ref('int_work_item_attribute_changes_unioned') }}
    {{ only_touched() }}

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

-- Of several values at one moment the last one holds.
last_values as (

    select
        work_item_key,
        attribute,
        value,
        valid_from

    from (
        select
            *,
            row_number() over (
                partition by work_item_key, attribute, valid_from
                order by change_no desc
            ) as row_num_from_end

        from values_then
    ) as placed

    where row_num_from_end = 1

),

moments as (

    select
        work_item_key,
        valid_from,
        attribute,
        value

    from last_values

    union all

    select
        work_item_key,
        created_at as valid_from,
        cast(null as varchar) as attribute,
        cast(null as varchar) as value

    from work_items

),

boundaries as (

    select
        work_item_key,
        valid_from,
        max(case when attribute = 'item_key' then value end) as item_key_set,
        max(case when attribute = 'item_key' then 1 end) as sets_item_key,
        max(case when attribute = 'scope' then value end) as scope_set,
        max(case when attribute = 'scope' then 1 end) as sets_scope,
        max(case when attribute = 'raw_type' then value end) as raw_type_set,
        max(case when attribute = 'raw_type' then 1 end) as sets_raw_type,
        max(case when attribute = 'priority' then value end) as priority_set,
        max(case when attribute = 'priority' then 1 end) as sets_priority,
        max(case when attribute = 'points' then value end) as points_set,
        max(case when attribute = 'points' then 1 end) as sets_points,
        max(case when attribute = 'parent' then value end) as parent_set,
        max(case when attribute = 'parent' then 1 end) as sets_parent,
        max(case when attribute = 'team' then value end) as team_set,
        max(case when attribute = 'team' then 1 end) as sets_team

    from moments

    group by 1, 2

),

-- An attribute keeps its value until it is set again: how often it was set so far says which one.
counted as (

    select
        *,
        count(sets_item_key) over so_far as item_key_no,
        count(sets_scope) over so_far as scope_no,
        count(sets_raw_type) over so_far as raw_type_no,
        count(sets_priority) over so_far as priority_no,
        count(sets_points) over so_far as points_no,
        count(sets_parent) over so_far as parent_no,
        count(sets_team) over so_far as team_no

    from boundaries

    window so_far as (
        partition by work_item_key
        order by valid_from
        rows between unbounded preceding and current row
    )

),

attributes_then as (

    select
        work_item_key,
        valid_from,
        item_key_no,
        max(item_key_set) over (partition by work_item_key, item_key_no) as item_key,
        scope_no,
        max(scope_set) over (partition by work_item_key, scope_no) as scope,
        raw_type_no,
        max(raw_type_set) over (partition by work_item_key, raw_type_no) as raw_type,
        priority_no,
        max(priority_set) over (partition by work_item_key, priority_no) as priority,
        points_no,
        max(points_set) over (partition by work_item_key, points_no) as points,
        parent_no,
        max(parent_set) over (partition by work_item_key, parent_no) as parent,
        team_no,
        max(team_set) over (partition by work_item_key, team_no) as team

    from counted

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
            when attributes_then.priority_no > 0 then attributes_then.priority
            else work_items.priority
        end as priority,
        case
            when attributes_then.points_no > 0
                then {{ safe_cast_text('attributes_then.points', 'double') }}
            else work_items.points
        end as points,
        case
            when attributes_then.parent_no > 0 then attributes_then.parent
            else work_items.parent_work_item_key
        end as parent_work_item_key,
        case
            when attributes_then.team_no > 0 then attributes_then.team
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
