with

versions as (

    select * from {{ ref('stg_gitlab__issue_status_versions') }}
    where seen_at <= {{ as_of() }}

),

stage_labels as (

    select * from {{ ref('int_issue_stage_labels') }}

),

numbered as (

    select
        work_item_key,
        status,
        category,
        row_number() over (
            partition by work_item_key
            order by seen_at desc
        ) as version_no_from_last,
        -- Every issue has one of these unless somebody moves it: they say no more than its state.
        max(case when status not in ('to do', 'done') then 1 else 0 end) over (
            partition by work_item_key
        ) as is_used

    from versions

),

-- Labels have dates: where they say the stage, they count.
final as (

    select
        numbered.work_item_key,
        numbered.status,
        numbered.category

    from numbered

    where
        numbered.version_no_from_last = 1
        and numbered.is_used = 1
        and not exists (
            select 1 from stage_labels
            where stage_labels.work_item_key = numbered.work_item_key
        )

)

select * from final
