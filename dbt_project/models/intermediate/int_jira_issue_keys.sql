with

issues as (

    select * from {{ ref('stg_jira__issues') }}

),

moves as (

    select * from {{ ref('int_jira_changes') }}
    where field = 'Key'

),

project_keys as (

    select * from {{ ref('stg_jira__project_keys') }}
    where not is_present

),

-- Nothing updates what names an issue by its key when the issue is moved, or its project renamed.
key_candidates as (

    select
        issue_key,
        work_item_key,
        1 as rank_no,
        cast(null as timestamp) as seen_at
    from issues

    union all

    select
        from_name as issue_key,
        work_item_key,
        2 as rank_no,
        changed_at as seen_at
    from moves

    union all

    select
        to_name as issue_key,
        work_item_key,
        2 as rank_no,
        changed_at as seen_at
    from moves

    union all

    select
        project_keys.project_key || '-' || split_part(issues.issue_key, '-', 2) as issue_key,
        issues.work_item_key,
        3 as rank_no,
        cast(null as timestamp) as seen_at
    from issues
    inner join project_keys
        on issues.project_id = project_keys.project_id

),

ranked as (

    select
        *,
        row_number() over (
            partition by issue_key
            order by rank_no, seen_at desc, work_item_key
        ) as row_num

    from key_candidates

    where issue_key is not null

),

final as (

    select
        issue_key,
        work_item_key,
        rank_no = 3 as is_of_renamed_project

    from ranked

    where row_num = 1

)

select * from final
