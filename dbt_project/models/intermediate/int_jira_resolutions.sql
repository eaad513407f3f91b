with

changes as (

    select * from {{ ref('int_jira_changes') }}
    where field = 'resolution' and changed_at <= {{ as_of() }}

),

issues as (

    select * from {{ ref('int_jira_issues') }}

),

all_names as (

    select * from {{ ref('int_jira_names') }}
    where object = 'resolution' and not is_foreign

),

seeds as (

    select * from {{ ref('resolutions') }}
    where source_system = 'jira'

),

-- A resolution that no line has by its present name is the one that a line has by another one.
meanings as (

    select
        names.name as resolution,
        seeds.outcome,
        row_number() over (
            partition by names.name
            order by aliases.row_num, names.id
        ) as row_num

    from all_names as names

    inner join all_names as aliases
        on names.id = aliases.id

    inner join seeds
        on aliases.known_as = seeds.resolution

    where names.row_num = 1

),

ordered as (

    select
        work_item_key,
        from_value,
        to_value,
        changed_at,
        row_number() over in_order as change_no,
        lead(changed_at) over in_order as next_at

    from changes

    window in_order as (
        partition by work_item_key
        order by changed_at, order_no, item_no
    )

),

spans as (

    select
        work_item_key,
        from_value as resolution,
        cast(null as timestamp) as valid_from,
        changed_at as valid_to
    from ordered
    where change_no = 1

    union all

    select
        work_item_key,
        to_value as resolution,
        changed_at as valid_from,
        next_at as valid_to
    from ordered

    union all

    select
        issues.work_item_key,
        issues.resolution,
        cast(null as timestamp) as valid_from,
        cast(null as timestamp) as valid_to
    from issues
    left join ordered
        on issues.work_item_key = ordered.work_item_key
    where ordered.work_item_key is null

),

-- A history that ends elsewhere than the issue is now has lost its last entry.
resolved as (

    select
        spans.work_item_key || '@' || coalesce(cast(spans.valid_from as varchar), 'always')
            as resolution_span_id,
        spans.work_item_key,
        case
            when spans.valid_to is null and issues.updated_at <= {{ as_of() }}
                then issues.resolution
            else spans.resolution
        end as resolution,
        spans.valid_from,
        spans.valid_to

    from spans

    inner join issues
        on spans.work_item_key = issues.work_item_key

    where spans.valid_from is distinct from spans.valid_to or spans.valid_to is null

),

final as (

    select
        resolved.resolution_span_id,
        resolved.work_item_key,
        resolved.resolution,
        coalesce(seeds.outcome, meanings.outcome, 'done') as outcome,
        resolved.valid_from,
        resolved.valid_to

    from resolved

    left join seeds
        on lower(resolved.resolution) = seeds.resolution

    left join meanings
        on resolved.resolution = meanings.resolution and meanings.row_num = 1

    where resolved.resolution is not null

)

select * from final
