{{ config(materialized='incremental', incremental_strategy='items') }}

with

versions as (

    select * from {{ ref('int_work_item_versions') }}
    {{ only_touched() }}

),

work_items as (

    select * from {{ ref('int_work_items_unioned') }}

),

transitions as (

    select * from {{ ref('int_status_transitions') }}
    {{ only_touched() }}

),

work_types as (

    select * from {{ ref('int_work_types') }}

),

scopes as (

    select * from {{ ref('scopes') }}

),

teams as (

    select * from {{ ref('int_teams_unioned') }}

),

scopes_alone as (

    select * from {{ ref('int_scopes_alone') }}

),

services as (

    select * from {{ ref('int_services_unioned') }}

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
            ) as row_num

        from transitions

        where not is_deletion
    ) as placed

    where row_num = 1

),

-- Whoever owns the scope, the team or the service of an item may change while the item does not.
scope_dates as (

    select
        source_system,
        scope,
        valid_from as changes_on
    from scopes
    union
    select
        source_system,
        scope,
        valid_to as changes_on
    from scopes

),

team_dates as (

    select
        name,
        valid_from as changes_on
    from teams
    union
    select
        name,
        valid_to as changes_on
    from teams

),

service_dates as (

    select
        name,
        valid_from as changes_on
    from services
    union
    select
        name,
        valid_to as changes_on
    from services

),

changes_of_owner as (

    select
        versions.work_item_key,
        versions.version_no,
        versions.valid_from,
        versions.valid_to,
        cast(scope_dates.changes_on as timestamp) as changes_at

    from versions

    inner join scope_dates
        on
            versions.source_system = scope_dates.source_system
            and versions.scope = scope_dates.scope

    union all

    select
        versions.work_item_key,
        versions.version_no,
        versions.valid_from,
        versions.valid_to,
        cast(team_dates.changes_on as timestamp) as changes_at

    from versions

    inner join team_dates
        on versions.team_name = team_dates.name

    union all

    select
        versions.work_item_key,
        versions.version_no,
        versions.valid_from,
        versions.valid_to,
        cast(service_dates.changes_on as timestamp) as changes_at

    from versions

    inner join service_dates
        on versions.service_name = service_dates.name

),

beginnings as (

    select
        work_item_key,
        version_no,
        valid_from

    from versions

    union

    select
        work_item_key,
        version_no,
        changes_at as valid_from

    from changes_of_owner

    where changes_at > valid_from and changes_at < coalesce(valid_to, {{ as_of() }})

),

pieces as (

    select
        versions.work_item_key,
        versions.source_system,
        versions.source_id,
        versions.item_key,
        versions.item_kind,
        versions.scope,
        versions.raw_type,
        versions.is_subtask,
        versions.priority,
        versions.points,
        versions.parent_work_item_key,
        versions.team_name,
        versions.service_name,
        row_number() over (
            partition by beginnings.work_item_key
            order by beginnings.valid_from
        ) as version_no,
        beginnings.valid_from,
        lead(beginnings.valid_from) over (
            partition by beginnings.work_item_key
            order by beginnings.valid_from
        ) as valid_to

    from beginnings

    inner join versions
        on
            beginnings.work_item_key = versions.work_item_key
            and beginnings.version_no = versions.version_no

),

joined as (

    select
        pieces.*,
        current_statuses.current_status,
        work_types.workflow,
        work_types.work_type,
        case when pieces.is_subtask then 'task' else work_types.level end as level,
        coalesce(services.service_key, scopes.service_key, 'unassigned') as service_key,
        coalesce(
            teams.team_key, scopes.team_key, services.team_key, 'unassigned'
        ) as team_key,
        coalesce(
            scopes.value_stream_key,
            services.value_stream_key,
            teams.value_stream_key,
            scopes_alone.value_stream_key,
            'unassigned'
        ) as value_stream_key

    from pieces

    inner join current_statuses
        on pieces.work_item_key = current_statuses.work_item_key

    inner join work_types
        on
            pieces.source_system = work_types.source_system
            and pieces.item_kind = work_types.item_kind
            and pieces.raw_type = work_types.raw_type

    left join scopes
        on
            pieces.source_system = scopes.source_system
            and pieces.scope = scopes.scope
            and {{ valid_at('scopes', 'pieces.valid_from') }}

    left join scopes_alone
        on pieces.source_system = scopes_alone.source_system and pieces.scope = scopes_alone.scope

    left join teams
        on
            pieces.team_name = teams.name
            and {{ valid_at('teams', 'pieces.valid_from') }}

    left join services
        on
            pieces.service_name = services.name
            and {{ valid_at('services', 'pieces.valid_from') }}

),

final as (

    select
        joined.work_item_key || '@' || joined.version_no as work_item_version_key,
        joined.work_item_key,
        joined.source_system,
        joined.source_id,
        joined.item_key,
        {{ item_url(
            'joined.source_system', 'joined.item_kind', 'joined.item_key', 'joined.work_item_key'
        ) }} as item_url,
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
        coalesce(work_items.deleted_at <= {{ as_of() }}, false) as is_deleted,
        work_items.created_at,
        joined.valid_from,
        joined.valid_to

    from joined

    inner join work_items
        on joined.work_item_key = work_items.work_item_key

)

select * from final
