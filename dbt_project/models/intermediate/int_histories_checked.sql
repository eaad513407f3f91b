with

checks as (

    select * from {{ ref('stg_jira__history_checks') }}

),

-- What nobody tells of an item on a project is known as of the loads that saw it.
seen as (

    select
        work_item_key,
        'snapshot_only' as history_quality,
        cast(null as bigint) as history_count,
        'snapshot' as history_source,
        -- Loads are a day apart.
        cast(86400 as bigint) as precision_s

    from {{ ref('int_github_issue_projects') }}

    where not has_status_history and status is not null

    union all

    select
        work_item_key,
        'snapshot_only' as history_quality,
        cast(null as bigint) as history_count,
        'snapshot' as history_source,
        cast(86400 as bigint) as precision_s

    from {{ ref('int_gitlab_issue_statuses') }}

),

final as (

    select
        work_item_key,
        history_quality,
        history_count,
        'changelog' as history_source,
        cast(1 as bigint) as precision_s

    from checks

    union all

    select * from seen

)

select * from final
