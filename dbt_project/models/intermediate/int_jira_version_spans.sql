with

issues as (

    select * from {{ ref('stg_jira__issues') }}

),

shown as (

    select * from {{ ref('stg_jira__issue_versions') }}

),

changes as (

    select
        *,
        case field when 'fixVersions' then 'fix' else 'affects' end as link_role

    from {{ ref('int_jira_changes') }}

    where field in ('fixVersions', 'versions') and changed_at <= {{ as_of() }}

),

reported as (

    select
        issue_change_id,
        work_item_key,
        'jira:' || from_id as release_key,
        link_role,
        false as is_on,
        changed_at
    from changes
    where from_id is not null

    union all

    select
        issue_change_id,
        work_item_key,
        'jira:' || to_id as release_key,
        link_role,
        true as is_on,
        changed_at
    from changes
    where to_id is not null

),

numbered as (

    select
        *,
        row_number() over in_order as switch_no,
        lead(changed_at) over in_order as next_at

    from reported

    window in_order as (
        partition by work_item_key, release_key, link_role
        order by changed_at, is_on, issue_change_id
    )

),

-- What a history takes away first, and what it never tells of, an issue had from the start.
unioned as (

    select
        work_item_key,
        release_key,
        link_role,
        changed_at as valid_from,
        next_at as valid_to
    from numbered
    where is_on

    union all

    select
        numbered.work_item_key,
        numbered.release_key,
        numbered.link_role,
        issues.created_at as valid_from,
        numbered.changed_at as valid_to
    from numbered
    inner join issues
        on numbered.work_item_key = issues.work_item_key
    where numbered.switch_no = 1 and not numbered.is_on

    union all

    select
        shown.work_item_key,
        shown.release_key,
        shown.link_role,
        issues.created_at as valid_from,
        cast(null as timestamp) as valid_to
    from shown
    inner join issues
        on shown.work_item_key = issues.work_item_key
    left join numbered
        on
            shown.work_item_key = numbered.work_item_key
            and shown.release_key = numbered.release_key
            and shown.link_role = numbered.link_role
    where numbered.work_item_key is null

),

-- What no issue shows any more went with its version, and nobody knows when.
final as (

    select unioned.*

    from unioned

    left join shown
        on
            unioned.work_item_key = shown.work_item_key
            and unioned.release_key = shown.release_key
            and unioned.link_role = shown.link_role

    where unioned.valid_to is not null or shown.work_item_key is not null

)

select * from final
