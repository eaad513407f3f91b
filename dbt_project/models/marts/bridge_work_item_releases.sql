with

spans as (

    select * from {{ ref('int_jira_version_spans') }}

),

work_items as (

    select * from {{ ref('dim_work_items') }}

),

final as (

    select
        spans.work_item_key || '>' || spans.link_role || '>' || spans.release_key || '>'
        || cast(spans.valid_from as varchar) as work_item_release_key,
        spans.work_item_key,
        work_items.work_item_version_key,
        spans.release_key,
        spans.link_role,
        coalesce(
            spans.link_role = 'fix' and cast(spans.valid_from as date) > releases.starts_on, false
        ) as is_added_late,
        spans.valid_from,
        spans.valid_to

    from spans

    inner join {{ ref('dim_releases') }} as releases
        on spans.release_key = releases.release_key

    inner join work_items
        on
            spans.work_item_key = work_items.work_item_key
            and {{ valid_at('work_items', 'spans.valid_from') }}

)

select * from final
