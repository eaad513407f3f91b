with

issue_links as (

    select * from {{ ref('stg_jira__issue_links') }}

),

issue_keys as (

    select * from {{ ref('stg_github__pull_request_issue_keys') }}

),

gitlab_issue_keys as (

    select * from {{ ref('stg_gitlab__merge_request_issue_keys') }}

),

pull_requests as (

    select * from {{ ref('int_work_items_unioned') }}
    where item_kind = 'pull_request'

),

jira as (

    select
        'jira:link:' || issue_link_id as source_link_id,
        from_key,
        to_key,
        cast(null as varchar) as to_item_key,
        case
            when link_name = 'blocks' then 'blocks'
            when link_name in ('duplicate', 'duplicates') then 'duplicates'
            else 'relates'
        end as link_type,
        'jira_link' as method,
        cast(1 as double) as confidence,
        cast(null as timestamp) as valid_from,
        cast(null as timestamp) as valid_to

    from issue_links

),

-- A pull request names the issues it implements in its title, branch or commits.
github as (

    select
        'github:issue_key:' || issue_keys.pull_request_issue_key_id as source_link_id,
        issue_keys.work_item_key as from_key,
        cast(null as varchar) as to_key,
        issue_keys.issue_key as to_item_key,
        'implements' as link_type,
        'issue_key' as method,
        cast(0.9 as double) as confidence,
        pull_requests.created_at as valid_from,
        cast(null as timestamp) as valid_to

    from issue_keys

    inner join pull_requests
        on issue_keys.work_item_key = pull_requests.work_item_key

),

gitlab as (

    select
        'gitlab:issue_key:' || gitlab_issue_keys.pull_request_issue_key_id as source_link_id,
        gitlab_issue_keys.work_item_key as from_key,
        cast(null as varchar) as to_key,
        gitlab_issue_keys.issue_key as to_item_key,
        'implements' as link_type,
        'issue_key' as method,
        cast(0.9 as double) as confidence,
        pull_requests.created_at as valid_from,
        cast(null as timestamp) as valid_to

    from gitlab_issue_keys

    inner join pull_requests
        on gitlab_issue_keys.work_item_key = pull_requests.work_item_key

),

servicenow as (

    select
        source_link_id,
        from_key,
        to_key,
        to_item_key,
        link_type,
        method,
        confidence,
        valid_from,
        valid_to

    from {{ ref('int_servicenow_links') }}

),

final as (

    select * from jira
    union all
    select * from github
    union all
    select * from gitlab
    union all
    select * from servicenow

)

select * from final
