with

issues as (

    select * from {{ ref('int_issues_described') }}

),

stage_labels as (

    select * from {{ ref('int_issue_stage_labels') }}
    where action <> 'has'

),

gitlab_states as (

    select * from {{ ref('stg_gitlab__issue_state_events') }}
    where state in ('closed', 'reopened')

),

github_events as (

    select * from {{ ref('stg_github__issue_events') }}

),

github_projects as (

    select * from {{ ref('int_github_issue_projects') }}

),

versions as (

    select * from {{ ref('stg_github__project_item_versions') }}

),

gitlab_statuses as (

    select * from {{ ref('int_gitlab_issue_statuses') }}

),

gitlab_versions as (

    select * from {{ ref('stg_gitlab__issue_status_versions') }}

),

-- A scoped label replaces another one of its scope: the addition counts, the removal follows it.
labels as (

    select
        stage_labels.stage_label_key as source_event_id,
        stage_labels.work_item_key,
        case when stage_labels.action = 'add' then stage_labels.status end as added,
        case when stage_labels.action = 'remove' then stage_labels.status end as removed,
        cast(null as varchar) as state,
        stage_labels.actor_key,
        stage_labels.actor_type,
        case when stage_labels.action = 'add' then 0 else 1 end as sort_order,
        stage_labels.happened_at

    from stage_labels

    inner join issues
        on stage_labels.work_item_key = issues.work_item_key

    where not issues.is_on_project

),

project_statuses as (

    select
        'github:project:' || events.issue_event_id as source_event_id,
        events.work_item_key,
        coalesce(events.to_status, 'open') as added,
        cast(null as varchar) as removed,
        cast(null as varchar) as state,
        events.actor_key,
        events.actor_type,
        0 as sort_order,
        events.happened_at

    from github_events as events

    inner join github_projects
        on
            events.work_item_key = github_projects.work_item_key
            and events.project_id = github_projects.project_id

    where
        events.event in ('project_v2_item_status_changed', 'removed_from_project_v2')
        and github_projects.has_status_history

),

-- Where the timeline does not tell, an item was in a status since a load first saw it there.
seen_statuses as (

    select
        'github:seen:' || versions.project_item_version_id as source_event_id,
        github_projects.work_item_key,
        coalesce(versions.status, 'open') as added,
        cast(null as varchar) as removed,
        cast(null as varchar) as state,
        cast(null as varchar) as actor_key,
        cast(null as varchar) as actor_type,
        0 as sort_order,
        versions.seen_at as happened_at

    from versions

    inner join github_projects
        on versions.project_item_id = github_projects.project_item_id

    where not github_projects.has_status_history and github_projects.status is not null

    union all

    -- One that ends an issue closes it, and that event has its date.
    select
        'gitlab:seen:' || versions.issue_status_version_id as source_event_id,
        versions.work_item_key,
        versions.status as added,
        cast(null as varchar) as removed,
        cast(null as varchar) as state,
        cast(null as varchar) as actor_key,
        cast(null as varchar) as actor_type,
        0 as sort_order,
        versions.seen_at as happened_at

    from gitlab_versions as versions

    inner join gitlab_statuses as statuses
        on versions.work_item_key = statuses.work_item_key

    where versions.category not in ('done', 'canceled')

),

states as (

    select
        'gitlab:state:' || gitlab_states.state_event_id as source_event_id,
        gitlab_states.work_item_key,
        case
            when
                gitlab_states.state = 'closed'
                and gitlab_states.happened_at
                = max(gitlab_states.happened_at) over (partition by gitlab_states.work_item_key)
                then issues.closed_status
            else gitlab_states.state
        end as state,
        gitlab_states.actor_key,
        gitlab_states.actor_type,
        gitlab_states.happened_at

    from gitlab_states

    inner join issues
        on gitlab_states.work_item_key = issues.work_item_key

    union all

    select
        'github:state:' || events.issue_event_id as source_event_id,
        events.work_item_key,
        case
            when events.event = 'reopened' then 'reopened'
            when events.state_reason = 'not_planned' then 'closed as not planned'
            when events.state_reason = 'duplicate' then 'closed as duplicate'
            when events.state_reason is null and events.happened_at = issues.closed_at
                then issues.closed_status
            else 'closed'
        end as state,
        events.actor_key,
        events.actor_type,
        events.happened_at

    from github_events as events

    inner join issues
        on events.work_item_key = issues.work_item_key

    where events.event in ('closed', 'reopened')

),

-- Where no event tells of the closing, the issue itself does.
undated_closings as (

    select
        issues.work_item_key,
        issues.closed_status,
        issues.closed_at

    from issues

    where
        issues.closed_at is not null
        and not exists (
            select 1 from states
            where
                states.work_item_key = issues.work_item_key
                and states.state <> 'reopened'
        )

),

final as (

    select * from labels

    union all

    select * from project_statuses

    union all

    select * from seen_statuses

    union all

    select
        source_event_id,
        work_item_key,
        cast(null as varchar) as added,
        cast(null as varchar) as removed,
        state,
        actor_key,
        actor_type,
        2 as sort_order,
        happened_at

    from states

    union all

    select
        work_item_key || ':closed' as source_event_id,
        work_item_key,
        cast(null as varchar) as added,
        cast(null as varchar) as removed,
        closed_status as state,
        cast(null as varchar) as actor_key,
        cast(null as varchar) as actor_type,
        3 as sort_order,
        closed_at as happened_at

    from undated_closings

)

select * from final
