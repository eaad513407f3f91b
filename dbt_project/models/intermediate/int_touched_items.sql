with

work_items as (

    select * from {{ ref('int_work_items_unioned') }}

),

changes as (

    select * from {{ ref('int_status_changes_unioned') }}

),

bulk_moves as (

    select * from {{ ref('int_bulk_moves') }}

),

attribute_changes as (

    select * from {{ ref('int_work_item_attribute_changes_unioned') }}

),

blocks as (

    select * from {{ ref('int_blocked_intervals') }}

),

dependencies as (

    select * from {{ ref('int_work_item_links_unioned') }}
    where link_type = 'blocks' and valid_from is not null

),

scopes as (

    select * from {{ ref('scopes') }}

),

teams as (

    select * from {{ ref('int_teams_unioned') }}

),

services as (

    select * from {{ ref('int_services_unioned') }}

),

work_types as (

    select * from {{ ref('int_work_types') }}

),

status_stages as (

    select * from {{ ref('int_status_stages') }}

),

resolutions as (

    select * from {{ ref('int_jira_resolutions') }}

),

-- Who owns the scope, the team or the service of an item, what its type and its statuses mean, and
-- since when: an item is another one when that changes, or when the day comes.
owners as (

    select
        kind,
        name,
        sum(row_hash) as owner_hash

    from (
        select
            'scope' as kind,
            scope as name,
            {{ hash_of_row(ref('scopes'), 'scopes') }} as row_hash
        from scopes
        union all
        select
            'team' as kind,
            name,
            {{ hash_of_row(ref('int_teams_unioned'), 'teams') }} as row_hash
        from teams
        union all
        select
            'service' as kind,
            name,
            {{ hash_of_row(ref('int_services_unioned'), 'services') }} as row_hash
        from services
        union all
        select
            'raw_type' as kind,
            raw_type as name,
            {{ hash_of_row(ref('int_work_types'), 'work_types') }} as row_hash
        from work_types
        union all
        select
            'status' as kind,
            status as name,
            {{ hash_of_row(ref('int_status_stages'), 'status_stages') }} as row_hash
        from status_stages
    ) as lines

    group by 1, 2

),

names as (

    select
        work_item_key,
        'scope' as kind,
        scope as name
    from work_items
    union all
    select
        work_item_key,
        'team' as kind,
        team_name as name
    from work_items
    union all
    select
        work_item_key,
        'service' as kind,
        service_name as name
    from work_items
    union all
    select
        work_item_key,
        'raw_type' as kind,
        raw_type as name
    from work_items
    union all
    select
        work_item_key,
        'status' as kind,
        {{ known_as('initial_status') }} as name
    from work_items
    union all
    select
        work_item_key,
        'status' as kind,
        {{ known_as('source_status') }} as name
    from work_items
    union all
    select
        work_item_key,
        attribute as kind,
        from_value as name
    from attribute_changes
    where attribute in ('scope', 'team', 'raw_type')
    union all
    select
        work_item_key,
        attribute as kind,
        to_value as name
    from attribute_changes
    where attribute in ('scope', 'team', 'raw_type')

),

-- Statuses are few, changes are many.
meanings as (

    select
        statuses.status,
        owners.owner_hash

    from (
        select to_status as status from changes
        union
        select from_status as status from changes
    ) as statuses

    inner join owners
        on owners.kind = 'status' and {{ known_as('statuses.status') }} = owners.name

),

-- Calendars count from their first day on, and any item may have been born in an unknown status.
common as (

    select
        {{ hash_of("date_trunc('year', min(created_at) - interval '1' day)") }}
        + coalesce(
            (
                select sum(owners.owner_hash) from owners
                where owners.kind = 'status' and owners.name = 'unknown'
            ),
            0
        ) as common_hash

    from work_items

),

-- All that the models of single items read of an item, but for seeds.
own_inputs as (

    select
        work_items.work_item_key,
        {{ hash_of_row(ref('int_work_items_unioned'), 'work_items') }}
        + common.common_hash as row_hash
    from work_items
    cross join common

    union all

    select
        changes.work_item_key,
        {{ hash_of_row(ref('int_status_changes_unioned'), 'changes') }}
        + case when bulk_moves.actor_key is null then 0 else 1 end
        + coalesce(old_meanings.owner_hash, 0)
        + coalesce(new_meanings.owner_hash, 0) as row_hash
    from changes
    left join meanings as old_meanings
        on changes.from_status = old_meanings.status
    left join meanings as new_meanings
        on changes.to_status = new_meanings.status
    left join bulk_moves
        on
            changes.actor_key = bulk_moves.actor_key
            and date_trunc('second', changes.changed_at) = bulk_moves.second_at

    union all

    select
        attribute_changes.work_item_key,
        {{ hash_of_row(ref('int_work_item_attribute_changes_unioned'), 'attribute_changes') }}
            as row_hash
    from attribute_changes

    union all

    select
        blocks.work_item_key,
        {{ hash_of_row(ref('int_blocked_intervals'), 'blocks') }} as row_hash
    from blocks

    union all

    select
        resolutions.work_item_key,
        {{ hash_of_row(ref('int_jira_resolutions'), 'resolutions') }} as row_hash
    from resolutions

    union all

    select
        names.work_item_key,
        owners.owner_hash as row_hash
    from names
    inner join owners
        on
            names.kind = owners.kind
            and names.name = owners.name

),

own_hashes as (

    select
        work_item_key,
        sum(row_hash) as row_hash

    from own_inputs

    group by 1

),

-- How long an item is blocked depends on the one that blocks it, too.
inputs as (

    select
        work_item_key,
        row_hash
    from own_hashes

    union all

    select
        dependencies.to_key as work_item_key,
        own_hashes.row_hash
        + {{ hash_of('dependencies.from_key, dependencies.valid_from, dependencies.valid_to') }}
            as row_hash
    from dependencies
    inner join own_hashes
        on dependencies.from_key = own_hashes.work_item_key

),

present as (

    select
        work_item_key,
        cast(sum(row_hash) as varchar) as input_hash

    from inputs

    group by 1

),

former as (

    {{ touched_before() }}

),

final as (

    select
        coalesce(present.work_item_key, former.work_item_key) as work_item_key,
        present.input_hash,
        coalesce(present.input_hash <> former.input_hash, true) or former.is_touched as is_touched

    from present

    full join former
        on present.work_item_key = former.work_item_key

    where
        present.work_item_key is not null
        or former.input_hash is not null
        or former.is_touched

)

select * from final
