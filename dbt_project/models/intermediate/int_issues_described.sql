with

stage_labels as (

    select * from {{ ref('int_issue_stage_labels') }}

),

gitlab_issues as (

    select * from {{ ref('stg_gitlab__issues') }}

),

gitlab_statuses as (

    select * from {{ ref('int_gitlab_issue_statuses') }}

),

github_issues as (

    select * from {{ ref('stg_github__issues') }}

),

github_projects as (

    select * from {{ ref('int_github_issue_projects') }}

),

gitlab_labels as (

    select
        work_item_key,
        max(case when label_scope = 'type' then label_value end) as type_label,
        max(case when label_scope in ('priority', 'severity') then label_value end)
            as priority_label

    from {{ ref('stg_gitlab__issue_labels') }}

    group by 1

),

known_types as (

    select raw_type from {{ own_first('work_types') }} as work_types
    where source_system = 'github' and item_kind = 'issue'

),

-- A label of GitHub without a scope is a type where the work types know it.
github_labels as (

    select
        labels.work_item_key,
        max(
            case
                when labels.label_scope in ('type', 'kind') then labels.label_value
                when labels.label_scope = '' then known_types.raw_type
            end
        ) as type_label,
        max(
            case
                when labels.label_scope in ('priority', 'severity') then labels.label_value
                when labels.label_value in ('p0', 'p1', 'p2', 'p3', 'p4', 'p5')
                    then labels.label_value
            end
        ) as priority_label

    from {{ ref('stg_github__issue_labels') }} as labels

    left join known_types
        on labels.label_value = known_types.raw_type

    group by 1

),

parent_events as (

    select
        work_item_key,
        event,
        parent_work_item_key,
        row_number() over (
            partition by work_item_key
            order by happened_at desc, issue_event_id desc
        ) as event_no_from_last

    from {{ ref('stg_github__issue_events') }}

    where event in ('parent_issue_added', 'parent_issue_removed')

),

stages_now as (

    select
        work_item_key,
        max(status) as status

    from stage_labels

    where action = 'has'

    group by 1

),

stage_events as (

    select
        work_item_key,
        action,
        status,
        row_number() over (
            partition by work_item_key
            order by happened_at, action desc, stage_label_key
        ) as event_no

    from stage_labels

    where action <> 'has'

),

gitlab as (

    select
        issues.work_item_key,
        'gitlab' as source_system,
        issues.issue_id,
        issues.repository || '#' || issues.issue_no as item_key,
        issues.repository,
        coalesce(labels.type_label, issues.issue_type, 'issue') as raw_type,
        labels.priority_label as priority,
        cast(issues.weight as double) as points,
        cast(null as varchar) as parent_work_item_key,
        'opened' as open_status,
        case when statuses.category in ('done', 'canceled') then statuses.status else 'closed' end
            as closed_status,
        issues.state,
        -- A status that ends an issue closes it: of one that is open a load saw no other yet.
        case when statuses.category not in ('done', 'canceled') then statuses.status end
            as project_status,
        cast(null as varchar) as first_project_status,
        statuses.work_item_key is not null as is_on_project,
        issues.created_at,
        issues.updated_at,
        issues.closed_at,
        issues.deleted_detected_at

    from gitlab_issues as issues

    left join gitlab_labels as labels
        on issues.work_item_key = labels.work_item_key

    left join gitlab_statuses as statuses
        on issues.work_item_key = statuses.work_item_key

),

github as (

    select
        issues.work_item_key,
        'github' as source_system,
        issues.issue_id,
        issues.repository || '#' || issues.issue_no as item_key,
        issues.repository,
        coalesce(lower(issues.issue_type), labels.type_label, 'issue') as raw_type,
        coalesce(projects.priority, labels.priority_label) as priority,
        projects.estimate as points,
        case when parents.event = 'parent_issue_added' then parents.parent_work_item_key end
            as parent_work_item_key,
        'open' as open_status,
        case issues.state_reason
            when 'not_planned' then 'closed as not planned'
            when 'duplicate' then 'closed as duplicate'
            else 'closed'
        end as closed_status,
        issues.state,
        projects.status as project_status,
        projects.first_status as first_project_status,
        -- One that is on a project for lists only, without a status, is where its labels say.
        coalesce(projects.has_status_history or projects.status is not null, false)
            as is_on_project,
        issues.created_at,
        issues.updated_at,
        issues.closed_at,
        issues.deleted_detected_at

    from github_issues as issues

    left join github_labels as labels
        on issues.work_item_key = labels.work_item_key

    left join github_projects as projects
        on issues.work_item_key = projects.work_item_key

    left join parent_events as parents
        on issues.work_item_key = parents.work_item_key and parents.event_no_from_last = 1

),

unioned as (

    select * from gitlab
    union all
    select * from github

),

final as (

    select
        unioned.work_item_key,
        unioned.source_system,
        unioned.issue_id,
        unioned.item_key,
        unioned.repository,
        unioned.raw_type,
        unioned.priority,
        unioned.points,
        unioned.parent_work_item_key,
        unioned.open_status,
        unioned.closed_status,
        unioned.is_on_project,
        -- A label that was removed first was there from the start; so was one that never moved.
        case
            when unioned.is_on_project
                then coalesce(unioned.first_project_status, unioned.open_status)
            when first_events.action = 'remove' then first_events.status
            when first_events.action = 'add' then unioned.open_status
            else coalesce(stages_now.status, unioned.open_status)
        end as initial_status,
        case
            when unioned.state = 'closed' then unioned.closed_status
            when unioned.is_on_project
                then coalesce(unioned.project_status, unioned.open_status)
            else coalesce(stages_now.status, unioned.open_status)
        end as source_status,
        unioned.created_at,
        unioned.updated_at,
        unioned.closed_at,
        unioned.deleted_detected_at

    from unioned

    left join stages_now
        on unioned.work_item_key = stages_now.work_item_key

    left join stage_events as first_events
        on unioned.work_item_key = first_events.work_item_key and first_events.event_no = 1

)

select * from final
