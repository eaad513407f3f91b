with

named as (

    select upper(work_item) as named_item
    from {{ ref('stg_feeds__experiments') }}
    where work_item is not null

    union

    select upper(work_item) as named_item
    from {{ ref('stg_feeds__risks') }}
    where work_item is not null

),

-- Jira's keys move with their issues and are renamed with their projects.
candidates as (

    select
        upper(issue_key) as item_key,
        work_item_key,
        1 as rank_no,
        cast(null as timestamp) as valid_from

    from {{ ref('int_jira_issue_keys') }}

    union all

    select
        upper(item_key) as item_key,
        work_item_key,
        2 as rank_no,
        valid_from

    from {{ ref('int_work_item_versions') }}

),

ranked as (

    select
        named.named_item,
        candidates.work_item_key,
        row_number() over (
            partition by named.named_item
            order by candidates.rank_no, candidates.valid_from desc, candidates.work_item_key
        ) as row_num

    from named

    inner join candidates
        on named.named_item = candidates.item_key

),

final as (

    select
        named_item,
        work_item_key

    from ranked

    where row_num = 1

)

select * from final
