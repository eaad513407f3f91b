with

changes as (

    select
        issue_changes.*,
        case issue_changes.field
            when 'issuetype' then 'issue_type'
            when 'Team' then 'team'
            else issue_changes.field
        end as object,
        issues.project_id,
        issues.created_at

    from {{ ref('stg_jira__issue_changes') }} as issue_changes

    left join {{ ref('stg_jira__issues') }} as issues
        on issue_changes.work_item_key = issues.work_item_key

),

names as (

    select * from {{ ref('int_jira_names') }}

),

pairs as (

    select
        object,
        project_id,
        from_id as id,
        from_name as name
    from changes
    where object in ('status', 'issue_type', 'priority', 'resolution', 'team')

    union

    select
        object,
        project_id,
        to_id as id,
        to_name as name
    from changes
    where object in ('status', 'issue_type', 'priority', 'resolution', 'team')

),

-- An id says what is meant. Where there is none, or one of another site, the name does: that of
-- the issue's own project first.
resolved as (

    select
        pairs.object,
        pairs.project_id,
        pairs.id,
        pairs.name,
        case
            when pairs.id is not null and not coalesce(by_id.is_foreign, false) then pairs.id
            else coalesce(own.id, common.id, pairs.id)
        end as meant_id

    from pairs

    left join names as by_id
        on
            pairs.object = by_id.object
            and pairs.id = by_id.id
            and lower(pairs.name) = by_id.known_as

    left join names as own
        on
            pairs.object = own.object
            and lower(pairs.name) = own.known_as
            and pairs.project_id = own.project_id
            and own.row_num_by_name = 1
            and not own.is_foreign

    left join names as common
        on
            pairs.object = common.object
            and lower(pairs.name) = common.known_as
            and common.project_id is null
            and common.row_num_by_name = 1
            and not common.is_foreign

),

meant as (

    select
        resolved.object,
        coalesce(resolved.project_id, '') as project_id,
        coalesce(resolved.id, '') as id,
        coalesce(resolved.name, '') as name,
        resolved.meant_id,
        coalesce(names.name, resolved.name) as value

    from resolved

    left join names
        on
            resolved.object = names.object
            and resolved.meant_id = names.id
            and names.row_num = 1
            and not names.is_foreign

    where resolved.id is not null or resolved.name is not null

),

final as (

    select
        changes.issue_change_id,
        changes.work_item_key,
        changes.history_id,
        changes.field,
        changes.field_id,
        changes.from_id,
        changes.from_name,
        coalesce(old_values.value, changes.from_name) as from_value,
        changes.to_id,
        changes.to_name,
        coalesce(new_values.value, changes.to_name) as to_value,
        changes.actor_key,
        changes.actor_type,
        changes.order_no,
        changes.item_no,
        changes.created_at,
        changes.changed_at

    from changes

    left join meant as old_values
        on
            changes.object = old_values.object
            and coalesce(changes.project_id, '') = old_values.project_id
            and coalesce(changes.from_id, '') = old_values.id
            and coalesce(changes.from_name, '') = old_values.name

    left join meant as new_values
        on
            changes.object = new_values.object
            and coalesce(changes.project_id, '') = new_values.project_id
            and coalesce(changes.to_id, '') = new_values.id
            and coalesce(changes.to_name, '') = new_values.name

)

select * from final
