-- Every link that a source tells between two items that are loaded, against all links there are:
-- none is lost and none is made up. Parents come from the versions of items.
with

items as (

    select work_item_key from {{ ref('int_work_items_unioned') }}

),

-- A commit outside of a pull request implements, too.
ends as (

    select work_item_key from items

    union all

    select change_key as work_item_key from {{ ref('fct_changes') }}
    where kind = 'commit'

),

keys as (

    select
        item_key,
        min(work_item_key) as work_item_key

    from {{ ref('dim_work_items') }}

    group by 1

),

reported as (

    select
        links.from_key,
        coalesce(links.to_key, keys.work_item_key) as to_key,
        links.link_type

    from {{ ref('int_work_item_links_unioned') }} as links

    left join keys
        on links.to_item_key = keys.item_key

    union

    select
        work_item_key as from_key,
        parent_work_item_key as to_key,
        'parent' as link_type

    from {{ ref('int_work_item_versions') }}

),

expected as (

    select
        reported.from_key,
        reported.to_key,
        reported.link_type

    from reported

    where
        reported.from_key <> reported.to_key
        and reported.from_key in (select ends.work_item_key from ends)
        and reported.to_key in (select items.work_item_key from items)

),

found as (

    select
        from_key,
        to_key,
        link_type,
        count(case when valid_to < valid_from then 1 end) as backward

    from {{ ref('bridge_work_item_links') }}

    group by 1, 2, 3

)

select
    coalesce(expected.from_key, found.from_key) as from_key,
    coalesce(expected.to_key, found.to_key) as to_key,
    coalesce(expected.link_type, found.link_type) as link_type,
    case
        when found.from_key is null then 'lost'
        when expected.from_key is null then 'made up, or without an end'
        else 'ends before it begins'
    end as fault

from expected

full join found
    on
        expected.from_key = found.from_key
        and expected.to_key = found.to_key
        and expected.link_type = found.link_type

where found.from_key is null or expected.from_key is null or found.backward > 0
