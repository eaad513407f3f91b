with

links as (

    select * from {{ ref('int_work_item_links_unioned') }}
    where key_project is not null

),

changes as (

    select * from {{ ref('fct_changes') }}

),

items as (

    select * from {{ ref('dim_work_items') }}

),

owners as (

    select
        item_key,
        min(work_item_key) as work_item_key

    from items

    group by 1

),

named as (

    select
        changes.source_system,
        changes.change_key,
        -- A project that was renamed since is called what it is called today.
        coalesce(items.scope, links.key_project) as key_project,
        coalesce(items.work_item_key, links.to_item_key) as named_key,
        items.work_item_key is null as is_lost

    from links

    inner join changes
        on links.from_key = changes.change_key

    left join owners
        on links.to_item_key = owners.item_key

    left join items
        on
            coalesce(links.to_key, owners.work_item_key) = items.work_item_key
            and items.is_current

    group by 1, 2, 3, 4, 5

),

-- Which keys that nobody has is not said: what is typed like a key may be any word.
final as (

    select
        change_key || '>' || key_project as change_key_project_key,
        source_system,
        change_key,
        key_project,
        cast(count(*) as bigint) as named_keys,
        cast(count(case when is_lost then 1 end) as bigint) as keys_without_item

    from named

    group by source_system, change_key, key_project

)

select * from final
