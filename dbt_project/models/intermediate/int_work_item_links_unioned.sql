with

link_types as (

    select * from {{ ref('stg_jira__link_types') }}

),

spans as (

    select * from {{ ref('int_jira_link_spans') }}

),

open_spans as (

    select * from spans
    where valid_to is null

),

shown_links as (

    select
        links.*,
        link_types.name as type_name,
        coalesce(link_types.outward_wording, links.outward_wording) as wording,
        link_types.outward_wording = link_types.inward_wording as is_mutual

    from {{ ref('stg_jira__issue_links') }} as links

    left join link_types
        on links.link_type_id = link_types.link_type_id

),

placed_links as (

    select
        *,
        case when is_mutual then least(from_key, to_key) else from_key end as first_key,
        case when is_mutual then greatest(from_key, to_key) else to_key end as second_key

    from shown_links

),

-- Histories say since when a link is there that an issue shows, and which ones are gone. What they
-- do not end and no issue shows ended with an issue, and nobody knows when.
issue_links as (

    select
        links.issue_link_id as source_link_id,
        links.wording,
        coalesce(links.type_name, links.link_name) as type_name,
        links.from_key,
        links.to_key,
        open_spans.valid_from,
        open_spans.valid_to

    from placed_links as links

    left join open_spans
        on
            links.wording = open_spans.outward_wording
            and links.first_key = open_spans.from_key
            and links.second_key = open_spans.to_key

    union all

    select
        'was:' || issue_change_id as source_link_id,
        outward_wording as wording,
        cast(null as varchar) as type_name,
        from_key,
        to_key,
        valid_from,
        valid_to

    from spans

    where valid_to is not null

),

wordings as (

    select * from {{ ref('link_wordings') }}
    where source_system = 'jira'

),

-- Nothing tells whoever named an issue that its project has another key since.
former_keys as (

    select * from {{ ref('int_jira_issue_keys') }}
    where is_of_renamed_project

),

pull_requests as (

    select * from {{ ref('int_work_items_unioned') }}
    where item_kind = 'pull_request'

),

commits_of_pull_requests as (

    select * from {{ ref('int_commits_of_pull_requests') }}

),

direct_commits as (

    select * from {{ ref('int_direct_commits') }}

),

-- What names an issue is a pull request, or a commit that came to the branch outside of one.
changes as (

    select
        work_item_key as change_key,
        created_at as begins_at

    from pull_requests

    union all

    select
        commit_key as change_key,
        committed_at as begins_at

    from direct_commits

),

-- A commit of a branch that no pull request shows belongs to what the branch was merged with.
commits as (

    select
        repository,
        sha,
        work_item_key as change_key

    from commits_of_pull_requests

    union

    select
        repository,
        sha,
        commit_key as change_key

    from direct_commits

    union

    select
        brought.repository,
        brought.sha,
        coalesce(bringing.work_item_key, direct_commits.commit_key) as change_key

    from {{ ref('int_commits_brought') }} as brought

    left join commits_of_pull_requests as own
        on brought.repository = own.repository and brought.sha = own.sha

    left join commits_of_pull_requests as bringing
        on
            brought.repository = bringing.repository
            and brought.brought_by_sha = bringing.sha

    left join direct_commits
        on
            brought.repository = direct_commits.repository
            and brought.brought_by_sha = direct_commits.sha

    where own.sha is null

),

issue_keys as (

    select
        pull_request_issue_key_id as issue_key_id,
        work_item_key as change_key,
        issue_key,
        is_written_as_key

    from {{ ref('stg_github__pull_request_issue_keys') }}

    union all

    select
        commits.change_key || ':' || keys.commit_issue_key_id as issue_key_id,
        commits.change_key,
        keys.issue_key,
        keys.is_written_as_key

    from {{ ref('stg_github__commit_issue_keys') }} as keys

    inner join commits
        on keys.repository = commits.repository and keys.sha = commits.sha

),

gitlab_issue_keys as (

    select * from {{ ref('stg_gitlab__merge_request_issue_keys') }}

),

closings as (

    select * from {{ ref('stg_github__pull_request_closings') }}

),

github_issues as (

    select * from {{ ref('stg_github__issues') }}

),

github_events as (

    select * from {{ ref('stg_github__issue_events') }}

),

-- GraphQL names issues and pull requests by one kind of id.
github_items as (

    select
        issue_id as node_id,
        work_item_key

    from github_issues

    union all

    select
        node_id,
        work_item_key

    from {{ ref('stg_github__pull_requests') }}

    where node_id is not null

),

jira as (

    select
        'jira:link:' || issue_links.source_link_id as source_link_id,
        case
            when coalesce(said.is_reversed, named.is_reversed, false) then issue_links.to_key
            else issue_links.from_key
        end as from_key,
        case
            when coalesce(said.is_reversed, named.is_reversed, false) then issue_links.from_key
            else issue_links.to_key
        end as to_key,
        cast(null as varchar) as to_item_key,
        -- What the type says of its ends tells more than what it is called.
        coalesce(said.link_type, named.link_type, 'relates') as link_type,
        'jira_link' as method,
        cast(1 as double) as confidence,
        issue_links.valid_from,
        issue_links.valid_to,
        cast(null as varchar) as key_project

    from issue_links

    left join wordings as said
        on issue_links.wording = said.wording

    left join wordings as named
        on issue_links.type_name = named.wording

),

-- A change names the issues that it implements, a pull request in its title, branch or commits.
github as (

    select
        'github:issue_key:' || issue_keys.issue_key_id as source_link_id,
        issue_keys.change_key as from_key,
        former_keys.work_item_key as to_key,
        issue_keys.issue_key as to_item_key,
        case
            when {{ is_change_number('issue_keys.issue_key') }} then 'authorized_by'
            else 'implements'
        end as link_type,
        'issue_key' as method,
        cast(0.9 as double) as confidence,
        changes.begins_at as valid_from,
        cast(null as timestamp) as valid_to,
        case
            when {{ is_change_number('issue_keys.issue_key') }} then 'change_request'
            when issue_keys.is_written_as_key then split_part(issue_keys.issue_key, '-', 1)
            else 'other'
        end as key_project

    from issue_keys

    inner join changes
        on issue_keys.change_key = changes.change_key

    left join former_keys
        on issue_keys.issue_key = former_keys.issue_key

),

-- A pull request that closes an issue implements it, in whatever words it says so.
github_closings as (

    select
        'github:closing:' || closings.pull_request_closing_id as source_link_id,
        closings.work_item_key as from_key,
        closings.issue_work_item_key as to_key,
        cast(null as varchar) as to_item_key,
        'implements' as link_type,
        'closing_reference' as method,
        cast(1 as double) as confidence,
        pull_requests.created_at as valid_from,
        cast(null as timestamp) as valid_to,
        cast(null as varchar) as key_project

    from closings

    inner join pull_requests
        on closings.work_item_key = pull_requests.work_item_key

    inner join github_issues
        on closings.issue_work_item_key = github_issues.work_item_key

),

-- A commit whose message closes an issue implements it; that of a pull request does so for it.
github_closing_commits as (

    select
        'github:closing_commit:' || events.issue_event_id || ':' || commits.change_key
            as source_link_id,
        commits.change_key as from_key,
        events.work_item_key as to_key,
        cast(null as varchar) as to_item_key,
        'implements' as link_type,
        'closing_commit' as method,
        cast(1 as double) as confidence,
        changes.begins_at as valid_from,
        cast(null as timestamp) as valid_to,
        cast(null as varchar) as key_project

    from github_events as events

    inner join commits
        on events.closing_sha = commits.sha

    inner join changes
        on commits.change_key = changes.change_key

    left join closings
        on
            commits.change_key = closings.work_item_key
            and events.work_item_key = closings.issue_work_item_key

    where events.event = 'closed' and closings.work_item_key is null

),

github_unmarks as (

    select
        marks.issue_event_id,
        min(later.happened_at) as happened_at

    from github_events as marks

    inner join github_events as later
        on
            marks.work_item_key = later.work_item_key
            and marks.other_node_id = later.other_node_id
            and marks.happened_at <= later.happened_at

    where marks.event = 'marked_as_duplicate' and later.event = 'unmarked_as_duplicate'

    group by 1

),

github_references as (

    select
        'github:event:' || github_events.issue_event_id as source_link_id,
        case
            when github_events.event = 'cross_referenced' then github_items.work_item_key
            else github_events.work_item_key
        end as from_key,
        case
            when github_events.event = 'cross_referenced' then github_events.work_item_key
            else github_items.work_item_key
        end as to_key,
        cast(null as varchar) as to_item_key,
        case when github_events.event = 'cross_referenced' then 'relates' else 'duplicates' end
            as link_type,
        github_events.event as method,
        cast(
            case when github_events.event = 'cross_referenced' then 0.5 else 1 end as double
        ) as confidence,
        github_events.happened_at as valid_from,
        unmarks.happened_at as valid_to,
        cast(null as varchar) as key_project

    from github_events

    inner join github_items
        on github_events.other_node_id = github_items.node_id

    left join closings
        on
            github_items.work_item_key = closings.work_item_key
            and github_events.work_item_key = closings.issue_work_item_key

    left join github_unmarks as unmarks
        on github_events.issue_event_id = unmarks.issue_event_id

    where
        github_events.event in ('cross_referenced', 'marked_as_duplicate')
        and github_items.work_item_key <> github_events.work_item_key
        -- What is said more exactly is not said again.
        and closings.work_item_key is null

),

github_blocks as (

    select
        'github:block:' || issue_event_id as source_link_id,
        from_key,
        to_key,
        cast(null as varchar) as to_item_key,
        'blocks' as link_type,
        'timeline' as method,
        cast(1 as double) as confidence,
        valid_from,
        valid_to,
        cast(null as varchar) as key_project

    from {{ ref('int_github_blocks') }}

),

gitlab as (

    select
        'gitlab:issue_key:' || gitlab_issue_keys.pull_request_issue_key_id as source_link_id,
        gitlab_issue_keys.work_item_key as from_key,
        former_keys.work_item_key as to_key,
        gitlab_issue_keys.issue_key as to_item_key,
        case
            when {{ is_change_number('gitlab_issue_keys.issue_key') }} then 'authorized_by'
            else 'implements'
        end as link_type,
        'issue_key' as method,
        cast(0.9 as double) as confidence,
        pull_requests.created_at as valid_from,
        cast(null as timestamp) as valid_to,
        case
            when {{ is_change_number('gitlab_issue_keys.issue_key') }} then 'change_request'
            when not gitlab_issue_keys.is_written_as_key then 'other'
            when gitlab_issue_keys.issue_key like '%#%'
                then split_part(gitlab_issue_keys.issue_key, '#', 1)
            else split_part(gitlab_issue_keys.issue_key, '-', 1)
        end as key_project

    from gitlab_issue_keys

    inner join pull_requests
        on gitlab_issue_keys.work_item_key = pull_requests.work_item_key

    left join former_keys
        on gitlab_issue_keys.issue_key = former_keys.issue_key

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
        valid_to,
        cast(null as varchar) as key_project

    from {{ ref('int_servicenow_links') }}

),

final as (

    select * from jira
    union all
    select * from github
    union all
    select * from github_closings
    union all
    select * from github_closing_commits
    union all
    select * from github_references
    union all
    select * from github_blocks
    union all
    select * from gitlab
    union all
    select * from servicenow

)

select * from final
