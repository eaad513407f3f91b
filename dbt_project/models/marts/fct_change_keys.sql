with

links as (

    select * from {{ ref('int_work_item_links_unioned') }}
    where key_project is not null

),

changes as (

    select * from {{ ref('fct_changes') }}

),

item_keys as (

    select distinct item_key from {{ ref('dim_work_items') }}

),

named as (

    select
        changes.source_system,
        changes.change_key,
        links.key_project,
        links.to_item_key,
        links.to_key is null and item_keys.item_key is null as is_lost

    from links

    inner join changes
        on links.from_key = changes.change_key

    left join item_keys
        on links.to_item_key = item_keys.item_key

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
