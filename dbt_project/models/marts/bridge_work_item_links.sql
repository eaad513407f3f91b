with

work_items as (

    select * from {{ ref('dim_work_items') }}

),

links as (

    select * from {{ ref('int_work_item_links_unioned') }}

),

known as (

    select work_item_key

    from work_items

    group by 1

),

-- A commit that came to its branch outside of a pull request is a change, and no work item.
known_from as (

    select work_item_key from known

    union

    select commit_key as work_item_key from {{ ref('int_direct_commits') }}

),

-- Keys change when an item moves; a key that it had before is still its own.
known_keys as (

    select
        item_key,
        min(work_item_key) as work_item_key

    from work_items

    group by 1

),

parents_then as (

    select
        *,
        lag(parent_work_item_key) over (
            partition by work_item_key
            order by valid_from
        ) as parent_before

    from work_items

),

parent_spans as (

    select
        *,
        sum(case when parent_work_item_key is not distinct from parent_before then 0 else 1 end)
            over (
                partition by work_item_key
                order by valid_from
                rows between unbounded preceding and current row
            ) as span_no

    from parents_then

),

parents as (

    select
        work_item_key as from_key,
        parent_work_item_key as to_key,
        'parent' as link_type,
        'source' as method,
        cast(1 as double) as confidence,
        min(valid_from) as valid_from,
        case when count(*) = count(valid_to) then max(valid_to) end as valid_to

    from parent_spans

    group by work_item_key, parent_work_item_key, span_no

),

named as (

    select
        links.from_key,
        coalesce(links.to_key, known_keys.work_item_key) as to_key,
        links.link_type,
        links.method,
        max(links.confidence) as confidence,
        links.valid_from,
        links.valid_to

    from links

    left join known_keys
        on links.to_item_key = known_keys.item_key

    group by 1, 2, 3, 4, 6, 7

),

unioned as (

    select * from parents
    union all
    select * from named

),

-- A link whose other end is not loaded leads nowhere.
final as (

    select
        unioned.from_key || '>' || unioned.link_type || '>' || unioned.to_key || '>'
        || unioned.method || '>' || coalesce(cast(unioned.valid_from as varchar), '')
        || '>' || coalesce(cast(unioned.valid_to as varchar), '') as work_item_link_key,
        unioned.from_key,
        unioned.to_key,
        unioned.link_type,
        unioned.method,
        unioned.confidence,
        unioned.valid_from,
        unioned.valid_to

    from unioned

    inner join known_from as from_items
        on unioned.from_key = from_items.work_item_key

    inner join known as to_items
        on unioned.to_key = to_items.work_item_key

    where unioned.from_key <> unioned.to_key

)

select * from final
