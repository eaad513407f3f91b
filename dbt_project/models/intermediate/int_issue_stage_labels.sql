with

gitlab_labels as (

    select * from {{ ref('stg_gitlab__issue_labels') }}

),

gitlab_events as (

    select * from {{ ref('stg_gitlab__issue_label_events') }}

),

github_labels as (

    select * from {{ ref('stg_github__issue_labels') }}

),

github_events as (

    select * from {{ ref('stg_github__issue_events') }}
    where event in ('labeled', 'unlabeled')

),

-- A label of GitHub without a scope is a stage where it is mapped to one.
mapped as (

    select status from {{ own_first('status_stages') }} as status_stages
    where source_system = 'github' and workflow <> 'pull_request'
    group by 1

),

unioned as (

    select
        'gitlab:has:' || issue_label_id as stage_label_key,
        work_item_key,
        'has' as action,
        label as status,
        label_scope,
        false as is_mapped,
        cast(null as varchar) as actor_key,
        cast(null as varchar) as actor_type,
        cast(null as timestamp) as happened_at

    from gitlab_labels

    union all

    select
        'gitlab:label:' || label_event_id as stage_label_key,
        work_item_key,
        action,
        label as status,
        label_scope,
        false as is_mapped,
        actor_key,
        actor_type,
        happened_at

    from gitlab_events

    union all

    select
        'github:has:' || github_labels.issue_label_id as stage_label_key,
        github_labels.work_item_key,
        'has' as action,
        github_labels.label_value as status,
        github_labels.label_scope,
        mapped.status is not null as is_mapped,
        cast(null as varchar) as actor_key,
        cast(null as varchar) as actor_type,
        cast(null as timestamp) as happened_at

    from github_labels

    left join mapped
        on github_labels.label_value = mapped.status and github_labels.label_scope = ''

    union all

    select
        'github:label:' || github_events.issue_event_id as stage_label_key,
        github_events.work_item_key,
        case when github_events.event = 'labeled' then 'add' else 'remove' end as action,
        github_events.label_value as status,
        github_events.label_scope,
        mapped.status is not null as is_mapped,
        github_events.actor_key,
        github_events.actor_type,
        github_events.happened_at

    from github_events

    left join mapped
        on github_events.label_value = mapped.status and github_events.label_scope = ''

),

final as (

    select
        stage_label_key,
        work_item_key,
        action,
        status,
        actor_key,
        actor_type,
        happened_at

    from unioned

    where is_mapped or label_scope in ('workflow', 'status', 'stage', 'state', 'phase')

)

select * from final
