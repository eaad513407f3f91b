with

work_items as (

    select * from {{ ref('int_work_items_unioned') }}

),

changes as (

    select * from {{ ref('int_work_item_attribute_changes_unioned') }}
    where attribute = 'raw_type'

),

types as (

    select
        source_system,
        item_kind,
        raw_type
    from work_items

    union

    select
        work_items.source_system,
        work_items.item_kind,
        changes.from_value as raw_type
    from changes
    inner join work_items
        on changes.work_item_key = work_items.work_item_key
    where changes.from_value is not null

    union

    select
        work_items.source_system,
        work_items.item_kind,
        changes.to_value as raw_type
    from changes
    inner join work_items
        on changes.work_item_key = work_items.work_item_key
    where changes.to_value is not null

),

work_types as (

    select * from {{ own_first('work_types') }} as work_types

),

workflows as (

    select * from {{ own_first('workflows') }} as workflows

),

issue_types as (

    select
        names.name as raw_type,
        min(issue_types.hierarchy_level) as hierarchy_level

    from {{ ref('int_jira_names') }} as names

    inner join {{ ref('stg_jira__issue_types') }} as issue_types
        on names.id = issue_types.issue_type_id

    where names.object = 'issue_type' and names.row_num = 1

    group by 1

),

-- Every name that a type of Jira's has or had, and the name that it is published under.
aliases as (

    select
        names.name as raw_type,
        others.name as alias,
        min(others.row_num) as sort_order

    from {{ ref('int_jira_names') }} as names

    inner join {{ ref('int_jira_names') }} as others
        on names.object = others.object and names.id = others.id

    where
        names.object = 'issue_type'
        and names.row_num = 1
        and not others.is_foreign
        and names.name <> others.name

    group by 1, 2

),

known as (

    select
        types.source_system,
        types.item_kind,
        types.raw_type,
        types.raw_type as known_type,
        0 as sort_order

    from types

    union all

    select
        types.source_system,
        types.item_kind,
        types.raw_type,
        aliases.alias as known_type,
        aliases.sort_order

    from types

    inner join aliases
        on types.raw_type = aliases.raw_type

    where types.source_system = 'jira'

),

typed as (

    select
        known.source_system,
        known.item_kind,
        known.raw_type,
        work_types.work_type,
        work_types.level,
        row_number() over (
            partition by known.source_system, known.item_kind, known.raw_type
            order by known.sort_order, known.known_type
        ) as row_num

    from known

    inner join work_types
        on
            known.source_system = work_types.source_system
            and known.item_kind = work_types.item_kind
            and known.known_type = work_types.raw_type

),

flowing as (

    select
        known.source_system,
        known.item_kind,
        known.raw_type,
        workflows.workflow,
        row_number() over (
            partition by known.source_system, known.item_kind, known.raw_type
            order by known.sort_order, known.known_type
        ) as row_num

    from known

    inner join workflows
        on
            known.source_system = workflows.source_system
            and known.item_kind = workflows.item_kind
            and known.known_type = workflows.raw_type

),

-- Jira's own hierarchy says what lies above stories, whatever it is called.
final as (

    select
        types.source_system || '|' || types.item_kind || '|' || types.raw_type as work_type_id,
        types.source_system,
        types.item_kind,
        types.raw_type,
        coalesce(typed.work_type, any_types.work_type, 'unassigned') as work_type,
        case
            when issue_types.hierarchy_level >= 2 then 'portfolio'
            when issue_types.hierarchy_level = 1
                then case when typed.level = 'feature' then 'feature' else 'epic' end
            when issue_types.hierarchy_level = 0
                then case when typed.level = 'task' then 'task' else 'story' end
            when issue_types.hierarchy_level < 0 then 'task'
            else coalesce(typed.level, any_types.level, 'story')
        end as level,
        case
            when issue_types.hierarchy_level >= 1
                then coalesce(flowing.workflow, epics.workflow, any_workflows.workflow)
            when issue_types.hierarchy_level <= 0 and flowing.workflow = epics.workflow
                then any_workflows.workflow
            else coalesce(flowing.workflow, any_workflows.workflow, 'unassigned')
        end as workflow,
        typed.work_type is not null as is_known

    from types

    left join typed
        on
            types.source_system = typed.source_system
            and types.item_kind = typed.item_kind
            and types.raw_type = typed.raw_type
            and typed.row_num = 1

    left join work_types as any_types
        on
            types.source_system = any_types.source_system
            and types.item_kind = any_types.item_kind
            and any_types.raw_type = '*'

    left join flowing
        on
            types.source_system = flowing.source_system
            and types.item_kind = flowing.item_kind
            and types.raw_type = flowing.raw_type
            and flowing.row_num = 1

    left join workflows as any_workflows
        on
            types.source_system = any_workflows.source_system
            and types.item_kind = any_workflows.item_kind
            and any_workflows.raw_type = '*'

    left join workflows as epics
        on
            types.source_system = epics.source_system
            and types.item_kind = epics.item_kind
            and epics.raw_type = 'Epic'

    left join issue_types
        on case when types.source_system = 'jira' then types.raw_type end = issue_types.raw_type

)

select * from final
