with

versions as (

    select * from {{ ref('int_work_item_versions') }}

),

work_items as (

    select * from {{ ref('int_work_items_unioned') }}

),

transitions as (

    select * from {{ ref('int_status_transitions') }}

),

workflows as (

    select * from {{ ref('workflows') }}

),

work_types as (

    select * from {{ ref('work_types') }}

),

scopes as (

    select * from {{ ref('scopes') }}

),

teams as (

    select * from {{ ref('teams') }}

),

services as (

    select * from {{ ref('services') }}

),

current_statuses as (

    select
        work_item_key,
        to_status as current_status

    from (
        select
            work_item_key,
            to_status,
            row_number() over (
                partition by work_item_key
                order by transition_seq desc
            ) as place

        from transitions
    ) as placed

    where place = 1

),

joined as (

    select
        versions.*,
        current_statuses.current_status,
        coalesce(typed_workflows.workflow, any_workflows.workflow, 'unassigned') as workflow,
        coalesce(typed_work_types.work_type, any_work_types.work_type, 'unassigned') as work_type,
        case
            when versions.is_subtask then 'task'
            else coalesce(typed_work_types.level, any_work_types.level, 'story')
        end as level,
        coalesce(services.service_key, scopes.service_key, 'unassigned') as service_key,
        coalesce(
            teams.team_key, scopes.team_key, services.team_key, 'unassigned'
        ) as team_key,
        coalesce(
            scopes.value_stream_key,
            services.value_stream_key,
            teams.value_stream_key,
            'unassigned'
        ) as value_stream_key

    from versions

    inner join current_statuses
        on versions.work_item_key = current_statuses.work_item_key

    left join workflows as typed_workflows
        on
            versions.source_system = typed_workflows.source_system
            and versions.item_kind = typed_workflows.item_kind
            and versions.raw_type = typed_workflows.raw_type

    left join workflows as any_workflows
        on
            versions.source_system = any_workflows.source_system
            and versions.item_kind = any_workflows.item_kind
            and any_workflows.raw_type = '*'

    left join work_types as typed_work_types
        on
            versions.source_system = typed_work_types.source_system
            and versions.item_kind = typed_work_types.item_kind
            and versions.raw_type = typed_work_types.raw_type

    left join work_types as any_work_types
        on
            versions.source_system = any_work_types.source_system
            and versions.item_kind = any_work_types.item_kind
            and any_work_types.raw_type = '*'

    left join scopes
        on
            versions.source_system = scopes.source_system
            and versions.scope = scopes.scope

    left join teams
        on versions.team_name = teams.name

    left join services
        on versions.service_name = services.name

),

final as (

    select
        joined.work_item_key || '@' || joined.version_no as work_item_version_key,
        joined.work_item_key,
        joined.source_system,
        joined.source_id,
        joined.item_key,
        joined.item_kind,
        joined.scope,
        joined.raw_type,
        joined.work_type,
        joined.level,
        joined.workflow,
        joined.value_stream_key,
        joined.team_key,
        joined.service_key,
        joined.parent_work_item_key,
        joined.priority,
        joined.current_status,
        joined.points,
        joined.valid_to is null as is_current,
        false as is_deleted,
        work_items.created_at,
        joined.valid_from,
        joined.valid_to

    from joined

    inner join work_items
        on joined.work_item_key = work_items.work_item_key

)

select * from final
